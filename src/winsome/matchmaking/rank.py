"""Standings from verdicts that exist already: files of known formats, frames or Battles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.bradley_terry import bradley_terry
from winsome.standings.combine import combine
from winsome.standings.intervals import IntervalKind
from winsome.standings.sides import ClusterBy
from winsome.standings.table import Standings
from winsome.standings.win_rate import win_rate

if TYPE_CHECKING:
    import polars as pl

Method = Literal["win-rate", "bt"]
METHODS: tuple[Method, ...] = ("win-rate", "bt")

AGAINST_B = {"alpaca_eval_annotations", "arena_hard_judgments"}
"""Formats whose files measure one model, or several, against the same second side: their baseline."""


def rank(
    *verdicts: str | Path | pl.DataFrame | Battles,
    method: Method | None = None,
    baseline: str | None = None,
    by: Literal["category"] | None = None,
    interval: IntervalKind = "sandwich",
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    baseline_row: bool = True,
    format: str | None = None,
    seed: int = 0,
) -> Standings:
    """The standings of recorded verdicts: files (AlpacaEval, Arena-Hard, MT-Bench, Chatbot Arena, tables), frames or Battles.

    method: "win-rate" (per cent) or "bt" (Bradley-Terry, Arena points); None takes the format's own: the win rate against the
    file's baseline, or Bradley-Terry where more than two contenders meet without one. Orders and repeats of a contest are
    combined first. format forces how files are read (`winsome.ledger.formats.FORMATS`). interval and by belong to win-rate.
    Raises BadInput naming file, record and field, and for settings that do not go together.
    """
    battles, name, baseline = _read(verdicts, format, baseline)
    battles = combine(battles)
    if method is None:
        method = "bt" if baseline is None and len(battles.names) > 2 else "win-rate"
    if method == "win-rate":
        standings = win_rate(
            battles,
            baseline=baseline,
            cluster=cluster,
            interval=interval,
            level=level,
            by=by,
            baseline_row=baseline_row,
            seed=seed,
        )
    elif method == "bt":
        if by is not None or interval != "sandwich":
            raise BadInput(
                "method bt has the sandwich interval and no groups; leave --interval and --by out, or use win-rate"
            )
        standings = bradley_terry(battles, cluster=cluster, level=level)
    else:
        raise BadInput(f'no method "{method}" (known: {", ".join(METHODS)})')
    return standings.named(name, _judge(battles))


def _read(
    verdicts: tuple[str | Path | pl.DataFrame | Battles, ...], format: str | None, baseline: str | None
) -> tuple[Battles, str, str | None]:
    """The battles, what to call them, and the baseline: the one given, else the one that their format measures against."""
    if len(verdicts) == 1 and isinstance(verdicts[0], Battles):
        return verdicts[0], "battles", baseline
    if len(verdicts) == 1 and not isinstance(verdicts[0], str | Path | Battles):
        return Battles.from_frame(verdicts[0], name="frame"), "frame", baseline
    paths = [verdict for verdict in verdicts if isinstance(verdict, str | Path)]
    if not paths or len(paths) < len(verdicts):
        raise BadInput("rank takes files, or one frame, or one Battles; give one kind")
    from winsome.ledger import formats

    frame = formats.verdicts(*paths, format=format)
    named = ", ".join(Path(path).name for path in paths)
    if baseline is None and (format or formats.sniff(paths[0])) in AGAINST_B:
        baseline = _common_baseline(frame, named)
    return Battles.from_frame(frame, name=named), named, baseline


def _common_baseline(frame: pl.DataFrame, named: str) -> str:
    second = frame["model_b"].unique(maintain_order=True).to_list()
    if len(second) > 1:
        raise BadInput(
            f"{named}: measures against {len(second)} baselines ({', '.join(map(str, second))[:60]}); give --baseline NAME "
            f"or --method bt"
        )
    return str(second[0])


def _judge(battles: Battles) -> str:
    labels: list[Any] = [] if battles.judge is None else [label for label in battles.judge.labels if label]
    return str(labels[0]) if len(labels) == 1 else ""
