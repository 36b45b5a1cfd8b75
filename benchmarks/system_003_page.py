"""The page on juries and the feedback loop, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.system_038_page import rate, signed, table

INTRO = """# Judges chosen by a tournament, and a generator with a reviewer

The two halves of the Fellowship of the LLMs (2024) where the truth is known: `world:instruction`, gold values exact, win rates by gold, 95%
intervals over prompts. Machine: 2 cores, no GPU. `python -m benchmarks.system_003` adds what is missing; this page is written from
`003-fellowship.json` beside it.
"""


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The markdown of the rows as `benchmarks.system_003` writes them."""
    parts = [INTRO]
    told = {"judges": judges, "loop": loop, "server": server, "debates": debates}
    for row in rows:
        parts += told[row["part"]](row)
    dates = sorted({row["date"] for row in rows})
    parts.append(f"Made {' to '.join(dict.fromkeys((dates[0], dates[-1])))} in {sum(row['seconds'] for row in rows):,.0f} CPU-seconds in all.")  # fmt: skip
    return "\n".join(parts) + "\n"


def judges(row: Mapping[str, Any]) -> list[str]:
    parts = ["## Which judge the tournament picks", ""]
    parts.append(
        f"Five simulated judges label {row['each']} of {row['pairs']:,} pairs of the 0.2M base's draws (of different worth; people: the gold judge), {row['seeds']} "
        "times; two of them share a liking of 0.8 logits a word for the longer answer. True accuracy is the mean probability of naming the better side."
    )
    body = [
        [name, f"{one['truth']:.1f}%", f"{one['measured']:.1f}%", f"{row['first'][name]}"]
        for name, one in row["judges"].items()
    ]
    parts += table(["judge", "true accuracy", "measured, mean", "came first"], body)
    parts.append(
        f"The truly best judge ({row['best']}) came first in {row['first'][row['best']]} of {row['seeds']}, and was within the paired interval of the first in {row['within']}."
    )
    parts += ["", "### Juries of three against their best member", ""]
    body = [
        [
            panel,
            f"{one['above']} of {row['seeds']}",
            f"{one['below']} of {row['seeds']}",
            f"{one['gap']:+.1f}",
        ]
        for panel, one in row["juries"].items()
    ]
    parts += table(
        ["majority, 300 pairs", "interval above 0", "interval below 0", "mean difference, points"], body
    )
    body = [
        [f"{panel}: {pool}", f"{one['right']:.1f}%", signed(one, 1)]
        for panel, held in row["whole"].items()
        for pool, one in held["pools"].items()
    ]
    for panel, held in row["whole"].items():
        told = ", ".join(f"{name} {value:.1f}%" for name, value in held["members"].items())
        parts.append(f"On all {row['pairs']:,} pairs, {panel}: {told}; best member {held['single']}.")
    parts += table(["jury", "right", "less the best member, points"], body)
    return parts


def loop(row: Mapping[str, Any]) -> list[str]:
    parts = ["## A generator and a reviewer", ""]
    parts.append(
        f"Seed {row['seed']}. Generator: the 0.2M base after {row['updates']} updates of 64 on answers (two in five with a fault, as the base learnt them), on mending a draft by a critique, and "
        "on critiques of its base's drafts. Reviewer: the same base after as many updates on critiques alone. Two rounds at temperature 1; a critique `none` ends a thread. "
        "The evaluator that keeps the best draft and picks the best of n is gold plus noise of 0.3; gold itself only reports. One answer of the generator is right in "
        f"{rate(row['right'])}; it wins {rate(row['against the base'])} against its base."
    )
    figures = {
        "last": "the loop's last draft against one answer", "best": "its best draft by the evaluator against one answer",
        "best_of_n": "best of n by the evaluator against one answer", "best_of_n_by_likelihood": "best of n by the generator's likelihood against one answer",
        "best_against_best_of_n": "the loop's best against best of n, same evaluator", "last_against_likelihood": "the loop's last against best of n by likelihood",
        "passes_right": "right drafts that the reviewer passes", "passes_faulty": "faulty drafts that it passes",
        "mended": "faulty drafts that end right", "spoilt": "right drafts that end wrong",
    }  # fmt: skip
    arms = row["arms"]
    body = [[told, *(rate(one[name]) for one in arms.values())] for name, told in figures.items()]
    body.append(["tokens written a prompt, of one answer", *(f"{one['tokens']:.1f}, {one['answer_tokens']:.1f}" for one in arms.values())])  # fmt: skip
    body.append(["n of best-of-n (at least as many tokens)", *(f"{one['n']}" for one in arms.values())])
    body.append(["revisions a prompt", *(f"{one['revisions']:.2f}" for one in arms.values())])
    parts += table(["reviewed by", *arms], body)
    parts.append(
        f"Another reviewer less itself, last drafts, paired: {signed(row['cross less self'], 1)} points."
    )
    parts += [
        "",
        "DPO (beta 0.1, two epochs) of the generator on pairs of 2,500 other prompts' loops, labelled by the evaluator, against the generator:",
    ]
    body = [
        [rule, f"{one['pairs']:,}", rate(one["true"]), rate(one["won"])] for rule, one in row["dpo"].items()
    ]
    return [*parts, *table(["pairs", "n", "labels that gold confirms", "win rate"], body)]


