"""Contextualized evaluation: what judges and models do once it is known who asks, where the truth is known and on public prompts.

    python -m benchmarks.system_052 [--part world|defaults|prompts] [--prompts FILE] [--out docs/results/contexts]

world: prompts that hide the asker, twelve people of two types; A answers as type 1 likes it, B as type 2, C as whoever asks likes it.
Five judges who take anybody for the asker where nobody says. defaults: the audit of default answers in 100 worlds, of A and of a model
that favours nobody. prompts: the first prompts of FILE (JSON with "instruction"), contexts from the table of attributes, SmolLM2-135M under two
system texts, judged by itself from log-probabilities. Parts that are done are read from the JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import parts
from winsome.records import Prompt, user
from winsome.sandbox.manner import DIMENSIONS
from winsome.sandbox.worlds import World
from winsome.standings.columns import Codes
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.suites.attributes import in_attributes
from winsome.suites.context_values import judges_together
from winsome.suites.contexts import Contexts, FollowUp, draw, write_contexts
from winsome.suites.contextual import InContexts, compare_in_contexts
from winsome.suites.default_context import default_context

OUT = Path("docs/results/contexts")
PEOPLE, JUDGES, DRAWS, ASKED = 12, 5, 3, 300
QUALITY = 0.8
SEEDS, AUDITED = 100, 60
NOISE = "k=0.5&flip=0.1"
ATTRIBUTES = ("expertise", "age", "region")
SYSTEMS = ("Answer in one short, plain paragraph.", "Answer in a few words for an expert.")


def share_of(values: Sequence[float], clusters: Sequence[str] | None = None) -> dict[str, float]:
    """A mean of shares in per cent with its 95% interval over clusters."""
    codes = Codes.of(list(clusters) if clusters is not None else [str(n) for n in range(len(values))]).values
    mean = clustered_mean(np.asarray(values, float), np.ones(len(values)), codes)
    low, high = score_interval(mean)
    return {"estimate": 100 * mean.mean, "low": 100 * low, "high": 100 * high, "n": mean.n}


def points_of(first: Mapping[Any, float], second: Mapping[Any, float]) -> dict[str, float]:
    """First less second in points, paired by prompt; keys are prompts, or begin with one."""
    both = sorted(set(first) & set(second))
    clusters = [key if isinstance(key, str) else key[0] for key in both]
    found = share_of([(1 + first[key] - second[key]) / 2 for key in both], clusters)
    return {name: value if name == "n" else 2 * value - 100 for name, value in found.items()}


def by_draw(found: Sequence[InContexts]) -> dict[tuple[str, int], float]:
    """(prompt, draw) -> the first contender's share, mean over judges."""
    held: dict[tuple[str, int], list[float]] = {}
    for one in found:
        for k, shares in enumerate(one.drawn_shares):
            for prompt, share in shares.items():
                held.setdefault((prompt, k), []).append(share)
    return {key: float(np.mean(values)) for key, values in held.items()}


def hidden(world: World, n: int, place: Path) -> list[Prompt]:
    """Different test prompts that do not say who asks; `place` becomes the file that holds them as a suite."""
    texts = islice(dict.fromkeys(prompt.text for prompt in world.prompts(2 * n)), n)
    prompts = [Prompt((user(text),), item=str(k)) for k, text in enumerate(texts)]
    place.write_text("".join(json.dumps({"id": p.item, "prompt": p.text}) + "\n" for p in prompts), "utf-8")
    return prompts


def taste_of(world: World, group: int) -> str:
    """The manner that people of a type like best, as the oracle takes it."""
    weights = next(person.weights for person in world.people if person.group == group)
    return "+".join(
        max(values, key=lambda value: weights.get((dimension, value), 0.0))
        for dimension, values in DIMENSIONS.items()
    )


