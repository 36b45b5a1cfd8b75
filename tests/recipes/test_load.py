"""Rows from files, suites and worlds: what becomes which frame, what is left out, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from winsome.errors import BadInput
from winsome.frames import prompts_of, responses_of
from winsome.recipes.run import Ran

Play = Callable[..., Ran]


def written(here: Path, name: str, *lines: str) -> str:
    (here / name).write_text("\n".join(lines) + "\n", "utf-8")
    return name


def test_a_suites_prompts_keep_their_ids_and_facets(play: Play) -> None:
    from winsome.sandbox.members import opened

    prompts = opened("instruction").prompts(20, "train")
    frame = play({"load": {"source": "world:instruction?split=train&n=20"}}).frame("load", "prompts")
    assert frame["prompt_id"].to_list() == [prompt.id for prompt in prompts]
    assert frame["category"].to_list() == [prompt.facets["category"] for prompt in prompts]
    assert set(frame["split"]) == {"train"}
    assert [p.seen() for p in prompts_of(frame)] == [p.seen() for p in prompts]


def test_a_file_of_pairs_becomes_prompts_answers_and_pairs(play: Play, here: Path) -> None:
    file = written(
        here, "p.jsonl",
        '{"question": "q1", "good": "a", "bad": "b", "lang": "en"}',
        '{"question": "q2", "good": "c", "bad": "d"}',
        '{"question": "q1", "good": "a", "bad": "b"}',
    )  # fmt: skip
    rename = {"question": "prompt", "good": "chosen", "bad": "rejected"}
    ran = play({"load": {"source": file, "kind": "pairs", "rename": rename}})
    pairs, answers = ran.frame("load", "pairs"), ran.frame("load", "responses")
    words = {response.id: response.text for response in responses_of(answers)}
    assert [(words[c], words[r]) for c, r in pairs.select("chosen_id", "rejected_id").rows()] == [
        ("a", "b"),
        ("c", "d"),
    ]
    assert [p.text for p in prompts_of(ran.frame("load", "prompts"))] == ["q1", "q2"]


def test_demonstrations_of_a_world_are_right_answers(play: Play) -> None:
    import asyncio

    from winsome.sandbox.gold import GoldScorer
    from winsome.sandbox.members import opened

    ran = play({"load": {"source": "world:instruction?split=train&n=25", "kind": "demonstrations"}})
    prompts, answers = ran.frame("load", "prompts"), ran.frame("load", "responses")
    assert prompts.height == answers.height == 25
    scorer = GoldScorer(opened("instruction"), "gold")
    scores = asyncio.run(scorer.score(prompts_of(prompts), responses_of(answers)))
    assert min(scores.values) == 1.0
    documents = play({"load": {"source": "world:corpus?n=30", "kind": "documents"}}).frame(
        "load", "documents"
    )
    assert 0 < documents.height <= 30


def test_rows_are_held_out_by_a_column_and_counted(play: Play) -> None:
    ran = play(
        {
            "load": {
                "source": "world:instruction?n=40",
                "hold_out": {"by": "category", "values": ["facts", "lists"]},
            }
        }
    )
    left = ran.frame("load", "prompts")["category"]
    (step,) = ran.record["steps"]
    assert not set(left) & {"facts", "lists"}
    assert step["dropped"] == {"held out": 40 - len(left)}
    with pytest.raises(BadInput, match='no column "kind"'):
        play({"load": {"source": "world:instruction?n=40", "hold_out": {"by": "kind", "values": ["x"]}}})


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        ("pairs", '{"prompt": "p", "chosen": "a"}', 'record 1 has no "rejected"'),
        ("demonstrations", '{"prompt": "p"}', 'record 1 has no "output"'),
        ("documents", '{"words": "p"}', 'record 1 has no "text"'),
        ("prompts", '{"words": "p"}', "not recognised"),
    ],
)
def test_a_record_without_its_field_is_named(kind: str, line: str, said: str, play: Play, here: Path) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        play({"load": {"source": written(here, "x.jsonl", line), "kind": kind}})
    assert "x.jsonl" in str(raised.value)


def test_a_changed_file_is_read_again(play: Play, here: Path) -> None:
    file = written(here, "d.jsonl", '{"text": "one"}')
    steps = {"load": {"source": file, "kind": "documents"}}
    assert play(steps).frame("load", "documents")["text"].to_list() == ["one"]
    written(here, "d.jsonl", '{"text": "two"}', '{"text": "three", "licence": "mit"}')
    assert play(steps).frame("load", "documents")["text"].to_list() == ["two", "three"]
    licensed = play(steps, set={"load.require_licence": ["mit"]})
    assert licensed.frame("load", "documents")["text"].to_list() == ["three"]
