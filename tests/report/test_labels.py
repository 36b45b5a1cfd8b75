"""Short names on the page, full names in the document."""

from __future__ import annotations

import pytest

from winsome.report.labels import LONGEST, labels, relabelled, short


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("embedded:smollm2-135m", "smollm2-135m"),
        ("embedded:smollm2-135m?system=Answer in one sentence.", "smollm2-135m, system=Answer in one sentence."),
        ("recorded:runs/outputs/gpt4.json", "gpt4"),
        ("recorded:FuseChat-3.1-8B.model_outputs.json.gz", "FuseChat-3.1-8B"),
        ("http://localhost:8000/v1#qwen?effort=low", "qwen, effort=low"),
        ("best_of_n?base=(embedded:smollm2-135m)&n=4&scorer=(embedded:likelihood)", "best_of_n(smollm2-135m), n=4, scorer=likelihood"),
        ("a name, no spec", "a name, no spec"),
    ],
)  # fmt: skip
def test_a_short_name_says_model_and_settings(name: str, said: str) -> None:
    assert short(name) == said


def test_names_that_would_become_alike_stay_in_full() -> None:
    alike = ["embedded:tiny?system=" + "x" * 60, "embedded:tiny?system=" + "x" * 60 + "y", "embedded:other"]
    found = labels([{"name": name, "label": name} for name in alike])
    assert found == {alike[0]: alike[0], alike[1]: alike[1], "embedded:other": "other"}
    assert labels([{"name": "recorded:a.json", "label": "My model"}]) == {"recorded:a.json": "My model"}
    assert len(labels([{"name": "embedded:" + "z" * 99}])["embedded:" + "z" * 99]) == LONGEST


def test_only_names_are_replaced() -> None:
    document = {
        "contenders": [{"name": "embedded:x"}],
        "standings": {
            "rows": [{"contender": "embedded:x", "n": 3}],
            "decisions": ["embedded:x: Not decided"],
        },
        "notes": ["about embedded:x in passing"],
        "usage": {"contenders": {"embedded:x": {"calls": 1}}},
    }
    assert relabelled(document, {"embedded:x": "x"}) == {
        "contenders": [{"name": "embedded:x"}],
        "standings": {"rows": [{"contender": "x", "n": 3}], "decisions": ["x: Not decided"]},
        "notes": ["about embedded:x in passing"],
        "usage": {"contenders": {"x": {"calls": 1}}},
    }
