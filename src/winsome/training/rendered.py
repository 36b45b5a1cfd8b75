"""Single sides as the model's template writes them, or as plain text; and whether a prompt is how its dialogue begins."""

from __future__ import annotations

from typing import Literal

from winsome.errors import Unsupported
from winsome.models.render import answer_ids, dialogue_ids, prompt_ids, text_ids
from winsome.models.weights import LocalModel
from winsome.records import Prompt, Response, assistant
from winsome.training.examples import Example, Examples

Format = Literal["chat", "text"]
PROBED = 3
"""Rows whose whole dialogue is rendered too, to see that the prompt is how it begins."""


def side_ids(
    model: LocalModel, prompt: Prompt, text: str, ended: bool, format: Format, known: dict[str, list[int]]
) -> tuple[list[int], list[int]]:
    """Ids of the prompt, which are kept in `known`, and of the answer, with the end of turn where it ended."""
    if prompt.id not in known:
        known[prompt.id] = prompt_ids(model, prompt) if format == "chat" else plain_ids(model, prompt)
    plain = format == "text"
    answer = (
        answer_ids(model, text.removeprefix(prompt.prefix), plain=plain) if ended else text_ids(model, text)
    )
    return known[prompt.id], answer


def plain_ids(model: LocalModel, prompt: Prompt) -> list[int]:
    """The prompt's words after the token with which the model's texts begin, where it has one."""
    ids: list[int] = list(model.tokenizer(prompt.text)["input_ids"])
    while len(ids) > 1 and ids[-1] == model.tokenizer.eos_token_id:
        ids.pop()
    return ids


def closed_sides(model: LocalModel, row: Example) -> list[tuple[list[int], list[int]]]:
    """Each side's dialogue, cut where the sides first differ; at least one token stands on either side of the cut."""
    closed = [
        dialogue_ids(model, side.prompt, Response(row.id, "", "", messages=(assistant(side.text),)))
        for side in row.sides
    ]
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
