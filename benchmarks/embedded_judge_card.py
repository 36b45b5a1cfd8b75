"""Measure the embedded judge against people and write the card that ships, from local copies of the published votes.

    python -m benchmarks.embedded_judge_card DATA --ledger FILE --out src/winsome/judges/cards/embedded_judge.json

Votes that it was never fitted to: the second half of hh_rlhf's harmless pairs (one vote a pair) and the crowd votes of
llmfao (several a pair). About 25 minutes of one core; verdicts are kept in the ledger, so a second call costs nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson

from benchmarks.embedded_judge_data import HH_TRAINING, hh_rlhf
from winsome.audit.cards import card
from winsome.audit.people import Pair, People, of_votes, said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    crowd = given.data / "llmfao"
    parts = {
        "hh_rlhf harmless-base, second half": card(
            "embedded:judge", against=harmless(given.data), limit=given.limit, cluster="prompt",
            ledger=given.ledger, cards=None, quiet=True,
        ),
        "llmfao crowd votes": card(
            "embedded:judge", against=crowd / "crowd_votes.csv", pairs=crowd / "pairs.parquet", limit=given.limit,
            cluster="prompt", ledger=given.ledger, cards=None, quiet=True,
        ),
    }  # fmt: skip
    first, *others = (dict(found.record) for found in parts.values())
    for record, name in zip((first, *others), parts, strict=True):
        record["against"] = record["against"] | {"name": name}
        record["made"] = {
            "winsome": record["made"]["winsome"],
            "command": "python -m benchmarks.embedded_judge_card",
        }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes(orjson.dumps(first | {"others": others}, option=orjson.OPT_INDENT_2) + b"\n")


def harmless(data: Path) -> People:
    """One vote a pair: the answer that was chosen, set first in every second pair so that no side is always right."""
    found = hh_rlhf(data, slice(HH_TRAINING, None), "hh_rlhf second half")
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
