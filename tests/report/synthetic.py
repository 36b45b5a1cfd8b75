"""A finished run made from a seed: real ledger, real combination and standings, texts and verdicts drawn from a known law."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from winsome.ledger.store import Ledger
from winsome.matchmaking import run_folder
from winsome.matchmaking.asks import battles_frame
from winsome.records import (
    Match,
    Message,
    Prompt,
    Response,
    Side,
    Usage,
    Verdict,
    assistant,
    digest,
    shares,
    user,
)
from winsome.standings import Battles, combine, win_rate

COMMON = """
the of and to a in that it is was for on are with as be this from or by one had not but what all were when we there
can an your which their said if do will each about how up out them then she many some so these would other into has
more her two like him see time could no make than first been its who now people my made over did down only way find
use may water long little very after words called just where most know kettle coffee winter engine method letter
question answer explain because therefore example number measure compare judge careful simple honest river mountain
"""
WORDS = tuple(COMMON.split())
CATEGORIES = ("writing", "reasoning", "code", "roleplay", "extraction")


@dataclass(frozen=True)
class Law:
    """How a synthetic run comes about: skill is a contender's strength in logits, the biases are the judge's."""

    contenders: tuple[str, ...] = ("base", "best-of-4")
    skill: tuple[float, ...] = (0.0, 0.7)
    baseline: str | None = "base"
    prompts: int = 180
    orders: int = 2
    judges: tuple[str, ...] = ("pairwise?model=http://localhost:8000/v1#small-judge",)
    seat_bias: float = 0.4
    length_bias: float = 0.5
    characters: int = 500
    faults: bool = True
    categories: tuple[str, ...] = CATEGORIES
    judge_words: int = 25
    seed: int = 0


def prose(rng: random.Random, characters: int) -> str:
    """Words by a law like Zipf's, in sentences; compresses about as English does."""
    parts: list[str] = []
    size = 0
    while size < characters:
        count = rng.randint(6, 18)
        words = [WORDS[min(len(WORDS) - 1, int(len(WORDS) * rng.random() ** 1.6))] for _ in range(count)]
        if rng.random() < 0.5:
            words[-1] += str(rng.randint(1, 9999))
        sentence = " ".join(words).capitalize() + rng.choice((". ", ". ", ".\n\n", "? "))
        parts.append(sentence)
        size += len(sentence)
    return "".join(parts)[:characters].strip()


def made(
    folder: Path, ledger: Ledger, law: Law = Law(), answers: dict[tuple[int, int], str] | None = None
) -> Path:
    """The folder of a run that follows `law`; `answers` fixes the words of (prompt number, contender number)."""
    rng = random.Random(law.seed)
    prompts = [
        Prompt(
            (user(f"{prose(rng, rng.randint(40, 220))} ({number})"),),
            facets={"category": law.categories[number % len(law.categories)]} if law.categories else {},
            item=f"q{number:05d}",
        )
        for number in range(law.prompts)
    ]
    if law.prompts > 3 and law.faults:
        first = Message("assistant", assistant(prose(rng, 120)).parts)
        prompts[3] = replace(
            prompts[3],
            messages=(user("Tell me about kettles."), first, user("Now shorter.")),
            system="You are terse.",
        )
    said = {
        (p, c): _answer(rng, law, prompt, p, c, (answers or {}).get((p, c)))
        for p, prompt in enumerate(prompts)
        for c in range(len(law.contenders))
    }
    rows: list[dict[str, Any]] = []
    kept: list[Any] = [*prompts, *said.values()]
    base = None if law.baseline is None else law.contenders.index(law.baseline)
    pairs = [
        (a, b)
        for a in range(len(law.contenders))
        for b in range(a + 1, len(law.contenders))
        if base is None or base in (a, b)
    ]
    for p, prompt in enumerate(prompts):
        for a, b in [(b, a) if a == base else (a, b) for a, b in pairs]:
            for judge in law.judges:
                for order in range(law.orders):
                    rows.append(
                        _ask(
                            rng, law, prompt, (a, b), (said[p, a], said[p, b]), judge, order, kept, len(rows)
                        )
                    )
    ledger.put_many(kept)
    _write(folder, law, rows, ledger)
    return folder


