"""The page: one HTML file that holds all it needs and may fetch nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from winsome.report import breakdown, provenance, sections
from winsome.report.headline import headline
from winsome.report.labels import labels, relabelled
from winsome.report.markup import Markup, el, name
from winsome.report.matches import Matches

PARTS = ("page.html", "page.css", "page.js", "texts.js", "matches.js")

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


def page(document: Mapping[str, Any], matches: Matches) -> str:
    """The HTML of a report; its policy lets only its own scripts and style run, by their digests."""
    document = relabelled(document, labels(document["contenders"]))
    document["headline"] = headline(document["standings"])
    template, style, *scripts = (source(part) for part in PARTS)
    policy = (
        f"default-src 'none'; script-src {' '.join(map(digest_of, scripts))}; style-src {digest_of(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    slots: dict[str, str] = {
        "policy": policy,
        "title": el("title", f"{document['headline']['claim']} · Winsome report"),
        "style": f"<style>{style}</style>",
        "figure": name(document["figure"]),
        "finished": name((document["run"]["finished"] or "")[:10]),
        "version": name(document["run"]["versions"].get("winsome", "")),
        "contests": Markup(f"{matches.contests:,}"),
        "blocks": "\n".join(matches.elements),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
        **{slot: section(document) for slot, section in SECTIONS.items()},
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: slots[match[1]], template)


def source(part: str) -> str:
    """One of the page's own files."""
    return (files("winsome.report") / "page" / part).read_text("utf-8")


def digest_of(text: str) -> str:
    """How a content policy names a script or style that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
