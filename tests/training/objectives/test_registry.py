"""What holds for many rows: signs, values at the reference, invariances, reductions to DPO, options and metrics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.objectives.batches import Drawn, batch_for, drawn, of_answers, pairs
from winsome import specs
from winsome.errors import BadInput
from winsome.models.logprobs import Logprobs
from winsome.training.batch import Batch
from winsome.training.objective import Objective, objective
from winsome.training.terms import METRICS

EVERY = sorted(specs.kinds("Objective"))
LOG2 = math.log(2.0)
RAISES_THE_GAP = [
    "bco", "cdpo", "cpo", "dove", "dpo", "dpo_nll", "dpo_shift", "dpop", "exo", "hinge", "ipo", "ld_dpo", "ln_dpo", "nca",
    "orpo", "rdpo", "robust", "simpo", "slic", "sppo", "apo_zero", "apo_down",
]  # fmt: skip

AT_REFERENCE = {
    "dpo": LOG2,
    "dpo?label_smoothing=0.2": LOG2,
    "cdpo": LOG2,
    "robust": LOG2,
    "hinge": 1.0,
    "ipo?beta=0.25": 1 / (4 * 0.25**2),
    "ipo?beta=0.25&norm=mean": 1 / (4 * 0.25**2),
    "kto": 0.5,
    "bco": 2 * LOG2,
    "bco?shift=zero": 2 * LOG2,
    "apo_zero": 1.0,
    "apo_down": 1.0,
    "exo": -LOG2 - 0.5 * math.log(1e-3 * 0.999),
    "nca": 2 * LOG2,
    "ln_dpo": LOG2,
    "ld_dpo": LOG2,
    "dpop": LOG2,
    "dpo_shift?shift=1": LOG2,
    "dove": LOG2,
}


def batch(o: Objective, held: Drawn, seed: int = 0) -> Batch:
    roles = tuple(dict.fromkeys(o.needs.roles + o.needs.step_roles))
    return batch_for(held, roles, o.needs.groups, seed)


def grads(o: Objective, of: Batch, held: Drawn) -> list[torch.Tensor]:
    held.tokens.grad = held.prompts.grad = None
    o.losses(of).values.sum().backward(retain_graph=True)
    return [torch.zeros_like(t) if t.grad is None else t.grad.clone() for t in (held.tokens, held.prompts)]


@pytest.mark.parametrize(("name", "expected"), AT_REFERENCE.items())
def test_the_value_where_the_policy_is_the_reference(name, expected):
    o = objective(name)
    values = o.losses(batch(o, drawn(12, seed=1, at_reference=True))).values
    torch.testing.assert_close(values, torch.full_like(values, expected), atol=1e-9, rtol=1e-9)


def test_exo_at_the_reference_has_the_value_of_its_table():
    o = objective("exo")
    assert float(o.losses(batch(o, drawn(4, at_reference=True))).values[0].detach()) == pytest.approx(
        2.76123, abs=5e-6
    )


def test_the_values_at_the_reference_that_depend_on_the_pair():
    held = drawn(12, seed=2, at_reference=True)
    counts = [a.n for a in held.answers]
    longer = np.subtract(counts[::2], counts[1::2])
    values = objective("rdpo?alpha=0.3").losses(pairs(held)).values.detach().numpy()
    np.testing.assert_allclose(values, np.log1p(np.exp(-0.3 * longer)), rtol=1e-9)
    p_w, p_l = [0.9, 0.7, 0.6, 1.0, 0.5, 0.8], [0.1, 0.2, 0.4, 0.0, 0.5, 0.3]
    columns = {"chosen_probability": p_w, "rejected_probability": p_l}
    values = objective("sppo").losses(pairs(held, **columns)).values.detach().numpy()
    expected = 0.5 * (np.subtract(p_w, 0.5) ** 2 + np.subtract(p_l, 0.5) ** 2) / 1e-6
    np.testing.assert_allclose(values, expected, rtol=1e-9)
    assert float(expected[3]) == 250_000.0
    means = np.array([a.mean for a in held.answers[::2]])
    values = objective("dpo_nll?alpha=0.5").losses(pairs(held)).values.detach().numpy()
    np.testing.assert_allclose(values, LOG2 - 0.5 * means, rtol=1e-9)


@pytest.mark.parametrize("name", RAISES_THE_GAP)
def test_one_step_raises_the_chosen_answer_against_the_rejected_one(name):
    """On a prompt with two answers the policy is one number; a small step down the loss must raise it."""
    o = objective(name)
    theta = torch.tensor(-0.3, dtype=torch.float64, requires_grad=True)
    values = torch.stack([torch.nn.functional.logsigmoid(theta), torch.nn.functional.logsigmoid(-theta)])
    ones, none = torch.ones(2, dtype=torch.long), torch.zeros(2, dtype=torch.float64)
    policy = Logprobs(values, ones, values, none, ones)
    held = Logprobs(values.detach(), ones, values.detach(), none, ones)
    columns = {"chosen_probability": torch.tensor([0.9]), "rejected_probability": torch.tensor([0.2])}
    rows = {"chosen": torch.tensor([0]), "rejected": torch.tensor([1])}
    o.losses(Batch(policy, rows, {"reference": held}, columns)).values.sum().backward()
    assert theta.grad is not None
    assert float(theta.grad) < 0.0


@pytest.mark.parametrize("name", [name for name in EVERY if objective(name).needs.references])
def test_a_shift_of_policy_and_reference_alike_changes_nothing(name):
    """Adding c to a response's tokens under both models is a change of nothing but the shared likelihood."""
    o = objective(name)
    if name == "dpo_nll":
        pytest.skip("its second term reads the policy alone")
    held = drawn(12, seed=3)
    first = o.losses(batch(o, held)).values
    shift = torch.linspace(-1.0, 1.0, 12, dtype=torch.float64)

    def shifted(of: Logprobs) -> Logprobs:
        owners = torch.repeat_interleave(torch.arange(12), of.counts)
        assert of.tokens is not None
        return replace(of, sums=of.sums + shift * of.counts, tokens=of.tokens + shift[owners])

    b = batch(o, held)
    moved = replace(b, policy=shifted(b.policy), references={"reference": shifted(b.references["reference"])})
    torch.testing.assert_close(o.losses(moved).values, first, atol=1e-9, rtol=1e-9)


