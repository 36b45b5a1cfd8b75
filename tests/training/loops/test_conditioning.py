"""Reward conditioning: every answer stands behind the text of its level, and the trained contender is asked for the best."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from tests.training import small_run
from winsome import specs
from winsome.contenders.local import hf
from winsome.errors import BadInput
from winsome.records import Prompt, Sampling, user
from winsome.training.examples import Examples, examples_of
from winsome.training.loops.conditioning import LEVELS, conditioned, conditioning

GOOD, BAD = LEVELS


def told(examples: Examples) -> list[tuple[str | None, str]]:
    return [(row.sides[0].prompt.system, row.sides[0].text) for row in examples.rows]


def test_every_answer_stands_behind_its_level() -> None:
    pairs = examples_of([{"prompt": "p", "chosen": "a", "rejected": "b", "system": "Be brief."}], "x")
    assert told(conditioned(pairs, LEVELS)) == [(f"{GOOD}\n\nBe brief.", "a"), (f"{BAD}\n\nBe brief.", "b")]
    labels = examples_of(
        [{"prompt": "p", "response": "a", "label": False}, {"prompt": "q", "response": "b", "label": True}],
        "x",
    )
    assert told(conditioned(labels, LEVELS)) == [(BAD, "a"), (GOOD, "b")]
    ranked = examples_of(
        [{"prompt": "p", "responses": ["a", "b", "c"], "scores": [1.0, 5.0, 3.0]}, {"prompt": "q", "responses": ["d", "e", "f"], "scores": [2.0, 6.0, 4.0]}], "x"
    )  # fmt: skip
    # by score: e 6, b 5, f 4, c 3, d 2, a 1: a third each
    levels = {text: level for level, text in told(conditioned(ranked, ("high", "middle", "low")))}
    assert levels == {"e": "high", "b": "high", "f": "middle", "c": "middle", "d": "low", "a": "low"}
    with pytest.raises(BadInput, match="pairs are good or bad; give 2 levels, not 3"):
        conditioned(pairs, ("a", "b", "c"))
    with pytest.raises(BadInput, match="two or more different texts"):
        conditioned(pairs, ("a", "a"))
    with pytest.raises(BadInput, match="say nothing of good and bad"):
        conditioned(examples_of([{"prompt": "p", "response": "a"}], "x"), LEVELS)


def test_a_model_says_what_the_level_says(tmp_path: Path) -> None:
    """Trained to the end on one pair, the level alone decides between its answers: the name asks for the good one."""
    torch.set_num_threads(1)
    folder = small_run.prepared(tmp_path)
    pairs = examples_of([{"prompt": "say", "chosen": "yes", "rejected": "no"}], "x")
    with small_run.session(folder) as session:
        base = f"hf:{folder / 'tiny'}?dtype=float32"
        name = conditioning(
            base,
            pairs,
            run=session,
            updates=60,
            batch=2,
            rate=3e-3,
            schedule="constant",
            warmup=0.0,
            save_every=0,
        )
    spec = specs.parse(name)
    assert spec.settings["system"] == GOOD
    own = hf(spec.address, dtype="float32", name="own")

    async def said(level: str) -> str:
        drawn = own.answer([Prompt((user("say"),), system=level)], Sampling(temperature=0.0, max_tokens=8))
        return [one.text async for one in drawn].pop()

    assert (asyncio.run(said(GOOD)), asyncio.run(said(BAD))) == ("yes", "no")
