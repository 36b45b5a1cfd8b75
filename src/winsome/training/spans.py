"""Single rows as the model reads them: their text with its special tokens, cut where what is learnt begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from winsome.models.weights import LocalModel
from winsome.training.examples import ROLES
from winsome.training.tokens import Tokenised


@dataclass(frozen=True)
class Span:
    """`tokens` tokens in a row that all are learnt, or none is; `text` is how the tokenizer writes them."""

    text: str
    tokens: int
    learnt: bool


def spans(
    model: LocalModel, data: Tokenised, row: int, *, prompts: bool = False, whole: bool = False
) -> dict[str, list[Span]]:
    """The spans of each side of a row, by its role. `prompts`: their tokens are learnt too; `whole`: dialogues are rated, none is."""
    sides = data.sequences(row)
    names = ROLES[data.form] or tuple(f"response {place + 1}" for place in range(len(sides)))
    marks: list[list[bool]] = (
        data.frame["counted"][row].to_list()
        if data.counted is not None
        else [[not whole] * len(answer) for _, answer in sides]
    )
    return {
        name: _cut(model, [*prompt, *answer], [prompts and not whole] * len(prompt) + marked)
        for name, (prompt, answer), marked in zip(names, sides, marks, strict=True)
    }


def _cut(model: LocalModel, ids: Sequence[int], marks: Sequence[bool]) -> list[Span]:
    found: list[Span] = []
    begin = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or marks[end] != marks[begin]:
            text = model.tokenizer.decode(ids[begin:end], clean_up_tokenization_spaces=False)
            found.append(Span(text, end - begin, marks[begin]))
            begin = end
    return found
