"""What a dry run says of weights here is of the model that is named, however it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiny_models
from winsome.recipes.estimates import estimate_here
from winsome.recipes.read import read

STEPS = """
  - load: {source: "world:instruction?split=train&n=10"}
  - generate: {by: "@base", n: 2, sampling: {temperature: 1.0, max_tokens: 8}}
"""


def generated(here: Path, name: str):
    text = f'winsome: 1\nname: dry\nnames:\n  base: "{name}"\nsteps:{STEPS}'
    place = here / "dry.yaml"
    place.write_text(text)
    return {row.step: row for row in estimate_here(read(str(place))).rows}["generate"]


def test_memory_is_four_bytes_a_parameter(here: Path) -> None:
    network = tiny_models.causal(hidden_size=512, intermediate_size=8192, num_hidden_layers=6)
    tiny_models.saved(here / "model", network)
    parameters = sum(p.numel() for p in network.parameters())
    assert generated(here, f"hf:{here / 'model'}").memory == pytest.approx(4 * parameters / 2**30)


def test_a_larger_model_takes_longer(here: Path) -> None:
    small = generated(here, "world:instruction#base?size=0.2M").minutes
    large = generated(here, "embedded:smollm2-135m").minutes
    assert large > 20 * small
