"""Families of models by their names."""

from __future__ import annotations

import pytest

from winsome.matchmaking.families import family, shared_family


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("openai:gpt-4o-mini", "gpt"),
        ("http://x/v1#o3-mini-2025-01-31", "gpt"),
        ("claude-3-haiku", "claude"),
        ("gemma-2-9b-it", "gemini"),
        ("Llama-3.1-8B-Instruct", "llama"),
        ("Qwen2.5-72B", "qwen"),
        ("Mixtral-8x7B", "mistral"),
        ("embedded:smollm2-135m", "smollm"),
        ("my-model", None),
        ("embedded:judge", None),
    ],
)
def test_a_name_tells_its_family(name: str, known: str | None) -> None:
    assert family(name) == known


def test_the_first_contender_of_the_judges_family_is_named() -> None:
    assert shared_family("gpt-4o", ["llama-2", "gpt-3.5-turbo", "gpt-4"]) == ("gpt", "gpt-3.5-turbo")
    assert shared_family("gpt-4o", ["llama-2"]) is None
    assert shared_family("embedded:judge", ["judge-7b"]) is None
