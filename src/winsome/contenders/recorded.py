"""`recorded:PATH`: answers that exist already, from any file that `winsome.ledger.formats` reads.

The name's ending needs no kind: `outputs.json` is `recorded:outputs.json`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from winsome.contenders.alignment import Alignment, Draws, Key, Match, align, key_of, mismatch, turns_for
from winsome.errors import BadInput
from winsome.ledger import formats
from winsome.ledger.formats import Answer, users
from winsome.ledger.formats.complaints import listed, refuse
from winsome.records import Prompt, Response, Sampling, assistant, digest, response_key
from winsome.specs import stem

VERSION = 1
BATCH = 4096
"""Answers cost nothing, so one call may take as many prompts as a suite has."""


class Recorded:
    """A contender whose answers are read from a file; `label` is the model's name where the file holds one.

    `align(prompts)` puts the answers beside a whole suite and raises BadInput where they do not fit; an answer to a
    prompt that was never aligned is sought among the prompts of the call.
    """

    batch = BATCH
    free = True

    def __init__(
        self, path: Path, name: str, answers: Sequence[Answer], match: Match, allow_missing: bool
    ) -> None:
        self.path, self.name, self.answers = path, name, answers
        self.match: Match = match
        self.allow_missing = allow_missing
        models = {answer.model for answer in answers if answer.model}
        self.label = models.pop() if len(models) == 1 else stem(path.name)
        self.id = digest([VERSION, match, [_content(answer) for answer in answers]])
        self._draws: dict[Key, Draws] = {}
        self._by_words: dict[tuple[str, ...], Draws] = {}

    def align(self, prompts: Sequence[Prompt]) -> Alignment:
        """The answers beside the prompts of a suite, in its order; a prompt that stands twice has two draws.

        Raises BadInput where a prompt has no answer, unless `allow_missing`.
        """
        alignment = align(self.path, prompts, self.answers, self.match)
        if alignment.missing and not self.allow_missing:
            raise mismatch(self.path, prompts, self.answers, alignment)
        self._draws |= alignment.draws
        self._by_words |= {words: draws for (_, words), draws in alignment.draws.items()}
        return alignment

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """The recorded draws of every prompt, as they stand in the file."""
        fresh = [prompt for prompt in prompts if self._known(prompt) is None]
        if fresh:
            if self.match == "position":
                raise BadInput(
                    f"{self.name}: match=position needs the suite's order; align the whole suite first"
                )
            self.align(fresh)
        for prompt in prompts:
            draws = self._known(prompt) or ()
            for sample in sampling.samples:
                yield self._response(prompt, draws, sampling, sample)

    def _known(self, prompt: Prompt) -> Draws | None:
        # A system text given beside the suite changes the prompt, not what was recorded for it.
        draws = self._draws.get(key_of(prompt))
        return self._by_words.get(users(prompt)) if draws is None else draws

    def _response(self, prompt: Prompt, draws: Draws, sampling: Sampling, sample: int) -> Response:
        key = response_key(prompt.id, self.id, sampling, sample)
        held = draws[sample] if sample < len(draws) else None
        turns = None if held is None else turns_for(prompt, held)
        if held is None or turns is None:
            self._refuse_draw(draws, sample)
            return Response(
                prompt.id,
                self.name,
                key,
                sample,
                finish="failed",
                error=f"missing in {self.path}",
                provenance="recorded",
            )
        messages = tuple(assistant(turn) for turn in turns)
        return Response(
            prompt.id, self.name, key, sample, messages, served_by=held.model or "", provenance="recorded"
        )

    def _refuse_draw(self, draws: Draws, sample: int) -> None:
        """More draws than the file has are the asker's mistake, unless holes are allowed."""
        if sample >= len(draws) and not self.allow_missing:
            has = f"has {len(draws)} answers to a prompt, draw {sample + 1} was asked"
            refuse(self.path, f"{has}; ask for fewer samples, or add ?allow_missing=true")


def _content(answer: Answer) -> list[object]:
    prompt = None if answer.prompt is None else answer.prompt.seen()
    return [answer.item, prompt, answer.turns, answer.sample, answer.model]


def recorded(
    address: str,
    *,
    model: str | None = None,
    field: str | None = None,
    allow_missing: bool = False,
    match: Literal["auto", "id", "text", "position"] = "auto",
    name: str,
) -> Recorded:
    """The answers in the file at `address`.

    model: whose answers to take from a file that holds several models'. field: the column of the answers where it is none
    of output, answer, response, completion. match: how answers find their prompts; auto is by id, else by text.
    allow_missing: prompts without an answer get a failed Response instead of ending the run.
    """
    if not address:
        raise BadInput(f'"{name}": no file; write recorded:PATH')
    path = Path(address)
    answers = formats.answers(path, field=field)
    models = sorted({answer.model for answer in answers if answer.model})
    if model is not None and model not in models:
        refuse(path, f'has no model "{model}" (found: {listed(models, 90)}); choose one with ?model=')
    if model is None and len(models) > 1:
        refuse(
            path, f"holds the answers of {len(models)} models ({listed(models, 70)}); choose one with ?model="
        )
    if model is not None:
        answers = [answer for answer in answers if answer.model == model]
    return Recorded(path, name, answers, match, allow_missing)