REDUCTIONS = [
    ("cdpo?label_smoothing=0", True),
    ("robust?label_smoothing=0", True),
    ("rdpo?alpha=0", True),
    ("dpo_shift?shift=1", True),
    ("dpo_nll?alpha=0", True),
    ("ld_dpo?alpha=1", False),
    ("dpop?beta=0.1&penalty=0", True),
]


@pytest.mark.parametrize(("name", "bitwise"), REDUCTIONS)
def test_rows_that_become_dpo(name, bitwise):
    held = drawn(20, seed=4)
    b = pairs(held)
    dpo, other = objective("dpo"), objective(name)
    expected, found = dpo.losses(b).values, other.losses(b).values
    slopes = list(zip(grads(dpo, b, held), grads(other, b, held), strict=True))
    if bitwise:
        assert torch.equal(found, expected)
        assert all(torch.equal(a, c) for a, c in slopes)
    else:
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
        assert all(torch.allclose(a, c, atol=1e-12) for a, c in slopes)


def test_dpop_is_dpo_where_no_chosen_answer_fell():
    held = drawn(20, seed=5)
    rows = [i for i in range(0, 20, 2) if held.answers[i].ratio >= 0]
    assert 0 < len(rows) < 10
    b = replace(
        pairs(held), rows={"chosen": torch.tensor(rows), "rejected": torch.tensor([i + 1 for i in rows])}
    )
    assert torch.equal(objective("dpop?beta=0.1").losses(b).values, objective("dpo").losses(b).values)


def test_dove_is_dpo_where_the_prompts_are_equal():
    held = drawn(8, seed=6)
    assert held.policy.prompt_sums is not None
    same = torch.arange(0, 8, 2).repeat_interleave(2)

    def shared(of: Logprobs) -> Logprobs:
        assert of.prompt_sums is not None
        assert of.prompt_counts is not None
        return replace(of, prompt_sums=of.prompt_sums[same], prompt_counts=of.prompt_counts[same])

    b = pairs(held)
    b = replace(b, policy=shared(b.policy), references={"reference": shared(b.references["reference"])})
    torch.testing.assert_close(
        objective("dove").losses(b).values, objective("dpo").losses(b).values, atol=1e-12, rtol=1e-12
    )


def test_dpo_without_reference_or_with_means_is_the_row_of_that_name():
    held = drawn(10, seed=7)
    b = pairs(held)
    none = objective("dpo?reference=none&beta=0.1").losses(b).values
    assert torch.equal(none, objective("cpo?alpha=0").losses(b).values)
    assert torch.equal(
        objective("dpo?norm=mean&beta=2").losses(b).values, objective("ln_dpo").losses(b).values
    )
    assert torch.equal(
        objective("cpo?alpha=0&norm=mean&beta=2&gamma=1").losses(b).values,
        objective("simpo").losses(b).values,
    )


