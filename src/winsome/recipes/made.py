"""What a step gives, and how its parts become one: by the values of a column, behind earlier rounds, up to a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput, WinsomeError
from winsome.frames import COLUMNS, Frames, Kept, id_of

if TYPE_CHECKING:
    from polars import DataFrame


class Unfinished(WinsomeError):
    """A run that stopped before its end, as its budget is spent; what was bought is kept."""

    exit_code = 3


@dataclass(frozen=True)
class Made:
    """What a step gives that makes more than frames: contenders by label, and facts for the run's record."""

    kept: Kept = field(default_factory=Kept)
    contenders: Mapping[str, str] = field(default_factory=dict[str, str])
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def parted(frames: Frames, column: str) -> dict[str, dict[str, DataFrame]]:
    """The frames once for each value of a column of the prompts (or of whatever frame has it); what hangs on those rows goes along."""
    import polars as pl

    owner = next(
        (name for name in ("prompts", *frames) if name in frames and column in frames[name].columns), None
    )
    if owner is None:
        raise BadInput(f'for_each: no frame here has a column "{column}"')
    found: dict[str, dict[str, DataFrame]] = {}
    for (value,), rows in frames[owner].partition_by(column, as_dict=True, maintain_order=True).items():
        part = {**frames, owner: rows}
        if owner == "prompts":
            ids = rows.select("prompt_id")
            for name, table in frames.items():
                if name != owner and "prompt_id" in table.columns:
                    part[name] = table.join(ids, on="prompt_id", how="semi", maintain_order="left")
                elif name == "scores":
                    subjects = [t[id_of(n)] for n, t in part.items() if n != "scores" and n in COLUMNS]
                    part[name] = table.filter(pl.col("subject_id").is_in(pl.concat(subjects).implode()))
        found["none" if value is None else str(value)] = part
    return found


def joined(done: Sequence[Made], parts: Sequence[str]) -> Made:
    """The parts of a step that ran for each value of a column as one."""
    import polars as pl

    names = dict.fromkeys(name for made in done for name in made.kept.frames)
    frames: dict[str, DataFrame] = {}
    for name in names:
        whole = pl.concat(
            [made.kept.frames[name] for made in done if name in made.kept.frames], how="diagonal"
        )
        frames[name] = (
            whole if name == "scores" else whole.unique(id_of(name), keep="first", maintain_order=True)
        )
    plans = [made.kept.planned for made in done]
    planned = None if None in plans else sum(plan for plan in plans if plan is not None)
    contenders = {
        f"{part} {label}": name
        for part, made in zip(parts, done, strict=True)
        for label, name in made.contenders.items()
    }
    facts = {part: dict(made.facts) for part, made in zip(parts, done, strict=True) if made.facts}
    return Made(Kept(frames, summed([made.kept.dropped for made in done]), planned), contenders, facts)


def carried(made: Made, frames: Frames, names: frozenset[str]) -> Made:
    """What was made, behind the rows of earlier rounds of those frames that a loop carries."""
    import polars as pl

    both = [name for name in made.kept.frames if name in names and name in frames]
    if not both:
        return made
    tables = dict(made.kept.frames)
    for name in both:
        whole = pl.concat([frames[name], tables[name]], how="diagonal")
        tables[name] = (
            whole.unique(maintain_order=True)
            if name == "scores"
            else whole.unique(id_of(name), keep="last", maintain_order=True)
        )
    return replace(made, kept=replace(made.kept, frames=tables))


def headed(made: Made, name: str, limit: int) -> tuple[Made, dict[str, int]]:
    """The first rows of a frame that was made from nothing."""
    table = made.kept.frames[name]
    if table.height <= limit:
        return made, {}
    tables = {**made.kept.frames, name: table.head(limit)}
    return replace(made, kept=replace(made.kept, frames=tables)), {
        f"over the limit of {limit}": table.height - limit
    }


def summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for held in counts:
        for reason, n in held.items():
            whole[reason] = whole.get(reason, 0) + n
    return whole
