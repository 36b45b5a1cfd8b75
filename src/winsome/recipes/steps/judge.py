"""Answers rated, or compared with each other, by a judge."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, cast

from winsome.errors import Unsupported
from winsome.frames import Frames, Kept, prompts_of, responses_of
from winsome.matchmaking.session import Session
from winsome.matchmaking.verdicts import asked
from winsome.protocols import Judge, Scorer
from winsome.recipes.steps.score import score, with_earlier
from winsome.records import Match, Prompt, Response, Side, digest

VERSION = 1
READS = ("responses", "prompts")
MAKES = ("scores",)
PLANNED = ("reference", "mode")
BUILT_OUTPUTS = ("score", "choice")


async def judge(
    frames: Frames,
    *,
    by: Scorer | Judge,
    output: Literal["score", "choice", "ranking", "critique", "label"] = "score",
    aspects: tuple[str, ...] = (),
    n: int = 1,
    both_orders: bool = True,
    only: Literal["pairs", "all", "max_variance"] = "all",
    subject: Literal["responses", "pairs", "prompts", "verdicts", "persona"] = "responses",
    keep: bool = True,
    run: Session,
) -> Kept:
    """Scores by a scorer (output score), or each answer's share of wins over the prompt's other answers by a judge (output choice).

    A choice is in [0, 1]: the mean share of all comparisons that could be read; `n_calls` counts them and `unparsed` the others. n:
    asks of each comparison, or ratings of each answer. both_orders: whether a judge to whom order may matter sees both. Verdicts go
    through the ledger, so none is bought twice.
    """
    aspect = aspects[0] if aspects else ""
    if output == "score":
        return await score(frames, by=cast("Scorer", by), aspect=aspect, n=n, keep=keep, run=run)
    by = cast("Judge", by)
    prompts = {prompt.id: prompt for prompt in prompts_of(frames["prompts"])}
    groups: dict[str, list[Response]] = {}
    for response in responses_of(frames["responses"]):
        groups.setdefault(response.prompt, []).append(response)
    orders = 2 if by.ordered and both_orders else 1
    matches = [
        _match(prompts[prompt], pair, order, repeat, run.seed, orders)
        for prompt, answers in groups.items()
        for pair in itertools.combinations(answers, 2)
        for order in range(orders)
        for repeat in range(n)
    ]
    verdicts = await asked(by, matches, run)
    shares: dict[str, list[float | None]] = {r.id: [] for answers in groups.values() for r in answers}
    for match in matches:
        verdict = verdicts.get(match.id)
        share = None if verdict is None else verdict.share
        for side, own in zip(match.sides, (share, None if share is None else 1.0 - share), strict=True):
            shares[side.response.id].append(own)
    rows = [_row(id, by.name, aspect, held) for id, held in shares.items()]
    return with_earlier(frames, rows, len(rows), keep)


def roles(settings: dict[str, Any]) -> dict[str, str]:
    """How `by` is opened: scores come from a scorer, choices from a judge."""
    return {"by": "Scorer" if settings.get("output", "score") == "score" else "Judge"}


def check(settings: dict[str, Any], run: Any) -> None:
    """Raise Unsupported for what judges cannot be asked in a recipe yet."""
    output = settings.get("output", "score")
    if output not in BUILT_OUTPUTS:
        raise Unsupported(f"judge: output: {output} is not built yet (there are: {', '.join(BUILT_OUTPUTS)})")
    if settings.get("subject", "responses") != "responses":
        raise Unsupported(f"judge: subject: {settings['subject']} is not built yet (there is: responses)")
    if settings.get("only", "all") != "all":
        raise Unsupported(f"judge: only: {settings['only']} is not built yet; put a select step before")
    if len(settings.get("aspects") or ()) > 1 and not isinstance(settings["aspects"], str):
        raise Unsupported("judge: one aspect a step; write a judge step for each")


def _match(
    prompt: Prompt, pair: tuple[Response, Response], order: int, repeat: int, seed: int, orders: int
) -> Match:
    contest = digest([prompt.id, [response.id for response in pair]])
    first = order if orders == 2 else int(digest([seed, contest])[:8], 16) % 2
    sides = (Side(pair[0].contender, pair[0], first), Side(pair[1].contender, pair[1], 1 - first))
    return Match(prompt, sides, order, repeat, prompt.id, prompt.facets)


def _row(id: str, by: str, aspect: str, shares: Sequence[float | None]) -> dict[str, Any]:
    known = [share for share in shares if share is not None]
    return {
        "subject": "response", "subject_id": id, "by": by, "aspect": aspect,
        "value": sum(known) / len(known) if known else None, "n_calls": len(shares), "unparsed": len(shares) - len(known),
    }  # fmt: skip
