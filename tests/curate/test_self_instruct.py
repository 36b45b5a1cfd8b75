"""New prompts: what a writer is asked, which replies are prompts, what a writer is taught from, and the step in a recipe."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from winsome.curate.operators.few_shot import few_shot
from winsome.curate.synthesis.self_instruct import requests, written
from winsome.errors import BadInput
from winsome.frames import of_rows, prompt_row, prompts_of, responses_of
from winsome.records import Prompt, Response, Sampling, assistant, response_key, user

KNOWN = [
    Prompt((user(text),)) for text in ("Name three red things.", "Sort 3, 1, 2.", "Who is the baker of Ulm?")
]


def replied(asks: list[Prompt], *texts: str, **fields: Any) -> list[Response]:
    return [
        Response(ask.id, "w", response_key(ask.id, "w", Sampling(), n), n, (assistant(text),), **fields)
        for n, (ask, text) in enumerate(zip(asks, texts, strict=True))
    ]


def test_a_request_shows_as_many_examples_as_it_says_and_names_them() -> None:
    asks = requests(KNOWN, 40, 2, 0)
    assert asks == requests(KNOWN, 40, 2, 0) != requests(KNOWN, 40, 2, 1)
    texts = {one.id: one.text for one in KNOWN}
    for ask in asks:
        shown = [texts[id] for id in ask.parents]
        assert len(set(shown)) == 2
        assert ask.text.startswith(f"These are requests that people made:\n1. {shown[0]}\n2. {shown[1]}\n\n")
    assert {id for ask in asks for id in ask.parents} == set(texts), "each prompt has its turn"
    with pytest.raises(BadInput, match="4 examples of 3 prompts; show fewer"):
        requests(KNOWN, 1, 4, 0)


def test_only_new_prompts_are_kept_and_every_other_reply_is_counted() -> None:
    asks = requests(KNOWN, 8, 2, 0)
    said = (
        "4. Name three blue birds of Spain.", "name three red things", '"Who is the smith of Ulm?"', "Draw an image of it.", " \n",
        "Name three blue birds of Spain!", "Count the stars above Rome tonight.", "1) Sort 3, 1, 2.",
    )  # fmt: skip
    found, dropped = written(asks, replied(asks, *said), KNOWN, threshold=0.7, without=("image",))
    # "who is the smith of ulm" shares 5 of its 6 words with a known prompt: 10 / 12
    assert [one.text for one in found] == [
        "Name three blue birds of Spain.",
        "Count the stars above Rome tonight.",
    ]
    assert found[0].parents == asks[0].parents
    assert dropped == {"like a prompt that was there": 4, "names what cannot be shown": 1, "no words": 1}
    found, dropped = written(asks, replied(asks, *said), KNOWN, method="exact")
    assert [one.text for one in found][1] == "Who is the smith of Ulm?"
    assert sum(dropped.values()) == 4
    cut, dropped = written(asks, replied(asks, *said, finish="length"), KNOWN)
    assert (cut, dropped) == ([], {"cut off": 7, "no words": 1})
    failed, dropped = written(asks[:1], replied(asks[:1], "", finish="failed", error="gone"), KNOWN)
    assert (failed, dropped) == ([], {"failed: gone": 1})


def test_a_writer_is_taught_each_prompt_behind_others() -> None:
    frame = of_rows("prompts", [prompt_row(one) for one in KNOWN])
    made = few_shot(frame, examples=2, frames={}, run=SimpleNamespace(seed=0, folder=Path()))  # type: ignore[arg-type]
    asks = {one.id: one for one in prompts_of(made.frames["prompts"])}
    answers = responses_of(made.frames["responses"])
    assert sorted(one.text for one in answers) == sorted(one.text for one in KNOWN)
    for answer in answers:
        asked = asks[answer.prompt].text
        assert answer.text not in asked
        assert sum(one.text in asked for one in KNOWN) == 2
    without = few_shot(frame, examples=0, frames={}, run=SimpleNamespace(seed=0, folder=Path()))  # type: ignore[arg-type]
    assert (without.frames["prompts"].height, without.frames["responses"].height) == (1, 3)
    assert sorted(without.frames["prompts"]["parent_ids"][0]) == sorted(one.id for one in KNOWN)
    with pytest.raises(BadInput, match="3 examples beside one of 3 prompts"):
        few_shot(frame, examples=3, frames={}, run=SimpleNamespace(seed=0, folder=Path()))  # type: ignore[arg-type]
