"""The units of a run as flat arrays: which sequences there are, which of them each unit reads, in which order they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from winsome.errors import BadInput
from winsome.training.examples import ROLES
from winsome.training.tokens import Tokenised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy import bool_, float64, int32, int64
    from numpy.typing import NDArray

    from winsome.training.batch import Needs

MISMATCHED = "mismatched"
"""The role of a prompt with the answer to another one: what an estimate of the policy's drift is taken on."""


@dataclass(frozen=True)
class Flat(Sequence[tuple[list[int], list[int]]]):
    """Sequences as two flat arrays: ids of prompts and of answers, with where each begins [m + 1]."""

    prompts: NDArray[int32]
    prompt_starts: NDArray[int64]
    answers: NDArray[int32]
    answer_starts: NDArray[int64]

    def __len__(self) -> int:
        return len(self.answer_starts) - 1

    @overload
    def __getitem__(self, place: int) -> tuple[list[int], list[int]]: ...
    @overload
    def __getitem__(self, place: slice) -> list[tuple[list[int], list[int]]]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        if place >= len(self):
            raise IndexError(place)
        p, a = self.prompt_starts[place : place + 2], self.answer_starts[place : place + 2]
        return self.prompts[p[0] : p[1]].tolist(), self.answers[a[0] : a[1]].tolist()

    @property
    def lengths(self) -> NDArray[int64]:
        """Tokens of each prompt and of each answer, [m, 2]."""
        import numpy as np

        return np.stack([np.diff(self.prompt_starts), np.diff(self.answer_starts)], 1)


@dataclass(frozen=True)
class Units:
    """`members` [n + 1] and `rows`: a unit's sequences by role; `columns` [n]; `sizes` [n] in tokens.

    With `grouped`, a unit is a group whose sequences are starts[i] to starts[i + 1], and each row has columns of its own.
    counted: of each answer token, whether it counts (None: all do). policies [m]: who said each sequence's answer (None: not asked).
    """

    ids: Sequence[str]
    sequences: Flat
    rows: Mapping[str, NDArray[int64]]
    columns: Mapping[str, NDArray[float64]]
    sizes: NDArray[int64]
    starts: NDArray[int64] | None = None
    counted: NDArray[bool_] | None = None
    policies: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def counts(self, sequences: Sequence[int]) -> NDArray[bool_] | None:
        """Of the numbered sequences' answer tokens, flat, whether they count; None where all do."""
        import numpy as np

        if self.counted is None:
            return None
        starts = self.sequences.answer_starts
        return np.concatenate([self.counted[starts[i] : starts[i + 1]] for i in sequences])


def units(data: Tokenised, needs: Needs, *, objective: str) -> Units:
    """The units that an objective reads of tokenised data.

    Raises BadInput where the data lack a role or a column that it needs.
    """
    import numpy as np

    flat, starts = _flat(data)
    n = len(data)
    counted, policies = data.counted, data.policies
    if counted is not None and needs.prompts:
        raise BadInput(
            f"{objective} counts the prompts' tokens, the user's words among them; leave out --assistant-turns all"
        )
    if needs.groups:
        rows = {"response": np.arange(len(flat))}
        columns = _row_columns(data, starts)
    else:
        rows = _roles(data, needs, starts, objective)
        columns = {name: np.asarray(data.numbers(name), np.float64) for name in data.columns}
    if MISMATCHED in needs.step_roles:
        asked, said = rows["response"], _partners(flat, rows["response"], data.source)
        rows[MISMATCHED] = len(flat) + np.arange(len(asked))
        if counted is not None:
            spans = [counted[flat.answer_starts[i] : flat.answer_starts[i + 1]] for i in said]
            counted = np.concatenate([counted, *spans])
        if policies is not None:
            policies = [*policies, *(policies[int(i)] for i in asked)]
        flat = _joined(flat, asked, said)
    missing = [name for name in needs.columns if name not in columns]
    if missing:
        raise BadInput(
            f"{data.source}: {objective} needs the column {missing[0]} (found: {', '.join(columns) or 'none'}); add it"
        )
    if "weight" in needs.columns and ((columns["weight"] < 0).any() or not columns["weight"].any()):
        place = int(columns["weight"].argmin())
        told = (
            f"row {data.ids[place]} has weight {columns['weight'][place]:g}"
            if columns["weight"].any()
            else "all weights are 0"
        )
        raise BadInput(f"{data.source}: {told}; give 0 or more, and not 0 to all")
    sizes = np.asarray(data.sizes, np.int64)
    if sizes.shape != (n,):
        raise AssertionError("one size a unit")
    return Units(data.ids, flat, rows, columns, sizes, starts if needs.groups else None, counted, policies)