def in_world(work: Path) -> dict[str, Any]:
    """Agreement, rates by type, and what it gains a model to be told who asks."""
    world = World.of("attribute", persons=PEOPLE, groups=2)
    file = work / "hidden.jsonl"
    prompts = hidden(world, ASKED, file)
    asker = FollowUp("Who is asking?", tuple(person.name for person in world.people))
    contexts = {prompt.id: Contexts((asker,)) for prompt in prompts}
    write_contexts(work / "asker.jsonl", prompts, contexts)
    a, b = (f"{world.name}#oracle?quality={QUALITY}&manner={taste_of(world, g)}" for g in (0, 1))
    follower = f"{world.name}#oracle?quality={QUALITY}&manner=best"

    def asked(first: str, judge: int, setting: Any) -> InContexts:
        return compare_in_contexts(
            first, b, judge=f"{world.name}#annotator?guesses=true&{NOISE}&seed={judge}", suite=str(file), contexts=lambda suite: contexts,
            setting=setting, draws=DRAWS, settings={"ledger": work / "ledger.sqlite", "folder": work / "runs", "quiet": True},
        )  # fmt: skip

    found = [asked(a, judge, "judge") for judge in range(1, JUDGES + 1)]
    group = {person.name: person.group for person in world.people}
    shares = by_draw(found)
    by_type: list[list[tuple[str, float]]] = [[], []]
    for (prompt, k), share in shares.items():
        by_type[group[draw(contexts[prompt], prompt, k)[0][1]]].append((prompt, share))
    shown, told = (
        [asked(follower, judge, setting) for judge in range(1, JUDGES + 1)] for setting in ("judge", "both")
    )
    rows = found[0].figures["by answer"]
    return {
        "world": world.name, "manners": [taste_of(world, g) for g in (0, 1)], "prompts": ASKED, "draws": DRAWS,
        "together": judges_together(found),
        "split": found[0].figures["in context"], "change": found[0].figures["change"],
        "average": share_of(list(shares.values()), [key[0] for key in shares]),
        "types": [share_of([share for _, share in rows_], [p for p, _ in rows_]) for rows_ in by_type],
        "people": [{"type": group[row["answer"]] + 1, **row} for row in rows],
        "follower": {
            "shown to the judge": share_of(list(by_draw(shown).values()), [key[0] for key in by_draw(shown)]),
            "shown to both": share_of(list(by_draw(told).values()), [key[0] for key in by_draw(told)]),
            "gain": points_of(by_draw(told), by_draw(shown)),
        },
    }  # fmt: skip


def defaults(work: Path) -> dict[str, Any]:
    """In how many worlds the audit names the type that A serves, and claims nothing of a model that favours nobody."""
    from winsome.standings.intervals import wilson

    counts = {
        "A": {"type 1": 0, "type 2": 0, "both": 0, "none": 0},
        "balanced": {"type 1": 0, "type 2": 0, "both": 0, "none": 0},
    }
    graded = list[int]()
    worlds = (World.of("attribute", persons=2, groups=2, seed=seed) for seed in count())
    differ = (world for world in worlds if taste_of(world, 0) != taste_of(world, 1))
    for seed, world in enumerate(islice(differ, SEEDS)):
        place = work / f"defaults-{seed}"
        place.mkdir(exist_ok=True)
        hidden(world, AUDITED, place / "hidden.jsonl")
        names = [person.name for person in world.people]
        (place / "table.json").write_text(
            json.dumps({"asker": {"question": "Who is asking?", "values": names}}), "utf-8"
        )
        for contender, manner in (("A", taste_of(world, 0)), ("balanced", "random")):
            found = default_context(
                f"{world.name}#oracle?quality={QUALITY}&manner={manner}", judge=f"{world.name}#grader?noise=1", suite=str(place / "hidden.jsonl"),
                table_of=place / "table.json", ledger=place / "ledger.sqlite", seed=seed, quiet=True,
            )  # fmt: skip
            (asker,) = found.default
            graded.append(asker.n)
            named = [names.index(value) + 1 for value in asker.default]
            counts[contender]["none" if not named else "both" if len(named) > 1 else f"type {named[0]}"] += 1
    rates = {
        "A named type 1": (counts["A"]["type 1"], wilson(counts["A"]["type 1"] / SEEDS, SEEDS, 1.959964)),
        "balanced named none": (
            counts["balanced"]["none"],
            wilson(counts["balanced"]["none"] / SEEDS, SEEDS, 1.959964),
        ),
    }
    return {
        "seeds": SEEDS, "prompts": AUDITED, "graded": float(np.mean(graded)), "counts": counts,
        "rates": {name: {"estimate": 100 * hits / SEEDS, "low": 100 * ends[0], "high": 100 * ends[1], "n": SEEDS} for name, (hits, ends) in rates.items()},
    }  # fmt: skip


