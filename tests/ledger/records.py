"""Records for tests: a contest with its prompt, two answers and a verdict, numbered so that many differ."""

from __future__ import annotations

from dataclasses import dataclass

from winsome.records import (
    Match,
    Prompt,
    Response,
    Sampling,
    Side,
    Usage,
    Verdict,
    assistant,
    response_key,
    shares,
    user,
)


@dataclass(frozen=True)
class Contest:
    prompt: Prompt
    responses: tuple[Response, Response]
    match: Match
    verdict: Verdict

    @property
    def records(self) -> tuple[Prompt | Response | Match | Verdict, ...]:
        return (self.prompt, *self.responses, self.match, self.verdict)


def answer(prompt: Prompt, contender: str, words: str, **more: object) -> Response:
    key = response_key(prompt.id, contender, Sampling(), 0)
    return Response(prompt.id, contender, key, messages=(assistant(words),), **more)  # type: ignore[arg-type]


def contest(n: int, judge: str = "judge", size: int = 0) -> Contest:
    """The n-th contest; `size` more characters in the prompt."""
    prompt = Prompt((user(f"question {n} " + "x" * size),), for_judges={"reference_answer": str(n)})
    left, right = (
        answer(prompt, "left", f"yes {n}"),
        answer(prompt, "right", f"no {n}", usage=Usage(1, 9, 2, None, 0.25)),
    )
    match = Match(prompt, (Side("left", left, 1), Side("right", right, 0)), order=1, cluster=prompt.id)
    outcome, scores = shares((n % 5) / 4)
    verdict = Verdict(
        match.id, judge, f"id of {judge}", outcome, scores, reason=f"because {n}", evidence=(left.id,)
    )
    return Contest(prompt, (left, right), match, verdict)
