"""Dialogues of which every turn of the assistant is learnt: ids as each turn was asked, and which of them count.

The option has many names: assistant_only_loss (TRL), mask_history=false (LLaMA-Factory), --multiturn (OpenRLHF),
train_on_assistant (torchtune).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from winsome.errors import Unsupported
from winsome.models.logprobs import Logprobs
from winsome.models.render import answer_ids, prompt_ids, text_ids
from winsome.models.weights import LocalModel
from winsome.training.examples import Side

if TYPE_CHECKING:
    from torch import Tensor

AssistantTurns = Literal["last", "all"]
"""Which of a dialogue's turns are learnt: the last, or every one of the assistant's that follows the row's prompt."""


@dataclass(frozen=True)
class Marked:
    """Ids up to the first turn that is learnt, ids from there to the end, and whether each of the latter counts."""

    prompt: list[int]
    answer: list[int]
    counted: list[bool]
    turns: int


def marked(model: LocalModel, side: Side, row: str) -> Marked:
    """A side whose every turn of the assistant counts, its end included; what the user says between them does not.

    Each turn is rendered as it was asked, so what is learnt of it is what would be sampled there. Raises Unsupported where the
    template writes earlier turns otherwise once later ones follow.
    """
    messages = side.prompt.messages
    begins = len(messages) if side.begins is None else side.begins
    # An assistant that speaks first was asked nothing.
    said = [i for i in range(max(1, begins), len(messages)) if messages[i].role == "assistant"]
    asked = [prompt_ids(model, replace(side.prompt, messages=messages[:i], prefix="")) for i in said]
    asked.append(prompt_ids(model, side.prompt))
    spans: list[tuple[int, int]] = []
    for i, before, after in zip(said, asked, asked[1:], strict=False):
        spans.append((len(before), _end(model, before, messages[i].text, after, row)))
    text = side.text.removeprefix(side.prompt.prefix)
    ids = asked[-1] + (answer_ids(model, text) if side.ended else text_ids(model, text))
    spans.append((len(asked[-1]), len(ids)))
    start = spans[0][0]
    counted = [False] * (len(ids) - start)
    for first, end in spans:
        counted[first - start : end - start] = [True] * (end - first)
    return Marked(ids[:start], ids[start:], counted, len(spans))


def _end(model: LocalModel, before: Sequence[int], text: str, after: Sequence[int], row: str) -> int:
    """Where the turn that follows `before` ends within the dialogue `after`, the token that closes it included."""
    # Many templates strip what they are given.
    for words in (text_ids(model, text), text_ids(model, text.strip())):
        end = len(before) + len(words)
        if list(after[:end]) == [*before, *words]:
            return end + (end < len(after) and after[end] in model.ends)
    raise Unsupported(
        f"{model.name}: row {row[:30]}: its template rewrites earlier turns once later ones follow; leave out --assistant-turns all"
    )


def only_counted(held: Logprobs, counted: Tensor) -> Logprobs:
    """Values, sums and counts over the answer tokens that count, `counted` [sum of counts]. What is of prompts stays."""
    import torch

    assert held.tokens is not None
    owners = torch.repeat_interleave(torch.arange(len(held.counts), device=counted.device), held.counts)
    owners, tokens = owners[counted], held.tokens[counted]
    sums = torch.zeros_like(held.sums).index_add(0, owners, tokens)
    counts = torch.zeros_like(held.counts).index_add(0, owners, torch.ones_like(owners))
    return replace(held, sums=sums, counts=counts, tokens=tokens)
