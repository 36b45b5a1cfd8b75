"""What holds for every step: known frames and columns, ids that are there once, nothing true of a world, and every row accounted for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.frames import COLUMNS, Frames, Kept, id_of, is_gold, settled

if TYPE_CHECKING:
    from polars import DataFrame, Series


NAMED_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "prompts": (("prompts", "parent_ids"), ("responses", "prompt_id"), ("pairs", "prompt_id")),
    "documents": (("documents", "parent_ids"), ("prompts", "parent_ids"), ("responses", "parent_id")),
    "responses": (
        ("responses", "parent_id"),
        ("prompts", "parent_ids"),
        ("pairs", "chosen_id"),
        ("pairs", "rejected_id"),
    ),
    "pairs": (("prompts", "parent_ids"),),
    "guides": (("guides", "parent_id"), ("prompts", "parent_ids")),
}
"""Frame -> the columns of frames in which a row made may name a row of it as the one that it came from."""


def lawful(
    inputs: Frames, primary: str | None, kept: Kept | Any, anew: Collection[str] = ()
) -> dict[str, DataFrame]:
    """The frames that a step made, typed and in order, or BadInput for the first law that they break.

    inputs: what the step was given. primary: the frame whose rows its rows are made of, where it makes frames of another name. anew:
    frames that it makes without regard to those of that name before.
    """
    if not isinstance(kept, Kept):
        raise BadInput(f"gave back {type(kept).__name__}; a step gives Kept(frames, dropped)")
    same = {id(table) for table in inputs.values()}
    made = {name: table if id(table) in same else _typed(name, table) for name, table in kept.frames.items()}
    for name, table in made.items():
        if id(table) not in same:
            _ids(name, table)
    _counts(kept.dropped)
    if kept.planned is not None:
        _planned(made, kept)
    else:
        read = {key: table for key, table in inputs.items() if key.rpartition(".")[2] not in anew}
        _accounted(read, primary, made, kept.dropped)
    return made


def _typed(name: str, table: Any) -> DataFrame:
    import polars as pl

    if name not in COLUMNS:
        raise BadInput(
            f'made a frame "{name}", which is none of {", ".join(COLUMNS)}; give it one of these names'
        )
    if not isinstance(table, pl.DataFrame):
        raise BadInput(f"made {name} as {type(table).__name__}; give a Polars DataFrame")
    gold = [column for column in table.columns if is_gold(column)]
    if gold:
        raise BadInput(
            f'made {name} with the column "{gold[0]}": what is true of a world stays with its judges; drop it'
        )
    try:
        return settled(name, table)
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f"made {name} with a column of another type ({str(error).splitlines()[0][:80]}); cast it"
        ) from None


def _ids(name: str, table: DataFrame) -> None:
    column = table[id_of(name)]
    if column.null_count():
        raise BadInput(
            f"made {name} with {column.null_count()} rows without {column.name}; give every row its id"
        )
    # hashes of 64 bits first: they are unique only where the ids are, and ten times as fast to count
    if name == "scores" or column.hash().n_unique() == table.height:
        return
    if (there := column.n_unique()) < table.height:
        raise BadInput(
            f"made {name} with {table.height - there} ids that are there twice; give each row once"
        )


def _counts(dropped: Mapping[str, Any]) -> None:
    for reason, count in dropped.items():
        if not isinstance(count, int) or count < 0 or not str(reason).strip():
            raise BadInput(f'dropped {count!r} rows as "{reason}"; give a reason and a whole number from 0')


def _planned(made: Mapping[str, DataFrame], kept: Kept) -> None:
    rows, dropped = sum(table.height for table in made.values()), sum(kept.dropped.values())
    if rows + dropped != kept.planned:
        raise BadInput(
            f"planned {kept.planned} rows, made {rows} and dropped {dropped}; name every row that is missing in dropped"
        )


def _accounted(
    inputs: Frames, primary: str | None, made: Mapping[str, DataFrame], dropped: Mapping[str, int]
) -> None:
    """Every row that came in is kept by its id, is the parent of a row that was made, or is dropped by reason."""
    told = sum(dropped.values())
    came, lost = _lost(inputs, primary, made, hashed=True)
    if lost != told:
        came, lost = _lost(inputs, primary, made, hashed=False)
    if lost > told:
        raise BadInput(
            f"{lost} of {came} rows that came in are gone and {told} are told of; name the others in dropped by reason"
        )
    if lost < told:
        raise BadInput(
            f"tells of {told} rows dropped, but {lost} of {came} are gone; count each row that is left out once"
        )


def _lost(
    inputs: Frames, primary: str | None, made: Mapping[str, DataFrame], *, hashed: bool
) -> tuple[int, int]:
    """How many rows came in, and how many of them are gone; by 64-bit hashes of their ids, or by the ids themselves."""
    import polars as pl

    came = lost = 0
    for name in COLUMNS:
        given = [table[id_of(name)] for key, table in inputs.items() if key.rpartition(".")[2] == name]
        if not given or name == "scores" or (name not in made and name != primary):
            continue
        known = ([made[name][id_of(name)]] if name in made else []) + _references(name, made)
        ids = given[0] if len(given) == 1 else pl.concat(given).unique()
        seen = pl.concat(known) if known else ids.clear()
        if hashed:
            ids, seen = ids.hash(), seen.hash()
        came += len(ids)
        lost += len(ids) - ids.to_frame("id").join(seen.to_frame("id"), on="id", how="semi").height
    return came, lost


def _references(name: str, made: Mapping[str, DataFrame]) -> list[Series]:
    """The ids of rows of the frame `name` that the rows made came from."""
    import polars as pl

    found: list[Series] = []
    for frame, column in NAMED_BY[name]:
        if frame in made:
            values = made[frame][column]
            values = values.explode() if values.dtype == pl.List(pl.String) else values
            if values.null_count() < len(values):
                found.append(values.drop_nulls())
    return found
