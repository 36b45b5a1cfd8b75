"""What is known of a suite before its prompts are at hand: what it measures, where it comes from, what it fixes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import refuse, shown
from winsome.records import Prompt, Suite
from winsome.suites.files import version_of


@dataclass(frozen=True)
class Card:
    """One line of `winsome suites list`. `get` says how to come by the file where the prompts do not ship ("" where they do).

    prompts: how many the published set has, None where that is the user's. judge, baseline, figure, orders, seats: what the
    suite fixes, as its Suite has them.
    """

    name: str
    about: str
    licence: str
    source: str
    get: str = ""
    prompts: int | None = None
    judge: str | None = None
    baseline: str | Sequence[str] | Mapping[str, str] | None = None
    figure: str = "win-rate"
    orders: int = 2
    seats: str = "seed"

    @property
    def ships(self) -> bool:
        return not self.get

    def payload(self) -> dict[str, Any]:
        baseline = self.baseline
        if baseline is not None and not isinstance(baseline, str):
            baseline = dict(baseline) if isinstance(baseline, Mapping) else list(baseline)
        return {
            "name": self.name, "about": self.about, "licence": self.licence, "source": self.source, "ships": self.ships,
            "get": self.get, "prompts": self.prompts, "judge": self.judge, "baseline": baseline, "figure": self.figure,
            "orders": self.orders, "seats": self.seats,
        }  # fmt: skip

    def file(self, path: str) -> str:
        """`path`, or BadInput that says how to get the file where none was named."""
        if not path:
            raise BadInput(
                f"suite {self.name} does not ship ({self.licence}): {self.get}; then --suite '{self.name}?path=FILE'"
            )
        return path

    def suite(self, path: str, prompts: Sequence[Prompt], **changed: Any) -> Suite:
        """The suite of this card over `prompts` read from `path`; `changed` are fields of Suite that settings moved."""
        short = self.prompts is not None and len(prompts) != self.prompts
        held = f"{path} ({len(prompts)} of {self.prompts} prompts)" if short else path
        fixed: dict[str, Any] = {
            "judge": self.judge, "baseline": self.baseline, "orders": self.orders, "seats": self.seats,
            "figure": self.figure, "licence": self.licence, "source": f"{self.source}; {held}",
        }  # fmt: skip
        return Suite(self.name, version_of(prompts), prompts, **(fixed | changed))


def catalogue(places: Sequence[str]) -> list[Card]:
    """The cards of the suites at "module:function", by name; a module tells its own in CARDS."""
    modules = dict.fromkeys(place.partition(":")[0] for place in places)
    cards = [card for name in modules for card in getattr(importlib.import_module(name), "CARDS", ())]
    return sorted(cards, key=lambda card: card.name)


def check_categories(path: str | Path, prompts: Sequence[Prompt], known: Mapping[str, str]) -> None:
    """BadInput where a prompt has a category that no baseline is named for."""
    for place, prompt in enumerate(prompts, 1):
        category = prompt.facets.get("category", "")
        if category not in known:
            refuse(
                path,
                f"record {place} has category {shown(category)}, which has no baseline (known: {', '.join(known)}); correct it",
            )
