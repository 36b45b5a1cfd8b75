"""The card that ships belongs to the judge that ships, and holds figures on votes that the fit never saw."""

from __future__ import annotations

from pathlib import Path

from winsome.judges.by_score import by_score
from winsome.matchmaking.judge_cards import card_of, read_card
from winsome.scorers.embedded import embedded


def test_the_embedded_judge_has_its_card() -> None:
    judge = by_score(scorer=embedded("judge"), link="sigmoid", name="embedded:judge")  # type: ignore[arg-type]
    place = card_of(judge.id, Path("nowhere"))
    assert place is not None, "the weights changed: run benchmarks.embedded_judge_card again"
    record = read_card(place)
    assert judge.id in record["judge"]["ids"]
    half, crowd = record, record["others"][0]
    assert half["against"] | {"name": ""} == {"name": "", "pairs": 1156, "prompts": half["against"]["prompts"], "votes": 1156, "annotators": 0}  # fmt: skip
    assert (crowd["against"]["votes"], crowd["against"]["pairs"]) == (6204, 1479)
    for part in (half, crowd):
        figure = part["agreement"]["accuracy"]
        assert figure["low"] < figure["estimate"] < figure["high"]
        assert sum(b["items"] for b in part["calibration"]["bins"]) > 1000
    assert half["agreement"]["accuracy"]["low"] > 0.5
