"""Suites: files of prompts, and those that ship.

    list_suites()                                -> [Card("alpaca_eval_2", ..), ..]
    describe(open_file("questions.jsonl"))       -> {"name": "questions", "prompts": 80, "categories": {..}, ..}

`new_suite("mine.jsonl")` writes a template to fill in.
"""

from __future__ import annotations

from winsome.suites.card import Card, catalogue
from winsome.suites.files import describe, new_suite, open_answers, open_file

__all__ = ["KINDS", "Card", "describe", "list_suites", "new_suite", "open_answers", "open_file"]

KINDS: dict[str, dict[str, str]] = {
    "Suite": {
        "recorded": "winsome.suites.files:open_file",
        "answers": "winsome.suites.files:open_answers",
        "basics": "winsome.suites.shipped:basics",
        "folder": "winsome.suites.folder:folder",
        "alpaca_eval_2": "winsome.suites.alpaca_eval:alpaca_eval_2",
        "alpaca_farm": "winsome.suites.alpaca_farm:alpaca_farm",
        "arena_hard": "winsome.suites.arena_hard:arena_hard",
        "arena_hard_2": "winsome.suites.arena_hard:arena_hard_2",
        "mt_bench": "winsome.suites.mt_bench:mt_bench",
        "m_arena_hard": "winsome.suites.multilingual:m_arena_hard",
        "wildbench": "winsome.suites.wildbench:wildbench",
        "stable_tool_bench": "winsome.suites.stable_tool_bench:stable_tool_bench",
    },
}

BY_THEMSELVES = ("winsome.suites.timestress:timestress",)
"""Suites without prompts to answer: commands of their own run them."""


def list_suites() -> list[Card]:
    """The cards of all suites that can be named, in alphabetical order."""
    return catalogue([*KINDS["Suite"].values(), *BY_THEMSELVES])
