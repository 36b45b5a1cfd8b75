"""A judge's prompt text from its file: read once, compiled to pieces, filled in by joining them.

    <|im_start|>system
    ..
    <|im_end|>
    <|im_start|>user
    [if reference]
    The right answer: {reference}
    [end]
    {question} .. {answer_1} .. {answer_2}
    <|im_end|>

A file without blocks is one user's turn. `[if reference]`, `[if turns]` and `[if not ..]` keep lines for prompts with a reference
answer or with several turns. Slots of a pair: question, answer_1, answer_2, reference, fence; also the published
names instruction, output_1, output_2, answer_a, answer_b, prompt, and by turn question_2, answer_a_2, ref_answer_2. Of one
answer: question, answer, reference, fence; by turn answer_2. Both: history and query (the turns before the last user's, and that
turn), checklist. Letters' case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.given import is_listed, is_mapping
from winsome.judges import dialogue
from winsome.records import Message, Prompt, Response, Text, digest

_PARTS: Mapping[str, Callable[[Prompt], str]] = {
    "history": dialogue.history,
    "query": dialogue.query,
    "checklist": dialogue.checklist,
}
"""Slots that the prompt alone fills."""

Case = tuple[bool, bool]
"""(has a reference answer, has several turns): which variant of a template a prompt takes."""
CASES: tuple[Case, ...] = ((False, False), (False, True), (True, False), (True, True))

_BLOCK = re.compile(r"<\|im_start\|>(\w+)[ \t]*\n(.*?)<\|im_end\|>", re.DOTALL)
_CONDITION = re.compile(
    r"^\[if (not )?(reference|turns)\][ \t]*\n(.*?)^\[end\][ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_SLOT = re.compile(r"\{([A-Za-z][A-Za-z_]*(?:_\d+)?)\}")
_ALIASES = {
    "instruction": "question",
    "prompt": "question",
    "output": "answer",
    "output_1": "answer_1",
    "output_2": "answer_2",
    "answer_a": "answer_1",
    "answer_b": "answer_2",
    "ref_answer": "reference",
}
_BY_TURN = re.compile(r"(question|answer|answer_a|answer_b|ref_answer)_(\d+)")


@dataclass(frozen=True)
class Variant:
    """One compiled form of a prompt. `turns`: role and pieces of each message, literal text and slots in alternation."""

    turns: tuple[tuple[str, tuple[str, ...]], ...]
    slots: frozenset[str]


@dataclass(frozen=True)
class Template:
    """A judge's prompt text. `name` says which (letter@1); `digest` covers the text and nothing else."""

    name: str
    digest: str
    variants: Mapping[Case, Variant]

    @property
    def fenced(self) -> bool:
        """Whether answers stand between marks that they cannot contain."""
        return any("fence" in variant.slots for variant in self.variants.values())

    def render(self, prompt: Prompt, responses: tuple[Response, ...], fence: str = "") -> Prompt:
        """The judge's prompt over `responses` in the order of their seats; BadInput where the prompt lacks what a slot needs."""
        case = (bool(prompt.for_judges.get("reference_answer")), bool(prompt.follow_ups))
        variant = self.variants[case]
        texts = {slot: _value(slot, prompt, responses, fence) for slot in variant.slots}
        system, messages = None, list[Message]()
        for role, pieces in variant.turns:
            text = "".join([texts[piece] if i % 2 else piece for i, piece in enumerate(pieces)])
            if role == "system":
                system = text
            else:
                messages.append(Message(role, (Text(text),)))
        return Prompt(tuple(messages), system)


def chosen(name: str, where: str | None, sides: int) -> Template:
    """The user's prompt text at `where` (@path), or without one the shipped text called `name`."""
    if where is None:
        return shipped(name, sides)
    if not where.startswith("@"):
        raise BadInput(f"prompt={where[:60]}: give a file as prompt=@path")
    return from_file(where, sides)


