"""Examples as token ids: rendered once, too long ones treated as asked and counted, kept as Arrow by content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.models.fetch import cache_folder
from winsome.models.render import end_of_turn, template_of
from winsome.models.weights import LocalModel
from winsome.records import digest
from winsome.training.examples import Example, Examples, Form
from winsome.training.rendered import Format, Sides, check_prefix, closed_sides, sides_ids
from winsome.training.turns import AssistantTurns, Marked, marked

if TYPE_CHECKING:
    from numpy import bool_
    from numpy.typing import NDArray
    from polars import DataFrame

VERSION = 1
TooLong = Literal["drop", "cut_prompt", "cut_answer"]
NO_NUMBERS = ("id", "prompts", "answers", "counted", "policies")
"""Columns of a row that are no figures of it."""
BLOCK = 1000
"""Rows whose texts the encoder is given at once."""


@dataclass(frozen=True)
class Tokenised:
    """Examples as ids: columns id, prompts and answers (a list of ids for each side) and one float column a number.

    With all turns of the assistant, `counted` says for each id of an answer whether it is one of theirs; `policies` names who said
    each side, where that was asked for.
    `counts`: rows read, kept, dropped and cut, by reason. `ended` counts answers whose last token ends the turn.
    """

    form: Form
    frame: DataFrame
    counts: Mapping[str, int]
    key: str
    source: str
    columns: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return self.frame.height

    @cached_property
    def ids(self) -> list[str]:
        return self.frame["id"].to_list()

    def sequences(self, row: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """(prompt ids, answer ids) of each side of a row."""
        prompts, answers = self.frame.item(row, "prompts"), self.frame.item(row, "answers")
        return [(tuple(p), tuple(a)) for p, a in zip(prompts.to_list(), answers.to_list(), strict=True)]

    @cached_property
    def sizes(self) -> list[int]:
        """Tokens of each row, its prompt counted once where all sides share it."""
        import polars as pl

        return (
            self.frame.select(
                pl.col("prompts").list.first().list.len() + pl.col("answers").list.eval(
                    pl.element().list.len()
                ).list.sum()
            )
            .to_series()
            .cast(pl.Int64)
            .to_list()
        )  # fmt: skip

    def numbers(self, name: str) -> list[float]:
        return self.frame[name].to_list()

    @property
    def counted(self) -> NDArray[bool_] | None:
        """Of each id of all answers, flat, whether it counts; None where all do."""
        if "counted" not in self.frame.columns:
            return None
        return self.frame["counted"].explode().explode().to_numpy()

    @property
    def policies(self) -> list[str] | None:
        """Who said each side, flat; None where it was not asked for."""
        return self.frame["policies"].explode().to_list() if "policies" in self.frame.columns else None

    def lines(self) -> list[str]:
        """What a user is told before the first update."""
        lost = [
            f"{name} {n}"
            for name, n in self.counts.items()
            if n and name not in ("read", "kept", "ended", "answers")
        ]
        told = f"data: {self.counts['kept']} of {self.counts['read']} rows"
        return [
            told + (f" ({', '.join(lost)})" if lost else ""),
            f"data: the end of the turn is learnt in {self.counts['ended']} of {self.counts['answers']} answers",
        ]


def tokenised(
    model: LocalModel,
    examples: Examples,
    *,
    format: Format = "chat",
    max_length: int | None = None,
    too_long: TooLong = "drop",
    whole: bool = False,
    assistant_turns: AssistantTurns = "last",
    policies: bool = False,
) -> Tokenised:
    """The examples as the model's own template writes them (`text`: prompts as they are, continued by the answer).

    `whole`: each side is its whole dialogue, closed as the template closes it, and what stands as its prompt are the tokens
    with which all sides of the row begin: the form that reward models rate.

    `assistant_turns` all: an answer is all that follows the first turn that is learnt, and `counted` tells the assistant's from the
    user's. `policies`: keep who said each side.

    A side may have `max_length` tokens (None: what the model reads); longer rows are dropped, or lose the start of the prompt,
    or the end of the answer. Rows whose sides are equal are dropped. Kept under the cache by what can change the ids. Raises
    Unsupported where the model has no chat template, BadInput where no row is left.
    """
    import polars as pl

    turns = assistant_turns == "all"
    if turns and (whole or format == "text"):
        raise BadInput(
            "all turns of the assistant are learnt from dialogues as the chat template writes them"
        )
    limit = min(model.context, max_length or model.context)
    ends = end_of_turn(model) if format == "chat" and not whole else None
    key = digest(
        [
            VERSION,
            vocabulary_digest(model),
            format,
            template_of(model) if format == "chat" else "",
            limit,
            too_long,
            examples.id,
            *(["whole"] if whole else []),
            *([] if ends in (None, model.tokenizer.eos_token_id) else ["end of turn", ends]),
            *(["all turns", [[side.begins for side in row.sides] for row in examples.rows]] if turns else []),
            *([[side.policy for side in row.sides] for row in examples.rows] if policies else []),
            *(["no prefix twice"] if any(_cut_behind_prefix(row) for row in examples.rows) else []),
        ]
    )
    place = cache_folder() / "tokens" / f"{key}.arrow"
    if place.is_file():
        frame = pl.read_ipc(place)
        counts = {n: int(c) for n, c in zip(*_counts_of(place), strict=True)}
    else:
        rows, counts = _rows(model, examples, _Asked(format, limit, too_long, whole, turns, policies))
        if not rows:
            why = ", ".join(f"{n} {c}" for n, c in counts.items() if c and n != "read")
            raise BadInput(
                f"{examples.source}: no row is left of {counts['read']} ({why or 'none read'}); raise --max-length or mend the data"
            )
        frame = pl.DataFrame(
            rows,
            schema_overrides={"prompts": pl.List(pl.List(pl.Int32)), "answers": pl.List(pl.List(pl.Int32))},
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, frame, counts)
    columns = tuple(name for name in frame.columns if name not in NO_NUMBERS)
    return Tokenised(examples.form, frame, counts, key, examples.source, columns)


def _cut_behind_prefix(row: Example) -> bool:
    """Whether a cut answer repeats its prompt's prefix, which earlier versions learnt twice."""
    return any(s.prompt.prefix and not s.ended and s.text.startswith(s.prompt.prefix) for s in row.sides)


