"""Single sides as the model's template writes them, or as plain text; and whether a prompt is how its dialogue begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from winsome.errors import Unsupported
from winsome.models.render import (
    dialogue_ids,
    dialogue_text,
    end_ids,
    prompt_ids,
    prompt_text,
    texts_ids,
)
from winsome.models.weights import LocalModel
from winsome.records import Prompt, Response, assistant
from winsome.training.examples import Example, Examples

Sides = list[tuple[list[int], list[int]]]
"""(prompt ids, answer ids) of each side of a row."""
Format = Literal["chat", "text"]
PROBED = 3
"""Rows whose whole dialogue is rendered too, to see that the prompt is how it begins."""


def sides_ids(
    model: LocalModel, rows: Sequence[Example], format: Format, known: dict[str, list[int]]
) -> list[Sides]:
    """Of each row, ids of each side's prompt, which are kept in `known`, and of its answer, with the end of turn where it ended."""
    fresh = {side.prompt.id: side.prompt for row in rows for side in row.sides if side.prompt.id not in known}
    if format == "chat":
        texts = [prompt_text(model, prompt) for prompt in fresh.values()]
        known.update(zip(fresh, texts_ids(model, texts), strict=True))
    else:
        known.update((id, plain_ids(model, prompt)) for id, prompt in fresh.items())
    words = iter(
        texts_ids(model, [side.text.removeprefix(side.prompt.prefix) for row in rows for side in row.sides])
    )
    end = end_ids(model, plain=format == "text")
    return [
        [(known[side.prompt.id], next(words) + (end if side.ended else [])) for side in row.sides]
        for row in rows
    ]


def plain_ids(model: LocalModel, prompt: Prompt) -> list[int]:
    """The prompt's words after the token with which the model's texts begin, where it has one."""
    ids: list[int] = list(model.tokenizer(prompt.text)["input_ids"])
    while len(ids) > 1 and ids[-1] == model.tokenizer.eos_token_id:
        ids.pop()
    return ids


def closed_sides(model: LocalModel, rows: Sequence[Example]) -> list[Sides]:
    """Each side's dialogue, cut where the sides of its row first differ; at least one token stands on either side of the cut."""
    texts = [dialogue_text(model, side.prompt, (assistant(side.text),)) for row in rows for side in row.sides]
    ids = iter(texts_ids(model, texts))
    return [_cut([next(ids) for _ in row.sides]) for row in rows]


def _cut(closed: Sequence[list[int]]) -> Sides:
    shortest = min(map(len, closed))
    alike = next((i for i in range(shortest) if any(ids[i] != closed[0][i] for ids in closed)), shortest)
    cut = max(1, min(alike, shortest - 1))
    return [(ids[:cut], ids[cut:]) for ids in closed]


def check_prefix(model: LocalModel, examples: Examples) -> None:
    """Raises Unsupported where a whole dialogue does not begin as its prompt does: what is learnt would not be what is asked."""
    for row in examples.rows[:PROBED]:
        side = row.sides[0]
        asked = prompt_ids(model, side.prompt)
        closed = dialogue_ids(model, side.prompt, Response(row.id, "", "", messages=(assistant(side.text),)))
        if closed[: len(asked)] != asked:
            at = next((i for i, (a, b) in enumerate(zip(asked, closed, strict=False)) if a != b), len(closed))
            shown = model.tokenizer.decode(asked[at : at + 4])
            raise Unsupported(
                f'{model.name}: its template changes the prompt once an answer follows (token {at}, "{shown[:30]}"); use --format text'
            )
