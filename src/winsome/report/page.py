"""The page: one HTML file that holds all it needs and may fetch nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from winsome.report import breakdown, provenance, sections
from winsome.report.headline import headline
from winsome.report.labels import labels, relabelled
from winsome.report.markup import Markup, join, name
from winsome.report.matches import Matches
from winsome.report.shell import ALONE, filled, shell, source

SECTIONS = {
    "headline": sections.headline,
    "standings": sections.standings,
    "differences": sections.differences,
    "errors": sections.sources_of_error,
    "counts": sections.counts,
    "matrix": breakdown.matrix,
    "length": breakdown.length,
    "categories": breakdown.categories,
    "judge": provenance.judge,
    "cost": provenance.cost,
    "dropped": sections.dropped,
    "reproduce": provenance.reproduce,
}

RAIL = ("Standings", "Pairs", "Length", "Categories", "Judge", "Cost", "Dropped", "Matches", "Reproduce")


def page(document: Mapping[str, Any], matches: Matches) -> str:
    """The HTML of a report."""
    document = relabelled(document, labels(document["contenders"]))
    document["headline"] = headline(document["standings"])
    slots: dict[str, str] = {
        "contests": Markup(f"{matches.contests:,}"),
        **{slot: section(document) for slot, section in SECTIONS.items()},
    }
    return shell(
        filled(source("report.html"), slots),
        title=f"{document['headline']['claim']} · Winsome report",
        figure=name(document["figure"]),
        when=name((document["run"]["finished"] or "")[:10]),
        footer=join("Winsome ", name(document["run"]["versions"].get("winsome", "")), f". {ALONE}"),
        sections=[(label.lower(), label) for label in RAIL],
        scripts=("page.js", "texts.js", "matches.js"),
        blocks="\n".join(matches.elements),
    )
