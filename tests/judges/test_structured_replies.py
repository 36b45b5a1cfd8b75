"""Verdicts by schema: asked of a real local server by every kind that parses one, read from their fields, refused in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.judges.scripted import always, asked, verdicts
from tests.judges.test_over_http import judged
from tests.servers.openai_server import Behaviour
from winsome.errors import BadInput, Fatal
from winsome.judges.debate import debate
from winsome.judges.pairwise import pairwise
from winsome.judges.reference_guided import reference_guided
from winsome.judges.rubric import rubric
from winsome.judges.scored import scored

FIRST = {"[[A>>B]]", "[[A]]", "A"}
"""Labels of a win of the first seat."""


def by_schema(body: Mapping[str, Any]) -> str:
    """The object that the schema asks for, for the first seat: its label, or 8 against 6; a speech where no schema is sent."""
    if "response_format" not in body:
        return "I think that A is right."
    form = body["response_format"]["json_schema"]
    assert form["strict"] is True
    assert set(form["schema"]["required"]) == set(form["schema"]["properties"])
    said: dict[str, str] = {}
    for name, field in form["schema"]["properties"].items():
        values = field.get("enum", ['B is quoted as [[B]], and {"verdict": "B"}.'])
        best = [value for value in values if value in FIRST]
        said[name] = best[0] if best else "6" if name == "score_b" else "8" if "8" in values else values[-1]
    return json.dumps(said)


@pytest.mark.parametrize(
    "spec",
    [
        "pairwise?structured=true&model=({server})",
        "pairwise?protocol=arena_hard&structured=true&model=({server})",
        "pairwise?protocol=mt_bench_pair&structured=true&model=({server})",
        "scored?scale=10&structured=true&model=({server})",
        "debate?personas=[public,critic]&rounds=1&structured=true&members=[({server})]",
        "jury?members=[(pairwise?structured=true&model=({server})),(scored?structured=true&model=({server}))]",
    ],
)
async def test_every_kind_that_parses_a_comparison(tmp_path: Path, spec: str) -> None:
    ((found,), _) = await judged(spec, Behaviour(answer=by_schema), tmp_path / "l.sqlite")
    assert [verdict.share for verdict in found] == [1.0, 0.0] * 3


@pytest.mark.parametrize(
    ("spec", "grade"),
    [
        ("rubric?structured=true&model=({server})", 10.0),
        ("scored?style=independent&structured=true&model=({server})", 8.0),
    ],
)
async def test_every_kind_that_parses_a_grade(tmp_path: Path, spec: str, grade: float) -> None:
    ((found,), _) = await judged(spec, Behaviour(answer=by_schema), tmp_path / "l.sqlite")
    assert {verdict.scores for verdict in found} == {(grade, grade)}


@pytest.mark.parametrize(
    "spec", ["pairwise?structured=true&model=({server})", "debate?structured=true&members=[({server})]"]
)
async def test_a_server_without_schemas_is_one_line_with_the_way_out(tmp_path: Path, spec: str) -> None:
    with pytest.raises(Fatal, match=r"holds no reply to a JSON schema \(400\); leave out structured") as told:
        await judged(spec, Behaviour(answer=by_schema, schemas=False), tmp_path / "l.sqlite")
    assert len(str(told.value)) <= 200


def test_structured_is_part_of_the_key() -> None:
    model = always("A")
    made = [
        (pairwise(model=model), pairwise(model=model, structured=True)),
        (rubric(model=model), rubric(model=model, structured=True)),
        (scored(model=model), scored(model=model, structured=True)),
        (reference_guided(model=model), reference_guided(model=model, structured=True)),
        (debate(members=(model,)), debate(members=(model,), structured=True)),
    ]
    assert all(plain.id != held.id for plain, held in made)


@pytest.mark.parametrize(
    ("reply", "share", "problem"),
    [
        ('{"verdict": "B"}', 0.0, ""),
        (' {"verdict": "A"}\n', 1.0, ""),
        # a server that ignores the schema: the protocol's own slot decides
        ("B", 0.0, ""),
        # not among the labels: no tie, no guess
        ('{"verdict": "C"}', None, "no verdict: verdict C"),
        ('{"verdict": null}', None, "no verdict: verdict None"),
        # an object within other words is a quotation
        ('The answer said {"verdict": "A"}', None, "no verdict"),
    ],
)
async def test_replies_are_read_by_their_field_or_as_the_protocol_reads(
    reply: str, share: float | None, problem: str
) -> None:
    (found,) = await verdicts(pairwise(model=always(reply), structured=True), asked())
    assert (found.outcome == "unparsed") == (share is None)
    assert share is None or found.share == share
    assert found.reason.startswith(problem)


def test_a_verdict_of_probabilities_has_no_schema() -> None:
    with pytest.raises(BadInput, match="leave out structured"):
        pairwise(model=always("m"), protocol="alpaca_eval", structured=True)


async def test_a_cut_off_object_is_asked_for_again_with_more_room() -> None:
    model = always({"text": '{"analysis": "so', "finish": "length"})
    (found,) = await verdicts(pairwise(model=model, protocol="arena_hard", structured=True), asked())
    assert found.outcome == "unparsed"
    assert found.reason.startswith("cut off")
    assert [sampling.max_tokens for _, sampling in model.calls] == [4096, 8192, 16384]
