"""What is learnt from, as text: pairs, rated lists, labelled answers and demonstrations, in the field's own layouts.

A row becomes an Example: its answers with the prompt of each, and its numbers. Both layouts of TRL are read: plain (text) and
conversational (lists of messages), with the prompt beside the answers or within them; Alpaca's (instruction, input, output) and
ShareGPT's (conversations of from and value) too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from winsome.errors import BadInput
from winsome.frames import is_gold
from winsome.ledger.formats.complaints import listed, refuse
from winsome.ledger.formats.fields import items
from winsome.records import Message, Prompt, Response, assistant, digest, user
from winsome.training.dialogues import joined, turns_of

Form = Literal["pairs", "ranked", "labelled", "demonstrations"]

ROLES: dict[Form, tuple[str, ...]] = {
    "pairs": ("chosen", "rejected"),
    "labelled": ("response",),
    "demonstrations": ("response",),
    "ranked": (),
}
"""Form -> the role of each of an example's sides; the sides of a ranked example stand in the order of its scores."""

DIALOGUE = ("messages", "conversations")
PROMPT = ("prompt", "instruction", "question", "conversations")
SECOND = ("input", "context")
"""What Alpaca and Dolly put beside an `instruction`: its second paragraph."""
ANSWER = ("response", "completion", "answer", "output")

LOGPROB = "_logprob"
"""Ends the name of the number that an answer's own policy gave it: chosen_logprob, nats over its tokens, its end included."""
PEERS_NAMES = {
    "ref_chosen_logps": "chosen_logprob",
    "ref_rejected_logps": "rejected_logprob",
    "ref_logps": "response_logprob",
}
"""TRL's names of columns, and ours."""


@dataclass(frozen=True, slots=True)
class Side:
    """An answer after its prompt. `ended`: it stopped by itself, so that the end of turn is learnt too.

    policy: the name of the contender that said it, where the data tell. begins: how many of the prompt's messages stand before what
    the row gives as the answer (None: all of them); turns of the assistant after them can be learnt as well.
    """

    prompt: Prompt
    text: str
    ended: bool = True
    policy: str = field(default="", compare=False)
    begins: int | None = field(default=None, compare=False)


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


def answered(prompt: Prompt, response: Response) -> Side:
    """The last turn of a response, after the prompt, its earlier turns and the later turns of the user between them."""
    woven = [turn for pair in zip(response.messages[:-1], prompt.follow_ups, strict=False) for turn in pair]
    asked = (
        replace(prompt, messages=(*prompt.messages, *woven), follow_ups=(), prefix="") if woven else prompt
    )
    begins = len(prompt.messages) if woven else None
    return Side(asked, response.text, response.finish != "length", response.contender, begins)


def _content(row: Example) -> list[Any]:
    return [row.id, [[side.prompt.id, side.text, side.ended] for side in row.sides], dict(row.numbers)]


