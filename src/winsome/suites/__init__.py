"""Suites: files of prompts, and those that ship.

    list_suites()                                -> [Suite("basics", "1", ..)]
    describe(open_file("questions.jsonl"))       -> {"name": "questions", "prompts": 80, "categories": {..}, ..}

`new_suite("mine.jsonl")` writes a template to fill in.
"""

from __future__ import annotations

from winsome.suites.files import describe, new_suite, open_answers, open_file
from winsome.suites.shipped import list_suites

__all__ = ["KINDS", "describe", "list_suites", "new_suite", "open_answers", "open_file"]

KINDS: dict[str, dict[str, str]] = {
    "Suite": {
        "recorded": "winsome.suites.files:open_file",
        "answers": "winsome.suites.files:open_answers",
        "basics": "winsome.suites.shipped:basics",
    },
}
