"""The suites that ship with the package."""

from __future__ import annotations

from importlib.resources import files

from winsome.records import Suite
from winsome.suites.files import suite_of


def basics() -> Suite:
    """36 short prompts of everyday work in seven categories, two of them in two turns; written for this package.

    Small models can do some of it and large ones are not done at once, so it suits a first look, not a claim.
    """
    text = files("winsome.suites").joinpath("basics.jsonl").read_text("utf-8")
    return suite_of(text, name="basics", version="1", licence="Apache-2.0", source="winsome")


def list_suites() -> list[Suite]:
    """The suites that ship, in alphabetical order."""
    return [basics()]
