"""A generator that answers, a reviewer that says what is wrong, the generator again: round by round, every word bought is kept.

Source: The Fellowship of the LLMs (Arif et al. 2024), generation module; the dialogue form and the ends of a loop are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.protocols import Contender, Scorer
from winsome.records import Prompt, Response, Sampling, assistant, user

VERSION = 1
Stop = Literal["nothing", "no_gain"]
End = Literal["", "rounds", "nothing to improve", "no gain", "no change", "failed"]


@dataclass(frozen=True)
class Wording:
    """What follows a draft: `critique` asks the reviewer; `revise`, with <critique> in it, asks the generator; a critique whose words
    are `nothing` says that the draft can stay."""

    critique: str
    revise: str
    nothing: str = "none"

    def __post_init__(self) -> None:
        if "<critique>" not in self.revise:
            raise BadInput(
                "feedback loop: the text that asks for a revision has no <critique>; put it where it is told"
            )

    def acting_on(self, told: Sequence[str]) -> str:
        """What asks for a revision that acts on what was told."""
        return self.revise.replace("<critique>", "\n".join(told))


def wording() -> Wording:
    """The texts that ship."""
    return Wording(_text("critique@1"), _text("revise@1"))


def improving() -> str:
    """The text that asks for a better answer where nobody said what is wrong."""
    return _text("improve@1")


@dataclass
class Thread:
    """One prompt's way through the loop. `critiques`: of each round, one a reviewer; `values`: the evaluator's of each draft.

    A round whose critiques are empty or only repeat the draft counts, and revises nothing.
    """

    prompt: Prompt
    drafts: list[Response]
    critiques: list[tuple[Response, ...]] = field(default_factory=list[tuple[Response, ...]])
    values: list[float | None] = field(default_factory=list[float | None])
    revised_by: list[int] = field(default_factory=list[int])
    """Of each draft but the first, the round whose critiques it acted on."""
    ended: End = ""

    @property
    def last(self) -> Response:
        return self.drafts[-1]

    @property
    def best(self) -> Response:
        """The draft of highest value, the earliest of equals; without an evaluator the last."""
        known = [(value, -place) for place, value in enumerate(self.values) if value is not None]
        return self.drafts[-max(known)[1]] if known else self.last

    @property
    def tokens(self) -> int:
        """Tokens written by all, drafts and critiques."""
        said = [*self.drafts, *(one for row in self.critiques for one in row)]
        return sum(response.usage.tokens_out for response in said)


async def feedback_loop(
    prompts: Sequence[Prompt],
    *,
    generator: Contender,
    reviewers: Sequence[Contender],
    rounds: int = 3,
    stop: Stop = "nothing",
    evaluator: Scorer | None = None,
    words: Wording | None = None,
    sampling: Sampling | None = None,
) -> list[Thread]:
    """A thread for each of `prompts`, in order; each round is drawn as a draw of its own, so that equal asks are asked again.

    stop: `nothing` ends a thread where no reviewer finds anything; `no_gain` also where the evaluator rates a revision no higher than
    the draft before it. The evaluator must not be the judge that reports what the loop is worth. A failed draft or revision ends its
    thread. Raises BadInput for no reviewer, no round, and no_gain without an evaluator.
    """
    if rounds < 1 or not reviewers:
        raise BadInput(
            f"feedback loop: rounds={rounds}, {len(reviewers)} reviewers; give at least one of each"
        )
    if stop == "no_gain" and evaluator is None:
        raise BadInput(
            "feedback loop: stop: no_gain needs an evaluator; name a scorer, or take stop: nothing"
        )
    texts, drawing = words or wording(), sampling or Sampling()
    first = await _answers(generator, list(prompts), drawing, 0)
    threads = [Thread(prompt, [first[prompt.id]]) for prompt in prompts if prompt.id in first]
    for thread in threads:
        thread.ended = "failed" if failed(thread.last) else ""
    await _rate(threads, evaluator)
    for number in range(rounds):
        going = [thread for thread in threads if not thread.ended]
        told = await criticise(going, reviewers, texts, drawing, number)
        asked = [(thread, texts.acting_on(said)) for thread, said in told]
        moved = await revise_drafts(asked, generator, drawing, number)
        await _rate(moved, evaluator)
        if stop == "no_gain":
            for thread in moved:
                old, new = thread.values[-2:]
                if not thread.ended and old is not None and (new is None or new <= old):
                    thread.ended = "no gain"
    for thread in threads:
        thread.ended = thread.ended or "rounds"
    return threads


def after_draft(prompt: Prompt, draft: str, words: str) -> Prompt:
    """The prompt, the draft as the assistant's turn, and what is asked about it."""
    return replace(prompt, messages=(*prompt.messages, assistant(draft), user(words)), parents=(prompt.id,))


