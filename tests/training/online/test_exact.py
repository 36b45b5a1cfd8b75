"""On a tree of all answers, the expected gradient of each loss, summed over every group that can be drawn, is the policy
gradient: of E[R] - beta KL, or of what the method's own equation says, enumerated independently."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.online.tree import (
    ANSWERS,
    PREFIXES,
    PROMPTS,
    Tree,
    batch_of,
    chances,
    gradient,
    groups_of,
    rewards,
    rollouts_of,
    value,
)
from winsome.sandbox.exact import best_of_n, exact_world
from winsome.training.online.bon_distill import best
from winsome.training.online.method import method

REWARD, POLICY, REFERENCE = rewards(1), Tree(2), Tree(3, 0.5)


def expected(name: str, size: int, policy: Tree = POLICY, drew: Tree | None = None) -> torch.Tensor:
    """The gradient of the loss of a group, in expectation over all groups of `size` answers that `drew` gives."""
    groups = groups_of(size)
    made = method(name)
    rollouts = rollouts_of(groups, REWARD, drew or policy, REFERENCE)
    batch = batch_of(made.made(rollouts), policy)
    losses = made.objective.losses(batch)
    each = losses.values / losses.counts
    return gradient((chances(groups, drew or policy) * each).sum(), policy)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert float(wanted.abs().max()) > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", [2, 3])
def test_rloo_climbs_reward_less_divergence(size):
    close(expected("rloo?kl_coef=0.3", size), -gradient(value(POLICY, REWARD, REFERENCE, 0.3), POLICY))


def test_rloo_without_penalty_climbs_the_reward():
    close(expected("rloo?kl=none", 2), -gradient(value(POLICY, REWARD), POLICY))


@pytest.mark.parametrize("size", [2, 3])
def test_grpo_without_scale_climbs_the_reward_by_a_group_s_share(size):
    """The group's own mean as baseline takes 1/k of the gradient with it; the constant mean keeps whole answers."""
    found = expected("grpo?scale=none&kl=none&mean=constant&divisor=1", size)
    close(found, -(size - 1) / size * gradient(value(POLICY, REWARD), POLICY))


@pytest.mark.parametrize(("mean", "size"), [("answer", 2), ("answer", 3), ("constant", 2)])
def test_grpo_follows_its_own_equation(mean, size):
    """-E[1/k sum_i A_i grad log pi(y_i) / |y_i|] with A by the standard library's mean and stdev, group by group."""
    total = torch.zeros((), dtype=torch.float64)
    known = POLICY.all_tokens()
    groups = groups_of(size)
    for chance, (p, ys) in zip(chances(groups, POLICY).tolist(), groups, strict=True):
        earned = [REWARD[p, y] for y in ys]
        spread = statistics.stdev(earned) + 1e-4
        for y, own in zip(ys, earned, strict=True):
            by = len(y) if mean == "answer" else 5.0
            total = total - chance * (own - statistics.fmean(earned)) / spread * known[p, y].sum() / by / size
    close(expected(f"grpo?kl=none&mean={mean}&divisor=5", size), gradient(total, POLICY))


@pytest.mark.parametrize("baseline", ["none", "group"])
def test_reinforce_pp_climbs_reward_less_divergence(baseline):
    size = 2
    found = expected(
        f"reinforce_pp?whiten=false&kl_coef=0.3&mean=constant&divisor=1&baseline={baseline}", size
    )
    if baseline == "none":
        wanted = -gradient(value(POLICY, REWARD, REFERENCE, 0.3), POLICY)
    else:
        # The group's mean is taken off the reward, not off the penalty: that part keeps its whole gradient.
        reward = gradient(value(POLICY, REWARD), POLICY)
        both = gradient(value(POLICY, REWARD, REFERENCE, 0.3), POLICY)
        wanted = -((size - 1) / size * reward + (both - reward))
    close(found, wanted)


def at_prefixes(direction: str) -> torch.Tensor:
    """sum over prefixes of how often one is reached times the divergence of its next token, with gradient in that only."""
    logs, fixed = POLICY.logits.log_softmax(2), REFERENCE.logits.detach().log_softmax(2)
    total = torch.zeros((), dtype=torch.float64)
    for p in range(PROMPTS):
        for place, prefix in enumerate(PREFIXES):
            reached = math.exp(
                sum(float(logs[p, PREFIXES.index(prefix[:i]), t].detach()) for i, t in enumerate(prefix))
            )
            own, other = logs[p, place], fixed[p, place]
            apart = own.exp() * (own - other) if direction == "from policy" else other.exp() * (other - own)
            total = total + reached / PROMPTS * apart.sum()
    return total


