"""Contests that need no judge: an answer is missing, empty, too long, or equal to the other."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from winsome.records import Outcome, Response, Suite, digest

BOTH = "both sides"
"""Begins the reason of a contest that is void by rule: asked again, it would be so again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules and the plan need to know of a response; the words stay in the ledger."""

    response: str
    characters: int
    words: str
    failed: str = ""
    finish: str = "stop"

    @staticmethod
    def of(response: Response) -> Answer:
        text = "\n".join(message.text for message in response.messages)
        plain = " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())
        failed = (response.error or "failed") if response.finish == "failed" else ""
        return Answer(response.id, len(text), digest(plain) if plain else "", failed, response.finish)


def decided(a: Answer, b: Answer, suite: Suite) -> tuple[Outcome, float | None, str] | None:
    """Outcome, side a's share and the reason where a rule of the suite decides the contest; None where a judge must.

    A failed answer makes the contest void, unless the suite has it judged as an empty one; so do two unacceptable ones. One empty or over-long answer forfeits. Equal words
    (Unicode NFC, runs of white space as one) tie.
    """
    if suite.failed == "void" and (a.failed or b.failed):
        return "void", None, f"no answer: {a.failed or b.failed}"
    flaws = [_flaw(answer, suite) for answer in (a, b)]
    if flaws[0] and flaws[1]:
        return "void", None, f"{BOTH} {flaws[0]}"
    if flaws[0] or flaws[1]:
        return "forfeit", 0.0 if flaws[0] else 1.0, f"one side {flaws[0] or flaws[1]}"
    if suite.equal == "tie" and a.words == b.words:
        return "tie", 0.5, "equal answers"
    return None


def _flaw(answer: Answer, suite: Suite) -> str:
    if suite.empty == "forfeit" and not answer.words:
        return "empty"
    if suite.max_characters is not None and answer.characters > suite.max_characters:
        return f"over {suite.max_characters} characters"
    return ""
