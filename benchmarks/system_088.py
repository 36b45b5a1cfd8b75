"""WildBench where the truth is known: what its length rule and its checklists are worth.

    python -m benchmarks.system_088 [--part world|checklist] [--out docs/results/wildbench]

world: 60 policies of known quality that differ in how many words they add, against three references, judged by a checklist judge with a
length bias; the ranking by reward at several length margins against the true one. The margin is chosen on validation prompts, figures
stand on test. checklist: the same judge with and without its checklists against the truth, pair by pair. The judge is a simulated model
that reads WildBench's own prompt and replies with its JSON. Parts that are done are read from the JSON file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl

from benchmarks import parts
from winsome.matchmaking.compare import compare
from winsome.matchmaking.generate import generate
from winsome.records import Prompt, Suite
from winsome.sandbox.checklists import checklist_of
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World
from winsome.specs import parse
from winsome.standings.columns import Codes
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.suites.wildbench_figures import Verdicts, rewards

OUT = Path("docs/results/wildbench")
WORLD = World.of("instruction", kinds=("lists", "sorting", "formats"), word_cost=0.0)
TASKS = {"validation": 100, "test": 200}
POLICIES, BOOTSTRAP = 60, 200
MANNERS = ("plain", "hedged", "warm+offer", "formal+sure+offer")
"""From no added words to nine."""
REFERENCES = ((0.3, "warm+offer"), (0.5, "plain"), (0.7, "hedged"))
BIAS, ERROR = 0.03, 0.2
ERRORS = (0.05, 0.1, 0.2, 0.3)
LOOKS = ("own", "question", "impression")
MARGINS = (-1, 0, 5, 10, 20, 30, 40)


def tasks(split: Any) -> list[Prompt]:
    """Prompts of a split with their checklists."""
    return [
        replace(prompt, for_judges={"checklist": [item.question for item in checklist_of(WORLD, prompt)]})
        for prompt in WORLD.prompts(TASKS[split], split)
    ]


def policies(seed: int) -> list[tuple[str, float, str]]:
    """(name, quality, manner) of each; quality and manner are drawn apart, so that length says nothing of quality."""
    rng = Random(f"policies/{seed}")
    drawn = [(rng.uniform(0.2, 0.95), rng.choice(MANNERS)) for _ in range(POLICIES)]
    return [(contender(quality, manner), quality, manner) for quality, manner in drawn]


def contender(quality: float, manner: str) -> str:
    return str(parse(f"{WORLD.name}#oracle?quality={quality:.4f}&manner={manner}"))


def judge(checklist: str, settings: str) -> str:
    return f"checklist?metric=reward&checklist={checklist}&model=({WORLD.name}#marker?{settings})"


def asked(
    names: Sequence[str], refs: Sequence[str], split: str, checklist: str, settings: str, work: Path
) -> pl.DataFrame:
    """The asks of each policy against each reference, one seat each."""
    suite = Suite(
        f"world-{split}", "1", tasks(split), baseline=tuple(refs), orders=1, empty="judge", equal="judge"
    )
    found = compare(
        *names, *refs, judge=judge(checklist, settings), suite=suite, ledger=work / "ledger.sqlite", folder=work / "runs", quiet=True, allow_degenerate=True
    )  # fmt: skip
    return pl.read_parquet(found.folder / "asks.parquet")


def worth(names: Sequence[str], split: str, work: Path) -> dict[str, dict[str, float]]:
    """Contender -> prompt's id -> how right its answer is."""
    prompts = tasks(split)
    return {
        name: {
            prompt.id: gold(WORLD, prompt, response.text).right
            for prompt, response in generate(name, prompts, ledger=work / "ledger.sqlite", quiet=True).answers
        }
        for name in names
    }