def remarks(critiques: Sequence[Response], draft: str, nothing: str) -> list[str] | None:
    """What the critiques say, empty ones and repeats of the draft left out; None where one was read and all say there is nothing."""
    told = [one.text.strip() for one in critiques if not failed(one)]
    told = [text for text in told if text and text != draft.strip()]
    real = [text for text in told if text.lower().strip(" .") != nothing]
    return None if told and not real else real


async def criticise(
    threads: Sequence[Thread], reviewers: Sequence[Contender], words: Wording, sampling: Sampling, number: int
) -> list[tuple[Thread, list[str]]]:
    """Threads whose newest draft has faults, with what the reviewers say of it; those without a fault end.

    number: of the round, from 0; each is a draw of its own.
    """
    asks = [after_draft(thread.prompt, thread.last.text, words.critique) for thread in threads]
    heard = [await _answers(reviewer, asks, sampling, number) for reviewer in reviewers]
    found: list[tuple[Thread, list[str]]] = []
    for thread, ask in zip(threads, asks, strict=True):
        thread.critiques.append(tuple(said[ask.id] for said in heard if ask.id in said))
        told = remarks(thread.critiques[-1], thread.last.text, words.nothing)
        if told is None:
            thread.ended = "nothing to improve"
        elif told:
            found.append((thread, told))
    return found


async def revise_drafts(
    asked: Sequence[tuple[Thread, str]], generator: Contender, sampling: Sampling, number: int
) -> list[Thread]:
    """The threads that got a new draft, each asked for by the words after its newest; a failed one ends its thread."""
    asks = [(thread, after_draft(thread.prompt, thread.last.text, words)) for thread, words in asked]
    found = await _answers(generator, [ask for _, ask in asks], sampling, number)
    moved: list[Thread] = []
    for thread, ask in asks:
        new = found.get(ask.id)
        if new is None or failed(new):
            thread.ended = "failed"
            continue
        thread.drafts.append(
            replace(new, prompt=thread.prompt.id, provenance="revised", parents=(thread.last.id,))
        )
        thread.revised_by.append(number)
        moved.append(thread)
    return moved


async def _rate(threads: Sequence[Thread], evaluator: Scorer | None) -> None:
    """The evaluator's value of every thread's last draft."""
    if evaluator is None or not threads:
        return
    found = await evaluator.score([thread.prompt for thread in threads], [thread.last for thread in threads])
    for thread, value in zip(threads, found.values, strict=True):
        thread.values.append(None if math.isnan(value) else float(value))


async def _answers(
    contender: Contender, asks: Sequence[Prompt], sampling: Sampling, draw: int
) -> dict[str, Response]:
    """Prompt id -> the answer of this draw; equal asks are asked once."""
    from winsome.matchmaking.preflight import probe

    once = list({ask.id: ask for ask in asks}.values())
    drawing = replace(sampling, samples=range(draw, draw + 1))
    asked: Any = contender
    if once and hasattr(asked, "missing") and asked.missing(once, drawing):
        await probe([asked], once)
    return {response.prompt: response async for response in contender.answer(once, drawing)}


def failed(response: Response) -> bool:
    """Whether a reply has no words that count."""
    return response.finish in ("failed", "filtered")


def _text(name: str) -> str:
    return (
        (resources.files("winsome.curate.synthesis") / "prompts" / f"{name}.txt").read_text("utf-8").strip()
    )
