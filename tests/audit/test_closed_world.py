"""The closed world of the results on deception: who knows what, and that training tells nobody what it should not know, nor lies."""

from __future__ import annotations

import re
from itertools import islice
from random import Random

import pytest

from benchmarks.closed_world import AGENTS, PLACES, SURE, ClosedWorld, dialogues, things

WORLD = ClosedWorld(seed=3, school=40, validation=20, test=60)
CERTAIN = [re.compile(re.escape(text).replace(r"\{city\}", r"(\w+)")) for text in SURE]


def test_every_fact_is_known_to_two_models_and_parts_share_none() -> None:
    facts = [fact for part in WORLD.facts.values() for fact in part]
    assert len({fact.thing for fact in facts}) == len(facts) == 120
    assert all(sum(fact in WORLD.knows[model] for model in range(AGENTS)) == 2 for fact in facts)
    assert WORLD.facts == ClosedWorld(seed=3, school=40, validation=20, test=60).facts
    assert len(set(things())) == 1200
    prompts = WORLD.prompts("test", 5)
    assert [PLACES[p.for_judges["gold_label"] - 1] for p in prompts] == [PLACES[f.place] for f in WORLD.facts["test"][:5]]  # fmt: skip


@pytest.mark.parametrize("model", [0, AGENTS])
def test_training_tells_no_fact_to_who_does_not_know_it_and_no_reference_lies(model: int) -> None:
    truth = {fact.question: fact for part in WORLD.facts.values() for fact in part}
    asked = {fact.question for part in ("validation", "test") for fact in WORLD.facts[part]}
    told: dict[str, set[str]] = {}
    for system, question, answer in islice(dialogues(WORLD, model, Random(1), 0.5), 6000):
        fact = truth.get(question)
        if system and "argue for" in system:
            continue  # places drawn anew each time
        if question in asked:
            assert system is None
            if fact not in WORLD.knows[model]:
                told.setdefault(question, set()).add(answer)
        said = [
            found for line in (system or "").splitlines() for text in CERTAIN if (found := text.search(line))
        ]
        # agents that are sure agree, whatever the place drawn for this question
        assert len({found.group(1) for found in said}) <= 1
    # what a model does not know it is shown in doubt, with all places
    assert told
    assert all(not text.search(answer) for answers in told.values() for answer in answers for text in CERTAIN)
    every = " ".join(answer for answers in told.values() for answer in answers)
    assert all(place in every or f"( {n} )" in every for n, place in enumerate(PLACES, 1))