def public(work: Path, source: Path, limit: int) -> dict[str, Any]:
    """Three settings on public prompts, contexts from the table of attributes, both seats."""
    texts = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    prompts = [
        Prompt((user(row["turns"][0] if "turns" in row else row["prompt"]),), item=str(k)) for k, row in enumerate(texts[:limit])
    ]  # fmt: skip
    file = work / "public.jsonl"
    file.write_text("".join(json.dumps({"id": p.item, "prompt": p.text}) + "\n" for p in prompts), "utf-8")
    contexts = in_attributes(prompts, ATTRIBUTES)
    model = "embedded:smollm2-135m"
    first, second = (f"{model}?max_tokens=64&temperature=0&system={json.dumps(system)}" for system in SYSTEMS)
    found = {
        setting: compare_in_contexts(
            first, second, judge=f"pairwise?model=({model})&protocol=alpaca_eval&logprobs=20", suite=str(file), contexts=lambda suite: contexts, setting=setting,
            draws=2, allow_same_judge=True,
            settings={"ledger": work / "public.sqlite", "folder": work / "runs", "quiet": True, "allow_degenerate": True},
        )
        for setting in ("judge", "both")
    }  # fmt: skip
    return {
        "source": source.name, "prompts": len(prompts), "attributes": list(ATTRIBUTES), "systems": list(SYSTEMS),
        "judge": found["judge"].figures, "both": found["both"].figures,
        "gain": points_of(by_draw([found["both"]]), by_draw([found["judge"]])),
    }  # fmt: skip


def main() -> None:
    parser = parts.arguments("system_052", __doc__, ["world", "defaults", "prompts"], OUT)
    parser.add_argument("--prompts", type=Path, help="JSON lines with prompt or turns, for the part prompts")
    parser.add_argument("--limit", type=int, default=60, help="how many of them (default 60)")
    given = parser.parse_args()
    jobs = {"world": in_world, "defaults": defaults}
    if given.prompts is not None:
        jobs["prompts"] = lambda work: public(work, given.prompts, given.limit)
    parts.run(jobs, given, page)


def told(one: Mapping[str, float]) -> str:
    return f"{one['estimate']:.1f}% ({one['low']:.1f} to {one['high']:.1f})"


def points(one: Mapping[str, float], scale: float = 1.0) -> str:
    return f"{scale * one['estimate']:+.1f} points ({scale * one['low']:+.1f} to {scale * one['high']:+.1f}), n = {one['n']}"


