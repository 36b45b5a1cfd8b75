"""The one place in a judge's reply where its verdict may stand: the last line, or the probabilities of the answering token.

Nothing else of a reply decides: not thinking, not text quoted from an answer, not an echoed prompt. What cannot be read in one way
only is unparsed, and `Reading.problem` begins with why: cut off, no verdict, ambiguous, refused, no log-probs, failed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from winsome.records import Outcome, Response, Tokens


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says. `value`: the first seat's share in [0, 1], or a grade; None with a `problem` where unreadable.

    `label` is what stood in the slot; `extent` how large the win is; `again`: whether a new reply may be readable.
    """

    value: float | None = None
    label: str = ""
    extent: float | None = None
    problem: str = ""
    again: bool = False

    @property
    def unread(self) -> Outcome:
        """The outcome where there is no value: void where the model failed to answer, else unparsed."""
        return "void" if self.problem.startswith("failed") else "unparsed"


Read = Callable[[str, Tokens | None, bool], Reading]
"""(text after thinking, its tokens or None, whether it was cut off) -> Reading."""

_REFUSAL = re.compile(
    r"(?:i['’]?m (?:very |so )?sorry|sorry,|i (?:can(?:not|['’]t| not)|am (?:not able|unable)|won['’]t|must decline)|as an ai)",
    re.IGNORECASE,
)
_DECORATION = " \t\r*_`#~\"'“”‘’"
_QUOTES = '"“”„«»`'
_FIVE_WAY = re.compile(r"\[{1,2}\s*([AB])\s*(>>|>|=|<|<<)\s*([AB])\s*\]{1,2}")
_LABELLED = re.compile(r"\[{2}\s*([ABC])\s*\]{2}")
_GRADE = re.compile(r"\[{2}\s*(-?\d+(?:\.\d+)?)\s*\]{2}")
_LETTER = re.compile(
    r"(?:(?:the |my )?(?:final )?(?:verdict|answer|choice|better answer|better one|winner)(?: is)?\s*[:=]?\s*)?"
    r"[*_`\"'(\[]*([AB])[*_`\"')\].:]*(?: is (?:the )?(?:better|best|correct|right)(?: answer| one| choice)?(?: than [AB])?\.?)?",
    re.IGNORECASE,
)
_BARE = re.compile(r"[\s*_`\"'(\[.:)\]]*")


def reading_of(response: Response, read: Read, fence: str = "") -> Reading:
    """What `response` says by `read`, after thinking is taken away and echoes, cuts, failures and refusals are named.

    Read is the text after thinking; `fence` in it means that the prompt or an answer is being quoted.
    """
    if response.finish == "failed":
        return Reading(problem=f"failed: {response.error or 'no answer'}")
    if response.finish == "filtered":
        return Reading(problem="refused: filtered by the server")
    if read is alpaca_eval:  # one token, always cut: its probabilities are the verdict, its text is not
        return alpaca_eval(response.text, response.tokens, False)
    text, open_thought = _spoken(response.text)
    cut = response.finish == "length"
    if not text.strip():
        if cut and (open_thought or response.thinking):
            return Reading(
                problem="cut off while thinking: give the judge's model a larger max_tokens", again=True
            )
        return Reading(problem="cut off: nothing was said" if cut else "no verdict: empty reply", again=True)
    # a thought may quote the prompt, but one without its opening tag may itself be the quotation of an answer's tag
    opened = response.text.lstrip().startswith("<think>")
    if fence and fence in (text if opened else response.text):
        return Reading(problem="ambiguous: the reply quotes the prompt", again=True)
    thought = bool(response.thinking) or text != response.text
    reading = read(text, None if thought and not _ends_with(response.tokens, text) else response.tokens, cut)
    if reading.problem.startswith("no verdict") and _REFUSAL.match(text.lstrip()):
        return Reading(problem=f"refused: {_short(text)}", again=True)
    return reading


