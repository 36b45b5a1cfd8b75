"""Self-preference: how much more often a judge prefers its own model's answers than a trusted judge does, on the same pairs."""

from __future__ import annotations

from typing import Any

from winsome.audit.findings import Cell, mean_share, points, table
from winsome.standings.columns import Floats


def self_preference(
    own: tuple[Floats, Floats], other: tuple[Floats, Floats], alarms: list[str]
) -> dict[str, Any]:
    """The audit's table from shares [prompts] of the judged answer against the same rival: (by the judge, by gold).

    own: the answers of the judge's model. other: those of a model that is not the judge's, whose difference is what any two judges
    differ by; the self-preference is the first difference minus the second, on the same prompts. NaN shares leave a prompt out.
    A positive interval is an alarm.
    """
    rows: list[list[Cell]] = []
    for name, (judged, gold) in (("own", own), ("another model's", other)):
        rows.append([f"{name} answers", mean_share(judged), mean_share(gold), points(judged, gold)])
    both = points(own[0] - own[1], other[0] - other[1], span=2.0)
    rows.append(["self-preference", None, None, both])
    even = own[1] == 0.5
    rows.append(["own answers where gold finds them equal", mean_share(own[0][even]), mean_share(own[1][even]), points(own[0][even], own[1][even])])  # fmt: skip
    if both["low"] is not None and both["low"] > 0.0:
        alarms.append(f"self-preference: {both['estimate']:.1f} points ({both['low']:.1f} to {both['high']:.1f}) for its own model's answers")  # fmt: skip
    return table(
        "Self-preference: answers of the judge's model and of another against the same rival",
        ["answers", "preferred by the judge, per cent", "by gold, per cent", "judge minus gold, points"],
        rows,
        [
            "Differences are paired by prompt. The other model's difference is the rate that honest disagreement brings; the line below it "
            "takes it off."
        ],
    )
