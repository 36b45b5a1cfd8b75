"""Where training ends, in a world that can be enumerated: the closed form, SciPy's optimum of the equations by hand, or nowhere.

The loss is its expectation over all pairs of answers, both drawn from a policy with full support, and labels with the world's
probability; the policy has a number for every prompt and answer, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, linprog, minimize
from scipy.special import log_softmax

from tests.training.objectives import by_hand
from tests.training.objectives.by_hand import Answer
from winsome.models.logprobs import Logprobs
from winsome.sandbox.exact import ExactWorld, advantage, exact_world, tilted
from winsome.sandbox.tabular import TabularPolicy
from winsome.training.batch import Batch
from winsome.training.objective import objective

BETA = 0.5


def world_of(prompts=2, responses=4, seed=1, **settings) -> ExactWorld:
    world = exact_world(prompts, responses, seed=seed, scale=0.6, longest=4, **settings)
    # No answer is so rare that a distance of policies would not see it.
    return replace(world, reference=0.7 * world.reference + 0.3 / responses)


def population(world: ExactWorld, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Prompt, chosen, rejected and probability of every labelled pair of independent draws from `mu`."""
    p, r = world.reward.shape
    prompts, chosen, rejected = (a.ravel() for a in np.meshgrid(range(p), range(r), range(r), indexing="ij"))
    chance = world.weights[prompts] * mu[prompts, chosen] * mu[prompts, rejected]
    chance = chance * world.preference[prompts, chosen, rejected] * 2.0
    keep = chosen != rejected
    return prompts[keep], chosen[keep], rejected[keep], chance[keep]


def batch_of(world: ExactWorld, policy: TabularPolicy, pairs, columns=None) -> Batch:
    """Every pair as a unit: sequences 2i (chosen) and 2i + 1 (rejected)."""
    prompts, chosen, rejected, _ = pairs
    p = torch.tensor(np.repeat(prompts, 2))
    y = torch.tensor(np.stack([chosen, rejected], 1).ravel())
    counts = torch.tensor(world.lengths[p, y]).long()

    def held(sums: torch.Tensor) -> Logprobs:
        tokens = torch.repeat_interleave(sums / counts, counts)
        return Logprobs(sums, counts, tokens, torch.zeros_like(sums), torch.ones_like(counts))

    reference = torch.tensor(world.reference).log()[p, y]
    rows = {
        "chosen": torch.arange(0, len(p), 2),
        "rejected": torch.arange(1, len(p), 2),
        "response": torch.arange(len(p)),
    }
    return Batch(held(policy.logprobs(p, y)), rows, {"reference": held(reference)}, columns or {})


