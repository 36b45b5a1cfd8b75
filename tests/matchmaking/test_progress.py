"""What a terminal shows while a run goes on."""

from __future__ import annotations

from winsome.matchmaking.progress import short


def test_long_names_stay_apart_in_one_width() -> None:
    names = [f"http://127.0.0.1:36717/v1#some/long-model-name?temperature={t}" for t in (0.5, 0.9)]
    shown = [short(name) for name in names]
    assert shown == [
        "http://127.0.0.1:3671…l-name?temperature=0.5",
        "http://127.0.0.1:3671…l-name?temperature=0.9",
    ]
    assert {len(name) for name in shown} == {44}
    assert short("judge numeric") == "judge numeric"
    assert [len(short("x" * n)) for n in (43, 44, 45)] == [43, 44, 44]