def _flat(data: Tokenised) -> tuple[Flat, NDArray[int64]]:
    """All sides in row order, and where each row's begin [n + 1]."""
    import numpy as np
    import polars as pl

    sides = data.frame.select(pl.col("answers").list.len()).to_series().to_numpy()
    starts = np.concatenate([[0], np.cumsum(sides, dtype=np.int64)])
    made: list[Any] = []
    for name in ("prompts", "answers"):
        lists = data.frame[name].explode()
        lengths = lists.list.len().to_numpy().astype(np.int64)
        made += [
            lists.explode().drop_nulls().to_numpy().astype(np.int32),
            np.concatenate([[0], np.cumsum(lengths)]),
        ]
    return Flat(*made), starts


def _roles(
    data: Tokenised, needs: Needs, starts: NDArray[int64], objective: str
) -> dict[str, NDArray[int64]]:
    have = ROLES[data.form]
    absent = [role for role in needs.roles if role not in have]
    if absent:
        raise BadInput(
            f"{data.source}: {objective} reads {' and '.join(needs.roles)}, the data hold {data.form}; give what it reads"
        )
    return {role: starts[:-1] + have.index(role) for role in needs.roles}


def _row_columns(data: Tokenised, starts: NDArray[int64]) -> dict[str, NDArray[float64]]:
    """Each row's score, and the unit's other numbers repeated for its rows."""
    import numpy as np

    sizes = np.diff(starts)
    found: dict[str, NDArray[float64]] = {}
    for name in data.columns:
        if not name.startswith("score_"):
            found[name] = np.repeat(np.asarray(data.numbers(name), np.float64), sizes)
    if "score_0" in data.columns:
        widest = int(sizes.max())
        table = np.stack([np.asarray(data.numbers(f"score_{k}"), np.float64) for k in range(widest)], 1)
        found["score"] = table[np.arange(widest)[None, :] < sizes[:, None]]
    return found


def _partners(flat: Flat, rows: NDArray[int64], source: str) -> list[int]:
    """For each row the sequence of the next one whose prompt is another."""
    prompts = [tuple(flat[int(row)][0]) for row in rows]
    partners: list[int] = []
    for i, prompt in enumerate(prompts):
        other = next(
            (j % len(rows) for j in range(i + 1, i + len(rows)) if prompts[j % len(rows)] != prompt), None
        )
        if other is None:
            raise BadInput(f"{source}: all rows have one prompt; an estimate on mismatched answers needs two")
        partners.append(int(rows[other]))
    return partners


def _joined(flat: Flat, asked: Sequence[int] | NDArray[int64], answered: Sequence[int]) -> Flat:
    """The sequences, and after them the prompts of those in `asked` with the answers of those in `answered`."""
    import numpy as np

    heads = [flat.prompts[flat.prompt_starts[i] : flat.prompt_starts[i + 1]] for i in asked]
    tails = [flat.answers[flat.answer_starts[i] : flat.answer_starts[i + 1]] for i in answered]
    return Flat(
        np.concatenate([flat.prompts, *heads]),
        np.concatenate([flat.prompt_starts, flat.prompt_starts[-1] + np.cumsum([len(p) for p in heads])]),
        np.concatenate([flat.answers, *tails]),
        np.concatenate([flat.answer_starts, flat.answer_starts[-1] + np.cumsum([len(a) for a in tails])]),
    )


def placed(
    units: Units, rows: Sequence[int], roles: Sequence[str]
) -> tuple[list[int], dict[str, list[int]], list[int] | None]:
    """The sequences that units `rows` need, the place of each role's among them, and with groups each sequence's unit."""
    if units.starts is not None:
        spans = [range(int(units.starts[row]), int(units.starts[row + 1])) for row in rows]
        sequences = [i for span in spans for i in span]
        groups = [number for number, span in enumerate(spans) for _ in span]
        return sequences, {"response": list(range(len(sequences)))}, groups
    sequences: list[int] = []
    places: dict[str, list[int]] = {role: [] for role in roles}
    for row in rows:
        for role in roles:
            places[role].append(len(sequences))
            sequences.append(int(units.rows[role][row]))
    return sequences, places, None


def order(n: int, epoch: int, seed: int) -> NDArray[int64]:
    """The order of `n` rows in an epoch: a permutation fixed by seed and epoch alone."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(n)


def of_update(n: int, batch: int, update: int, seed: int) -> NDArray[int64]:
    """The rows of an update: each epoch visits every row once, its last update may hold fewer."""
    each = -(-n // batch)
    epoch, place = divmod(update, each)
    return order(n, epoch, seed)[place * batch : (place + 1) * batch]


def split(rows: Sequence[int], sizes: NDArray[int64], tokens: int) -> list[list[int]]:
    """`rows` in order, cut into micro-batches of at most `tokens` tokens; a larger row stands alone."""
    found: list[list[int]] = []
    held = 0
    for row in rows:
        size = int(sizes[row])
        if not found or held + size > tokens:
            found.append([])
            held = 0
        found[-1].append(int(row))
        held += size
    return found
