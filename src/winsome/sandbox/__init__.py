"""Worlds whose truth is known: exact ones that can be enumerated, and a language world with tiny models of its own."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Suite": {
        "world": "winsome.sandbox.members:world",
    },
    "Judge": {
        "world#gold": "winsome.sandbox.members:gold",
        "world#annotator": "winsome.sandbox.members:annotator",
        "world#annotators": "winsome.sandbox.members:annotators",
        "world#grader": "winsome.sandbox.members:grader",
    },
    "Scorer": {
        "world#gold": "winsome.sandbox.members:gold_scorer",
        "world#scorer": "winsome.sandbox.members:scorer",
    },
    "Contender": {
        "world#oracle": "winsome.sandbox.members:oracle",
        "world#base": "winsome.sandbox.members:base",
        "world#critic": "winsome.sandbox.members:critic",
        "world#reviser": "winsome.sandbox.members:reviser",
        "world#translator": "winsome.sandbox.members:translator",
        "world#marker": "winsome.sandbox.members:marker",
        "world#patient": "winsome.sandbox.members:patient",
    },
}
