"""What teaches a writer of prompts: each prompt as the answer to a request that shows others."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from winsome.curate.synthesis.self_instruct import request
from winsome.errors import BadInput
from winsome.frames import Frames, Kept, of_rows, prompt_row, prompts_of, response_row
from winsome.protocols import Run
from winsome.records import Response, Sampling, assistant, digest, response_key

if TYPE_CHECKING:
    from polars import DataFrame

ON = "prompts"


def few_shot(frame: DataFrame, *, examples: int = 8, frames: Frames, run: Run) -> Kept:
    """Requests for a prompt, each showing `examples` others drawn at random, and as the answer to each one of the prompts.

    For writers that are too small to follow a request: they are trained on these before `generate: {what: prompts}` asks them.
    Answers that were there before go. Raises BadInput where there are too few prompts.
    """
    known = prompts_of(frame)
    if examples >= len(known):
        raise BadInput(
            f"transform few_shot: {examples} examples beside one of {len(known)} prompts; show fewer"
        )
    asks: dict[str, dict[str, Any]] = {}
    answers: dict[str, dict[str, Any]] = {}
    for place, prompt in enumerate(known):
        rng = Random(f"few_shot/{run.seed}/{prompt.id}")
        others = [known[i if i < place else i + 1] for i in rng.sample(range(len(known) - 1), examples)]
        ask = request(others)
        row = asks.setdefault(ask.id, prompt_row(ask, "few_shot") | {"parent_ids": list(ask.parents)})
        row["parent_ids"].append(prompt.id)
        key = response_key(ask.id, digest(["few_shot", prompt.id]), Sampling(), 0)
        answer = Response(ask.id, "few_shot", key, messages=(assistant(prompt.text),), provenance="original")
        answers[answer.id] = response_row(answer)
    gone = frames["responses"].height if "responses" in frames else 0
    made = {
        "prompts": of_rows("prompts", list(asks.values())),
        "responses": of_rows("responses", list(answers.values())),
    }
    return Kept(made, {"answers to the prompts": gone} if gone else {})
