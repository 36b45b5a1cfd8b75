"""The bases: exact decoding, a recipe that repeats bit for bit, and what their cards promise."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from functools import partial
from itertools import islice
from random import Random

import orjson
import pytest
import torch

from tests.sandbox.test_members import RUN
from winsome.errors import BadInput
from winsome.protocols import Contender
from winsome.records import Sampling
from winsome.sandbox.base_recipes import RECIPES, Recipe
from winsome.sandbox.card import add_measures, measured, world_card
from winsome.sandbox.demonstrations import demonstrations
from winsome.sandbox.gold import gold
from winsome.sandbox.knobs import PRESETS
from winsome.sandbox.lexicon import words
from winsome.sandbox.make_bases import (
    IGNORED,
    MAKING,
    demonstration_examples,
    loss_of,
    processor,
    save,
    train,
)
from winsome.sandbox.tiny_lm import CONTEXT, SHAPES, WEIGHTS, cached, folder, made, network
from winsome.sandbox.tokenizer import tokenizer, vocabulary
from winsome.sandbox.worlds import World

WORLD = World.of("instruction")
SHIPPED = sorted(path.parent for path in WEIGHTS.glob("*/card.json"))
BRIEF = Recipe(documents=4, demonstrations=6, batch=8, rate=1e-3, warmup=2)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_prompt_and_answer_is_decoded_to_its_own_words(preset):
    world = World.of(preset)
    tok = tokenizer(world, CONTEXT)
    assert len(tok) == len(vocabulary(world)) < 2048
    for prompt, (_, answer) in zip(world.prompts(60), demonstrations(world), strict=False):
        for text in [message.text for message in prompt.messages] + [answer]:
            assert words(tok.decode(tok(text)["input_ids"], clean_up_tokenization_spaces=False)) == words(
                text
            )


def test_demonstrations_are_written_as_the_chat_template_writes_them():
    world = World.of("attribute")
    tok = tokenizer(world, CONTEXT)
    for (prompt, answer), (ids, labels) in zip(
        demonstrations(world, 0.3), demonstration_examples(world, tok, 0.3), strict=False
    ):
        turns = [{"role": "system", "content": prompt.system}]
        turns += [{"role": m.role, "content": m.text} for m in prompt.messages]
        asked = tok(
            tok.apply_chat_template(turns, tokenize=False, add_generation_prompt=True),
            add_special_tokens=False,
        )["input_ids"]
        learnt = [*tok(answer, add_special_tokens=False)["input_ids"], tok.eos_token_id]
        assert ids == asked + learnt
        assert labels == [IGNORED] * len(asked) + learnt
        if Random(prompt.id).random() < 0.02:
            break


def test_a_share_of_demonstrations_errs_and_the_others_are_right():
    world = World.of("instruction")
    right = list(islice(demonstrations(world), 2000))
    given = list(islice(demonstrations(world, 0.4), 2000))
    wrong = [not gold(world, prompt, answer).correct for prompt, answer in given]
    assert all(gold(world, prompt, answer).correct for prompt, answer in right)
    assert (
        abs(sum(wrong) / 2000 - 0.4) < 3 * (0.4 * 0.6 / 2000) ** 0.5 + 0.02
    )  # some answers have no room for a fault
    assert all(bad or one == other for one, other, bad in zip(given, right, wrong, strict=True))


def test_padding_never_changes_the_loss():
    model = network("0.2M", 50, 0)
    short, long = ([5, 6, 7], [IGNORED, 6, 7]), ([8, 9, 10, 11, 12, 13], [IGNORED] * 4 + [12, 13])
    with torch.no_grad():
        together = loss_of(model, [short, long])
        apart = (2 * loss_of(model, [short]) + 2 * loss_of(model, [long])) / 4
    assert float(together) == pytest.approx(float(apart), abs=1e-6)


@pytest.mark.parametrize("size", SHAPES)
def test_sizes_are_what_they_are_called(size):
    parameters = sum(p.numel() for p in network(size, len(vocabulary(WORLD)), 0).parameters())
    assert float(size[:-1]) * 1e6 == pytest.approx(parameters, rel=0.15)


def test_a_recipe_repeats_bit_for_bit():
    first, _, took = train(WORLD, "0.2M", BRIEF)
    second, _, again = train(WORLD, "0.2M", BRIEF)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert (took["tokens"], took["last_loss"]) == (again["tokens"], again["last_loss"])
    other, _, _ = train(WORLD, "0.2M", Recipe(**{**BRIEF.__dict__, "seed": 1}))
    assert not torch.equal(first.model.norm.weight, other.model.norm.weight)


def test_a_base_is_made_on_first_use_and_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path))
    monkeypatch.setitem(RECIPES, "0.2M", BRIEF)
    monkeypatch.setattr("winsome.sandbox.make_bases.add_measures", partial(add_measures, n=30))
    world = World.of("language", seed=5)
    assert made(world, "0.2M") is None
    contender = RUN.open("world:language?seed=5#base?size=0.2M", Contender)
    assert "world:language?seed=5#base?size=0.2M: made once" in capsys.readouterr().err
    place = made(world, "0.2M")
    assert place is not None
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    card = orjson.loads((place / "card.json").read_bytes())
    assert card["base_id"] == world.base_id
    assert sum(kind["n"] for kind in card["measured"]["greedy"]["kinds"].values()) == 30
    assert world_card(world, 20)["bases"]["0.2M"]["sampled"] == card["measured"]["sampled"]
    assert len(asyncio.run(_texts(contender, world))) == 3
    written = (place / "model.safetensors").stat().st_mtime_ns
    assert folder(world, "0.2M") == place
    assert (place / "model.safetensors").stat().st_mtime_ns == written


def test_worlds_of_equal_training_texts_share_a_base():
    """Labels are drawn after training: the base that ships is theirs, too. Another seed is another world."""
    assert made(World.of("labels"), "0.2M") == made(WORLD, "0.2M") == WEIGHTS / "instruction-0.2M"
    assert made(World.of("instruction", k=0.7), "0.2M") is not None
    assert made(World.of("instruction", seed=1), "0.2M") != WEIGHTS / "instruction-0.2M"


def test_another_recipe_is_another_base(monkeypatch):
    before = cached(WORLD, "0.2M")
    monkeypatch.setitem(RECIPES, "0.2M", BRIEF)
    assert made(WORLD, "0.2M") != WEIGHTS / "instruction-0.2M"
    assert cached(WORLD, "0.2M") != before


def test_a_grown_base_is_another_where_its_start_is(monkeypatch):
    before = RECIPES["3M"].id
    monkeypatch.setitem(RECIPES, RECIPES["3M"].grown, BRIEF)
    assert RECIPES["3M"].id != before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_making_leaves_nothing_that_stays(tmp_path):
    """Killed once it writes; what it left is no base, and the next making removes it and ends like an undisturbed one."""
    assert ended(making(tmp_path / "whole")) == 0
    (whole,) = (tmp_path / "whole" / "worlds").iterdir()
    cache = tmp_path / "killed"
    process = making(cache)
    while not list(cache.glob(f"worlds/{MAKING}*/*")):
        time.sleep(0.005)
        assert process.poll() is None
    process.kill()
    ended(process)
    (left,) = (cache / "worlds").iterdir()
    assert left.name.startswith(MAKING)
    assert ended(making(cache)) == 0
    (again,) = (cache / "worlds").iterdir()
    assert again.name == whole.name
    assert (whole / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def making(cache) -> subprocess.Popen[bytes]:
    """A process that makes a base by a brief recipe under `cache`."""
    code = (
        "from functools import partial; from winsome.sandbox import make_bases as m; from winsome.sandbox.base_recipes import *;"
        f"RECIPES['0.2M'] = {BRIEF!r}; m.add_measures = partial(m.add_measures, n=30);"
        "from winsome.sandbox.worlds import World; m.make(World.of('skill'), '0.2M')"
    )
    environment = {**os.environ, "WINSOME_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)


def ended(process) -> int:
    """The exit status; what a process complained of is shown where the test fails."""
    _, complaint = process.communicate(timeout=200)
    print(complaint.decode()[-2000:])
    return process.returncode


def test_an_unknown_size_is_refused():
    with pytest.raises(BadInput, match='no size "7B"'):
        folder(WORLD, "7B")


async def _texts(contender, world) -> list[str]:
    return [r.text async for r in contender.answer(world.prompts(3), Sampling(max_tokens=8))]


def test_a_worlds_card_counts_what_it_shows():
    card = world_card(World.of("prompt-quality", seed=1), 200)
    assert sum(card["categories"].values()) == card["prompts"] == 200
    assert 60 < 200 - card["clear"] < 100
    assert all(len(sample["turns"]) % 2 == 1 for sample in card["samples"])


@pytest.mark.parametrize("preset", PRESETS)
def test_the_gold_judges_card_is_exact_in_every_preset(preset):
    """A right answer beats a spoilt one in both orders, whoever is asked; the clear prompts are all asked about."""
    card = world_card(World.of(preset, seed=2), 150)
    assert card["judge"]["asked"] == card["clear"]
    assert card["judge"]["right_first"] == card["judge"]["same_in_both_orders"] == card["clear"]


@pytest.mark.parametrize("place", SHIPPED, ids=lambda place: place.name)
def test_shipped_bases_are_mediocre_as_their_cards_say(place):
    card = orjson.loads((place / "card.json").read_bytes())
    assert card["base_id"] == WORLD.base_id
    assert Recipe(**{k: v for k, v in card["recipe"].items() if k != "version"}) == RECIPES[card["size"]]
    sampled = card["measured"]["sampled"]
    assert 0.3 <= sampled["weighted"] <= 0.6
    assert sum(0.1 <= kind["right"] <= 0.9 for kind in sampled["kinds"].values()) >= 4
    assert len(sampled["kinds"]) == 7


def test_every_size_ships_and_all_are_small():
    assert {place.name for place in SHIPPED} == {f"instruction-{size}" for size in SHAPES}
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) < 12_000_000


@pytest.mark.parametrize("place", SHIPPED[:1], ids=lambda place: place.name)
def test_a_shipped_base_answers_as_well_as_its_card_says(place):
    """Fewer prompts than the card has: each kind's share lies within 4 standard errors of both measurements."""
    card = orjson.loads((place / "card.json").read_bytes())
    contender = RUN.open(f"world:instruction#base?size={card['size']}", Contender)
    found = measured(WORLD, contender, n=350, temperature=1.0)
    for kind, now in found["kinds"].items():
        then = card["measured"]["sampled"]["kinds"][kind]
        p = then["right"]
        error = (max(p * (1 - p), 0.01) * (1 / now["n"] + 1 / then["n"])) ** 0.5
        assert abs(now["right"] - p) <= 4 * error, kind


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", SHIPPED, ids=lambda place: place.name)
def test_the_recipe_makes_the_shipped_weights_again(place, tmp_path):
    """Bit for bit on the processor and torch that made them, to the same figures within intervals elsewhere."""
    from safetensors.torch import load_file

    card = orjson.loads((place / "card.json").read_bytes())
    recipe = Recipe(**{k: v for k, v in card["recipe"].items() if k != "version"})
    made = tmp_path / "made"
    save(WORLD, card["size"], recipe, made, train(WORLD, card["size"], recipe))
    old, new = (load_file(folder / "model.safetensors") for folder in (place, made))
    if card["processor"] == processor() and card["versions"]["torch"] == torch.__version__:
        assert all(torch.equal(old[name], new[name]) for name in old)
    else:
        again = add_measures(made, WORLD)["measured"]["sampled"]
        then = card["measured"]["sampled"]
        assert (
            abs(again["weighted"] - then["weighted"])
            <= 4 * (again["weighted_error"] ** 2 + then["weighted_error"] ** 2) ** 0.5
        )
