"""The suites that ship with the package."""

from __future__ import annotations

from importlib.resources import files

from winsome.records import Suite
from winsome.suites.card import Card
from winsome.suites.files import suite_of

CARDS = (
    Card(
        "basics",
        "36 short prompts of everyday work, for a first look",
        licence="Apache-2.0",
        source="winsome",
        prompts=36,
    ),
)


def basics() -> Suite:
    """36 short prompts of everyday work in seven categories, two of them in two turns; written for this package.

    Small models can do some of it and large ones are not done at once, so it suits a first look, not a claim.
    """
    text = files("winsome.suites").joinpath("basics.jsonl").read_text("utf-8")
    return suite_of(text, name="basics", version="1", licence="Apache-2.0", source="winsome")