def shipped(name: str, sides: int) -> Template:
    """The template of our own words called `name` (letter@1); BadInput where there is none."""
    folder = resources.files("winsome.judges") / "prompts"
    file = folder / f"{name}.txt"
    if not file.is_file():
        known = sorted(f.name.removesuffix(".txt") for f in folder.iterdir() if f.name.endswith(".txt"))
        raise BadInput(
            f'no judge prompt "{name}"; known: {", ".join(known)}; or give your own file as prompt=@path'
        )
    return compiled(name, file.read_text("utf-8"), sides)


def from_file(where: str, sides: int) -> Template:
    """The template in a user's file: text, AlpacaEval's blocks, Arena-Hard's YAML or MT-Bench's JSON lines (`@file#name`).

    Of MT-Bench's lines without a name, the variants for references and turns are all taken.
    """
    path, _, entry = where.removeprefix("@").partition("#")
    try:
        text = Path(path).expanduser().read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the path of a prompt file after prompt=@"
        ) from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 (byte {error.start}); save the prompt as UTF-8") from None
    name = Path(path).name
    if path.endswith((".yaml", ".yml")):
        return compiled(name, _arena_hard_text(path, text), sides)
    if path.endswith(".jsonl"):
        return _mt_bench(path, text, entry, sides)
    return compiled(name, text, sides)


def compiled(name: str, text: str, sides: int) -> Template:
    """`text` with its conditions resolved and its slots found; BadInput for an unknown slot or missing answers."""
    return Template(name, digest(text), {case: _variant(name, text, case, sides) for case in CASES})


def fence(prompt: Prompt, responses: tuple[Response, ...]) -> str:
    """12 hexadecimal digits that stand in no answer, the same for both orders: what an answer cannot close."""
    mark = digest([prompt.id, sorted(response.content for response in responses)])[:12]
    while any(mark in message.text for response in responses for message in response.messages):
        mark = digest(mark)[:12]
    return mark


def _variant(name: str, text: str, case: Case, sides: int) -> Variant:
    holds: dict[str, bool] = {"reference": case[0], "turns": case[1]}

    def chosen(found: re.Match[str]) -> str:
        return found[3] if holds[found[2]] != bool(found[1]) else ""

    text = _CONDITION.sub(chosen, text.replace("\r\n", "\n"))
    blocks = _BLOCK.findall(text) or [("user", text)]
    turns, slots = list[tuple[str, tuple[str, ...]]](), set[str]()
    for role, body in blocks:
        pieces = _SLOT.split(body.strip())
        pieces[1::2] = [_slot(name, piece, sides) for piece in pieces[1::2]]
        slots.update(pieces[1::2])
        turns.append((role, tuple(pieces)))
    needed = {"answer_1", "answer_2"} if sides == 2 else {"answer"}
    by_turn = {slot.rpartition("/")[0] for slot in slots}
    missing = sorted(needed - slots - by_turn)
    if missing:
        raise BadInput(f"{name}: the prompt text has no {{{missing[0]}}}; write it where the answer belongs")
    return Variant(tuple(turns), frozenset(slots))


def _slot(name: str, written: str, sides: int) -> str:
    """The canonical name of a slot: question, answer_1 .. or, by turn, `question/2`, `answer_1/2`."""
    slot = written.lower()
    slot = _ALIASES.get(slot, slot)
    plain = {"question", "reference", "fence", "history", "query", "checklist"} | (
        {"answer_1", "answer_2"} if sides == 2 else {"answer"}
    )
    if slot in plain:
        return slot
    by_turn = _BY_TURN.fullmatch(slot)
    if by_turn:
        slot = _ALIASES.get(by_turn[1], by_turn[1])
        if slot in plain:
            return f"{slot}/{int(by_turn[2])}"
    raise BadInput(
        f'{name}: "{{{written}}}" is no slot of a judge\'s prompt; known: {", ".join(sorted(plain))}'
    )


