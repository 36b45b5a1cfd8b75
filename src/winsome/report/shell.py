"""The shell of every page: head, policy, style, theme, and what stands around the content. A page holds all that it needs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

from winsome.report.markup import Markup, el, join

ALONE = "This page is one file and asks the network for nothing."


def shell(
    main: str,
    *,
    title: str,
    figure: object,
    when: object,
    footer: object,
    skip: str = "Skip to the result",
    sections: Iterable[tuple[str, str]] = (),
    scripts: tuple[str, ...] = ("page.js",),
    own_scripts: tuple[str, ...] = (),
    blocks: str = "",
    more: str = "",
) -> str:
    """The HTML of a page; only its own scripts and style run, by their digests. sections: (id, label) of the rail.

    scripts: files of this room; own_scripts: code of a page that another room adds. `more` is added to the content policy, such as whom the page may ask.
    """
    style, *code = (source(part) for part in ("page.css", *scripts))
    code += own_scripts
    links = [el("li", el("a", label, href=f"#{id}")) for id, label in sections]
    slots: dict[str, str] = {
        "policy": policy(style, code, more),
        "title": el("title", title),
        "style": style,
        "skip": join(skip),
        "figure": join(figure),
        "when": join(when),
        "rail": el("nav", el("ul", links), class_="rail", aria_label="Sections") if links else "",
        "main": main,
        "footer": join(footer),
        "blocks": blocks,
        "scripts": "\n".join(f"<script>{one}</script>" for one in code),
    }
    return filled(source("shell.html"), slots)


def policy(style: str, scripts: Iterable[str], more: str = "") -> str:
    """The content policy that lets only these run."""
    allowed = f"script-src {' '.join(map(digest_of, scripts))}; style-src {digest_of(style)}"
    return f"default-src 'none'; {allowed}; {more}base-uri 'none'; form-action 'none'"


def filled(template: str, slots: Mapping[str, str]) -> Markup:
    """A template with its {{slots}} filled in one pass, so that what is filled in is never read as a slot."""
    return Markup(re.sub(r"\{\{(\w+)\}\}", lambda match: slots[match[1]], template))


def source(part: str) -> str:
    """One of the pages' own files."""
    return (files("winsome.report") / "page" / part).read_text("utf-8")


def digest_of(text: str) -> str:
    """How a content policy names a script or style that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
