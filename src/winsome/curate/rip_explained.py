"""Why R.I.P. kept or dropped a prompt: its three metrics beside the thresholds, and the answers that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from winsome.curate.operators.rip import METRICS, known, measured
from winsome.errors import BadInput
from winsome.frames import Frames, prompts_of, text_of, with_scores, with_sides


@dataclass(frozen=True)
class Metric:
    """One of the three. percentile: the share of the pairs that thresholds were taken of with a lower value, half of the equal ones
    among them, in percent; threshold: None where it does not count; sign: how a pair that stays compares with it."""

    name: str
    value: float | None
    percentile: float | None
    sign: str
    threshold: float | None
    passed: bool


@dataclass(frozen=True)
class Answer:
    """An answer with its rating and length; side: chosen, rejected or neither."""

    text: str
    value: float | None
    length: float | None
    side: str


@dataclass(frozen=True)
class Explained:
    """What became of a prompt. reason: in a few words, why; answers: the best first."""

    prompt_id: str
    prompt: str
    kept: bool
    reason: str
    scorer: str
    unit: str
    metrics: tuple[Metric, ...]
    answers: tuple[Answer, ...]

    def payload(self) -> dict[str, Any]:
        return asdict(self)


def explained(frames: Frames, thresholds: Mapping[str, Any], prompt: str) -> Explained:
    """What `thresholds` (as the filter's facts hold them) say of the one prompt whose id begins with `prompt`.

    frames: prompts, responses, scores and pairs that reached the filter. Raises BadInput where no prompt, or more than one, is meant,
    and for one without a pair, since nothing was measured of it.
    """
    import polars as pl

    found = _meant(frames, prompt)
    unit, scorer = str(thresholds["unit"]), str(thresholds["by"])
    table = measured(with_sides(frames, by=scorer), unit)
    own = table.filter(pl.col("prompt_id") == found)
    if not own.height:
        raise BadInput(
            f"prompt {found[:16]} has no pair: all its answers were rated alike, or fewer than two were rated"
        )
    usable = table.filter(known() & (pl.col("gap") > 0))
    row = own.row(0, named=True)
    metrics = tuple(
        _metric(name, row[name], usable[name], thresholds["values"].get(name)) for name in METRICS
    )
    failed = [one for one in metrics if not one.passed]
    if row["gap"] is not None and row["gap"] <= 0:
        reason = "its answers are rated alike"
    elif any(one.value is None for one in metrics):
        reason = "a score or length is unknown"
    elif failed:
        reason = " and ".join(
            f"{one.name} {one.value:.4g} {'below' if one.sign == '>=' else 'above'} {one.threshold:.4g}"
            for one in failed
        )
    else:
        reason = "all metrics are within the thresholds"
    kept = not reason.startswith(("its", "a score")) and not failed
    text = next(one for one in prompts_of(frames["prompts"]) if one.id == found)
    told = "\n\n".join(message.text for message in text.messages)
    return Explained(found, told, kept, reason, scorer, unit, metrics, _answers(frames, row, scorer, unit))


def _meant(frames: Frames, prompt: str) -> str:
    """The id that begins so."""
    import polars as pl

    ids = frames["prompts"].filter(pl.col("prompt_id").str.starts_with(prompt))["prompt_id"].to_list()
    if len(ids) != 1 or not prompt:
        near = ", ".join(id[:16] for id in (ids or frames["prompts"]["prompt_id"].to_list())[:3])
        raise BadInput(
            f'{len(ids) if prompt else "no"} prompts have an id that begins with "{prompt[:40]}"; give one of them ({near}, ..)'
        )
    return str(ids[0])


def _metric(name: str, value: float | None, usable: Any, threshold: float | None) -> Metric:
    sign = METRICS[name]
    if value is None:
        return Metric(name, None, None, sign, threshold, passed=False)
    below = (usable < value).sum() + 0.5 * (usable == value).sum()
    passed = threshold is None or (value >= threshold if sign == ">=" else value <= threshold)
    return Metric(name, value, 100.0 * below / len(usable) if len(usable) else None, sign, threshold, passed)


def _answers(frames: Frames, row: Mapping[str, Any], scorer: str, unit: str) -> tuple[Answer, ...]:
    import polars as pl

    sides = {row["chosen_id"]: "chosen", row["rejected_id"]: "rejected"}
    rated = (
        with_scores(frames, "responses", by=scorer)
        .filter(pl.col("prompt_id") == row["prompt_id"])
        .with_columns(text=text_of())
        .sort("value", descending=True, nulls_last=True, maintain_order=True)
    )
    return tuple(
        Answer(
            one["text"],
            one["value"],
            one["n_tokens"] if unit == "tokens" else len(one["text"]),
            sides.get(one["response_id"], "neither"),
        )
        for one in rated.iter_rows(named=True)
    )