def _answer(rng: random.Random, law: Law, prompt: Prompt, p: int, c: int, fixed: str | None) -> Response:
    size = int(law.characters * math.exp(rng.gauss(0.12 * c, 0.45)))
    text = prose(rng, size) if fixed is None else fixed
    if law.faults and fixed is None and p % 53 == 17 and c == 0:
        text = ""
    finish = "length" if law.faults and p % 41 == 5 and c == 1 else "stop"
    key = digest([prompt.id, law.contenders[c]])
    return Response(
        prompt.id,
        law.contenders[c],
        key,
        messages=(assistant(text),),
        finish=finish,
        usage=Usage(1, 40, size // 4, 0.0001, 0.4),
    )


def _ask(
    rng: random.Random, law: Law, prompt: Prompt, pair: tuple[int, int], said: tuple[Response, Response],
    judge: str, order: int, kept: list[Any], position: int,
) -> dict[str, Any]:  # fmt: skip
    a, b = pair
    names = [law.contenders[c] for c in pair]
    contest = digest([prompt.id, *names])
    seat_a = int(contest[:6], 16) % 2 if order == 0 else 1 - int(contest[:6], 16) % 2
    match = Match(
        prompt, (Side(names[0], said[0], seat_a), Side(names[1], said[1], 1 - seat_a)), order, 0, prompt.id
    )
    texts = [response.text for response in said]
    row: dict[str, Any] = {
        "position": position, "contest": contest, "prompt": prompt.id, "item": prompt.item, "cluster": prompt.id,
        "category": prompt.facets.get("category"), "lang": "en", "a": names[0], "b": names[1], "order": order, "repeat": 0,
        "seat_a": seat_a, "match": match.id, "response_a": said[0].id, "response_b": said[1].id, "length_a": len(texts[0]),
        "length_b": len(texts[1]), "outcome": "not asked", "share": None, "extent": None, "reason": "", "verdict": None,
        "aspect": "", "evidence": [], "judge": judge, "served_by": "", "cached": False, "money": 0.0, "seconds": 0.0,
    }  # fmt: skip
    if not texts[0] or not texts[1]:
        return row | {
            "outcome": "forfeit",
            "share": 0.0 if not texts[0] else 1.0,
            "reason": "one side empty",
            "match": None,
        }
    if law.faults and rng.random() < 0.004:
        return row | {"match": None}
    logit = law.skill[a] - law.skill[b] + law.length_bias * math.log(len(texts[0]) / len(texts[1]))
    logit += law.seat_bias * (1 if seat_a == 0 else -1)
    draw = rng.random()
    outcome, scores = shares(1.0 if draw < 1 / (1 + math.exp(-logit)) else 0.0)
    reason = ""
    if rng.random() < 0.04:
        outcome, scores = shares(0.5)
    winner = "tie" if outcome == "tie" else "A" if (outcome == "win") == (seat_a == 0) else "B"
    words = f"{prose(rng, law.judge_words)}\n[[{winner}]]"
    if law.faults and rng.random() < 0.015:
        outcome, scores, reason, words = (
            "unparsed",
            (),
            "no verdict: the reply has no label",
            "I cannot choose between them.",
        )
    reply = Response(
        prompt.id,
        "judge",
        digest([match.id, judge]),
        messages=(assistant(words),),
        served_by="small-judge-0613",
    )
    kept.append(reply)
    verdict = Verdict(match.id, judge, digest(judge), outcome, scores, reason=reason, evidence=(reply.id,))
    return row | {
        "outcome": outcome, "share": scores[0] if scores else None, "reason": reason or f"label: [[{winner}]]", "verdict": verdict.id,
        "evidence": [reply.id], "served_by": "small-judge-0613", "money": 0.0002, "seconds": 0.3,
    }  # fmt: skip


def _write(folder: Path, law: Law, rows: Sequence[dict[str, Any]], ledger: Ledger) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    asks = pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides={
            "share": pl.Float64,
            "extent": pl.Float64,
            "evidence": pl.List(pl.String),
            "category": pl.String,
        },
    )
    battles = combine(Battles.from_frame(battles_frame(asks), name="the verdicts"))
    standings = win_rate(battles, baseline=law.baseline, seed=law.seed).named("synthetic@1", "letter@1")
    unscored = (
        asks.filter(pl.col("share").is_null())
        .group_by("outcome", "reason")
        .len()
        .sort("len", descending=True)
    )
    record = {
        "format": run_folder.FORMAT, "winsome": "0.1.0", "id": folder.name, "command": f"winsome compare {' '.join(law.contenders)} --judge '{law.judges[0]}' --suite synthetic",
        "started": "2026-01-05T10:00:00+00:00", "finished": "2026-01-05T10:07:31+00:00", "seconds": 451.0, "seed": law.seed, "figure": standings.name,
        "suite": {"name": "synthetic", "version": "1", "licence": "CC0-1.0", "source": "made from a seed", "prompts": law.prompts},
        "contenders": [{"name": name, "id": digest(name), "label": name} for name in law.contenders],
        "judge": {"name": law.judges[0], "id": digest(law.judges[0]), "label": "letter@1", "note": ""},
        "baseline": law.baseline, "orders": law.orders, "repeats": 1, "settings": {"schedule": None, "concurrency": 64}, "versions": run_folder.versions(),
        "usage": {
            "contenders": {name: Usage(law.prompts, 40 * law.prompts, 120 * law.prompts, None if name == "base" else 0.0312, 71.5).payload() for name in law.contenders},
            "judge": Usage(len(rows), 700 * len(rows), 40 * len(rows), 0.42, 210.0).payload(), "saved": Usage(12, 4800, 960, 0.004, 5.0).payload(),
        },
        "counts": run_folder.outcome_counts(battles), "contests": len(battles), "asks": len(rows),
        "dropped": [{"reason": f"{outcome}: {reason}" if reason else outcome, "count": count} for outcome, reason, count in unscored.iter_rows()],
        "warnings": [], "notes": ["best-of-4 selects with small-judge, which also serves the judge"] if "best-of-4" in law.contenders else [],
        "ledger": ledger.url, "standings": standings.payload(),
    }  # fmt: skip
    run_folder.write(folder, record, asks, battles.to_frame())
