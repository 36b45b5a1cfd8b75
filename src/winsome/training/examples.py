"""What is learnt from, as text: pairs, rated lists, labelled answers and demonstrations, in the field's own layouts.

A row becomes an Example: its answers with the prompt of each, and its numbers. Both layouts of TRL are read: plain (text) and
conversational (lists of messages), with the prompt beside the answers or within them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

from winsome.errors import BadInput
from winsome.frames import is_gold
from winsome.ledger.formats.complaints import listed, refuse
from winsome.records import Message, Prompt, Text, digest, user

Form = Literal["pairs", "ranked", "labelled", "demonstrations"]

ROLES: dict[Form, tuple[str, ...]] = {
    "pairs": ("chosen", "rejected"),
    "labelled": ("response",),
    "demonstrations": ("response",),
    "ranked": (),
}
"""Form -> the role of each of an example's sides; the sides of a ranked example stand in the order of its scores."""

PROMPT = ("prompt", "instruction", "question")
ANSWER = ("response", "completion", "answer", "output")


@dataclass(frozen=True, slots=True)
class Side:
    """An answer after its prompt. `ended`: it stopped by itself, so that the end of turn is learnt too."""

    prompt: Prompt
    text: str
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """One unit of the loss: its sides in the order of ROLES, and its numbers (label, margin, weight, score of each side)."""

    id: str
    sides: tuple[Side, ...]
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Examples:
    """All examples of a source; `source` is how messages name it."""

    form: Form
    rows: Sequence[Example]
    source: str

    @property
    def id(self) -> str:
        """Digest of everything that can change what is learnt."""
        return digest([self.form, [_content(row) for row in self.rows]])


def _content(row: Example) -> list[Any]:
    return [row.id, [[side.prompt.id, side.text, side.ended] for side in row.sides], dict(row.numbers)]


def examples_of(rows: Sequence[Mapping[str, Any]], source: str) -> Examples:
    """The examples in `rows`, whose form is told from the fields of the first.

    pairs: chosen, rejected; ranked: responses, scores; labelled: response (or completion), label; demonstrations: response,
    or messages. The prompt stands in `prompt`, or is what the sides share. Raises BadInput naming record and field.
    """
    if not rows:
        refuse(Path(source), "holds no records; give at least one")
    form = _form(rows[0], source)
    read = {"pairs": _pair, "ranked": _ranked, "labelled": _labelled, "demonstrations": _demonstration}[form]
    found: list[Example] = []
    for number, row in enumerate(rows, 1):
        sides, numbers = read(_Row(row, number, source))
        found.append(Example(_id(row, sides, numbers), sides, numbers))
    return Examples(form, found, source)


def unpaired(examples: Examples) -> Examples:
    """Every pair as two labelled answers: the chosen one desirable (label 1), the rejected one not (label 0)."""
    if examples.form == "labelled":
        return examples
    if examples.form != "pairs":
        raise BadInput(
            f"{examples.source}: holds {examples.form}; labelled answers come from pairs or labels"
        )
    rows = [
        Example(f"{row.id}/{role}", (side,), {**row.numbers, "label": float(role == "chosen")})
        for row in examples.rows
        for role, side in zip(ROLES["pairs"], row.sides, strict=True)
    ]
    return Examples("labelled", rows, examples.source)


def best_against_worst(examples: Examples) -> Examples:
    """Of every ranked list the pair of its best and its worst answer, with their scores; lists of equal scores are left out."""
    if examples.form == "pairs":
        return examples
    if examples.form != "ranked":
        raise BadInput(f"{examples.source}: holds {examples.form}; pairs come from pairs or from scores")
    rows: list[Example] = []
    for row in examples.rows:
        last = len(row.sides) - 1
        best, worst = row.numbers["score_0"], row.numbers[f"score_{last}"]
        if best > worst:
            numbers = {"score_chosen": best, "score_rejected": worst}
            rows.append(Example(row.id, (row.sides[0], row.sides[last]), numbers))
    if not rows:
        raise BadInput(f"{examples.source}: all scores of every prompt are equal; give answers that differ")
    return Examples("pairs", rows, examples.source)