@pytest.mark.parametrize(("estimator", "direction"), [("k2", "from policy"), ("k3", "from reference")])
def test_divergence_in_the_loss_has_the_gradient_that_is_documented(estimator, direction):
    """Beyond the reward's part: k2 that of KL(policy to reference), k3 that of KL(reference to policy), token by token."""
    plain = expected("grpo?scale=none&kl=none&mean=constant&divisor=1", 2)
    both = expected(f"grpo?scale=none&estimator={estimator}&kl_coef=0.7&mean=constant&divisor=1", 2)
    close(both - plain, 0.7 * gradient(at_prefixes(direction), POLICY))


def test_divergence_k1_in_the_loss_has_no_gradient():
    plain = expected("grpo?scale=none&kl=none&mean=constant&divisor=1", 2)
    both = expected("grpo?scale=none&estimator=k1&kl_coef=0.7&mean=constant&divisor=1", 2)
    torch.testing.assert_close(both, plain, rtol=0.0, atol=1e-12)


def test_importance_ratios_make_old_answers_worth_as_much():
    """Answers that another policy drew, unclipped, with the whole answer's ratio: the gradient of the present policy's reward.

    The baseline of an answer is a mean over answers of the other policy, so its part vanishes in expectation too.
    """
    drew = Tree(7, 0.4)
    close(expected("rloo?kl=none&clip_low=0", 2, drew=drew), -gradient(value(POLICY, REWARD), POLICY))


def test_clipped_answers_have_no_gradient():
    """Where the ratio left [1 - clip_low, 1 + clip_high] on the side that the advantage pulls to, and only there."""
    drew, groups = Tree(7, 0.4), groups_of(2)
    name = "rloo?kl=none&clip_low=0.2&clip_high=0.5"
    rollouts = rollouts_of(groups, REWARD, drew, REFERENCE)
    made = method(name)
    batch = batch_of(made.made(rollouts), POLICY)
    known, old = POLICY.all_tokens(), drew.all_tokens()
    total = torch.zeros((), dtype=torch.float64)
    clipped = 0
    for chance, (p, ys) in zip(chances(groups, drew).tolist(), groups, strict=True):
        for i, y in enumerate(ys):
            advantage = REWARD[p, y] - REWARD[p, ys[1 - i]]
            ratio = (known[p, y].sum() - old[p, y].detach().sum()).exp()
            out = (advantage > 0 and ratio > 1.5) or (advantage < 0 and ratio < 0.8)
            clipped += out * len(y)
            if not out:
                total = total - chance * ratio * advantage / 2
    losses = made.objective.losses(batch)
    assert int(losses.metrics["clipped"][0]) == clipped > 0
    close(expected(name, 2, drew=drew), gradient(total, POLICY))


def test_a_group_without_differences_teaches_nothing_and_can_be_left_out():
    groups = [(0, ((0, 2), (0, 2))), (1, ((1, 2), (2,)))]
    rollouts = rollouts_of(groups, REWARD, POLICY, REFERENCE)
    for name, units in (
        ("grpo?kl=none", 2),
        ("grpo?kl=none&dead_groups=drop", 1),
        ("grpo?kl=none&dead_groups=resample", 1),
    ):
        made = method(name)
        learnt = made.made(rollouts)
        assert len(learnt.units) == units
        losses = made.objective.losses(batch_of(learnt, POLICY))
        assert float(losses.counts.sum()) == 2.0 * units


def values_of(rollouts) -> np.ndarray:
    """Some baseline that depends on prompt and prefix alone."""
    told = [
        float(np.sin(3 * prompt[0] + 5 * PREFIXES.index(tuple(answer[:i]))))
        for prompt, answer in (rollouts.sequences[n] for n in range(len(rollouts)))
        for i in range(len(answer))
    ]
    return np.array(told)


@pytest.mark.parametrize("lam", [1.0, 0.6])
def test_ppo_climbs_reward_less_divergence(lam):
    """lambda 1: whatever the critic says, the policy gradient. Else the gradient of A by an independent recursion."""
    groups = groups_of(1)
    rollouts = rollouts_of(groups, REWARD, POLICY, REFERENCE)
    rollouts = replace(rollouts, values=values_of(rollouts))
    made = method(f"ppo?lam={lam}&whiten=false&kl_coef=0.3&mean=constant&divisor=1&value_coef=0")
    learnt = made.made(rollouts)
    batch = batch_of(learnt, POLICY, values=torch.zeros(len(rollouts.values), dtype=torch.float64))
    losses = made.objective.losses(batch)
    found = gradient((chances(groups, POLICY) * losses.values / losses.counts).sum(), POLICY)
    if lam == 1.0:
        close(found, -gradient(value(POLICY, REWARD, REFERENCE, 0.3), POLICY))
        return
    total = torch.zeros((), dtype=torch.float64)
    known, other = POLICY.all_tokens(), REFERENCE.all_tokens()
    for chance, (p, (y,)) in zip(chances(groups, POLICY).tolist(), groups, strict=True):
        v = [float(np.sin(3 * (10 + p) + 5 * PREFIXES.index(y[:i]))) for i in range(len(y))] + [0.0]
        r = (-0.3 * (known[p, y] - other[p, y])).detach().tolist()
        r[-1] += REWARD[p, y]
        ahead = 0.0
        for t in reversed(range(len(y))):
            ahead = r[t] + v[t + 1] - v[t] + lam * ahead
            total = total - chance * ahead * known[p, y][t]
    close(found, gradient(total, POLICY))


