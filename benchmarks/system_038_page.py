"""The page on ranking accuracy, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

INTRO = """# Ranking accuracy: what preference training ranks right

Whether a model gives the chosen answer of a pair a higher likelihood than the rejected one (R: sums over the answer's tokens; R by token:
means), what training by DPO turns, and when R and the win rate go together (after Chen et al. 2024). Pairs: draws of the 0.2M base of
`world:instruction` labelled by the world's annotator, who errs as Bradley-Terry says; win rates against the base on 500 test prompts by
the world's gold judge, four draws of either side, all against all; 95% intervals over prompts. Machine: 2 cores, no GPU.
`python -m benchmarks.system_038` adds what is missing; this page is written from `038-ranking-accuracy.json` beside it.
"""


def rate(one: Mapping[str, Any]) -> str:
    """An estimate in per cent with its interval."""
    if one["estimate"] is None:
        return "–"
    return f"{one['estimate']:.1f}% ({one['low']:.1f}–{one['high']:.1f})"


def signed(one: Mapping[str, Any], digits: int = 2) -> str:
    return f"{one['estimate']:+.{digits}f} ({one['low']:+.{digits}f} to {one['high']:+.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = "|" + "|".join("---" if k == 0 else "--:" for k in range(len(head))) + "|"
    return ["", "| " + " | ".join(head) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows), ""]


def page(record: Mapping[str, Any]) -> str:
    """The markdown of a record as `benchmarks.system_038` writes it."""
    rows = record["rows"]
    parts = [INTRO]
    own = [row for row in rows if row["part"] == "gamma"]
    plain = [row for row in own if row["gamma"] == 1.0]
    if plain:
        parts += flips(plain, "DPO, beta 0.1, the 0.2M base")
    parts += [
        line for row in rows if row["part"] == "grown" for line in flips([row], "DPO, beta 0.1, the 3M base")
    ]
    if len(own) > len(plain):
        parts += gammas(own, record.get("nearness"), record.get("nearness_training"))
    if record.get("spread"):
        parts += spread(
            [row for row in rows if row["part"] == "spread"], record["spread"], record["spread_training"]
        )
    hard = [row for row in rows if row["part"] == "hard"]
    if hard:
        parts += hardness(hard)
    for row in rows:
        if row["part"] == "pairs":
            parts += real(row)
        if row["part"] == "crowd":
            parts += crowd(row)
        if row["part"] == "speed":
            parts += speed(row)
    spent = sum(row["cpu_seconds"] for row in rows)
    dates = sorted({row["date"] for row in rows})
    parts.append(
        f"Made {' to '.join(dict.fromkeys((dates[0], dates[-1])))} in {spent:,.0f} CPU-seconds in all."
    )
    return "\n".join(parts) + "\n"


def flips(rows: Sequence[Mapping[str, Any]], title: str) -> list[str]:
    parts = [f"## {title}: what turns", ""]
    parts.append(
        "Of the training pairs that the start ranks wrong, the share that is ranked right later; loss is the mean of the last epoch so far. "
        "Implicit: the share of all pairs whose chosen answer rose more than the rejected one, which is what trainers print as accuracy."
    )
    body = [
        [
            f"{row['seed']}", f"{one['update']}", f"{one['loss']:.3f}", rate(one["R_reference"]), rate(one["R"]), rate(one["R_token"]),
            rate(one["implicit"]), rate(one["turned"]["of"]), f"{100 * one['groups']['right and turned wrong'] / max(1, row['pairs'] - row['wrong']):.1f}%",
            rate(one["won"]), f"{one['kl']:.2f}",
        ]
        for row in rows
        for one in row["checkpoints"]
        if one is row["checkpoints"][-1] or one["update"] in halves(row)
    ]  # fmt: skip
    parts += table(
        ["seed", "update", "loss", "R at the start", "R", "R by token", "implicit", "wrong turned right", "right turned wrong", "win rate", "KL"],
        body,
    )  # fmt: skip
    parts += [apart(row) for row in rows if apart(row)]
    parts += [
        "",
        "After one epoch, by tenths of the wrong pairs from the easiest to the hardest (the loss below which a pair is ranked right):",
    ]
    for row in rows:
        one = epoch(row)
        tenths = one["turned"]["tenths"]
        parts += table(
            [f"seed {row['seed']}", *(str(t["tenth"]) for t in tenths)],
            [
                ["loss needed", *(f"{t['needed']:.3f}" for t in tenths)],
                ["nats to make up", *(f"{t['error']:.1f}" for t in tenths)],
                ["turned", *(f"{t['estimate']:.0f}%" for t in tenths)],
                ["95% interval", *(f"{t['low']:.0f}–{t['high']:.0f}" for t in tenths)],
            ],
        )
        parts.append(
            f"Trend: {signed(one['turned']['trend'], 1)} points a tenth, n = {one['turned']['of']['n']} wrong pairs of {row['pairs']}."
        )
    return [*parts, ""]


def apart(row: Mapping[str, Any]) -> str:
    """Where the implicit reward looks good while most of the wrong pairs stay wrong, by their intervals."""
    found = [
        one
        for one in row["checkpoints"]
        if one["implicit"]["low"] > 80.0 and one["turned"]["of"]["high"] < 50.0
    ]
    if not found:
        return ""
    one = found[0]
    return f"Seed {row['seed']}, update {one['update']}: the implicit reward is right on {rate(one['implicit'])} of the pairs, and {rate(one['turned']['of'])} of the wrong ones have turned."


def epoch(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The checkpoint nearest to one pass over the pairs."""
    each = row["pairs"] / 32
    return min(row["checkpoints"], key=lambda one: abs(one["update"] - each))