def _value(slot: str, prompt: Prompt, responses: tuple[Response, ...], fence: str) -> str:
    """What stands in `slot` for this prompt and these answers."""
    what, _, turn = slot.partition("/")
    if what == "fence":
        return fence
    if what in _PARTS:
        return _PARTS[what](prompt)
    if what.startswith("answer"):
        response = responses[int(what[-1]) - 1 if what != "answer" else 0]
        return (
            _turn(slot, turn, dialogue.answers(response), prompt)
            if turn
            else dialogue.answer(prompt, response)
        )
    read: Callable[[Prompt], Any] = dialogue.questions if what == "question" else dialogue.references
    if turn:
        return _turn(slot, turn, read(prompt), prompt)
    if what == "question":
        return dialogue.question(prompt)
    return dialogue.reference(prompt) or _turn(slot, "1", [], prompt)


def _turn(slot: str, turn: str, turns: list[str], prompt: Prompt) -> str:
    if 1 <= int(turn) <= len(turns):
        return turns[int(turn) - 1]
    what = slot.partition("/")[0]
    where = prompt.item or prompt.id[:8]
    raise BadInput(
        f"prompt {where}: has no {what} of turn {turn}, which the judge's prompt shows; use another prompt text"
    )


def _arena_hard_text(path: str, text: str) -> str:
    import yaml

    try:
        loaded: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(
            f"{path}: is not YAML ({str(error).splitlines()[0][:80]}); give a file with prompt_template"
        ) from None
    fields: Mapping[str, Any] = loaded if is_mapping(loaded) else {}
    given: Any = fields.get("prompt_template")
    body: Any = "\n".join(map(str, given)) if is_listed(given) else given
    if not isinstance(body, str):
        raise BadInput(
            f"{path}: has no prompt_template; add the user's turn under that name (and system_prompt)"
        )
    system = fields.get("system_prompt")
    if not isinstance(system, str):
        raise BadInput(
            f"{path}: has no system_prompt, which tells the judge its labels; add it beside prompt_template"
        )
    return _blocks(system, body)


def _mt_bench(path: str, text: str, entry: str, sides: int) -> Template:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row: Any = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BadInput(f"{path}: line {number} is not JSON ({error}); mend or drop it") from None
        if not is_mapping(row) or not isinstance(row.get("prompt_template"), str):
            raise BadInput(f'{path}: line {number} has no "prompt_template"; add it or drop the line')
        rows.append(row)
    kind = "pairwise" if sides == 2 else "single"
    wanted = [row for row in rows if (row.get("name") == entry if entry else _usual(row, kind))]
    if not wanted:
        names = ", ".join(str(row.get("name")) for row in rows)
        raise BadInput(
            f'{path}: no prompt "{entry or kind}"; name one as prompt=@{Path(path).name}#name (found: {names[:60]})'
        )
    found: dict[Case, str] = {}
    for row in wanted:
        body = _blocks(str(row.get("system_prompt", "")), row["prompt_template"])
        found.setdefault(("ref_answer" in body, "question_2" in body), body)
    name = f"{Path(path).name}#{entry}" if entry else Path(path).name
    variants: dict[Case, Variant] = {}
    for case in CASES:
        nearest = (case, (False, case[1]), (case[0], False), (False, False))
        body = next((found[c] for c in nearest if c in found), next(iter(found.values())))
        variants[case] = _variant(name, body, case, sides)
    return Template(name, digest([[list(case), found[case]] for case in sorted(found)]), variants)


def _usual(row: Mapping[str, Any], kind: str) -> bool:
    """Whether a line of MT-Bench's file belongs to its usual prompts of `kind`: one grade or one label at the end."""
    return row.get("type") == kind and row.get("output_format") in ("[[A]]", "[[rating]]")


def _blocks(system: str, user: str) -> str:
    head = f"<|im_start|>system\n{system}\n<|im_end|>\n" if system else ""
    return f"{head}<|im_start|>user\n{user}\n<|im_end|>"
