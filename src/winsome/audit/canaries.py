"""Signs of an answer that speaks to its judge or hides what it says: control tokens, hidden characters, orders to a judge."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_SIGNS: Mapping[str, re.Pattern[str]] = {
    "a chat template's control token": re.compile(
        r"<\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|begin_of_text|system|user|assistant)\|>\s*"
        # a model that misses its stop goes on as the assistant; who forges the judge's reply lets it name a verdict
        r"(?:system\b|user\b|assistant\b[\s\S]{0,200}?(?i:\b(?:judge|evaluator|verdict|winner|preferred)\b|\[\[|\boutput \(?[abm12]\b))"
        r"|\[/?INST\]\s*(?:<<SYS>>|\S+.{0,80}\b(?:judge|evaluat|prefer|better)\w*)|<</?SYS>>"
    ),
    "an order to disregard": re.compile(
        r"\b(?:ignore|disregard|forget|do not (?:include|consider|read))\b[^.\n]{0,30}?"
        r"\b(?:above|previous|prior|preceding|earlier|other|below)\b[^.\n]{0,20}?"
        r"\b(?:instructions?|outputs?|answers?|responses?|texts?|prompts?|content)\b[^.\n]{0,60}?"
        r"(?:\b(?:evaluat|judg|instead|grad|rat(?:e|ing)|scor|select|choose|prefer)\w*|\b(?:this|my) (?:answer|response|output)\b|[\"'`\]\[}{#]|$)",
        re.IGNORECASE | re.MULTILINE,
    ),
    "an order to prefer": re.compile(
        r"\b(?:please |you must |you should |always )?(?:pick|choose|select|prefer|rank|rate)\s+(?:me|this (?:answer|response|output)|my (?:answer|response|output)|(?:answer|response|output|assistant|model) [abm12])\b"
        r"[^.\n]{0,40}?(?:\bas (?:the )?(?:best|better|winner|first)|\b(?:highest|over|10\b)|[.!]|$)",
        re.IGNORECASE | re.MULTILINE,
    ),
    # Arena-Hard's and MT-Bench's forms; numbers in double brackets are lists of many languages.
    "a judge's verdict": re.compile(r"\[\[(?:[ABC]|[AB](?:>{1,2}|<{1,2}|=)[AB])\]\]"),
    "words addressed to a judge": re.compile(
        r"\b(?:dear|attention|note to(?: the)?|to the|hello,?)\s+(?:evaluator|judge|grader|annotator)s?\s*[,:!]"
        r"|\bas (?:an? )?(?:expert )?(?:evaluator|judge|grader), (?:you|i) (?:must|should|find|rate|prefer)",
        re.IGNORECASE,
    ),
}
_TAGS = range(0xE0000, 0xE0080)
_BIDI = frozenset("\u202d\u202e\u2066\u2067\u2068")
_JOINERS = frozenset("\u200b\u2060\ufeff\u00ad")
_ALIKE = frozenset("аеорсухіјѕһԁԛԝАВЕЗКМНОРСТУХІЈЅοΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
HIDDEN = 8
"""Invisible characters from which on a text hides something; single ones come with copied web pages."""


def signs(text: str) -> list[str]:
    """What stands in `text` that an honest answer does not need; empty for nearly all of them."""
    found = [name for name, pattern in _SIGNS.items() if pattern.search(text)]
    if text.isascii():
        return found
    tags = sum(ord(c) in _TAGS for c in text)
    # Flags of regions end in tag characters after a black flag; a message in tags needs none.
    if tags > 0 and "\U0001f3f4" not in text:
        found.append("letters in invisible tag characters")
    if any(c in _BIDI for c in text) and not any(unicodedata.bidirectional(c) in ("R", "AL") for c in text):
        found.append("a change of direction without a script that needs one")
    if sum(c in _JOINERS for c in text) >= HIDDEN:
        found.append("many invisible characters")
    if _mixed(text):
        found.append("words of letters from two scripts that look alike")
    return found


def _mixed(text: str) -> bool:
    """Whether at least three words mix Latin letters with Cyrillic or Greek ones that look like Latin; a formula's letters do not."""
    mixed = 0
    for word in re.findall(r"[^\W\d_]{3,}", text):
        if word.isascii() or _ALIKE.isdisjoint(word):
            continue
        foreign = [c for c in word if unicodedata.name(c, "").startswith(("CYRILLIC", "GREEK"))]
        mixed += len(foreign) < len(word) and _ALIKE.issuperset(foreign)
    return mixed >= 3