def mixes(asks: pl.DataFrame, names: Sequence[str], refs: Sequence[str]) -> dict[int, list[float]]:
    """Margin -> each policy's mean reward over the references."""
    place = {name: k for k, name in enumerate(names)}
    rows = [row for row in asks.iter_rows(named=True) if row["share"] is not None]
    sides = [("a", "b") if row["a"] in place else ("b", "a") for row in rows]
    by_ref: dict[int, list[list[float]]] = {margin: [] for margin in MARGINS}
    for ref in refs:
        kept = [(row, side) for row, side in zip(rows, sides, strict=True) if row[side[1]] == ref]
        verdicts = Verdicts(
            np.array([place[row[side[0]]] for row, side in kept], np.int32),
            np.array([row["share"] if side[0] == "a" else 1.0 - row["share"] for row, side in kept]),
            np.array([row["extent"] for row, _ in kept], float),
            np.array([row[f"length_{side[0]}"] - row[f"length_{side[1]}"] for row, side in kept], float),
            np.full(len(kept), ""),
            np.zeros((len(kept), 5), np.bool_),
        )
        for margin, found in zip(MARGINS, rewards(verdicts, len(names), MARGINS), strict=True):
            by_ref[margin].append([one.reward or 0.0 for one in found])
    return {margin: np.mean(values, axis=0).tolist() for margin, values in by_ref.items()}


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def in_world(work: Path) -> dict[str, Any]:
    """Rank correlations with the truth at each margin, and what the chosen margin adds."""
    drawn = {split: policies(seed) for seed, split in enumerate(TASKS)}
    refs = [contender(*one) for one in REFERENCES]
    found: dict[str, dict[int, float]] = {}
    tested: tuple[dict[int, list[float]], list[float]] | None = None
    for split, rows in drawn.items():
        names = [name for name, _, _ in rows]
        mix = mixes(asked(names, refs, split, "on", f"error={ERROR}&length_bias={BIAS}", work), names, refs)
        truth = [float(np.mean(list(one.values()))) for one in worth(names, split, work).values()]
        found[split] = {margin: spearman(values, truth) for margin, values in mix.items()}
        tested = (mix, truth)
    assert tested is not None
    mix, truth = tested
    chosen = max(MARGINS[1:], key=lambda margin: found["validation"][margin])
    draw = np.random.default_rng(0)
    gaps: list[float] = []
    while len(gaps) < BOOTSTRAP:
        picked = draw.integers(0, POLICIES, POLICIES)
        values = [np.array(one)[picked] for one in (mix[chosen], mix[-1], truth)]
        gaps.append(spearman(values[0], values[2]) - spearman(values[1], values[2]))
    low, high = np.quantile(gaps, [0.025, 0.975])
    return {
        "tasks": TASKS, "policies": POLICIES, "spearman": {split: {str(m): v for m, v in one.items()} for split, one in found.items()},
        "chosen": chosen, "gain": {"estimate": found["test"][chosen] - found["test"][-1], "low": float(low), "high": float(high), "n": POLICIES},
        "rows": [
            {"quality": quality, "manner": manner, "right": truth[k], "off": mix[-1][k], "on": mix[chosen][k]}
            for k, (_, quality, manner) in enumerate(drawn["test"])
        ],
    }  # fmt: skip


def with_and_without(work: Path) -> list[dict[str, Any]]:
    """How often each judge prefers the truly better answer, on the same pairs of the test prompts, with and without its checklists."""
    names = [name for name, _, _ in policies(1)][:8]
    refs = [contender(*one) for one in REFERENCES]
    right = worth([*names, *refs], "test", work)
    prompts = {str(prompt.item): prompt.id for prompt in tasks("test")}

    def agreed(checklist: str, settings: str) -> dict[tuple[str, str, str], float]:
        held: dict[tuple[str, str, str], float] = {}
        for row in asked(names, refs, "test", checklist, settings, work).iter_rows(named=True):
            prompt = prompts[str(row["item"])]
            gap = right[row["a"]][prompt] - right[row["b"]][prompt]
            if gap and row["share"] is not None:
                held[prompt, row["a"], row["b"]] = row["share"] if gap > 0 else 1.0 - row["share"]
        return held

    found: list[dict[str, Any]] = []
    for error in ERRORS:
        on = agreed("on", f"error={error}")
        row = {"error": error, "on": figure(on, on)}
        for look in LOOKS:
            off = agreed("off", f"error={error}&look={look}")
            row[look] = figure(off, off)
            row[f"over {look}"] = figure({key: (1 + on[key] - off[key]) / 2 for key in on}, on, 2.0)
        found.append(row)
    return found


def figure(
    values: Mapping[tuple[str, ...], float], keys: Mapping[tuple[str, ...], Any], span: float = 1.0
) -> dict[str, float]:
    """A mean of shares in per cent, tasks as clusters; span 2 turns (1 + d) / 2 back into points of d."""
    cluster = Codes.of([key[0] for key in keys]).values
    mean = clustered_mean(np.array([values[key] for key in keys]), np.ones(len(keys)), cluster)
    low, high = score_interval(mean)
    told = [100 * (span * one - (span - 1.0)) for one in (mean.mean, low, high)]
    return {"estimate": told[0], "low": told[1], "high": told[2], "n": len(keys), "tasks": mean.n}


