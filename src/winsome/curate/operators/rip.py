"""Prompts judged by the answers that they provoke: a very bad, very short or widely spread answer says that the prompt is bad."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.frames import Facts, Frames, Kept, kept
from winsome.given import is_mapping

if TYPE_CHECKING:
    from polars import DataFrame, Expr

ON = "pairs"
READS = "sides"
METRICS = {"rejected_reward": ">=", "rejected_length": ">=", "gap": "<="}
"""What is compared with its threshold, and how; rows on a threshold stay."""
TAU = {"rejected_reward": "p50", "rejected_length": "p50", "gap": "p50"}


def rip(
    frame: DataFrame,
    *,
    tau: dict[str, str] | None = None,
    thresholds_from: Facts = "train",
    unit: Literal["tokens", "characters"] = "tokens",
    frames: Frames,
) -> Kept:
    """R.I.P.: the pairs (best over worst answer of a prompt) whose rejected answer is rated and as long as tau says, and whose gap is
    no wider.

    tau: metric -> pXX, a percentile of these pairs (linear interpolation), or a number; a metric that is not named does not count.
    Default the median of all three. thresholds_from: `train`, an earlier rip step of the recipe, or a file that has the thresholds of
    an earlier run (its recipe.json, or what its filter step told); they are then taken as numbers. unit: of lengths. Pairs of equal scores are left out, of the
    percentiles too. Raises BadInput where a rejected answer is rated above the chosen one, for an unknown metric, and for thresholds
    of another scorer or unit. Source: Yu et al. 2025 (R.I.P.), section 3.
    """
    import polars as pl

    wanted = _wanted(tau)
    table = measured(frame, unit)
    swapped = table.filter(pl.col("gap") < 0)
    if swapped.height:
        raise BadInput(
            f"filter rip: {swapped.height} pairs ({swapped['pair_id'][0][:16]}) have a rejected answer that is rated higher; swap their sides"
        )
    usable = table.filter(known() & (pl.col("gap") > 0))
    scorer = _scorer(frames)
    if thresholds_from == "train":
        limits = {name: _limit(name, value, usable[name]) for name, value in wanted.items()}
    else:
        limits = _read(thresholds_from, wanted, scorer, unit)
    reasons: dict[str, Expr] = {
        "no score or length": ~known(),
        "answers rated alike": pl.col("gap") <= 0,
    }
    for name, limit in limits.items():
        above = METRICS[name] == ">="
        told = f"{name} {'below' if above else 'above'} {limit:.4g}"
        reasons[told] = pl.col(name) < limit if above else pl.col(name) > limit
    done = kept("rows", table, reasons)
    facts = {"thresholds": {"by": scorer, "unit": unit, "values": limits, "of": usable.height}}
    return Kept({"rows": done.frames["rows"].select(frame.columns)}, done.dropped, facts=facts)


def check(settings: Mapping[str, Any]) -> None:
    """Raise BadInput for thresholds that are none, before anything is asked."""
    for name, value in _wanted(settings.get("tau")).items():
        _threshold(name, value)


def _wanted(tau: Mapping[str, str] | None) -> dict[str, str]:
    """Metric -> what its threshold is to be."""
    wanted = dict(TAU if tau is None else tau)
    unknown = [name for name in wanted if name not in METRICS]
    if unknown or not wanted:
        raise BadInput(
            f'filter rip: tau: no metric "{", ".join(unknown) or "none"}" (known: {", ".join(METRICS)})'
        )
    return wanted


def measured(frame: DataFrame, unit: str) -> DataFrame:
    """Pairs with their sides, and the three metrics as columns; lengths in `unit`, tokens or characters."""
    import polars as pl

    long = pl.col("rejected_tokens") if unit == "tokens" else pl.col("rejected_text").str.len_chars()
    return frame.with_columns(
        rejected_reward=pl.col("rejected_value"),
        rejected_length=long.cast(pl.Float64),
        gap=pl.col("chosen_value") - pl.col("rejected_value"),
    )


def known() -> Expr:
    """Whether a row has all three metrics."""
    import polars as pl

    return pl.all_horizontal(pl.col(name).is_not_null() & pl.col(name).is_not_nan() for name in METRICS)


def _scorer(frames: Frames) -> str:
    """Whose ratings they are; BadInput for those of several, which have no one scale."""
    if "scores" not in frames:
        raise BadInput("filter rip: no scores reach this step; put a score step before")
    import polars as pl

    names = frames["scores"].filter(pl.col("subject") == "response")["by"].unique().sort().to_list()
    if len(names) > 1:
        raise BadInput(
            f"filter rip: answers were rated by {names[0]} and {names[1]}; score with keep: false, one scorer a scale"
        )
    return str(names[0]) if names else ""


def _limit(name: str, value: str, found: Any) -> float:
    share, number = _threshold(name, value)
    if not share:
        return number
    if not len(found):
        raise BadInput("filter rip: no pair has two different scores; give more answers a prompt")
    return float(found.quantile(number / 100.0, interpolation="linear"))


def _threshold(name: str, value: str) -> tuple[bool, float]:
    """Whether it is a percentile, and its number."""
    text = str(value)
    if text[:1] != "p":
        return False, _number(name, text)
    share = _number(name, text[1:])
    if not 0.0 <= share <= 100.0:
        raise BadInput(f"filter rip: tau: {name}: {text} is no percentile; write p0 to p100")
    return True, share


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"filter rip: tau: {name}: {text[:20]} is neither pXX nor a number")
    return number


def _read(
    source: str | Mapping[str, Any], wanted: Mapping[str, str], scorer: str, unit: str
) -> dict[str, float]:
    """The thresholds that an earlier step or run kept."""
    file = source if isinstance(source, str) else "the step before"
    try:
        held: Any = (
            json.loads(Path(source).expanduser().read_text("utf-8"))
            if isinstance(source, str)
            else dict(source)
        )
    except (OSError, ValueError) as error:
        raise BadInput(
            f"filter rip: thresholds_from: {file[:60]} cannot be read ({type(error).__name__}); name a recipe.json"
        ) from None
    record: Mapping[str, Any] = held if is_mapping(held) else {}
    steps: list[Any] = record.get("steps", [])
    told = [step["facts"]["thresholds"] for step in steps if "thresholds" in step.get("facts", {})]
    found: Any = told[0] if told else record.get("thresholds", record)
    values: Any = found.get("values", {})
    missing = [name for name in wanted if name not in values]
    if missing:
        raise BadInput(f'filter rip: {file[:60]} has no threshold of "{missing[0]}"; leave it out of tau')
    if found.get("by") != scorer:
        raise BadInput(
            f"filter rip: {file[:40]} has thresholds on the scale of {str(found.get('by'))[:50]}, these are of {scorer[:50]}; rate with one"
        )
    if found.get("unit") != unit:
        raise BadInput(
            f"filter rip: {file[:60]} has lengths in {found.get('unit')}, these are in {unit}; use one unit"
        )
    return {name: float(values[name]) for name in wanted}