def demonstrated(examples: Examples) -> Examples:
    """What is worth imitating: demonstrations as they are, chosen answers of pairs, the best of lists, desirable answers."""
    if examples.form == "demonstrations":
        return examples
    kept = [row for row in examples.rows if examples.form != "labelled" or row.numbers["label"] > 0]
    if not kept:
        raise BadInput(f"{examples.source}: no answer is desirable; give at least one with label true")
    return Examples(
        "demonstrations", [Example(row.id, row.sides[:1], row.numbers) for row in kept], examples.source
    )


def rated(examples: Examples) -> Examples:
    """Every answer on its own with its numbers; one of a rated list with its `score`."""
    if examples.form in ("labelled", "demonstrations"):
        return Examples("demonstrations", examples.rows, examples.source)
    if examples.form != "ranked":
        raise BadInput(f"{examples.source}: holds {examples.form}; ratings come from rated answers or lists")
    rows: list[Example] = []
    for row in examples.rows:
        shared = {name: value for name, value in row.numbers.items() if not name.startswith("score_")}
        for place, side in enumerate(row.sides):
            rows.append(
                Example(f"{row.id}/{place}", (side,), {**shared, "score": row.numbers[f"score_{place}"]})
            )
    return Examples("demonstrations", rows, examples.source)


def held_out(examples: Examples, most: int) -> tuple[Examples, list[Prompt]]:
    """The examples without a tenth of their prompts, and these prompts (`most` of them): none is on both sides.

    Which they are follows from the prompts' words alone. Raises BadInput where nothing would be left to learn from.
    """
    learnt, apart = parted(examples)
    seen = {side.prompt.id for row in learnt.rows for side in row.sides}
    prompts = {side.prompt.id: side.prompt for row in apart.rows for side in row.sides}
    return learnt, [prompts[id] for id in sorted(prompts.keys() - seen)][:most]


def parted(examples: Examples) -> tuple[Examples, Examples]:
    """The examples whose prompts are not among a tenth of all, and those whose prompts are; see `held_out`."""
    apart = {side.prompt.id: side.prompt for row in examples.rows for side in row.sides}
    chosen = [prompt for id, prompt in sorted(apart.items()) if int(id, 16) % 10 == 0]
    if not chosen:
        chosen = [apart[min(apart)]]
    names = {prompt.id for prompt in chosen}
    kept, held = list[Example](), list[Example]()
    for row in examples.rows:
        (held if names & {side.prompt.id for side in row.sides} else kept).append(row)
    if not kept:
        raise BadInput(
            f"{examples.source}: one prompt is too few to hold any out; give --suite, or more prompts"
        )
    return Examples(examples.form, kept, examples.source), Examples(examples.form, held, examples.source)


@dataclass(frozen=True, slots=True)
class _Row:
    """A record with its place, for messages that name it."""

    fields: Mapping[str, Any]
    number: int
    source: str

    def wrong(self, problem: str) -> NoReturn:
        refuse(Path(self.source), f"record {self.number} {problem}")

    def first(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if self.fields.get(name) is not None), None)

    def needed(self, *names: str) -> Any:
        name = self.first(names)
        if name is None:
            self.wrong(f'has no "{names[0]}" (found: {listed(list(self.fields))}); add the field')
        return self.fields[name]


def _form(row: Mapping[str, Any], source: str) -> Form:
    if "chosen" in row and "rejected" in row:
        return "pairs"
    if "responses" in row and "scores" in row:
        return "ranked"
    if "label" in row and any(name in row for name in ANSWER):
        return "labelled"
    if "messages" in row or any(name in row for name in ANSWER):
        return "demonstrations"
    return refuse(
        Path(source),
        f"record 1 has neither chosen and rejected, responses and scores, nor response (found: {listed(list(row))})",
    )


