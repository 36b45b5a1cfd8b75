"""The page of AlpacaFarm in small, written from its figures alone."""

from __future__ import annotations

from typing import Any

BASE = "world:instruction#base?size=0.2M"
METHODS = {
    "feedme": "FeedME: supervised on the preferred answers",
    "conditioning": "binary reward conditioning",
    "dpo": "DPO",
    "best of 4": "best of 4, at test time",
    "best of 16": "best of 16, at test time",
    "expert": "expert iteration: best of 16 imitated",
    "ppo": "PPO",
    "quark": "Quark's first round, without its penalties",
}
"""What learns from the labels."""
OUTSIDE = {
    "more_sft": "further SFT on 5,000 demonstrations without errors",
    "world:instruction#base?size=3M": "the 3M base",
    "world:instruction#oracle?quality=0.9": "an oracle, right in 90%",
    f"{BASE}&temperature=1.5": "the base itself at temperature 1.5",
}
"""What no label of either source touched."""
PAPER = ("feedme", "conditioning", "best of 16", "expert", "ppo", "dpo")
"""The methods that are ranked with the base for the headline."""
AMONG = {
    "paper": "the base, FeedME, conditioning, best of 16, expert iteration, PPO, DPO",
    "trained": "these and best of 4 and Quark",
    "all": "these and four contenders that no label touched, as the paper counts them in",
}
COLUMNS = ("in_simulation", "with_the_crowd", "sim_by_gold", "crowd_by_gold")


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows."""
    lines = [
        "# AlpacaFarm in small",
        "",
        "Methods learn from one set of 10,000 pairs of the 0.2M base of `world:instruction`, labelled once by 13 simulated annotators of whose",
        "labels a quarter is flipped, once by a crowd of 40 others with larger differences. Each source trains its own reward model. Win rates",
        "against the base on unseen test prompts at temperature 1, 95% intervals. *In simulation*: the simulated labels teach, the simulated",
        "pool (without flips) judges. *With the crowd*: the crowd teaches and judges, as people do in the paper. *By gold*: the same contenders",
        "by the world's truth; KL to the base in nats an answer, tokens an answer after and before. `winsome run 071-alpaca-farm` makes one",
        "seed (2 cores, no GPU); `python -m benchmarks.alpaca_farm` writes this page from `alpaca-farm.json` beside it.",
        "Redrawn prompts rank a little worse than the drawn ones, so the interval of a correlation near 1 can end below it.",
    ]
    for row in rows:
        if "pooled" in row:
            lines += [
                "",
                f"## Seeds {', '.join(map(str, row['pooled']))} together",
                "",
                "Win rates are means over seeds, prompt by prompt; prompts are redrawn, the same for all seeds, trainings are not.",
                "",
                *ranks(row),
            ]
            continue
        lines += ["", f"## Seed {row['seed']}, {row['date']}, {row['prompts']} prompts", ""]
        lines += [
            *win_rates(row),
            "",
            *ranks(row),
            "",
            *above(row),
            "",
            *drift(row),
            "",
            *labels(row),
            "",
            *pool(row),
        ]
        spent = sum(row["cpu_seconds"].values())
        lines += [
            "",
            "Shares of the two tables above are within 1.0 and 5.7 points (95%). The sitting that ended the run took",
            f"{spent:,.0f} CPU-seconds; what an earlier one had made is not timed (–).",
        ]
    return "\n".join([*lines, ""])


def win_rates(row: dict[str, Any]) -> list[str]:
    """Every contender by every judge."""
    lines = [
        "| contender | in simulation | with the crowd | simulated labels, by gold | crowd's labels, by gold |",
        "|---|--:|--:|--:|--:|",
    ]
    for method, name in {**METHODS, **OUTSIDE}.items():
        cells = [row["rates"][step][method] for step in COLUMNS]
        lines.append(f"| {name} | {' | '.join(f'{c[0]:.1f}% ({c[1]:.1f}–{c[2]:.1f})' for c in cells)} |")
    return lines


def ranks(row: dict[str, Any]) -> list[str]:
    """How alike the rankings are."""
    lines = [
        "| Spearman of the simulated ranking and | among | contenders | estimate | 95% interval | |",
        "|---|---|--:|--:|--:|---|",
    ]
    against = {"crowd": "that with the crowd", "truth": "that of the same contenders by gold"}
    for key, one in row["ranks"].items():
        other, among = key.split(", ")
        word = "excludes 0" if one["low"] > 0 or one["high"] < 0 else "holds 0"
        lines.append(
            f"| {against[other]} | {AMONG[among]} | {one['methods']} | {one['spearman']:.2f} | {one['low']:.2f} to {one['high']:.2f} | {word} |"
        )
    return lines


def above(row: dict[str, Any]) -> list[str]:
    """Which of PPO, best of 16 and DPO beat the base by gold."""
    told: list[str] = []
    for step, source in (("sim_by_gold", "the simulated labels"), ("crowd_by_gold", "the crowd's labels")):
        won = [METHODS[m] for m in ("ppo", "best of 16", "dpo") if row["rates"][step][m][1] > 50.0]
        told.append(f"from {source}: {', '.join(won) or 'none'}")
    return [
        f"Of PPO, best of 16 and DPO, by gold these beat the base with their whole interval: {'; '.join(told)}."
    ]


def drift(row: dict[str, Any]) -> list[str]:
    """How far each method went, and what it took."""
    lines = [
        "| method | KL, simulated | KL, crowd | tokens, simulated | tokens, crowd | CPU-s of training |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for method, name in METHODS.items():
        sides = [row["changed"][step].get(method) for step in ("sim_by_gold", "crowd_by_gold")]
        if all(sides):
            apart = [f"{one['kl']:.2f} ± {2 * one['kl_error']:.2f}" for one in sides]
            length = [f"{one['tokens']:.1f} / {one['start_tokens']:.1f}" for one in sides]
            spent = [row["cpu_seconds"].get(f"{source}_{method}") for source in ("sim", "crowd")]
            times = " / ".join("–" if one is None else f"{one:.0f}" for one in spent)
            lines.append(f"| {name} | {' | '.join(apart)} | {' | '.join(length)} | {times} |")
    return lines


def labels(row: dict[str, Any]) -> list[str]:
    """What either source's labels are worth."""
    lines = [
        "| labels of | pairs | truly better chosen | truly worse chosen | both worth the same |",
        "|---|--:|--:|--:|--:|",
    ]
    for source, name in (("sim", "the simulated pool, a quarter flipped"), ("crowd", "the crowd")):
        one = row["labels"][source]
        lines.append(
            f"| {name} | {one['n']:,} | {100 * one['better']:.1f}% | {100 * one['worse']:.1f}% | {100 * one['equal']:.1f}% |"
        )
    return lines


def pool(row: dict[str, Any]) -> list[str]:
    """The simulated annotators beside the crowd."""
    lines = [
        "| simulated annotators | pairs | one label is the crowd's majority | one of the crowd is that of the others | bias | variance |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, one in row["annotators"].items():
        cells = [f"{100 * one[key]:.1f}%" for key in ("agreement", "among_people", "bias", "variance")]
        lines.append(f"| {name} | {one['n']} | {' | '.join(cells)} |")
    return lines