def server(row: Mapping[str, Any]) -> list[str]:
    spent, tables = row["spent"], row["tables"]
    all_, known = tables["all"], tables["reference"]
    parts = ["## Real small models behind a chat server", ""]
    parts.append(
        "One set of weights, SmolLM2-135M-Instruct, stands in for three models: three system texts, each with a prompt text of its own, asked through a local "
        "chat-completions server. So its jurors are not independent, and nothing here says what a jury of three models is worth. MT-Bench's 80 questions, first turns: all "
        f"{known['judges'][0]['all']['n'] + known['judges'][0]['unread']} with a recorded reference answer of GPT-4, which is the better one against SmolLM2's own of at most {row['answer_tokens']} tokens, and "
        f"{all_['judges'][0]['all']['n'] + all_['judges'][0]['unread'] - known['judges'][0]['all']['n'] - known['judges'][0]['unread']} drawn of the others, where its own answer is better than "
        "its answer to another question of the same category. Both orders are asked; the two labels' probabilities at the first token are the verdict, its mean over both "
        "orders the label; a tie is not right. Intervals over questions. The jury `weighted` is told the truth of the other folds and turns a member round that errs "
        "worse than chance: its lead is what the truth of other pairs is worth, not what a jury without it would reach."
    )
    for name, title in (("reference", "GPT-4's reference against the model's answer"), ("misplaced", "its answer against one to another question"), ("all", "both")):  # fmt: skip
        parts += ["", f"### {title[0].upper()}{title[1:]}", ""]
        parts += table(["judge", "right", "kappa", "ties", "orders disagree, of all pairs asked", "unread", "n"], [_judge(one) for one in tables[name]["judges"]])  # fmt: skip
        leads = "; ".join(f"{who} {_points(lead)}" for who, lead in tables[name]["lead"].items())
        parts.append(f"Juries less the best single one ({tables[name]['best']}), points: {leads}.")
    parts += ["", "### Words instead of probabilities", ""]
    parts.append(
        f"Debate of the three seats, one round of at most {row['speech_tokens']} tokens a speech, both answers scored out of 10 at its end; one judge by the shipped text for scores, one by "
        f"the text for a letter; the jurors on the same pairs, drawn from those with a reference. A reply that cannot be read is asked for twice more, a cut one with twice the tokens."
    )
    parts += table(["judge", "right", "kappa", "ties", "orders disagree, of all pairs asked", "unread", "n"], [_judge(one) for one in tables["debated"]["judges"]])  # fmt: skip
    won = next(one for one in row["won"] if one["contender"].startswith("gpt-4"))
    parts.append(
        f"As a comparison by that jury, with a report: GPT-4's references win {won['estimate']:.1f}% ({won['low']:.1f}–{won['high']:.1f}, n = {won['n']}) against SmolLM2."
    )
    parts.append(
        f"In all {spent['calls']:,} calls, {spent['tokens_in']:,} tokens read and {spent['tokens_out']:,} written; {row['seconds']:,.0f} CPU-seconds in the last run, server included."
    )
    return parts


def debates(row: Mapping[str, Any]) -> list[str]:
    scores = row["scores"]
    unread, verdicts = scores.get("unparsed", 0), sum(scores.values())
    parts = ["", "## More debates, and their end in a letter", ""]
    parts.append(
        f"{row['pairs']} of the pairs with a reference, both orders, one round of at most {row['speech_tokens']} tokens a speech. Asked for scores out of 10 at its end, "
        f"the debate of three could not be read in {unread} of {verdicts} verdicts: agents repeat the instruction or an answer. After the same speeches the "
        "probabilities of A and B at the first token of a last reply can be read; their mean over agents and orders is the label. The jurors on the same pairs stand below it."
    )
    parts += table(["judge", "right", "kappa", "ties", "orders disagree, of all pairs asked", "unread", "n"], [_judge(one) for one in row["judges"]])  # fmt: skip
    parts.append(
        f"The debate less the best juror ({row['best']}), points: {_points(row['lead'])}. {row['seconds']:,.0f} CPU-seconds in the last run, server included."
    )
    return [*parts, ""]


def _judge(one: Mapping[str, Any]) -> list[str]:
    found, flips = one["all"], one["flips"]
    n = found["n"] + one["unread"]
    if not found["n"]:
        return [one["judge"], "–", "–", "–", "–", f"{one['unread']}", f"{n}"]
    right, kappa = found["agreement"], found["kappa"]
    told = "–" if flips is None else f"{100 * flips:.0f}%"
    return [
        one["judge"], f"{100 * right['estimate']:.1f}% ({100 * right['low']:.1f}–{100 * right['high']:.1f})",
        f"{kappa['estimate']:.2f} ({kappa['low']:.2f} to {kappa['high']:.2f})", f"{100 * one['tie_rate']:.0f}%", told, f"{one['unread']}", f"{n}",
    ]  # fmt: skip


def _points(lead: Mapping[str, float] | None) -> str:
    return (
        "–"
        if lead is None
        else f"{100 * lead['estimate']:+.1f} ({100 * lead['low']:+.1f} to {100 * lead['high']:+.1f})"
    )