def test_ppo_s_critic_is_pulled_to_the_returns_within_its_clip():
    rollouts = rollouts_of(groups_of(1), REWARD, POLICY, REFERENCE)
    rollouts = replace(rollouts, values=values_of(rollouts))
    now = torch.tensor(rollouts.values + 0.5, requires_grad=True)
    for clip in (0.0, 0.2):
        made = method(f"ppo?lam=1&kl=none&value_coef=1&value_clip={clip}&whiten=false&mean=token")
        learnt = made.made(rollouts)
        losses = made.objective.losses(batch_of(learnt, POLICY, values=now))
        returns = np.repeat(rollouts.reward, rollouts.lengths)
        errors = (rollouts.values + 0.5 - returns) ** 2
        if clip:
            errors = np.maximum(errors, (rollouts.values + clip - returns) ** 2)
        assert float(losses.metrics["value_error"][0]) == pytest.approx(0.5 * errors.sum(), rel=1e-9)
        (slope,) = torch.autograd.grad(losses.values.sum(), now, retain_graph=True)
        free = (rollouts.values + 0.5 - returns) ** 2 >= errors - 1e-12
        np.testing.assert_allclose(
            slope.numpy(), np.where(free, rollouts.values + 0.5 - returns, 0.0), atol=1e-9
        )


def tilted(beta: float) -> Tree:
    """The policy of largest E[R] - beta KL: each answer's reference chance times exp(R / beta), as chances of next tokens."""
    made = Tree(0)
    for p in range(PROMPTS):
        told = {y: math.exp(float(t.detach().sum()) + REWARD[p, y] / beta) for (q, y), t in REFERENCE.all_tokens().items() if q == p}  # fmt: skip
        with torch.no_grad():
            for place, prefix in enumerate(PREFIXES):
                n = len(prefix)
                for token in range(3):
                    mass = sum(m for y, m in told.items() if y[: n + 1] == (*prefix, token))
                    made.logits[p, place, token] = math.log(mass)
    return made


@pytest.mark.parametrize(
    "name",
    [
        "rloo?kl_coef=0.5",
        "grpo?scale=none&kl=reward&estimator=k1&kl_coef=0.5&mean=constant&divisor=1",
        "reinforce_pp?whiten=false&kl_coef=0.5&mean=constant&divisor=1",
    ],
)
def test_the_tilted_reference_is_where_nothing_pulls_any_more(name):
    """pi proportional to pi_ref exp(R / beta): the expected gradient vanishes there, and does not at the reference."""
    top = tilted(0.5)
    assert float(expected(name, 2, top).abs().max()) < 1e-9
    assert float(expected(name, 2, REFERENCE).abs().max()) > 1e-3
    at_best, at_reference = (float(value(p, REWARD, REFERENCE, 0.5).detach()) for p in (top, REFERENCE))
    assert at_best > at_reference


@pytest.mark.parametrize("n", [2, 3])
def test_what_is_imitated_has_the_law_of_the_best_of_n(n):
    """Every tuple of n answers with its chance; the chosen answers add up to the closed form of the exact world."""
    world = exact_world(PROMPTS, len(ANSWERS), seed=4)
    reward = {
        (p, y): float(round(world.reward[p, i], 1)) for p in range(PROMPTS) for i, y in enumerate(ANSWERS)
    }
    groups = groups_of(n)
    rollouts = rollouts_of(groups, reward, POLICY, REFERENCE)
    chosen = best(rollouts)
    found = np.zeros((PROMPTS, len(ANSWERS)))
    for chance, row in zip(chances(groups, POLICY).tolist(), chosen, strict=True):
        prompt, answer = rollouts.sequences[int(row)]
        found[prompt[0] - 10, ANSWERS.index(tuple(answer))] += chance * PROMPTS
    known = POLICY.all_tokens()
    start = np.array([[float(known[p, y].detach().sum().exp()) for y in ANSWERS] for p in range(PROMPTS)])
    table = np.array([[reward[p, y] for y in ANSWERS] for p in range(PROMPTS)])
    np.testing.assert_allclose(found, best_of_n(start, table, n), atol=1e-12)
