"""Rows of several sources in chosen proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput
from winsome.frames import Frames, Kept, id_of
from winsome.protocols import Run
from winsome.recipes.blocks import Column, Frame
from winsome.recipes.steps.narrowed import LATEST

if TYPE_CHECKING:
    from polars import DataFrame

VERSION = 1
READS: tuple[str, ...] = ()
SEPARATE = True
"""Its frames come as SOURCE.FRAME, so that it can tell the steps in `from` apart."""
PLANNED = ("stages", "replay", "fit", "equal")


def mix(
    frames: Frames,
    *,
    weights: dict[str, float] | None = None,
    sizes: dict[str, int] | None = None,
    by: Column = "source",
    frame: Frame = "",
    cap_per: int | None = None,
    within: Literal["uniform", "temperature"] = "uniform",
    temperature: float = 1.0,
    run: Run,
) -> Kept:
    """Rows of the steps named in `from`, drawn without repeats by the run's seed and shuffled.

    by: `source` (the steps) or a column such as lang or node, whose values are then the parts. sizes: rows of each part. weights:
    shares of the parts, as many rows in all as the scarcest part allows. within `temperature`: shares are sizes to the power 1 /
    temperature. cap_per: rows of a part at most. Without any of them everything is kept. frame: the frame that is mixed.
    """
    import numpy as np
    import polars as pl

    name = frame or next(n for n in LATEST if any(key.endswith(f".{n}") for key in frames))
    parts = _disjoint(
        {key.rpartition(".")[0]: t for key, t in frames.items() if key.endswith(f".{name}")}, id_of(name)
    )
    if by != "source":
        whole = _one(list(parts.values()), id_of(name))
        parts = {
            str(value): rows
            for (value,), rows in whole.partition_by(by, as_dict=True, maintain_order=True).items()
        }
    wanted = _sizes(
        {part: rows.height for part, rows in parts.items()}, weights, sizes, within, temperature, cap_per
    )
    rng = np.random.default_rng(run.seed)
    drawn: list[DataFrame] = []
    dropped: dict[str, int] = {}
    for part, rows in parts.items():
        size = wanted.get(part, 0)
        if size < rows.height:
            dropped[f"more of {part} than its share"] = rows.height - size
            rows = rows[np.sort(rng.permutation(rows.height)[:size])]
        drawn.append(rows)
    whole = pl.concat(drawn, how="diagonal")
    others = {key.rpartition(".")[2] for key in frames} - {name}
    beside = {
        other: _one([t for key, t in frames.items() if key.endswith(f".{other}")], id_of(other))
        for other in others
    }
    return Kept({**beside, name: whole[rng.permutation(whole.height)]}, dropped)


def _disjoint(parts: dict[str, DataFrame], id: str) -> dict[str, DataFrame]:
    """The parts without the rows that an earlier part has too."""
    first, *later = parts
    made = {first: parts[first]}
    for name in later:
        rows = parts[name]
        for earlier in made.values():
            rows = rows.join(earlier.select(id), on=id, how="anti", maintain_order="left")
        made[name] = rows
    return made


def _one(tables: list[DataFrame], id: str) -> DataFrame:
    """The rows of several tables, each once."""
    import polars as pl

    if len(tables) == 1:
        return tables[0]
    whole = pl.concat(tables, how="diagonal")
    return (
        whole.unique(maintain_order=True)
        if id == "subject_id"
        else whole.unique(id, keep="first", maintain_order=True)
    )


def _sizes(
    there: dict[str, int],
    weights: dict[str, float] | None,
    sizes: dict[str, int] | None,
    within: str,
    temperature: float,
    cap_per: int | None,
) -> dict[str, int]:
    """Rows of each part; BadInput for a part that is not there, or has too few rows."""
    for given in (weights, sizes):
        unknown = sorted(set(given or {}) - set(there))
        if unknown:
            raise BadInput(f'mix: no part "{unknown[0]}"; the parts are {", ".join(sorted(there))[:100]}')
    if weights and sizes:
        raise BadInput("mix: give weights or sizes, not both")
    caps = {part: n if cap_per is None else min(n, cap_per) for part, n in there.items()}
    if sizes:
        for part, size in sizes.items():
            if size > caps[part]:
                raise BadInput(
                    f"mix: {part} has {caps[part]} rows, {size} are wanted; rows are never repeated, lower sizes"
                )
        return sizes
    if within == "temperature":
        if temperature <= 0.0:
            raise BadInput(f"mix: temperature={temperature:g} must be above 0")
        weights = {part: n ** (1.0 / temperature) for part, n in there.items() if n}
    if not weights:
        return caps
    positive = {part: weight for part, weight in weights.items() if weight > 0.0}
    if not positive or any(weight < 0.0 for weight in weights.values()):
        raise BadInput("mix: weights must be at least 0, and one of them above")
    scale = min(caps[part] / weight for part, weight in positive.items())
    return {part: min(caps[part], round(scale * weight)) for part, weight in positive.items()}