def main() -> None:
    jobs = {
        "world": lambda work: {"found": in_world(work)},
        "checklist": lambda work: {"found": with_and_without(work)},
    }
    parts.run(jobs, parts.arguments("system_088", __doc__, list(jobs), OUT).parse_args(), page, whole=True)


def page(kept: Mapping[str, Any]) -> str:
    """docs/results/wildbench.md, from its figures."""
    one = kept["world"]["found"]
    gain = one["gain"]
    lines = [
        "# WildBench's length rule and checklists", "",
        "Both where the truth is known (Lin et al. 2024 for the protocol). Made by `python -m benchmarks.system_088`, seed 0, 2 cores, no GPU; this page",
        "is written from `wildbench.json` beside it. 95% intervals.", "",
        "The judge is a simulated model that reads WildBench's own prompt for pairs and replies with its JSON: it answers each question of the",
        f"checklist about each answer, {100 * ERROR:.0f}% of them wrongly, compares the shares of yes, and adds {BIAS} for every word that an answer is longer. A tie is",
        "a gap up to 0.05, much better one above 0.5.", "",
        "## The length rule", "",
        f"`{WORLD.name}`: {one['policies']} policies whose quality and added words are drawn apart (none to nine words), each on {one['tasks']['test']} test tasks",
        "against three references in one seat; Spearman's correlation of the mean reward with how right the answers truly are. Slight wins by more than the margin",
        f"become ties. {kept['world']['cpu_seconds']} CPU-seconds, {kept['world']['date']}.", "",
        "| margin, characters | other policies, validation tasks | test |", "|--:|--:|--:|",
    ]  # fmt: skip
    lines += [
        f"| {'off' if margin == '-1' else margin} | {value:.3f} | {one['spearman']['test'][margin]:.3f} |"
        for margin, value in one["spearman"]["validation"].items()
    ]
    lines += [
        "", f"The margin with the highest correlation on validation, {one['chosen']}, adds {gain['estimate']:+.3f} on test ({gain['low']:+.3f} to {gain['high']:+.3f} over "
        f"{BOOTSTRAP} draws of policies with replacement, n = {gain['n']}).", "",
        "| quality | manner | right | reward, rule off | rule on |", "|--:|---|--:|--:|--:|",
    ]  # fmt: skip
    lines += [
        f"| {row['quality']:.2f} | {row['manner']} | {100 * row['right']:.1f}% | {100 * row['off']:+.1f} | {100 * row['on']:+.1f} |"
        for row in sorted(one["rows"], key=lambda row: -row["right"])
    ]
    lines += [
        "", "## With and without checklists", "",
        "Eight of the policies against the same references on the test tasks, no length bias. Share of pairs of truly different answers in which the",
        "better one is preferred, ties a half; paired by pair, tasks as clusters. Three judges without a checklist, all as noisy as with it:",
        "*own* thinks of each question of the list with probability a half; *question* asks itself only whether the answer is right as a",
        "whole; *impression* sees how right the answer is, through the noise of one question.",
        f"{kept['checklist']['cpu_seconds']} CPU-seconds, {kept['checklist']['date']}.", "",
        "| misread | with checklists | own | more with checklists, points | question | more | impression | more | pairs |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for row in kept["checklist"]["found"]:
        cells = [
            f"{100 * row['error']:.0f}%",
            f"{row['on']['estimate']:.1f}% ({row['on']['low']:.1f} to {row['on']['high']:.1f})",
        ]
        for look in LOOKS:
            more = row[f"over {look}"]
            cells += [
                f"{row[look]['estimate']:.1f}%",
                f"{more['estimate']:+.1f} ({more['low']:+.1f} to {more['high']:+.1f})",
            ]
        lines.append(f"| {' | '.join(cells)} | {row['on']['n']:,} |")
    lines += [
        "", "A checklist helps a judge that would overlook what it asks after. It does not help one that knows what is right: in this world a wrong answer",
        "mostly has one fault, which the question whether all is right shows at once and a list of questions as one no among several. Nothing",
        "here says how good a real judge's checklists are.", "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