def examples_of(
    rows: Sequence[Mapping[str, Any]], source: str, *, faults: list[str] | None = None
) -> Examples:
    """The examples in `rows`, whose form is told from the fields of the first.

    pairs: chosen, rejected; ranked: responses, scores; labelled: response (or completion), label; demonstrations: response,
    or messages. The prompt stands in `prompt`, or is what the sides share. Raises BadInput naming record and field; with `faults`
    such records are left out, and what is wrong with each is added there.
    """
    if not rows:
        refuse(Path(source), "holds no records; give at least one")
    form = _form(rows[0], source)
    read = {"pairs": _pair, "ranked": _ranked, "labelled": _labelled, "demonstrations": _demonstration}[form]
    found: list[Example] = []
    for number, row in enumerate(rows, 1):
        try:
            sides, numbers = read(_Row(row, number, source))
        except BadInput as error:
            if faults is None:
                raise
            faults.append(str(error))
        else:
            found.append(Example(_id(row, sides, numbers), sides, numbers))
    return Examples(form, found, source)


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
    if any(name in row for name in (*ANSWER, *DIALOGUE)):
        return "labelled" if "label" in row else "demonstrations"
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
    if prompt is None:
        # What both dialogues begin with is their prompt.
        first, second = ([*side.prompt.messages, side.text] for side in sides)
        alike = (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
        shared = next(alike, min(len(first), len(second)) - 1)
        sides = tuple(replace(side, begins=max(side.begins or 0, shared)) for side in sides)
    return sides, _numbers(row)


def _ranked(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    answers, scores = row.needed("responses"), row.needed("scores")
    if len(answers) != len(scores) or len(answers) < 2:
        row.wrong(f"has {len(answers)} responses and {len(scores)} scores; give two or more, one score each")
    values = [_finite(row, f"scores[{i}]", score) for i, score in enumerate(scores)]
    order = sorted(range(len(values)), key=lambda i: -values[i])
    prompt = row.needed(*PROMPT)
    sides = tuple(_side(row, prompt, answers[i], f"responses[{i}]") for i in order)
    numbers = _numbers(row) | {f"score_{place}": values[i] for place, i in enumerate(order)}
    told = row.fields.get("logprobs")
    if told is not None:
        if len(told) != len(answers):
            row.wrong(f"has {len(told)} logprobs for {len(answers)} responses; give one each")
        numbers |= {
            f"{place}{LOGPROB}": _finite(row, f"logprobs[{i}]", told[i]) for place, i in enumerate(order)
        }
    return sides, numbers


def _labelled(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    label = row.needed("label")
    if not isinstance(label, bool) and label not in (0, 1):
        row.wrong(f"has label {str(label)[:20]}; write true (desirable) or false")
    return (_response(row),), _numbers(row) | {"label": float(label)}


def _demonstration(row: _Row) -> tuple[tuple[Side, ...], dict[str, float]]:
    return (_response(row),), _numbers(row)


def _response(row: _Row) -> Side:
    """The one answer of a row: the last turn of its dialogue, or what stands beside its prompt."""
    asked, dialogue = row.first(PROMPT), row.first(DIALOGUE)
    if dialogue is not None and row.first(ANSWER) is None:
        prompt = row.fields[asked] if asked is not None and asked != dialogue else None
        return _side(row, prompt, row.fields[dialogue], dialogue)
    return _side(row, None if asked is None else row.fields[asked], row.needed(*ANSWER), "response")


def _side(row: _Row, prompt: Any, answer: Any, field: str) -> Side:
    """The answer with its prompt; of a dialogue the last turn is the answer and all before it the prompt."""
    begins: int | None = None
    if isinstance(answer, str):
        if prompt is None:
            row.wrong(f'has no "prompt" before its {field}; add the prompt')
        text, asked = answer, _prompt(row, prompt)
    else:
        before, own = turns_of(prompt, "prompt", row.wrong), turns_of(answer, field, row.wrong)
        turns = joined(before, own)
        if not turns or turns[-1].role != "assistant":
            row.wrong(f"{field} does not end with a turn of the assistant; add it")
        text, asked = turns[-1].text, _dialogue(row, turns[:-1], field)
        begins = sum(turn.role != "system" for turn in before)
    if not text.strip():
        row.wrong(f"has an empty answer in {field}; write one, or drop the record")
    policy = row.fields.get(f"{field}_model") or row.fields.get("model") or ""
    return Side(asked, text, not bool(row.fields.get(f"{field}_cut", False)), str(policy), begins)


def _prompt(row: _Row, prompt: Any) -> Prompt:
    if isinstance(prompt, str):
        if not prompt.strip():
            row.wrong("has an empty prompt; write one, or drop the record")
        asked = user(f"{prompt}{_second(row)}")
        return Prompt((*_history(row), asked), system=row.fields.get("system") or None)
    return _dialogue(row, turns_of(prompt, "prompt", row.wrong), "prompt")


def _history(row: _Row) -> list[Message]:
    """The exchanges before an instruction, as LLaMA-Factory keeps them: a list of requests with their answers."""
    told = row.fields.get("history") if row.first(PROMPT) == "instruction" else None
    turns = [words for pair in items(told) for words in items(pair)]
    if (
        (told and not turns)
        or len(turns) != 2 * len(items(told))
        or not all(isinstance(w, str) for w in turns)
    ):
        row.wrong(f"has {str(told)[:30]} as its history; write a list of requests with their answers")
    return [(user, assistant)[place % 2](words) for place, words in enumerate(turns)]


def _second(row: _Row) -> str:
    """The second paragraph of an instruction; empty where it has none."""
    name = row.first(SECOND) if row.first(PROMPT) == "instruction" else None
    words = "" if name is None else row.fields[name]
    if not isinstance(words, str):
        row.wrong(f"has {str(words)[:20]} as its {name}; write text")
    return f"\n\n{words}" if words.strip() else ""


def _dialogue(row: _Row, turns: Sequence[Message], field: str) -> Prompt:
    system = turns[0].text if turns and turns[0].role == "system" else row.fields.get("system") or None
    turns = turns[1:] if turns and turns[0].role == "system" else turns
    if not turns:
        row.wrong(f"{field} has no turn before the answer; add the user's")
    return Prompt(tuple(turns), system=system)


def _numbers(row: _Row) -> dict[str, float]:
    """Every numeric field that may be learnt from."""
    found: dict[str, float] = {}
    for name, value in row.fields.items():
        if isinstance(value, (int, float)) and not is_gold(name) and name not in ("id", "index"):
            found[PEERS_NAMES.get(name, name)] = _finite(row, name, value)
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