def letter(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """A or B alone on the last line, weighted by the letters' probabilities at that token where they are known.

    A reply that begins with a line of one letter and runs on is read by that first token's probabilities, if it has any.
    """
    lines = _lines(text)
    last = None if cut else _letter_of(lines[-1])
    first = _letter_of(lines[0]) if len(lines) > 1 else None
    if last and first and last != first:
        return Reading(problem="ambiguous: first and last line differ", again=True)
    if last:
        share = _weighed(tokens, _last_said(tokens), last)
        if share is None and (first or len(lines) == 1):
            share = _weighed(tokens, 0, last)
        return Reading(share if share is not None else float(last == "A"), last)
    share = _weighed(tokens, 0, first) if first else None
    if share is not None:
        return Reading(share, first or "")
    if cut:
        return _cut()
    named = set(re.findall(r"\b[AB]\b", lines[-1]))
    return _unread("ambiguous" if len(named) == 2 else "no verdict", lines[-1])


def alpaca_eval(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """The share p(m) / (p(m) + p(M)) at the first token; a token that is not among the likeliest has probability 0.

    Source: AlpacaEval 2, evaluator weighted_alpaca_eval_gpt4_turbo.
    """
    if tokens is None or not tokens.top:
        return Reading(problem="no log-probs: server returns no log-probs: use protocol=letter")
    top = tokens.top[0]
    first, second = top.get("m", -math.inf), top.get("M", -math.inf)
    if first == second == -math.inf:
        return _unread("no verdict", text)
    share = _renormalised(first, second)
    return Reading(share, "m" if share > 0.5 else "M" if share < 0.5 else "m or M")


def first_letter(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """The share p(A) / (p(A) + p(B)) at the first token, whatever else is said: for models that follow no form.

    A letter that is not among the likeliest tokens has probability 0.
    """
    if tokens is None or not tokens.top:
        return Reading(problem="no log-probs: server returns no log-probs: use ending=scores")
    said = [(token.strip(), value) for token, value in tokens.top[0].items()]
    first, second = (
        max((value for token, value in said if token == letter), default=-math.inf) for letter in "AB"
    )
    if first == second == -math.inf:
        return _unread("no verdict", text)
    share = _renormalised(first, second)
    return Reading(share, "A" if share > 0.5 else "B" if share < 0.5 else "A or B")


def arena_hard(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """[[A>>B]], [[A>B]], [[A=B]], [[B>A]] or [[B>>A]] at the end of the last line; extent 2, 1 or 0.

    Mirrored spellings ([[B<A]]) count as what they say. Arena-Hard weights an extent of 2 three times.
    """
    found = _last_label(text, _FIVE_WAY, cut)
    if isinstance(found, Reading):
        return found
    left, sign, right = found[1], found[2], found[3]
    if left == right:
        return _unread("ambiguous", found[0])
    if sign.startswith("<"):
        left, sign, right = right, sign.replace("<", ">"), left
    if sign == "=":
        return Reading(0.5, "A=B", 0.0)
    return Reading(float(left == "A"), f"{left}{sign}{right}", float(len(sign)))


def mt_bench_pair(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """[[A]], [[B]] or [[C]] (a tie) at the end of the last line."""
    found = _last_label(text, _LABELLED, cut)
    return (
        found if isinstance(found, Reading) else Reading({"A": 1.0, "B": 0.0, "C": 0.5}[found[1]], found[1])
    )


def mt_bench_single(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """[[grade]] from 1 to 10 at the end of the last line."""
    found = _last_label(text, _GRADE, cut)
    if isinstance(found, Reading):
        return found
    grade = float(found[1])
    if not 1.0 <= grade <= 10.0:
        return Reading(problem=f"no verdict: {found[1]} is no grade from 1 to 10", again=True)
    return Reading(grade, found[1])


def _spoken(text: str) -> tuple[str, bool]:
    """What was said after thinking, and whether a thought was still open at the end.

    A thought opens a reply, with its tag or (where the template wrote the tag) without; later tags are quotations.
    """
    before, closed, after = text.partition("</think>")
    if closed and "<think>" not in before:
        return after, False
    while (rest := text.lstrip()).startswith("<think>"):
        _, closed, text = rest.partition("</think>")
        if not closed:
            return "", True
    return text, False


def _lines(text: str) -> list[str]:
    return [line for line in (raw.strip() for raw in text.splitlines()) if line] or [""]


def _last_label(text: str, label: re.Pattern[str], cut: bool) -> re.Match[str] | Reading:
    """The only `label` of the last line, which ends with it; else the Reading that says why there is none."""
    if cut:
        return _cut()
    line = _lines(text)[-1]
    found = list(label.finditer(line))
    if not found:
        return _unread("no verdict", line)
    before = line[: found[0].start()].rstrip(_DECORATION)
    if len(found) > 1 or line.startswith((">", "|")) or any(mark in before for mark in _QUOTES):
        return _unread("ambiguous", line)
    if line[found[0].end() :].strip(_DECORATION + ".!"):
        return _unread("no verdict", line)
    return found[0]


def _letter_of(line: str) -> str | None:
    found = _LETTER.fullmatch(line.strip(_DECORATION))
    return found[1] if found and found[1].isupper() else None


def _last_said(tokens: Tokens | None) -> int | None:
    """The place of the last token with a letter or digit; special tokens (<..>) say nothing."""
    if tokens is None:
        return None
    for at in range(len(tokens.texts) - 1, -1, -1):
        text = tokens.texts[at].strip()
        if not _BARE.fullmatch(text) and not (text.startswith("<") and text.endswith(">")):
            return at
    return None


def _weighed(tokens: Tokens | None, at: int | None, said: str) -> float | None:
    """p(A) / (p(A) + p(B)) at token `at`; None where that token is not `said` or has no alternatives."""
    if tokens is None or at is None or at >= min(len(tokens.top), len(tokens.texts)):
        return None
    if not tokens.top[at] or _core(tokens.texts[at]) != said:
        return None
    mass = _masses(tokens.top[at])
    return _renormalised(*mass) if max(mass) > -math.inf else None


def _masses(top: Mapping[str, float]) -> tuple[float, float]:
    """Log-probabilities of A and of B over all their spellings (` A`, `A`)."""
    sums = {"A": 0.0, "B": 0.0}
    for text, logprob in top.items():
        core = _core(text)
        if core in sums:
            sums[core] += math.exp(min(logprob, 0.0))
    first, second = (math.log(p) if p > 0.0 else -math.inf for p in sums.values())
    return first, second


def _renormalised(first: float, second: float) -> float:
    """exp(first) / (exp(first) + exp(second)) of two log-probabilities, at least one of them finite."""
    if first == -math.inf:
        return 0.0
    gap = second - first
    return 1.0 / (1.0 + math.exp(gap)) if gap < 700.0 else 0.0


def _core(token: str) -> str:
    return token.strip(" \n\t*_`\"'([.:)]▁Ġ")


def _ends_with(tokens: Tokens | None, text: str) -> bool:
    """Whether `tokens` reach to the end of the reply, so that its last one can be read."""
    if tokens is None:
        return False
    said = "".join(t for t in tokens.texts[-8:] if not (t.startswith("<") and t.endswith(">"))).rstrip()
    return bool(said) and (text.rstrip().endswith(said) or said.endswith(text.rstrip()))


def _cut() -> Reading:
    return Reading(problem="cut off: give the judge a larger max_tokens", again=True)


def _unread(why: str, line: str) -> Reading:
    return Reading(problem=f"{why}: {_short(line)}", again=True)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