def trained(world: ExactWorld, name: str, mu=None, columns=None, steps: int = 400) -> np.ndarray:
    """The policy that lowers the expected loss from the reference on, by LBFGS."""
    pairs = population(world, world.reference if mu is None else mu)
    policy, o, chance = TabularPolicy(world.reference), objective(name), torch.tensor(pairs[3])
    groups = None
    if o.needs.groups:
        columns = {"score": torch.tensor([1.0, 0.0]).repeat(len(pairs[0])).double()}
        groups = torch.arange(len(pairs[0])).repeat_interleave(2)
    elif o.needs.roles == ("response",):
        chance = chance.repeat_interleave(2)
    optimiser = torch.optim.LBFGS(
        policy.parameters(),
        max_iter=steps,
        tolerance_grad=1e-11,
        tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        batch = replace(batch_of(world, policy, pairs, columns), groups=groups)
        loss = o.losses(batch).values @ chance
        loss.backward()
        return loss

    optimiser.step(closure)
    return policy.policy()


def answers_of(world: ExactWorld, logits: np.ndarray) -> list[list[Answer]]:
    logs, reference, none = log_softmax(logits, 1), np.log(world.reference), np.zeros(0)

    def answer(p: int, y: int) -> Answer:
        n = int(world.lengths[p, y])
        return Answer(np.full(n, logs[p, y] / n), np.full(n, reference[p, y] / n), none, none)

    return [[answer(p, y) for y in range(logs.shape[1])] for p in range(len(logs))]


def by_scipy(world: ExactWorld, loss: Callable[[Answer, Answer], float], mu=None) -> np.ndarray:
    """The policy of least expected loss by SciPy's BFGS on the equations in NumPy, from the reference on."""
    prompts, chosen, rejected, chance = population(world, world.reference if mu is None else mu)

    def expected(flat: np.ndarray) -> float:
        held = answers_of(world, flat.reshape(world.reward.shape))
        return sum(
            c * loss(held[p][w], held[p][lo])
            for p, w, lo, c in zip(prompts, chosen, rejected, chance, strict=True)
        )

    found = minimize(expected, np.log(world.reference).ravel(), method="BFGS", options={"gtol": 1e-7})
    return np.exp(log_softmax(found.x.reshape(world.reward.shape), 1))


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Total variation, the largest over prompts."""
    return float(0.5 * np.abs(a - b).sum(1).max())


def closed(world: ExactWorld, reward: np.ndarray, beta: float = BETA) -> np.ndarray:
    return tilted(world.reference, reward, beta)


@pytest.mark.parametrize("name", ["dpo", "dpop?penalty=0", "dpo_shift?shift=1", "ld_dpo?alpha=1"])
def test_dpo_ends_at_the_tilted_reference(name):
    world = world_of(3, 5)
    found = trained(world, f"{name}{'&' if '?' in name else '?'}beta={BETA}")
    assert apart(found, closed(world, world.reward)) < 1e-6
    assert apart(found, world.reference) > 0.05


def test_ld_dpo_of_answers_of_one_token_ends_where_dpo_does():
    world = replace(world_of(), lengths=np.ones((2, 4)))
    assert apart(trained(world, f"ld_dpo?beta={BETA}"), closed(world, world.reward)) < 1e-6


def test_rdpo_ends_at_the_tilt_by_reward_less_length():
    world, alpha = world_of(), 0.2
    found = trained(world, f"rdpo?beta={BETA}&alpha={alpha}")
    assert apart(found, closed(world, world.reward - alpha * world.lengths)) < 1e-6


@pytest.mark.parametrize("flip", [0.1, 0.3])
def test_robust_ends_at_dpos_end_on_the_true_labels(flip):
    world = world_of(flip=flip)
    found = trained(world, f"robust?beta={BETA}&label_smoothing={flip}")
    assert apart(found, closed(world, world.reward)) < 1e-6
    assert apart(trained(world, f"dpo?beta={BETA}"), closed(world, world.reward)) > 0.01


def test_cpo_without_likelihood_ends_at_the_tilt_of_the_uniform_policy():
    world = world_of(3, 5)
    found = trained(world, f"cpo?beta={BETA}&alpha=0")
    assert apart(found, tilted(np.full((3, 5), 0.2), world.reward, BETA)) < 1e-6


def test_ipo_ends_at_the_tilt_by_the_chance_to_win_against_the_sampler():
    world = world_of(3, 5)
    mu = np.random.default_rng(0).dirichlet(np.ones(5), 3)
    found = trained(world, f"ipo?beta={BETA}", mu=mu)
    assert apart(found, closed(world, advantage(world, mu))) < 1e-6


def test_ln_dpo_ends_where_every_mean_ratio_is_reward_over_beta_but_for_a_constant():
    world, beta = world_of(), 2.0
    found = trained(world, f"ln_dpo?beta={beta}")
    for p in range(2):
        n, reward, reference = world.lengths[p], world.reward[p], world.reference[p]
        c = brentq(lambda c: np.sum(reference * np.exp(n * (reward / beta + c))) - 1.0, -20, 20)  # noqa: B023
        assert apart(found[p : p + 1], (reference * np.exp(n * (reward / beta + c)))[None]) < 1e-6


def test_sppo_ends_at_the_multiplicative_update_against_a_fixed_opponent():
    world, beta = world_of(3, 5), 0.4
    won = advantage(world, world.reference)
    prompts, chosen, rejected, _ = population(world, world.reference)
    log_z = np.log((world.reference * np.exp(won / beta)).sum(1))
    columns = {
        "chosen_probability": torch.tensor(won[prompts, chosen]),
        "rejected_probability": torch.tensor(won[prompts, rejected]),
        "log_partition": torch.tensor(log_z[prompts]),
    }
    found = trained(world, f"sppo?beta={beta}&log_partition=column", columns=columns)
    assert apart(found, closed(world, won, beta)) < 1e-6
    # With log Z = eta / 2 the end is near that where eta is small (its error is of second order in eta).
    near = trained(world, "sppo?beta=10", columns=columns)
    assert apart(near, closed(world, won, 10.0)) < 1e-3


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_two_answers_cdpo_and_exo(smoothing):
    world = world_of(3, 2)
    p = world.preference[:, 0, 1]
    q = (1 - smoothing) * p + smoothing * (1 - p)

    def from_gap(gap: np.ndarray) -> np.ndarray:
        odds = world.reference[:, 0] / world.reference[:, 1] * np.exp(gap)
        return np.stack([odds / (1 + odds), 1 / (1 + odds)], 1)

    cdpo = trained(world, f"cdpo?beta={BETA}&label_smoothing={smoothing}")
    assert apart(cdpo, from_gap(np.log(q / (1 - q)) / BETA)) < 1e-6
    exo = trained(world, f"exo?beta={BETA}&label_smoothing={smoothing}")
    assert apart(exo, from_gap((2 * p - 1) * np.log((1 - smoothing) / smoothing) / BETA)) < 1e-6


def test_cdpo_of_certain_labels_is_content_at_a_finite_gap():
    world = world_of(1, 2)
    sure = replace(world, preference=np.array([[[0.5, 1.0], [0.0, 0.5]]]))
    found = trained(sure, f"cdpo?beta={BETA}&label_smoothing=0.1")
    gap = np.log(found[0, 0] / found[0, 1]) - np.log(world.reference[0, 0] / world.reference[0, 1])
    assert gap == pytest.approx(np.log(9.0) / BETA, abs=1e-6)


def test_dove_ends_at_the_joint_tilt_of_prompts_and_answers():
    """One table over (prompt, answer); pairs across prompts, labels Bradley-Terry in R(x, y)."""
    rng = np.random.default_rng(3)
    reward, reference = rng.normal(0, 0.6, (2, 3)), rng.dirichlet(np.full(6, 3.0)).reshape(2, 3)
    joint = torch.tensor(reference).log().requires_grad_(True)
    cells = [(p, y) for p in range(2) for y in range(3)]
    pairs = [(a, b) for a in cells for b in cells if a != b]
    p = torch.tensor([cell[0] for pair in pairs for cell in pair])
    y = torch.tensor([cell[1] for pair in pairs for cell in pair])
    chance = torch.tensor([1 / (1 + np.exp(reward[b] - reward[a])) for a, b in pairs])
    ones = torch.ones(len(p), dtype=torch.long)

    def held(table: torch.Tensor) -> Logprobs:
        logs = table - table.logsumexp((0, 1))
        asked = logs.logsumexp(1)
        return Logprobs((logs - asked[:, None])[p, y], ones, None, asked[p], ones)

    fixed = held(torch.tensor(reference).log())
    rows = {"chosen": torch.arange(0, len(p), 2), "rejected": torch.arange(1, len(p), 2)}
    optimiser = torch.optim.LBFGS([joint], max_iter=400, tolerance_grad=1e-11, line_search_fn="strong_wolfe")
    o = objective(f"dove?beta={BETA}")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = o.losses(Batch(held(joint), rows, {"reference": fixed})).values @ chance
        loss.backward()
        return loss

    optimiser.step(closure)
    found = torch.softmax(joint.detach().flatten(), 0).numpy()
    assert apart(found[None], tilted(reference.reshape(1, 6), reward.reshape(1, 6), BETA)) < 1e-6


BY_SCIPY = {
    "cdpo?beta=0.5&label_smoothing=0.2": lambda w, lo: by_hand.cdpo(w, lo, beta=0.5, label_smoothing=0.2),
    "exo?beta=0.5&label_smoothing=0.2": lambda w, lo: by_hand.exo(w, lo, beta=0.5, label_smoothing=0.2),
    "nca?beta=0.5": lambda w, lo: by_hand.nca(w, lo, beta=0.5),
    "bco?beta=0.5&shift=zero": lambda w, lo: by_hand.bco(w, lo, beta=0.5),
    "simpo?beta=2&gamma=0.5": lambda w, lo: by_hand.simpo(w, lo, beta=2.0, gamma=0.5),
    "cpo?beta=0.5": lambda w, lo: by_hand.cpo(w, lo, beta=0.5),
    "cpo?beta=0.5&loss_type=ipo": lambda w, lo: by_hand.cpo(w, lo, beta=0.5, loss_type="ipo"),
    "orpo?odds_weight=0.5": lambda w, lo: by_hand.orpo(w, lo, odds_weight=0.5),
    "dpop?beta=0.5&penalty=2": lambda w, lo: by_hand.dpop(w, lo, beta=0.5, penalty=2.0),
    "dpo_shift?beta=0.5&shift=0.75": lambda w, lo: by_hand.dpo_shift(w, lo, beta=0.5, shift=0.75),
    "dpo_nll?beta=0.5&alpha=0.3": lambda w, lo: by_hand.dpo_nll(w, lo, beta=0.5, alpha=0.3),
    "ld_dpo?beta=0.5&alpha=0.4": lambda w, lo: by_hand.ld_dpo(w, lo, beta=0.5, alpha=0.4),
    "ipo?beta=0.5&norm=mean": lambda w, lo: by_hand.ipo(w, lo, beta=0.5, norm="mean"),
}


@pytest.mark.parametrize("name", BY_SCIPY)
def test_the_end_is_scipys_optimum_of_the_equation_by_hand(name):
    world = world_of(1, 3, seed=4)
    found = trained(world, name)
    assert apart(found, by_scipy(world, BY_SCIPY[name])) < 1e-3
    assert found.min() > 1e-6


def certain(world: ExactWorld, name: str, mu: np.ndarray, steps: int = 2000) -> tuple[np.ndarray, float]:
    """The policy that lowers a loss with corners, by Adam with a falling rate, and its expected loss."""
    pairs = population(world, mu)
    policy, o, chance = TabularPolicy(world.reference), objective(name), torch.tensor(pairs[3])
    columns, groups = {}, None
    if o.needs.groups:
        columns = {"score": torch.tensor([1.0, 0.0]).repeat(len(pairs[0])).double()}
        groups = torch.arange(len(pairs[0])).repeat_interleave(2)
    optimiser = torch.optim.Adam(policy.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.996**step)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = o.losses(replace(batch_of(world, policy, pairs, columns), groups=groups)).values @ chance
        loss.backward()
        optimiser.step()
        schedule.step()
    return policy.policy(), float(loss.detach())


def test_hinge_reaches_the_least_expected_loss_of_the_linear_programme():
    world = world_of(1, 4, seed=4)
    prompts, chosen, rejected, chance = population(world, world.reference)
    n, r = len(prompts), 4
    # Variables: log-ratios (up to a constant) and one slack a pair; slack >= 1 - beta (r_w - r_l), slack >= 0.
    rows = np.zeros((n, r + n))
    rows[np.arange(n), chosen], rows[np.arange(n), rejected] = -BETA, BETA
    rows[np.arange(n), r + np.arange(n)] = -1.0
    best = linprog(
        np.concatenate([np.zeros(r), chance]), rows, -np.ones(n), bounds=[(None, None)] * r + [(0, None)] * n
    )
    _, loss = certain(world, f"hinge?beta={BETA}", world.reference)
    assert loss == pytest.approx(best.fun, abs=1e-3)
    assert loss >= best.fun - 1e-9


def test_hinge_of_two_answers_ends_at_a_gap_of_one_for_the_likelier_winner():
    world = world_of(3, 2)
    found, _ = certain(world, f"hinge?beta={BETA}", world.reference)
    gap = np.log(found[:, 0] / found[:, 1]) - np.log(world.reference[:, 0] / world.reference[:, 1])
    np.testing.assert_allclose(BETA * gap, np.sign(world.preference[:, 0, 1] - 0.5), atol=1e-3)


@pytest.mark.parametrize("name", ["slic?regulariser=0.5", "rrhf?nll_weight=0.5"])
def test_slic_and_rrhf_end_at_the_optimum_of_the_convex_programme(name):
    """Over log-probabilities l with sum exp(l) <= 1 both are convex; SciPy's SLSQP with one slack a pair is the judge."""
    world = world_of(1, 3, seed=4)
    prompts, chosen, rejected, chance = population(world, world.reference)
    n, lengths = len(prompts), world.lengths[0]
    per = lengths if name.startswith("rrhf") else np.ones(3)
    delta = 0.0 if name.startswith("rrhf") else 1.0

    def wanted(v: np.ndarray) -> np.ndarray:
        means = v[:3] / per
        return v[3:] - (delta - means[chosen] + means[rejected])

    start = np.log(world.reference[0])
    best = minimize(
        lambda v: chance @ v[3:] - 0.5 * chance @ v[:3][chosen],
        np.concatenate([start, np.full(n, 5.0)]),
        method="SLSQP",
        bounds=[(None, 0.0)] * 3 + [(0.0, None)] * n,
        constraints=[
            {"type": "ineq", "fun": wanted},
            {"type": "ineq", "fun": lambda v: -np.log(np.exp(v[:3]).sum())},
        ],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert best.success
    found, loss = certain(world, name, world.reference)
    assert loss == pytest.approx(best.fun, abs=1e-4)
    assert apart(found, np.exp(best.x[:3])[None]) < 1e-3


def test_pro_on_ranked_pairs_ends_at_scipys_optimum():
    world = world_of(1, 3, seed=4)
    found = trained(world, "pro?nll_weight=0.5")
    expected = by_scipy(world, lambda w, lo: by_hand.pro([w, lo], [1.0, 0.0], nll_weight=0.5))
    assert apart(found, expected) < 1e-3


def test_sft_ends_at_the_demonstrations_own_distribution():
    world = world_of()
    found = trained(world, "sft")
    prompts, chosen, rejected, chance = population(world, world.reference)
    shown = np.zeros_like(world.reference)
    np.add.at(shown, (prompts, chosen), chance)
    np.add.at(shown, (prompts, rejected), chance)
    assert apart(found, shown / shown.sum(1, keepdims=True)) < 1e-6


@pytest.mark.parametrize("name", ["apo_zero?beta=0.5", "kto?beta=0.5&kl=zero", "kto?beta=0.5"])
def test_apo_zero_and_kto_have_no_minimiser(name):
    """At any policy the loss falls as mass moves to the answers more often chosen than rejected, so it is least at none.

    With a_y the rate of rejection less that of choice, the slope in r_y is a_y times a positive number; hence the slope in the
    mass of the answers with a_y > 0 is positive everywhere, and training takes all of it away.
    """
    world = world_of(1, 4, seed=4)
    pairs = population(world, world.reference)
    prompts, chosen, rejected, chance = pairs
    often = np.zeros(4)
    np.add.at(often, rejected, chance)
    np.add.at(often, chosen, -chance)
    losers = torch.tensor(often > 1e-12)
    assert 0 < int(losers.sum()) < 4
    o = objective(name)
    columns, rates = {}, torch.tensor(chance)
    if o.needs.roles == ("response",):
        columns = {"label": torch.tensor([1.0, 0.0]).repeat(len(prompts)).double()}
        rates = rates.repeat_interleave(2)
    rng = np.random.default_rng(0)
    for _ in range(100):
        policy = TabularPolicy(rng.dirichlet(np.ones(4), 1) * 0.98 + 0.005)
        batch = batch_of(world, policy, pairs, columns)
        rows = {**batch.rows, "mismatched": batch.rows["response"].flip(0)}
        (o.losses(replace(batch, rows=rows)).values @ rates).backward()
        assert policy.logits.grad is not None
        assert float(policy.logits.grad[0][losers].sum()) > 0.0
    if "kl=zero" in name or "apo" in name:
        assert trained(world, name, columns=columns)[0][losers.numpy()].max() < 1e-5


def test_apo_down_of_two_answers_is_least_at_an_end():
    """On a grid of log-odds the loss by hand has no inner minimum: one answer's probability goes to 0."""
    for seed in range(20):
        world = world_of(1, 2, seed=seed)
        odds = np.linspace(-30, 30, 241)
        _, chosen, rejected, chance = population(world, world.reference)
        losses = []
        for z in odds:
            held = answers_of(world, np.array([[z, 0.0]]))
            losses.append(
                sum(
                    c * by_hand.apo_down(held[0][w], held[0][lo], beta=BETA)
                    for w, lo, c in zip(chosen, rejected, chance, strict=True)
                )
            )
        assert int(np.argmin(losses)) in (0, len(odds) - 1)
        assert trained(world, f"apo_down?beta={BETA}").min() < 1e-4