def test_a_running_shift_reads_what_the_run_has_seen():
    held = drawn(8, seed=8)
    b = pairs(held)
    o = objective("bco?beta=0.5")
    assert o.step_sums is not None
    total, count = o.step_sums(b)["ratio"]
    assert float(count) == 8.0
    assert float(total.detach()) == pytest.approx(sum(a.ratio for a in held.answers), rel=1e-12)
    run = {"ratio": (torch.tensor(3.0, dtype=torch.float64), torch.tensor(6.0, dtype=torch.float64))}
    moved = o.losses(replace(b, run_sums=run)).values
    by_zero = objective("bco?beta=0.5&shift=zero")
    assert by_zero.step_sums is None
    d = 0.25
    ratios = b.policy.sums - b.references["reference"].sums
    expected = -torch.nn.functional.logsigmoid(0.5 * ratios[::2] - d) - torch.nn.functional.logsigmoid(
        d - 0.5 * ratios[1::2]
    )
    torch.testing.assert_close(moved, expected)


@pytest.mark.parametrize("name", ["kto", "bco?shift=step"])
def test_totals_over_the_update_make_any_split_equal(name):
    """Two micro-batches with the update's own totals give the values of one batch."""
    o = objective(name)
    roles = tuple(dict.fromkeys(o.needs.roles + o.needs.step_roles))
    held = drawn(12, seed=9)
    whole = batch_for(held, roles, False)
    assert o.step_sums is not None
    expected = o.losses(whole).values
    totals = o.step_sums(whole)
    parts = [
        replace(
            whole,
            rows={role: rows[part] for role, rows in whole.rows.items()},
            columns={key: value[part] for key, value in whole.columns.items()},
        )
        for part in (slice(0, 2), slice(2, None))
    ]
    added = {key: sum_pairs([o.step_sums(part)[key] for part in parts]) for key in totals}
    for key, (value, count) in totals.items():
        torch.testing.assert_close(added[key][0], value)
        torch.testing.assert_close(added[key][1], count)
    found = torch.cat([o.losses(replace(part, step_sums=added)).values for part in parts])
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


def sum_pairs(held):
    return sum(value for value, _ in held), sum(count for _, count in held)


def test_the_shift_of_dpo_shift_runs_over_the_updates():
    held = drawn(6, seed=10)
    b = replace(pairs(held), progress=0.5)
    running = objective("dpo_shift?shift=0.5&shift_end=1").losses(b).values
    assert torch.equal(running, objective("dpo_shift?shift=0.75").losses(b).values)


@pytest.mark.parametrize("name", EVERY)
def test_order_of_units_never_changes_a_loss(name):
    o = objective(name)
    if o.needs.groups:
        pytest.skip("rows of a group stand in order")
    held = drawn(12, seed=11)
    b = batch(o, held)
    n = len(b.rows[o.needs.roles[0]])
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    turned = replace(
        b,
        rows={role: rows[order] for role, rows in b.rows.items()},
        columns={key: value[order] for key, value in b.columns.items()},
    )
    torch.testing.assert_close(o.losses(turned).values, o.losses(b).values[order], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_only_what_is_declared_is_read(name):
    """Prompts' tokens have no gradient unless asked for, nor has any sequence outside the roles; metrics have a meaning."""
    o = objective(name)
    held = drawn(12, seed=12)
    b = batch(o, held)
    of_tokens, of_prompts = grads(o, b, held)
    assert bool(of_prompts.abs().sum() > 0) == o.needs.prompts
    read = torch.cat([b.rows[role] for role in o.needs.roles])
    owners = torch.repeat_interleave(torch.arange(12), held.policy.counts)
    assert float(of_tokens[~torch.isin(owners, read)].abs().sum()) == 0.0
    losses = o.losses(b)
    assert losses.values.shape == losses.counts.shape
    assert set(losses.metrics) <= set(METRICS)
    for value, count in losses.metrics.values():
        assert not value.requires_grad
        assert value.shape == count.shape == ()


def perturbed(setting: specs.Setting) -> list:
    """Other values of a setting than its default."""
    kinds = setting.annotation
    if kinds.startswith("Literal["):
        words = [word.strip(" \"'") for word in kinds.removeprefix("Literal[").removesuffix("]").split(",")]
        return [word for word in words if word != setting.default]
    if kinds == "bool":
        return [not setting.default]
    return [0.3] if setting.default is None else [0.5 * setting.default if setting.default else 0.25]


@pytest.mark.parametrize("name", EVERY)
def test_every_setting_changes_the_loss(name):
    """No dead option: each, set to another value, gives other values, gradients or needs."""
    plain = objective(name)
    held = drawn(12, seed=13)
    roles = tuple(dict.fromkeys((*plain.needs.roles, *plain.needs.step_roles)))
    module_settings = specs.settings_of(specs.factory_of(specs.parse(name), "Objective"))  # type: ignore[arg-type]
    for key, setting in module_settings.items():
        for value in perturbed(setting):
            given = {"kind": name, key: value}
            context = {"nll_span": {"nll_weight": 1.0}, "gamma_scale": {}}.get(key, {})
            context = {k: v for k, v in context.items() if k in module_settings}
            changed = objective({**given, **context})
            if changed.needs != plain.needs:
                continue
            run = {"ratio": (torch.tensor(2.0), torch.tensor(7.0))}
            b = replace(batch_for(held, roles, plain.needs.groups), progress=0.5, run_sums=run)
            base = objective({"kind": name, **context})
            first, second = base.losses(b), changed.losses(b)
            same = torch.equal(first.values, second.values) and torch.equal(
                first.counts.double(), second.counts.double()
            )
            slopes = [
                torch.equal(a, c) for a, c in zip(grads(base, b, held), grads(changed, b, held), strict=True)
            ]
            assert not (same and all(slopes)), f"{name}: {key}={value} changes nothing"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dpo?beta=0", "beta"),
        ("dpo?beta=-1", "beta"),
        ("robust?label_smoothing=0.5", "label_smoothing"),
        ("exo?label_smoothing=0", "label_smoothing"),
        ("dpo_shift?shift=0", "shift"),
        ("ld_dpo?alpha=2", "alpha"),
        ("cpo?loss_type=hinge&gamma=0.5", "belong to loss_type=sigmoid, not hinge"),
        ("cpo?loss_type=ipo&label_smoothing=0.1", "belong to loss_type=sigmoid, not ipo"),
    ],
)
def test_values_outside_their_range_are_refused(name, said):
    with pytest.raises(BadInput, match=said):
        objective(name).losses(pairs(drawn(4)))


