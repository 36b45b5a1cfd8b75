"""A comparison without contexts and in several drawn ones: the average user, the spread between users, and who wins where.

Source: Malaviya et al. 2024, Contextualized Evaluations. Settings: `judge` shows a context to the judge alone (what the answers took for
granted), `both` to contenders too (whether they can follow).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from winsome import specs
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.compare import Comparison, compare
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import Estimate, Load
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Message, Prompt, Suite, Text
from winsome.standings.columns import Codes
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.standings.variance_split import variance_split
from winsome.suites.context_values import by_answer
from winsome.suites.context_writer import Written, written
from winsome.suites.contexts import Contexts, draw, in_words

Setting = Literal["judge", "both"]
CLUSTER = "prompt_without_context"
OPENING = "Some more about what I need:"


@dataclass(frozen=True, eq=False)
class InContexts:
    """`plain`: the comparison without contexts; `drawn`: one a draw, on the same prompts; `figures`: what they say together.

    The first contender's shares by prompt (without context): `plain_shares`, and `drawn_shares` of each draw.
    """

    plain: Comparison
    drawn: tuple[Comparison, ...]
    figures: Mapping[str, Any]

    @property
    def plain_shares(self) -> dict[str, float]:
        return shares_of(self.plain, self.figures["contender"])

    @property
    def drawn_shares(self) -> tuple[dict[str, float], ...]:
        return tuple(shares_of(found, self.figures["contender"]) for found in self.drawn)


def suite_in_context(
    suite: Suite, contexts: Mapping[str, Contexts], number: int, setting: Setting, seed: int = 0
) -> Suite:
    """The prompts that have contexts, each with its `number`th draw; the cluster stays the prompt without it."""
    prompts: list[Prompt] = []
    for prompt in suite.prompts:
        held = contexts.get(prompt.id)
        if held is None or not held.follow_ups:
            continue
        words = in_words(draw(held, prompt.id, number, seed))
        if setting == "judge":
            prompts.append(replace(prompt, for_judges=dict(prompt.for_judges) | {"context": words}))
        else:
            *before, last = prompt.messages
            told = Message(last.role, (*last.parts, Text(f"\n\n{OPENING}\n{words}")))
            facets = dict(prompt.facets) | {CLUSTER: prompt.id}
            prompts.append(replace(prompt, messages=(*before, told), facets=facets, parents=(prompt.id,)))
    cluster = suite.cluster if setting == "judge" else CLUSTER
    return replace(suite, name=f"{suite.name} in context {number + 1}", prompts=prompts, cluster=cluster)


def compare_in_contexts(
    first: str,
    second: str,
    *,
    judge: str | None,
    suite: str | None,
    contexts: Callable[[Suite], Mapping[str, Contexts]],
    setting: Setting = "judge",
    draws: int = 3,
    seed: int = 0,
    allow_same_judge: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> InContexts:
    """Two contenders compared on the prompts that have contexts: once without, then in `draws` drawn contexts of each.

    contexts: from a suite to its contexts, read or written. settings: further keywords of `compare`. Raises as `compare` does, and
    BadInput where the judge is one of the contenders (unless `allow_same_judge`), or no prompt has a context.
    """
    given = dict(settings or {})
    known, runs = _runs(first, second, judge, suite, contexts, setting, draws, seed, allow_same_judge, given)
    plain, *drawn = (compare(first, second, judge=one, suite=base, seed=seed, **given) for one, base in runs)
    name = str(specs.parse(first))
    figures = figures_of(name, plain, drawn, setting)
    figures["by answer"] = by_answer([shares_of(one, name) for one in drawn], known, seed)
    return InContexts(plain, tuple(drawn), figures)


def estimate_in_contexts(
    first: str,
    second: str,
    *,
    judge: str | None,
    suite: str | None,
    contexts: Callable[[Suite], Mapping[str, Contexts]],
    setting: Setting = "judge",
    draws: int = 3,
    seed: int = 0,
    allow_same_judge: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Estimate:
    """What `compare_in_contexts` of the same arguments would ask at most; nothing is asked. Raises as it does."""
    given = dict(settings or {})
    _, runs = _runs(first, second, judge, suite, contexts, setting, draws, seed, allow_same_judge, given)
    plans: list[Estimate] = []

    def seen(planned: Estimate) -> bool:
        plans.append(planned)
        return False

    for one, base in runs:
        with suppress(BadInput):
            compare(
                first, second, judge=one, suite=base, seed=seed, **given | {"confirm": seen, "quiet": True}
            )
    if len(plans) < len(runs):
        # the first run that cannot be planned says why
        compare(
            first,
            second,
            judge=runs[len(plans)][0],
            suite=runs[len(plans)][1],
            seed=seed,
            **given | {"confirm": seen},
        )
    # where the judge alone is told, the answers of the run without contexts serve all
    again = [plan.loads if setting == "both" else plan.loads[2:] for plan in plans[1:]]
    loads = (*plans[0].loads, *(load for one in again for load in one))
    return Estimate(sum(plan.contests for plan in plans), sum(plan.asks for plan in plans), _summed(loads))


def _summed(loads: Sequence[Load]) -> tuple[Load, ...]:
    """Loads of one name as one."""
    found: dict[str, Load] = {}
    for load in loads:
        had = found.get(load.name)
        if had is None:
            found[load.name] = load
            continue
        money = None if had.money is None or load.money is None else had.money + load.money
        found[load.name] = replace(
            had, calls=had.calls + load.calls, kept=had.kept + load.kept, tokens_in=had.tokens_in + load.tokens_in,
            tokens_out=had.tokens_out + load.tokens_out, money=money,
        )  # fmt: skip
    return tuple(found.values())


def _runs(
    first: str,
    second: str,
    judge: str | None,
    suite: str | None,
    contexts: Callable[[Suite], Mapping[str, Contexts]],
    setting: Setting,
    draws: int,
    seed: int,
    allow_same_judge: bool,
    given: dict[str, Any],
) -> tuple[Mapping[str, Contexts], list[tuple[str, Suite]]]:
    """The contexts, and judge and suite of every run: without contexts, then a draw each. Takes `limit` out of `given`."""
    if draws < 2:
        raise BadInput(
            f"--context-draws {draws}: give 2 or more, or nothing can be said of the spread between contexts"
        )
    whole = opened_suite(suite, (first, second))
    whole = (
        whole if given.get("limit") is None else replace(whole, prompts=whole.prompts[: given.pop("limit")])
    )
    given.pop("limit", None)
    wanted = judge or whole.judge
    if wanted is None:
        raise BadInput(
            "no judge: give --judge NAME (a judge in context needs its words, so not embedded:judge alone)"
        )
    if not allow_same_judge:
        _refuse_own_judge(wanted, (first, second))
    known = contexts(whole)
    kept = [prompt for prompt in whole.prompts if prompt.id in known and known[prompt.id].follow_ups]
    if not kept:
        raise BadInput(
            f"{whole.full_name}: no prompt has a context; write some first, or leave --context out"
        )
    base = replace(whole, prompts=kept)
    shown = (
        str(specs.Spec("in_context", "", {"judge": _as_judge(wanted, whole)}))
        if setting == "judge"
        else wanted
    )
    drawn = [(shown, suite_in_context(base, known, k, setting, seed)) for k in range(draws)]
    return known, [(wanted, base), *drawn]


def opened_suite(suite: str | None, contenders: Sequence[str]) -> Suite:
    """The suite of that name, else the prompts of the first recorded contender."""
    if suite is not None:
        return specs.open_spec(specs.parse(suite), "Suite", None)
    recorded = [spec for spec in map(specs.parse, contenders) if spec.kind == "recorded"]
    if not recorded:
        raise BadInput("no prompts: give --suite NAME or FILE (winsome suites lists them)")
    return specs.open_spec(specs.Spec("answers", recorded[0].address, {}), "Suite", None)


def _refuse_own_judge(judge: str, contenders: Sequence[str]) -> None:
    models = {str(specs.parse(name).without(("temperature", "system", "seed"))) for name in contenders}
    spec = specs.parse(judge)
    named = {str(spec), *(str(v) for v in spec.settings.values() if isinstance(v, specs.Spec))}
    both = sorted(models & named)
    if both:
        raise BadInput(f"{both[0]} is contender and judge: name another judge, or --allow-same-judge")


def _as_judge(judge: str, suite: Suite) -> specs.Spec:
    """The judge's name as one that can stand within another, under the suite's protocol where it is a bare model."""
    spec = specs.parse(judge)
    if (
        suite.judge is not None
        and specs.factory_of(spec, "Judge") is None
        and specs.factory_of(spec, "Contender")
    ):
        protocol = specs.parse(suite.judge)
        return specs.Spec(protocol.kind, protocol.address, {**protocol.settings, "model": spec})
    return spec


def figures_of(
    first: str, plain: Comparison, drawn: Sequence[Comparison], setting: Setting, level: float = 0.95
) -> dict[str, Any]:
    """Win rates of `first` without context and averaged over contexts, the spread between contexts, and how often the winner changes.

    change: share of (prompt, context) pairs in which another side wins, or a tie comes or goes, clustered by prompt.
    """
    before = shares_of(plain, first)
    rows = [
        (prompt, k, share)
        for k, found in enumerate(drawn)
        for prompt, share in shares_of(found, first).items()
    ]
    both = [(prompt, k, share) for prompt, k, share in rows if prompt in before]
    if not both:
        raise BadInput("no prompt was judged both without and in a context; see the verdicts of the runs")
    codes = Codes.of([prompt for prompt, _, _ in both]).values
    shares = np.array([share for _, _, share in both])
    earlier = np.array([before[prompt] for prompt, _, _ in both])
    split = variance_split(shares, codes, np.array([k for _, k, _ in both], np.int32), level=level)
    change = clustered_mean(
        (np.sign(shares - 0.5) != np.sign(earlier - 0.5)).astype(np.float64), np.ones(len(shares)), codes
    )
    low, high = score_interval(change, level)
    used = np.array([before[prompt] for prompt in {prompt for prompt, _, _ in both}])
    without = clustered_mean(used, np.ones(len(used)), np.arange(len(used), dtype=np.int32))
    unread = sum(
        n
        for found in (plain, *drawn)
        for outcome, n in found.record["counts"].items()
        if outcome in ("unparsed", "void", "not asked")
    )
    return {
        "contender": first, "setting": setting, "draws": len(drawn), "prompts": split.n,
        "without context": {"estimate": without.mean, **dict(zip(("low", "high"), score_interval(without, level), strict=True))},
        "in context": asdict(split),
        "change": {"estimate": change.mean, "low": low, "high": high, "n": change.n},
        "left out": unread,
    }  # fmt: skip


def shares_of(found: Comparison, first: str) -> dict[str, float]:
    """Prompt (without context) -> the share of `first` in [0, 1], over prompts that were scored."""
    battles = found.battles
    labels = battles.cluster.labels if battles.cluster is not None else ()
    codes = battles.cluster.values if battles.cluster is not None else np.zeros(0, np.int32)
    own = battles.code_of(first)
    return {
        labels[code]: share if a == own else 1.0 - share
        for code, a, share, scored in zip(
            codes.tolist(), battles.a.tolist(), battles.share.tolist(), battles.scored.tolist(), strict=True
        )
        if scored
    }


def write_for(
    suite: Suite,
    writer: str,
    checker: str | None = None,
    *,
    ledger: str | Path | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Any = "local",
    seed: int = 0,
    quiet: bool = False,
) -> Written:
    """Contexts of a suite's prompts by the model `writer`, each question checked by `checker` where one is named."""
    with Ledger.open(ledger) as store:
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> Written:
            try:
                models = [session.open(name, Contender) for name in (writer, checker) if name is not None]
                return await written(suite.prompts, models[0], models[1] if len(models) > 1 else None)
            finally:
                await session.close()

        return finish(work(), lambda: door.stop("interrupted"))
