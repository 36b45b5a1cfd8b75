"""Pairs by the loss that turns them: the values of a plain forward pass, the bounds, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny_models
from tests.curate.test_rip import framed, kept
from winsome.contenders.local import hf
from winsome.curate.operators.flip_difficulty import check, flip_difficulty
from winsome.errors import BadInput
from winsome.frames import with_sides
from winsome.models.render import prompt_ids
from winsome.records import Prompt, user

BETA = 0.005


async def test_pairs_are_kept_by_the_loss_at_which_they_turn(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    network = tiny_models.causal()
    by = hf(str(tiny_models.saved(tmp_path / "tiny", network)), dtype="float32", name="hf")
    frames = framed([(1.0, 0.0, n) for n in (1, 4, 6, 7, 8, 10)])
    local = tiny_models.local_model(network)

    def logprob(number: int, answer: str) -> float:
        head = prompt_ids(local, Prompt((user(f"q{number}"),)))
        ids = [*local.tokenizer(answer)["input_ids"], 257]
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([head + ids])).logits[0, len(head) - 1 : -1].double()
        return float(logits.log_softmax(-1)[range(len(ids)), ids].sum())

    error = [
        logprob(i, "word " * n + "l") - logprob(i, "word " * 7 + "w")
        for i, n in enumerate((1, 4, 6, 7, 8, 10))
    ]
    needed = np.array([math.log1p(math.exp(-BETA * c)) for c in error])
    bound = float(np.median(needed))
    for given, right in (({"min": bound}, needed >= bound), ({"max": bound}, needed <= bound)):
        made = await flip_difficulty(with_sides(frames), model=by, beta=BETA, frames=frames, **given)
        assert kept(made) == [f"p{i}" for i in np.flatnonzero(right)]
        assert sum(made.dropped.values()) == int((~right).sum())
    assert made.facts["wrong_at_first"] == pytest.approx(np.mean(np.array(error) > 0))
    assert made.frames["rows"].columns == with_sides(frames).columns
    low, high = np.sort(needed)[[0, -1]].tolist()
    made = await flip_difficulty(
        with_sides(frames), model=by, beta=BETA, min=low + 1e-3, max=high - 1e-3, frames=frames
    )
    assert len(kept(made)) == 4, "the ends lie within a thousandth of those of the plain pass"
    made = await flip_difficulty(
        with_sides(frames), model=by, beta=BETA, min=low - 1e-3, max=high + 1e-3, frames=frames
    )
    assert len(kept(made)) == 6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "give one"),
        ({"min": 0.5, "max": 0.1}, "turn them round"),
        ({"min": 0.5, "beta": 0.0}, "must be above 0"),
    ],
)
def test_bounds_that_cannot_be_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check(settings)
