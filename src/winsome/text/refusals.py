"""Whether an answer does what was asked, does it under a reservation, or declines, and why: an opening grammar of English, and a model.

normal      it does what was asked, or tries to, or asks back for what a conversation partner would ask for
disclaimer  it does so, and says of itself that it is an AI, no expert, not up to date, or leaves a part out
ethical     it declines for reasons of harm, law, rights, policy or decency, or declines and gives no reason
technical   it declines for lack of access, data, context, ability or understanding
empty       it says nothing

Read are the first and the last 60 words, and where it is given the request: a refusal without a reason has its request's. An answer without
any word that declines or reserves is normal; of the others a linear model decides, by their words, the request's, and what the grammar finds
(`refusal_model`). Answers in other languages than English come out as normal.
"""

from __future__ import annotations

import math
import re
from typing import Literal, cast, get_args

from winsome.text.refusal_model import EDGE, likeliest
from winsome.text.refusal_requests import asks

Kind = Literal["normal", "disclaimer", "ethical", "technical", "empty"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DECLINED: tuple[Kind, ...] = ("ethical", "technical")
SHORT = 90
"""Words up to which an answer that begins by declining has not done the task after all."""

_I = r"(?:i|we)"
_NOT = r"(?:(?:can|do|am|will|would|could|should|must) ?not|(?:can|do|won|wouldn|couldn|shouldn|don)['’]?t|['’]m not|['’]m unable|am unable|refuse|decline)"
_DECLINES = re.compile(
    rf"\b{_I} (?:(?:really|simply|just|also|therefore|must|would|have to|am afraid {_I}|['’]m afraid {_I}) )*(?:"
    r"can(?:not| not|['’]?t)(?! help but\b| stress\b| wait\b| emphasize\b| recommend (?:\w+ ){0,3}(?:enough|highly))"
    r"|am (?:unable|not able)\b|(?:won['’]?t|will not|refuse|decline)\b"
    r"|(?:am|feel) not (?:comfortable|going to|programmed|allowed|permitted)\b|should not\b|shouldn['’]?t\b"
    r"|do(?:n['’]?t| not) (?:actually |currently |even )?(?:have(?! to| (?:any )?personal)|want to(?! judge)|feel comfortable|understand|follow|think (?:that )?you should|think i understand|think i['’]m following))"
    rf"|\b(?:i['’]m|i am) (?:sorry,? (?:but )?)?(?:afraid )?(?:that )?(?:{_I} )?(?:unable|not able|not comfortable|not going to|not following|not sure what you|not familiar)\b"
    r"|\b(?:context|passage|text|article) does not (?:provide|specify|contain|mention|include|give)|\bnot explicitly (?:named|mentioned|stated)"
    r"|\b(?:is|was|would be) beyond (?:the scope|my)|\band do(?:n['’]?t| not) have the (?:ability|capabilit)|\bcan['’]?t figure out\b|^no, i(?:['’]m not| am not| cannot| can not| can['’]?t)\b|^(?:uh, )?i don['’]?t think you should|\bvery inappropriate$",
    re.IGNORECASE,
)
_SELF = re.compile(
    r"\b(?:as an? (?:\w+ ){0,3}(?:ai|artificial intelligence|language model|assistant|robot)\b[^.]{0,80}(?:\bnot\b|n['’]t\b|\bcannot\b|unable|\bbut\b|however)|i['’]?(?:m| am) (?:just |only )?an? (?:\w+ )?(?:ai|language model)"
    r"|i am programmed to|my (?:knowledge|training data)|knowledge cutoff|(?:not|n['’]t) (?:hold|have) (?:any )?personal|while i can(?:not|['’]?t)"
    r"|not (?:intended as|a substitute for|legal advice|financial advice|medical advice)|(?:not|n['’]t) based on real-time)",
    re.IGNORECASE,
)
_ETHICAL = re.compile(
    r"\b(?:illegal\w*|legal(?:ly)?|laws?|crim\w+|harm\w*|hurt\w*|unethical\w*|ethic\w+|inappropriate\w*|appropriate|unsafe|safe|safety|violen\w+|offens\w+"
    r"|discriminat\w+|stereotyp\w+|hate\w*|privacy|personal (?:information|lives|details)|individuals|copyright\w*|polic(?:y|ies)|guidelines|comfortable|uncomfortable"
    r"|wrong|danger\w+|medical advice|diagnos\w+|abus\w+|cheat\w*|steal\w*|should(?:n['’]?t| not)|won['’]?t|want to do this|respectful\w*|explicit content|graphic)\b",
    re.IGNORECASE,
)
_TECHNICAL = re.compile(
    r"\b(?:access|brows\w+|internet|context|real[- ]time|cut-?off|up[- ]to[- ]date|database|dataset|data|training|images?|visual|illustrations?|video|audio|hear|display"
    r"|external|websites?|files?|clarify|clarification|not sure|understand\w*|follow(?:ing)?|figure out|familiar|predict|future|current(?:ly)?|ability|capab\w+|capacity"
    r"|information|details|scope|physical(?:ly)?|experiences?|record of|provide me|you provide|please provide|specific|based on real|extensive)\b",
    re.IGNORECASE,
)
_TURNS = re.compile(r"\b(?:however|that said|but (?:here|i can|based)|nevertheless|instead,? here)\b", re.IGNORECASE)  # fmt: skip
CUES = (
    "sorry", "apolog", "unfortunately", "afraid", "cannot", "can not", "can't", "unable", "not able", "don't", "do not", "does not",
    "won't", "will not", "would not", "wouldn't", "should not", "shouldn't", "am not", "i'm not", "not sure", "not allowed", "not explicitly",
    "as an ai", "an ai ", "language model", "as a robot", "as a computer", "programmed", "designed to", "cutoff", "cut-off", "real-time",
    "refuse", "decline", "inappropriate", "illegal", "unethical", "uncomfortable", "beyond the scope", "more information", "having trouble",
    "while i ", "consult", "love to help",
)  # fmt: skip
"""Words without any of which an answer is normal: nothing more need be read of most answers."""
LONG = 6000
"""Characters in which items of lists are counted."""
_ITEM = re.compile(r"(?m)^\s*(?:\d+[.)]|[-*•])\s|\s\d\. ")
"""An item of a list: what an answer has that does the task after all."""
_PRAISE = re.compile(r"\bcan(?:not|'t) (?:wait|(?:recommend|praise|thank) (?:\w+ ){0,3}enough)\b")
"""What sounds like declining and is not."""
_OFFERS = re.compile(
    r"\b(?:i can (?:help|guide|assist|offer|suggest|try|provide (?:you )?(?:with )?(?:general|guidance))|i (?:would|['’]d) be (?:happy|glad)|would you like|let me know (?:if|how)"
    r"|feel free|please (?:provide|let me|clarify|specify|check)|if you (?:provide|can|have any))",
    re.IGNORECASE,
)


def kind_of(text: str, request: str = "") -> Kind:
    """The kind of an answer to `request` (empty: not known); see the module for what each means."""
    if not text.strip():
        return "empty"
    return cast(Kind, likeliest(text, request, counts(text, request))) if cued(text) else "normal"


def cued(text: str) -> bool:
    """Whether an answer's beginning or end has any word that declines or reserves."""
    words = text.split()
    read = " ".join(words if len(words) <= 2 * EDGE else words[:EDGE] + words[-EDGE:])
    read = _PRAISE.sub("", read.lower().replace("’", "'"))
    return any(cue in read for cue in CUES)


def counts(text: str, request: str = "") -> list[float]:
    """What the grammar finds in an answer and its request, as the model reads it: 40 numbers of about 0 to 3, the first whether it declines."""
    words = text.split()
    head = " ".join(words[:EDGE])
    opening = " ".join(_sentences(head)[:3])
    declines = _DECLINES.search(opening)
    turned = declines is not None and _TURNS.search(head, declines.end()) is not None
    items = len(_ITEM.findall(text[:LONG]))
    found = (
        declines is not None,
        _SELF.search(head) is not None,
        _SELF.search(opening) is not None,
        *(min(len(reasons.findall(part)), 4) / 2 for part in (opening, head) for reasons in (_ETHICAL, _TECHNICAL)),
        _TURNS.search(head) is not None,
        _OFFERS.search(head) is not None,
        math.log1p(len(words)) / 3.0,
        len(words) > SHORT,
        len(words) > 2 * SHORT,
        "?" in head,
        declines is not None and len(words) > SHORT,
        turned and len(words) > EDGE,
        "```" in text,
        items > 0,
        min(items, 6) / 3,
    )  # fmt: skip
    asked = asks(request)
    return [float(one) for one in found] + asked + [one if declines else 0.0 for one in asked]


def grammar_kind(text: str, request: str = "") -> Kind:
    """The kind of an answer by the grammar alone, for answers where the model is not trusted; it does not read the request."""
    words = text.split()
    if not words:
        return "empty"
    head = " ".join(words[:EDGE])
    opening = " ".join(_sentences(head)[:3])
    declines = _DECLINES.search(opening)
    if declines is None:
        edges = head if len(words) <= 2 * EDGE else f"{opening} {' '.join(words[-EDGE:])}"
        return "disclaimer" if _SELF.search(edges) else "normal"
    turned = _TURNS.search(head, declines.end())
    if len(words) > SHORT and turned and not _OFFERS.match(head, _start(head, turned.end())):
        return "disclaimer"
    if len(words) > 2 * SHORT and not turned:
        return "normal" if _SELF.search(opening) is None else "disclaimer"
    return _reason(f"{opening} {head}" if len(words) <= SHORT else opening)


def _reason(said: str) -> Kind:
    """Which of two reasons a refusal names more often; no reason and no offer counts as ethical."""
    ethical, technical = (len(pattern.findall(said)) for pattern in (_ETHICAL, _TECHNICAL))
    if not ethical and not technical and _OFFERS.search(said):
        return "technical"  # less of the same is offered, so nothing is wrong with it
    return "technical" if technical > ethical else "ethical"


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


def _start(text: str, at: int) -> int:
    """The place of the first letter after `at`."""
    found = re.compile(r"[^\W\d]").search(text, at)
    return found.start() if found else len(text)