def _pair(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    chosen, rejected = row.needed("chosen"), row.needed("rejected")
    prompt: Any = row.fields[name] if (name := row.first(PROMPT)) else None
    if prompt is None and isinstance(chosen, str) and isinstance(rejected, str):
        prompt = _shared(chosen, rejected)
        if not prompt:
            row.wrong('has no "prompt", and its sides do not begin alike; add the prompt')
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    sides = (_side(row, prompt, chosen, "chosen"), _side(row, prompt, rejected, "rejected"))
    return sides, _numbers(row)


def _ranked(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    answers, scores = row.needed("responses"), row.needed("scores")
    if len(answers) != len(scores) or len(answers) < 2:
        row.wrong(f"has {len(answers)} responses and {len(scores)} scores; give two or more, one score each")
    values = [_finite(row, f"scores[{i}]", score) for i, score in enumerate(scores)]
    order = sorted(range(len(values)), key=lambda i: -values[i])
    prompt = row.needed(*PROMPT)
    sides = tuple(_side(row, prompt, answers[i], f"responses[{i}]") for i in order)
    return sides, _numbers(row) | {f"score_{place}": values[i] for place, i in enumerate(order)}


def _labelled(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    label = row.needed("label")
    if not isinstance(label, bool) and label not in (0, 1):
        row.wrong(f"has label {str(label)[:20]}; write true (desirable) or false")
    prompt = row.fields[name] if (name := row.first(PROMPT)) else None
    return (_side(row, prompt, row.needed(*ANSWER), "response"),), _numbers(row) | {"label": float(label)}


def _demonstration(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    prompt = row.fields[name] if (name := row.first(PROMPT)) else None
    answer = row.fields["messages"] if row.first(["messages"]) else row.needed(*ANSWER)
    return (_side(row, prompt, answer, "response"),), _numbers(row)


def _side(row: _Row, prompt: Any, answer: Any, field: str) -> Side:
    """The answer with its prompt; of a dialogue the last turn is the answer and all before it the prompt."""
    if isinstance(answer, str):
        if prompt is None:
            row.wrong(f'has no "prompt" before its {field}; add the prompt')
        text, asked = answer, _prompt(row, prompt)
    else:
        turns = [*_messages(row, prompt, "prompt"), *_messages(row, answer, field)]
        if not turns or turns[-1].role != "assistant":
            row.wrong(f"{field} does not end with a turn of the assistant; add it")
        text, asked = turns[-1].text, _dialogue(row, turns[:-1], field)
    if not text.strip():
        row.wrong(f"has an empty answer in {field}; write one, or drop the record")
    return Side(asked, text, not bool(row.fields.get(f"{field}_cut", False)))


def _prompt(row: _Row, prompt: Any) -> Prompt:
    if isinstance(prompt, str):
        if not prompt.strip():
            row.wrong("has an empty prompt; write one, or drop the record")
        return Prompt((user(prompt),), system=row.fields.get("system") or None)
    return _dialogue(row, _messages(row, prompt, "prompt"), "prompt")


def _dialogue(row: _Row, turns: Sequence[Message], field: str) -> Prompt:
    system = turns[0].text if turns and turns[0].role == "system" else row.fields.get("system") or None
    turns = turns[1:] if turns and turns[0].role == "system" else turns
    if not turns:
        row.wrong(f"{field} has no turn before the answer; add the user's")
    return Prompt(tuple(turns), system=system)


def _messages(row: _Row, value: Any, field: str) -> list[Message]:
    if value is None:
        return []
    if isinstance(value, str):
        return [user(value)]
    try:
        turns = [Message(str(turn["role"]), (Text(str(turn["content"])),)) for turn in value]
    except (TypeError, KeyError):
        row.wrong(f"{field} is neither text nor a list of role and content; write it as one of them")
    return turns


def _numbers(row: _Row) -> dict[str, float]:
    """Every numeric field that may be learnt from."""
    found: dict[str, float] = {}
    for name, value in row.fields.items():
        if isinstance(value, (int, float)) and not is_gold(name) and name not in ("id", "index"):
            found[name] = _finite(row, name, value)
    return found


def _finite(row: _Row, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        row.wrong(f"{name} is {str(value)[:20]}; write a finite number, or drop the record")
    return number


def _shared(chosen: str, rejected: str) -> str:
    """What two plain texts share at their start, up to a word's end, as TRL cuts a prompt that is not given."""
    ends = (i for i, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b)
    return chosen[: next(ends, 0)].removesuffix(" ")


def _id(row: Mapping[str, Any], sides: Sequence[Side], numbers: Mapping[str, float]) -> str:
    named = next((row[name] for name in ("pair_id", "id") if isinstance(row.get(name), (str, int))), None)
    return str(named) if named is not None else digest([[s.prompt.id, s.text] for s in sides])[:16]