def page(found: Mapping[str, Any]) -> str:
    """docs/results/contexts.md, from its figures."""
    lines = [
        "# Contexts: what changes once it is known who asks", "",
        "Contextualized evaluation (Malaviya et al. 2024): a comparison without and in drawn contexts, and the audit of default answers. Seed 0,",
        "2 cores, no GPU, 95% intervals over prompts. `python -m benchmarks.system_052 --prompts FILE` makes it; this page is written from",
        "`contexts.json` beside it.", "",
    ]  # fmt: skip
    if "world" in found:
        one = found["world"]
        group = one["together"]
        lines += [
            "## A world of two types of askers", "",
            f"`{one['world']}`: {one['prompts']} test prompts with the line taken out that says who asks; {PEOPLE} people of two types, who like",
            f"`{one['manners'][0]}` and `{one['manners'][1]}`. A answers as type 1 likes it and B as type 2, both right {100 * QUALITY:.0f}% of the time. Five judges see",
            "the truth through noise (k = 0.5, one label in ten swapped) and, where a prompt does not say who asks, take one of the people for the asker, each judge its",
            f"own. {one['draws']} contexts a prompt, each a name. {one['cpu_seconds']} CPU-seconds, {one['date']}.", "",
            "| | without context | in context |", "|---|--:|--:|",
            f"| five judges agree | {100 * group['without context']['agreement']:.1f}% | {100 * group['in context']['agreement']:.1f}% |",
            f"| Fleiss' kappa, even chance | {group['without context']['kappa']:.3f} | {group['in context']['kappa']:.3f} |",
            f"| A's win rate by majority | {100 * group['without context']['win_rate']:.1f}% | {100 * group['in context']['win_rate']:.1f}% |", "",
            f"- Agreement rises by {points(group['change'], 100)}, paired by prompt.",
            f"- A wins {told(one['average'])} on average over contexts (mean of five judges), {told(one['types'][0])} where type 1 asks and "
            f"{told(one['types'][1])} where type 2 does (n = {one['average']['n']}, {one['types'][0]['n']} and {one['types'][1]['n']} prompts).",
            f"- One judge: the winner changes for {100 * one['change']['estimate']:.1f}% ({100 * one['change']['low']:.1f} to {100 * one['change']['high']:.1f}) "
            f"of contexts; variance of a share {one['split']['prompts']:.3f} between prompts, {one['split']['contexts']:.3f} between contexts.",
            f"- C, which answers as the asker likes it once it is told who asks, wins {told(one['follower']['shown to the judge'])} against B where the judge "
            f"alone is told and {told(one['follower']['shown to both'])} where C is told too: {points(one['follower']['gain'])}.", "",
            "By who asks, one judge (* differs from 50%, false discovery rate 5%):", "",
            "| asker | type | A wins | 95% interval | prompts |", "|---|--:|--:|--:|--:|",
        ]  # fmt: skip
        lines += [
            f"| {row['answer']} | {row['type']} | {100 * row['estimate']:.1f}%{' *' if row['differs'] else ''} | {100 * row['low']:.1f} to {100 * row['high']:.1f}% | {row['n']} |"
            for row in one["people"]
        ]
        lines.append("")
    if "defaults" in found:
        one = found["defaults"]
        lines += [
            "## The audit of default answers", "",
            f"The first {one['seeds']} worlds of two askers, one of each type; {one['prompts']} prompts that hide the asker (on average {one['graded']:.0f} graded: those",
            "that name one of the two are left out), grades from 1 to 5 with a noise of one grade. A serves type 1, the balanced model answers",
            f"each prompt in a manner drawn at random. Worlds whose types like the same are passed over. {one['cpu_seconds']} CPU-seconds, {one['date']}.", "",
            "| model | named type 1 | type 2 | both | none |", "|---|--:|--:|--:|--:|",
        ]  # fmt: skip
        lines += [
            f"| {name} | {row['type 1']} | {row['type 2']} | {row['both']} | {row['none']} |"
            for name, row in one["counts"].items()
        ]
        lines += [
            "",
            f"A's type is named in {told(one['rates']['A named type 1'])} of worlds, nothing is claimed of the balanced model in {told(one['rates']['balanced named none'])}.",
            "",
        ]
    if "prompts" in found:
        one = found["prompts"]
        lines += [
            "## Public prompts", "",
            f"The first {one['prompts']} prompts of `{one['source']}`; contexts from the shipped table ({', '.join(one['attributes'])}), two a prompt;",
            f"SmolLM2-135M told \"{one['systems'][0]}\" against the same told \"{one['systems'][1]}\", answers of at most 64 tokens, judged by",
            f"SmolLM2-135M itself from log-probabilities in both seats. {one['cpu_seconds']} CPU-seconds (of the last run; what earlier ones had asked was kept), {one['date']}.", "",
            "| who is told | without context | in context | in the worst and best context | the winner changes | prompts |", "|---|--:|--:|--:|--:|--:|",
        ]  # fmt: skip
        for name, label in (("judge", "the judge alone"), ("both", "contenders and judge")):
            row = one[name]
            plain, within, change = row["without context"], row["in context"], row["change"]
            lines.append(
                f"| {label} | {100 * plain['estimate']:.1f}% ({100 * plain['low']:.1f} to {100 * plain['high']:.1f}) | {100 * within['mean']:.1f}% "
                f"({100 * within['low']:.1f} to {100 * within['high']:.1f}) | {100 * within['lowest']:.1f} to {100 * within['highest']:.1f}% | "
                f"{100 * change['estimate']:.1f}% ({100 * change['low']:.1f} to {100 * change['high']:.1f}) | {row['prompts']} |"
            )
        lines += [
            "", f"Telling the contenders too moves the first by {points(one['gain'])}. Most of this judge's preference is for a seat, which both seats",
            "cancel, so its figures stay near one half whatever it is told; they show the path, not for whom SmolLM2 writes.", "",
        ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
