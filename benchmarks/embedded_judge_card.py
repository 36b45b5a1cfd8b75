"""Measure the embedded judge against people and write the card that ships, from local copies of the published votes.

    python -m benchmarks.embedded_judge_card DATA --cache FOLDER --out src/winsome/judges/cards/embedded_judge.json

Votes that it was never fitted to: the second half of hh_rlhf's harmless pairs (one vote a pair) and the crowd votes of
llmfao (several a pair). CACHE is that of `benchmarks.embedded_judge`, which reads the same answers; without it features take
about 15 minutes of one core. Run again whenever the weights change: a card belongs to one judge id.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.embedded_judge_data import HH_TRAINING, Preferences, hh_rlhf, llmfao
from benchmarks.embedded_judge_features import DTYPE, features_of
from winsome import __version__
from winsome.audit.asked_pairs import ask_pairs
from winsome.audit.cards import card_record
from winsome.audit.people import Pair, People, of_votes, read_people, said
from winsome.judges.by_score import by_score
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Scorer
from winsome.records import Prompt, Response, Scores
from winsome.scorers.embedded import EmbeddedJudge, gated_scores, shipped_weights
from winsome.scorers.judge_features import FeatureReader

CHECKED = 8
"""Answers that the judge reads again, to prove that the cache says what it says, and to time it."""


class Cached:
    """The embedded judge with its features from the cache; the id is its own, as its scores are."""

    partial = False

    def __init__(self, judge: Any, data: Sequence[Preferences], cache: Path) -> None:
        self.name, self.id, self.label, self.note, self.weights = (
            judge.name,
            judge.id,
            judge.label,
            judge.note,
            judge.weights,
        )
        reader, fitted = FeatureReader(DTYPE), shipped_weights()
        self.known: dict[tuple[str, str], float] = {}
        for part in data:
            values = gated_scores(fitted, features_of(part, reader, cache))
            for prompt, answer, value in zip(part.prompts, part.answers, values, strict=True):
                self.known[prompt.id, answer] = float(value)

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        return Scores(tuple(self.known[p.id, r.text] for p, r in zip(prompts, responses, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    half, crowd = hh_rlhf(given.data, slice(HH_TRAINING, None), "hh_rlhf second half"), llmfao(given.data)
    votes = {
        "hh_rlhf harmless-base, second half": harmless(half),
        "llmfao crowd votes": read_people(
            given.data / "llmfao/crowd_votes.csv", given.data / "llmfao/pairs.parquet"
        ),
    }
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.sqlite") as ledger:
        first, *others = asyncio.run(cards(votes, [half, crowd], given.cache, ledger))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes(orjson.dumps(first | {"others": others}, option=orjson.OPT_INDENT_2) + b"\n")


async def cards(
    votes: dict[str, People], data: Sequence[Preferences], cache: Path, ledger: Ledger
) -> list[dict[str, Any]]:
    """A record for each set of votes."""
    session = Session(Door(ledger))
    embedded: Any = session.open("embedded:judge", Scorer)
    cached = Cached(embedded, data, cache)
    seconds = await checked(embedded, cached, data[0])
    judge = by_score(scorer=cached, link="sigmoid", name="embedded:judge")
    records: list[dict[str, Any]] = []
    for name, people in votes.items():
        asked = await ask_pairs(session, judge, people, quiet=True)
        record = card_record(judge, people, asked, 0.0)
        record["against"]["name"] = name
        record["judge"]["ids"] = ids()
        record["cost"]["seconds"] = round(2 * seconds, 2)
        record["made"] = {"winsome": __version__, "command": "python -m benchmarks.embedded_judge_card"}
        records.append(record)
    await session.close()
    return records


def ids() -> list[str]:
    """The judge's ids in both arithmetics: which one is used depends on the processor, and they differ by rounding alone."""
    return [
        by_score(scorer=EmbeddedJudge(dtype=dtype, name="embedded:judge"), link="sigmoid").id
        for dtype in ("bfloat16", "float32")
    ]


async def checked(embedded: Any, cached: Cached, data: Preferences) -> float:
    """Seconds an answer takes the judge itself; raises where the cache says something else."""
    prompts = data.prompts[:CHECKED]
    responses = [said(p, "x", answer) for p, answer in zip(prompts, data.answers, strict=False)]
    await embedded.score(prompts[:1], responses[:1])
    started = time.process_time()
    read = await embedded.score(prompts, responses)
    seconds = time.process_time() - started
    kept = await cached.score(prompts, responses)
    gap = max(abs(a - b) for a, b in zip(read.values, kept.values, strict=True))
    if gap > 1e-6:
        raise SystemExit(f"the cache differs from the judge by {gap:.2g}: empty it and run again")
    return seconds / CHECKED


def harmless(found: Preferences) -> People:
    """One vote a pair: the answer that was chosen, set first in every second pair so that no side is always right."""
    votes = []
    for number, (chosen, rejected, _, _) in enumerate(found.pairs):
        prompt = found.prompts[chosen]
        answers = [
            said(prompt, "chosen", found.answers[chosen]),
            said(prompt, "rejected", found.answers[rejected]),
        ]
        share = 1.0
        if number % 2:
            answers, share = answers[::-1], 0.0
        votes.append((Pair(prompt, (answers[0], answers[1]), str(number)), share, None))
    return of_votes("hh_rlhf", votes)


if __name__ == "__main__":
    main()
