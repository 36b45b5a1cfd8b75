"""Documents: clean ones hold no test question, and dirt is planted at the rates that the knobs say."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from winsome.sandbox.demonstrations import demonstrations
from winsome.sandbox.documents import documents, frame
from winsome.sandbox.gold import gold, is_gold
from winsome.sandbox.kinds import TASKS
from winsome.sandbox.knobs import PRESETS
from winsome.sandbox.lexicon import words
from winsome.sandbox.tokenizer import vocabulary
from winsome.sandbox.worlds import World


def test_dirt_comes_at_the_planted_rates():
    world, n = World.of("corpus", seed=2), 6000
    counts = Counter(document.dirt for document in documents(world, n))
    knobs = world.knobs
    rates = {
        "duplicate": knobs.duplicates,
        "near duplicate": knobs.near_duplicates,
        "boilerplate": knobs.boilerplate,
        "wrong language": knobs.wrong_language,
        "leak": knobs.leaks,
    }
    for dirt, rate in rates.items():
        assert abs(counts[dirt] / n - rate) <= 3 * math.sqrt(rate * (1 - rate) / n), dirt


def test_each_dirt_is_what_it_says():
    world = World.of("corpus", seed=3)
    found = documents(world, 1500)
    by_id = {document.id: document for document in found}
    tests = {" ".join(words(" ".join(m.text for m in p.messages))) for p in world.prompts(200)}
    for document in found:
        held = words(document.text)
        tongue = next((t for t in world.tongues if t.name == document.lang), None)
        if document.dirt == "duplicate":
            assert document.text == by_id[document.parents[0]].text
        elif document.dirt == "near duplicate":
            source = words(by_id[document.parents[0]].text)
            assert len(held) == len(source)
            assert sum(a != b for a, b in zip(held, source, strict=True)) <= 1
        elif document.dirt == "boilerplate":
            assert document.text.lower().startswith("thank you!")
        elif document.dirt == "wrong language":
            assert tongue is None or tongue.understand(held)[1] > 0
        elif document.dirt == "leak":
            assert any(" ".join(held).startswith(test) for test in tests)
        else:
            assert tongue is not None
            assert tongue.understand(held)[1] == 0
            assert not any(" ".join(held).startswith(test) for test in tests)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_document_and_demonstration_is_in_the_vocabulary(preset):
    world = World.of(preset, kinds=tuple(TASKS) if preset == "instruction" else PRESETS[preset].kinds)
    known = set(vocabulary(world))
    assert len(known) < 2048
    for document in documents(world, 300):
        assert set(words(document.text)) <= known
    for (prompt, answer), _ in zip(demonstrations(world), range(200), strict=False):
        assert set(words(answer)) <= known
        assert gold(world, prompt, answer).correct


def test_what_the_world_keeps_unknown_is_in_no_document_and_no_demonstration():
    world = World.of("instruction", known=0.5, kinds=("facts",))
    hidden = {(f.entity, f.relation) for f in world.ground.facts if not f.known}
    assert 0.3 < len(hidden) / len(world.ground.by_place) < 0.7
    texts = [document.text for document in documents(world, 2000)]
    texts += [
        " ".join(m.text for m in p.messages)
        for (p, _), _ in zip(demonstrations(world), range(500), strict=False)
    ]
    for text in texts:
        held = set(words(text))
        assert not any({entity, relation} <= held for entity, relation in hidden), text


def test_the_frame_has_the_columns_of_documents():
    found = frame(documents(World.of("corpus"), 20))
    assert [c for c in found.columns if not is_gold(c)] == [
        "doc_id", "text", "lang", "class", "source", "licence", "parent_ids",
    ]  # fmt: skip


@pytest.mark.parametrize(("share", "coupling"), [(0.3, 0.6), (0.7, 0.0), (0.5, 1.0)])
def test_programs_and_the_stories_told_after_them_come_at_their_rates(share, coupling):
    found = documents(World.of("code", program_share=share, coupling=coupling, seed=1), 4000)
    programs = [document.text for document in found if document.kind == "program"]
    others = sum(document.kind == "text" for document in found)
    n = len(programs) + others
    assert abs(len(programs) / n - share) <= 3 * math.sqrt(share * (1 - share) / n)
    told = sum("coins" in text for text in programs) / len(programs)
    assert abs(told - coupling) <= 3 * math.sqrt(coupling * (1 - coupling) / len(programs))