def halves(row: Mapping[str, Any]) -> set[int]:
    return {epoch(row)["update"]}


def gammas(
    rows: Sequence[Mapping[str, Any]], near: Mapping[str, Any] | None, training: Mapping[str, Any] | None
) -> list[str]:
    parts = ["## The reference's weight, and whether R goes with winning", ""]
    parts.append(
        "`dpo?gamma=..` weighs the reference's own gap: 1 is DPO, 0 leaves it out. R is of 1,000 pairs of other prompts. Last checkpoint of each run:"
    )
    body = [
        [f"{row['gamma']:g}", f"{row['seed']}", rate(row["held_reference"]), rate(one["held"]), rate(one["won"]), f"{one['kl']:.2f}"]
        for row in sorted(rows, key=lambda row: (row["gamma"], row["seed"]))
        for one in row["checkpoints"][-1:]
    ]  # fmt: skip
    parts += table(["gamma", "seed", "R at the start", "R", "win rate", "KL"], body)
    best = [max(row["checkpoints"], key=lambda one: one["won"]["estimate"]) for row in rows]
    if near is not None:
        parts += correlations(near, training or near)
    middle = sorted(best, key=lambda one: one["kl"])[len(best) // 2]
    parts.append(
        f"The best checkpoint of a run lies at KL {min(one['kl'] for one in best):.2f} to {max(one['kl'] for one in best):.2f} (median {middle['kl']:.2f})."
    )
    return [*parts, ""]


def correlations(near: Mapping[str, Any], training: Mapping[str, Any]) -> list[str]:
    spans = ", ".join(f"{low:.2f} to {high:.2f}" for low, high in near["kl"])
    learnt = training["correlation"]
    return [
        f"Over all {near['checkpoints']} checkpoints of {near['runs']} runs, in thirds by KL ({spans} nats an answer); intervals from "
        f"{near['prompts']} prompts and {near['pairs']:,} pairs drawn anew:",
        *table(
            [
                "correlation of R, less its start, with the win rate",
                "R of other prompts' pairs",
                "R of the training pairs",
            ],
            [[name, signed(one), signed(learnt[name])] for name, one in near["correlation"].items()],
        ),
    ]


def spread(
    rows: Sequence[Mapping[str, Any]], near: Mapping[str, Any], training: Mapping[str, Any]
) -> list[str]:
    parts = ["## From the first updates on", ""]
    parts.append(
        "The same trainings, each looked at eight times: twice as late each time in the first pass, in which the win rate climbs, then once a pass. "
        "Means over the runs; R of the training pairs:"
    )
    looks = [[row["checkpoints"][k] for row in rows] for k in range(len(rows[0]["checkpoints"]))]
    mean = lambda of: f"{sum(of) / len(of):.1f}"  # noqa: E731
    body = [
        [" to ".join(dict.fromkeys((f"{min(o['update'] for o in one)}", f"{max(o['update'] for o in one)}"))), f"{sum(o['kl'] for o in one) / len(one):.2f}",
         mean([o["won"]["estimate"] for o in one]), f"{min(o['won']['low'] for o in one):.1f} to {max(o['won']['high'] for o in one):.1f}",
         mean([o["R"]["estimate"] for o in one]), mean([o["turned"]["of"]["estimate"] for o in one])]
        for one in looks
    ]  # fmt: skip
    parts += table(["update", "KL", "win rate, mean", "from the lowest to the highest end of an interval", "R, mean", "wrong turned right, mean"], body)  # fmt: skip
    return [*parts, *correlations(near, training), ""]


def hardness(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ["## Training on hard pairs, on easy ones, on any", ""]
    parts.append(
        "Half of the pairs each, two epochs of DPO; needed: the loss below which a pair is ranked right, lowest, median, highest."
    )
    body = [
        [row["arm"], f"{row['seed']}", f"{row['pairs']}", " / ".join(f"{x:.3f}" for x in row["needed"]), rate(row["won"]), f"{row['kl']:.2f}", rate(row["R"])]
        for row in sorted(rows, key=lambda row: (row["arm"], row["seed"]))
    ]  # fmt: skip
    return [*parts, *table(["pairs", "seed", "n", "needed", "win rate", "KL", "R of all pairs"], body)]


def real(row: Mapping[str, Any]) -> list[str]:
    parts = ["## SmolLM2-135M-Instruct on harmless pairs", ""]
    parts.append(
        f"{row['n']} pairs of HH-RLHF's harmless test set whose text fits ({row['left_out']} longer ones passed over), as dialogues in the model's "
        "template. Its base is not embedded, so the reference is the same model without the system text that asks for harmlessness: how far a "
        f"prompt alone moves the ranks. {row['cpu_seconds']:.0f} CPU-seconds."
    )
    found = row["ranks"]
    body = [
        ["R without the system text (reference)", rate(found["R_reference"])],
        ["R by token, without", rate(row["reference_by_token"])],
        ["R with the system text", rate(found["R"])],
        ["R by token, with", rate(found["R_token"])],
        ["chosen rose more than rejected (implicit)", rate(found["implicit"])],
        ["the shorter answer is the chosen one", rate(row["shorter"])],
    ]
    return [*parts, *table(["figure", "95% interval"], body)]


def crowd(row: Mapping[str, Any]) -> list[str]:
    parts = ["## What the best training could rank right, by a crowd", ""]
    parts.append(
        f"LLMFAO (D. Ustalov, CC BY 4.0): {row['pairs']} pairs whose answers fit ({row['votes']} votes, {row['prompts']} prompts), the answer with more votes as the chosen one; intervals are over pairs, not over their few prompts. "
        "Reference: SmolLM2-135M-Instruct. R* takes alpha from its posterior (Beta(1/2, 1/2) before the votes) and is named by beta, for that of a "
        f"released model is not known. {row['cpu_seconds']:.0f} CPU-seconds."
    )
    body = [[name, rate(one)] for name, one in row["figures"].items()]
    return [*parts, *table(["figure", "95% interval"], body)]


def speed(row: Mapping[str, Any]) -> list[str]:
    packed, padded = (row["pairs"] / min(row["cpu"][way]) for way in ("packed", "padded"))
    return [
        "## Speed", "",
        f"SmolLM2-135M in float32 on {row['pairs']} of the harmless pairs (prompts of {row['prompt_tokens']:.0f} tokens, answers of {row['answer_tokens']:.0f} on average), one thread, one process, in turn "
        f"(ABBA; the lower of two each): {packed:.2f} pairs a CPU-second where a prompt is read once for its two answers, {padded:.2f} in padded batches of 16 through the "
        f"plain forward of transformers: {packed / padded:.2f} times (log-probabilities within {row['apart']:.0e} nats of each other).", "",
    ]  # fmt: skip
