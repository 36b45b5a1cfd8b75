"""Text of a judge's own prompt inside an answer: marks derived from prompt files, so a new template brings its own.

A mark is what stands next to an answer's slot, without the fence's code and without spaces: the end of one slot's frame, the beginning
of the next, the labels in which a verdict is given. A published prompt need not be here: an answer that opens records or headings
named like a template's slots ("instruction", "output", ..) is caught by these names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

from winsome.judges import templates
from winsome.judges.templates import Template

SHORTEST = 8
"""Characters, without spaces, of the shortest mark: what is shorter stands in honest answers too."""
FIELDS = 3
"""Distinct names of slots in quotation marks before a colon from which on an answer writes a judge's record."""

_LABEL = re.compile(r"\[\[[^\[\]\n]{1,12}\]\]")
_ROOM = re.compile(r"\s+")
_NAMES = ("instruction", "output", "output_1", "output_2", "model", "answer_a", "answer_b", "question", "reference")  # fmt: skip
_FIELD = re.compile(rf"[\"'`]({'|'.join(_NAMES)})[\"'`]\s*:", re.IGNORECASE)
_SIDE = r"(?:assistant|model|answer|output|response)"
_FRAME = re.compile(
    rf"(?:\[|<|\|)\s*/?(?:the )?(?:start|end|begin(?:ning)?) of {_SIDE}\s*(?:[ab12]|m)?['’]?s?\b"
    rf"|<\s*/?\s*{_SIDE}[ _](?:of )?(?:assistant |model )?[abm12]\b[^>\n]{{0,24}}>"
    rf"|^#+\s*{_SIDE}[ _][abm12](?:['’]s {_SIDE})?\s*:?\s*$",
    re.IGNORECASE | re.MULTILINE,
)


def shipped() -> list[Template]:
    """Every prompt of the package that shows a judge one answer or two."""
    found: list[Template] = []
    for file in sorted((resources.files("winsome.judges") / "prompts").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".txt"):
            continue
        text = file.read_text("utf-8")
        sides = 2 if re.search(r"\{(?:answer_1|output_1|answer_a)", text) else 1
        if "{answer" in text or "{output" in text:
            found.append(templates.compiled(file.name.removesuffix(".txt"), text, sides))
    return found


def marks(template: Template) -> frozenset[str]:
    """The marks of one template, in small letters and without spaces."""
    found: set[str] = set()
    for variant in template.variants.values():
        for _, pieces in variant.turns:
            text = "".join(piece if k % 2 == 0 else "" for k, piece in enumerate(pieces))
            found.update(_bare(label) for label in _LABEL.findall(text))
            for k in range(1, len(pieces), 2):
                if pieces[k].startswith("answer"):
                    found.update(_edges(pieces, k))
    return frozenset(mark for mark in found if len(mark) >= SHORTEST or mark.startswith("[["))


def hits(text: str, known: Iterable[str] | None = None) -> list[str]:
    """The marks that stand in `text`, by default those of every shipped prompt, and the records and frames it opens."""
    bare = _bare(text)
    found = [mark for mark in (_shipped_marks() if known is None else known) if mark in bare]
    fields = {name.lower() for name in _FIELD.findall(text)}
    if len(fields) >= FIELDS or {"output", "model"} <= fields or {"output", "instruction"} <= fields:
        found.append("fields " + ", ".join(sorted(fields)))
    frame = _FRAME.search(text)
    if frame is not None:
        found.append(frame[0].strip()[:40])
    return sorted(set(found))


@lru_cache(maxsize=1)
def _shipped_marks() -> frozenset[str]:
    return frozenset[str]().union(*(marks(template) for template in shipped()))


def _edges(pieces: tuple[str, ...], slot: int) -> set[str]:
    """The last line before a slot and the first after it, each up to a neighbouring slot."""
    before = pieces[slot - 1].rstrip().rpartition("\n")[2]
    if before in (">", "") and slot >= 3:  # the code of the fence stands between the frame and its end
        before = pieces[slot - 3].rpartition("\n")[2]
    after = pieces[slot + 1].lstrip().partition("\n")[0] if slot + 1 < len(pieces) else ""
    return {_bare(before), _bare(after)} - {""}


def _bare(text: str) -> str:
    return _ROOM.sub("", text.casefold())
