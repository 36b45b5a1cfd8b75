"""Tiny LLaMA-style models of a world: their shapes, and the folders in which trained ones lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.models.fetch import cache_folder
from winsome.records import digest
from winsome.sandbox.base_recipes import RECIPES, Recipe
from winsome.sandbox.worlds import World

Size = Literal["0.2M", "1M", "3M"]
VERSION = 2
"""Of how bases are trained: raised when the same world and recipe would give other weights."""
CONTEXT = 256
LONGEST_ANSWER = 48
"""Tokens that an answer of a base may have: more than any right answer of the presets needs."""
WEIGHTS = Path(__file__).with_name("weights")
"""Bases that ship with the package."""


@dataclass(frozen=True)
class Shape:
    """RMSNorm, rotary positions, SwiGLU, tied embeddings."""

    width: int
    layers: int
    heads: int
    inner: int


SHAPES: dict[str, Shape] = {
    "0.2M": Shape(64, 4, 4, 160),
    "1M": Shape(128, 5, 4, 344),
    "3M": Shape(192, 7, 6, 512),
}


def network(size: str, vocabulary: int, seed: int) -> Any:
    """An untrained model of a size in float32, drawn from `seed`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = SHAPES[size]
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=shape.width**-0.5 / 2,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def folder(world: World, size: str) -> Path:
    """The folder of a world's base: the one that ships, else the one kept on this machine, made now where there is none.

    Making one takes minutes of one core and says so on standard error. Raises BadInput for an unknown size.
    """
    if size not in SHAPES:
        raise BadInput(f'{world.name}#base: no size "{size}" (known: {", ".join(SHAPES)})')
    place = made(world, size)
    if place is None:
        from winsome.sandbox.make_bases import make

        place = make(world, size)
    return place


def made(world: World, size: str) -> Path | None:
    """The folder of a base that is there already, made by today's recipe for a world of equal training texts."""
    for place in (*sorted(WEIGHTS.glob(f"*-{size}")), cached(world, size)):
        card = place / "card.json"
        if card.is_file() and _made_for(card) == (world.base_id, VERSION, RECIPES[size].id):
            return place
    return None


def cached(world: World, size: str) -> Path:
    """Where a base is kept that this machine made: named by what it learns from, and how."""
    key = digest([world.base_id, VERSION, RECIPES[size].id])
    return cache_folder() / "worlds" / f"{size}-{key[:16]}"


def _made_for(card: Path) -> tuple[str, int, str]:
    import orjson

    held = orjson.loads(card.read_bytes())
    recipe = dict(held["recipe"])
    version = int(recipe.pop("version"))
    return str(held["base_id"]), version, Recipe(**recipe).id
