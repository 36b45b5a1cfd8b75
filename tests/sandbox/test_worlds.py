"""Prompts of the language world: exact, new, in one split only, and without a trace of what is right."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from itertools import islice
from random import Random

import pytest

from winsome.errors import BadInput
from winsome.records import Prompt, digest, user
from winsome.sandbox.gold import gold_prompts
from winsome.sandbox.kinds import TASKS
from winsome.sandbox.knobs import PRESETS
from winsome.sandbox.lexicon import joined, words
from winsome.sandbox.worlds import SPLITS, World


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_asked_is_read_back_exactly(preset):
    world = World.of(preset, seed=3)
    prompts = world.prompts(400, "train")
    clear = 0
    for prompt in prompts:
        reading = world.reading(prompt)
        if not reading.clear:
            continue
        clear += 1
        assert "+".join(task.kind.name for task in reading.tasks) == prompt.facets["category"]
        assert reading.tongue.name == prompt.facets["lang"]
        assert (reading.person.name if reading.person else None) == prompt.facets.get("user")
        target = world.target(reading)
        answer = target.right(Random(prompt.id))
        assert target.rate(answer) == 1.0
        assert set(answer) <= set(world.words)
        assert {word for m in prompt.messages for word in words(m.text)} <= set(reading.tongue.meanings)
    share = world.knobs.unclear
    assert abs(clear / 400 - (1 - share)) <= 3 * math.sqrt(max(share * (1 - share), 1e-12) / 400)


def test_templates_and_slots_of_every_kind_survive_the_round_trip():
    world = World.of("instruction")
    for kind in TASKS.values():
        for number in range(300):
            rng = Random(number)
            template, slots = kind.draw(rng, world.ground)
            templates = range(len(kind.grammar.templates)) if template is None else [template]
            for place in templates:
                found = kind.grammar.read(kind.grammar.ask(place, slots))
                assert found is not None
                assert {k: words(v) for k, v in found.items()} == {k: words(v) for k, v in slots.items()}


@pytest.mark.parametrize("preset", ["instruction", "language", "prompt-quality"])
def test_prompts_never_repeat_and_belong_to_one_split(preset):
    world = World.of(preset, seed=1)
    ids = {split: [prompt.id for prompt in world.prompts(1500, split)] for split in SPLITS}
    texts = [i for found in ids.values() for i in found]
    assert len(set(texts)) == len(texts)


def test_longer_requests_begin_as_shorter_ones():
    world = World.of("attribute", seed=2)
    assert [p.id for p in world.prompts(50)] == [p.id for p in world.prompts(80)][:50]


def test_another_process_makes_the_same_world():
    code = (
        "from winsome.records import digest\nfrom winsome.sandbox.knobs import PRESETS\n"
        "from winsome.sandbox.worlds import World\nfrom winsome.sandbox.documents import documents\n"
        "print(digest([[p.id for p in World.of(n, seed=5).prompts(20)] for n in PRESETS]),"
        "digest([d.id for d in documents(World.of('corpus', seed=5), 50)]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = digest([[p.id for p in World.of(n, seed=5).prompts(20)] for n in PRESETS])
    assert len(found) == 1
    assert found.pop().split()[0] == here


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_million_prompts_without_repeats():
    """By 128-bit hashes of their words; kinds of task stay even to the end."""
    stream = World.of("instruction", seed=0).stream("train")
    seen = set[str]()
    kinds = Counter[str]()
    for prompt in islice(stream, 1_000_000):
        seen.add(prompt.id)
        kinds[prompt.facets["category"]] += 1
    assert len(seen) == 1_000_000
    even(kinds)


def test_kinds_of_task_stay_even_though_some_have_few_prompts():
    """Of 96 lists that avoid nothing, the training split runs dry within 2,000 prompts."""
    kinds = Counter(p.facets["category"] for p in World.of("instruction", seed=2).prompts(20_000, "train"))
    even(kinds)


def even(kinds: Counter[str]) -> None:
    """Seven kinds, each within 4 standard errors of a seventh."""
    n = kinds.total()
    assert len(kinds) == 7
    assert all(abs(count / n - 1 / 7) <= 4 * math.sqrt(6 / 49 / n) for count in kinds.values()), kinds


def test_a_kind_without_new_prompts_leaves_the_others():
    world = World.of("instruction", kinds=("diagnosis", "occupations"), findings=1, seed=1)
    with pytest.raises(BadInput, match="has only"):
        world.prompts(100_000, "validation")


def test_only_tasks_of_one_turn_are_joined():
    with pytest.raises(BadInput, match="no kind of task fits one turn"):
        World.of("instruction", kinds=("dialogues",), skills=2).prompts(1)


def test_a_small_world_says_when_it_has_no_more():
    world = World.of("attribute", kinds=("occupations",), persons=0)
    with pytest.raises(BadInput, match="has only"):
        world.prompts(1_000_000)


def test_no_prompt_tells_what_is_right():
    """Facets and notes hold neither the answer nor whether the prompt is clear; a stored prompt reads the same."""
    world = World.of("prompt-quality", seed=4, kinds=("facts",))
    prompts = world.prompts(200)
    truth = gold_prompts(world, prompts).to_dicts()
    assert {row["_gold_clear"] for row in truth} == {True, False}
    for prompt, row in zip(prompts, truth, strict=True):
        assert set(prompt.facets) == {"category", "node", "lang", "split"}
        assert not prompt.for_judges
        if row["_gold_answer"]:
            assert row["_gold_answer"] not in " ".join(prompt.facets.values())
        again = Prompt.of(prompt.seen())
        assert world.reading(again).clear == row["_gold_clear"]


def test_text_of_another_source_reads_as_unclear():
    world = World.of("instruction")
    assert not world.reading(Prompt((user("Write a haiku about autumn."),))).clear


def test_held_out_occupations_are_only_in_the_test_split():
    world = World.of("skill", seed=1)
    held = world.ground.held_out
    assert len(held) == 4
    for split in ("train", "validation"):
        assert not {node for p in world.prompts(400, split) for node in p.facets["node"].split("+")} & held
    assert {node for p in world.prompts(400, "test") for node in p.facets["node"].split("+")} & held


def test_topics_follow_zipf():
    world = World.of("prompt-quality", seed=0, kinds=("counting",), unclear=0.0, topic_skew=1.0)
    nodes = [p.facets["node"] for p in world.prompts(4000, "train")]
    weights = [1 / rank for rank in range(1, 13)]
    for place, topic in enumerate(("animals", "fruits", "colors")):
        p = weights[place] / sum(weights)
        assert abs(nodes.count(topic) / 4000 - p) <= 4 * math.sqrt(p * (1 - p) / 4000)


def test_languages_are_bijections_with_the_overlap_asked_for():
    world = World.of("language", seed=7, overlap=0.3)
    own, other, third = world.tongues
    for tongue in world.tongues:
        assert sorted(tongue.meanings.values()) == sorted(world.words)
        text = list(world.words)
        assert tongue.understand(tongue.say(text)) == (text, 0)
    letters = [word for word in world.words if word.isalpha()]
    shared = sum(other.forms[word] == word for word in letters) / len(letters)
    assert abs(shared - 0.3) <= 3 * math.sqrt(0.3 * 0.7 / len(letters))
    assert not (set(other.meanings) - set(own.meanings)) & (set(third.meanings) - set(own.meanings))


def test_later_languages_are_rarer_in_training_and_even_in_tests():
    world = World.of("language", seed=1, language_skew=1.0)
    train = [p.facets["lang"] for p in world.prompts(3000, "train")]
    test = [p.facets["lang"] for p in world.prompts(3000, "test")]
    for place in range(3):
        p = (1 / (place + 1)) / (1 + 1 / 2 + 1 / 3)
        assert abs(train.count(f"l{place}") / 3000 - p) <= 4 * math.sqrt(p * (1 - p) / 3000)
        assert abs(test.count(f"l{place}") / 3000 - 1 / 3) <= 4 * math.sqrt(2 / 9 / 3000)


def test_worlds_that_differ_only_in_labels_share_their_bases():
    world = World.of("instruction")
    assert World.of("labels").base_id == world.base_id
    assert World.of("labels").id != world.id
    assert World.of("instruction", seed=1).base_id != world.base_id
    assert World.of("instruction").id == world.id


@pytest.mark.parametrize(
    ("preset", "changed", "says"),
    [
        ("instructions", {}, 'did you mean "instruction"'),
        ("language", {"languages": 9}, "languages=9"),
        ("labels", {"flip": 1.5}, "flip=1.5"),
        ("labels", {"kinds": ("poems",)}, "poems"),
        ("labels", {"kinds": ()}, "at least one"),
    ],
)
def test_unknown_presets_and_impossible_knobs_are_refused(preset, changed, says):
    with pytest.raises(BadInput, match=says) as raised:
        World.of(preset, **changed)
    assert len(str(raised.value)) <= 200


def test_joined_words_are_read_again():
    for text in ("cat , dog ; fox", "( a b )", "1 . cat 2 . dog"):
        assert words(joined(text.split())) == text.split()