def vocabulary_digest(model: LocalModel) -> str:
    """Digest of everything by which the tokenizer turns text into ids."""
    raw = getattr(model.tokenizer, "backend_tokenizer", None)
    own = raw.to_str() if raw is not None else sorted(model.tokenizer.get_vocab().items())
    return digest([own, model.tokenizer.eos_token_id, model.tokenizer.bos_token_id])


@dataclass(frozen=True)
class _Asked:
    """How rows become ids; `turns`: every turn of the assistant is learnt."""

    format: Format
    limit: int
    too_long: TooLong
    whole: bool
    turns: bool
    policies: bool


def _rows(
    model: LocalModel, examples: Examples, asked: _Asked
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    counts: dict[str, int] = dict.fromkeys(
        ("read", "kept", "too long", "identical sides", "prompts cut", "answers cut", "answers", "ended"), 0
    )
    rows: list[dict[str, Any]] = []
    names = sorted({name for row in examples.rows for name in row.numbers})
    if asked.format == "chat" and not asked.whole:
        check_prefix(model, examples)
    for row, sides, parts in _encoded(model, examples.rows, asked):
        counts["read"] += 1
        if max(len(p) + len(a) for p, a in sides) > asked.limit:
            fitted = _fitted(sides, asked.limit, asked.too_long)
            if fitted is None:
                counts["too long"] += 1
                continue
            counts["prompts cut" if asked.too_long == "cut_prompt" else "answers cut"] += 1
            sides = fitted
        if len(sides) > 1 and all(side == sides[0] for side in sides):
            counts["identical sides"] += 1
            continue
        counted = [part.counted[: len(a)] for part, (_, a) in zip(parts, sides, strict=bool(parts))]
        counts["kept"] += 1
        counts["answers"] += sum(part.turns for part in parts) or len(sides)
        counts["ended"] += _ended(model, sides, counted, asked.whole)
        rows.append(
            {"id": row.id, "prompts": [p for p, _ in sides], "answers": [a for _, a in sides]}
            | ({"counted": counted} if asked.turns else {})
            | ({"policies": [side.policy for side in row.sides]} if asked.policies else {})
            | {name: _number(row, name, examples.source) for name in names}
        )
    return rows, counts


def _encoded(
    model: LocalModel, rows: Sequence[Example], asked: _Asked
) -> Iterator[tuple[Example, Sides, list[Marked]]]:
    """Each row with the ids of its sides, and where all turns are learnt which of them count."""
    prompts: dict[str, list[int]] = {}
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        if asked.turns:
            for row in block:
                parts = [marked(model, side, row.id) for side in row.sides]
                yield row, [(part.prompt, part.answer) for part in parts], parts
            continue
        found = closed_sides(model, block) if asked.whole else sides_ids(model, block, asked.format, prompts)
        yield from ((row, sides, []) for row, sides in zip(block, found, strict=True))


def _ended(
    model: LocalModel,
    sides: Sequence[tuple[list[int], list[int]]],
    counted: Sequence[list[bool]],
    whole: bool,
) -> int:
    """How many answers are taught to end."""
    if whole:
        return len(sides)
    if not counted:
        return sum(a[-1] in model.ends for _, a in sides)
    return sum(
        token in model.ends
        for (_, a), held in zip(sides, counted, strict=True)
        for token, counts in zip(a, held, strict=True)
        if counts
    )


def _number(row: Example, name: str, source: str) -> float:
    if name not in row.numbers:
        raise BadInput(
            f'{source}: row {row.id} has no "{name}", which others have; fill it in or drop the column'
        )
    return row.numbers[name]


def _fitted(
    sides: Sequence[tuple[list[int], list[int]]], limit: int, too_long: TooLong
) -> list[tuple[list[int], list[int]]] | None:
    """The sides cut to `limit` tokens; all lose as much of the prompt, so that equal prompts stay equal."""
    if too_long == "cut_prompt":
        over = max(len(p) + len(a) for p, a in sides) - limit
        if all(over < len(p) for p, _ in sides):
            return [(p[over:], a) for p, a in sides]
    elif too_long == "cut_answer" and all(len(p) < limit for p, _ in sides):
        return [(p, a[: limit - len(p)]) for p, a in sides]
    return None


def _write(place: Any, frame: DataFrame, counts: Mapping[str, int]) -> None:
    import os

    import polars as pl

    told = place.with_suffix(".counts")
    scratch = place.with_name(f".{place.name}-{os.getpid()}")
    pl.DataFrame({"name": list(counts), "count": list(counts.values())}).write_ipc(scratch)
    scratch.replace(told)
    frame.write_ipc(scratch)
    scratch.replace(place)


def _counts_of(place: Any) -> tuple[list[str], list[int]]:
    import polars as pl

    found = pl.read_ipc(place.with_suffix(".counts"))
    return found["name"].to_list(), found["count"].to_list()