def test_names_and_settings_are_checked():
    with pytest.raises(BadInput, match="did you mean"):
        objective("dppo")
    with pytest.raises(BadInput, match='no setting "betta"; did you mean "beta"'):
        objective("dpo?betta=1")
    with pytest.raises(BadInput, match="norm=total"):
        objective("ipo?norm=total")


def test_needs_follow_the_settings():
    assert objective("dpo").needs.columns == ()
    assert objective("dpo?margin=1&weighted=true").needs.columns == ("margin", "weight")
    assert objective("dpo?reference=none").needs.references == ()
    assert objective("dpo?reference=last").needs.references == ("last",)
    assert objective("orpo?nll_span=all").needs.prompts
    assert objective("kto?kl=zero").needs.step_roles == ()
    assert objective("slic?target=target").needs.roles == ("chosen", "rejected", "target")
    assert objective("sppo?targets=hard").needs.columns == ()


def test_a_whole_reference_is_dpo_bit_for_bit_and_none_of_it_reads_no_reference():
    held = drawn(40, seed=21)
    plain = objective("dpo").losses(pairs(held)).values
    assert torch.equal(objective("dpo?gamma=1.0").losses(pairs(held)).values, plain)
    without = objective("dpo?gamma=0").losses(pairs(held)).values
    torch.testing.assert_close(without, objective("dpo?reference=none").losses(pairs(held)).values)
    with pytest.raises(BadInput, match="gamma=-1"):
        objective("dpo?gamma=-1").losses(pairs(held))


def test_ranking_is_told_apart_from_the_implicit_reward():
    """Against the definitions in NumPy: sums and means, pairs that changed sides, ties a half."""
    from winsome.standings.ranking_accuracy import ranked_right

    held = drawn(200, seed=22)
    w, lo = held.answers[::2], held.answers[1::2]
    told = objective("dpo").losses(pairs(held)).metrics
    found = {name: float(value) / float(count) for name, (value, count) in told.items()}
    sums = np.array([[a.policy.sum(), b.policy.sum()] for a, b in zip(w, lo, strict=True)])
    was = np.array([a.reference.sum() > b.reference.sum() for a, b in zip(w, lo, strict=True)])
    now = sums[:, 0] > sums[:, 1]
    means = np.array([a.mean > b.mean for a, b in zip(w, lo, strict=True)])
    assert found["ranked"] == pytest.approx(ranked_right(*sums.T).mean())
    assert found["ranked_by_token"] == pytest.approx(means.mean())
    assert found["turned_right"] == pytest.approx(now[~was].mean())
    assert found["turned_wrong"] == pytest.approx((~now)[was].mean())
    assert found["accuracy"] == pytest.approx(
        np.mean([a.ratio > b.ratio for a, b in zip(w, lo, strict=True)])
    )
    same = of_answers([held.answers[0], held.answers[0]])
    value, count = objective("dpo").losses(pairs(same)).metrics["ranked"]
    assert float(value) / float(count) == 0.5
