"""A generator that can act on critiques and a reviewer that names faults, both tuned from the 0.2M base of `world:instruction`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from winsome.curate.synthesis.feedback_loop import Wording, after_draft
from winsome.matchmaking.session import Session
from winsome.records import Prompt
from winsome.sandbox.actors import MEND_DRAFT, NAME_FAULTS, faults_of
from winsome.sandbox.demonstrations import demonstrations
from winsome.sandbox.lexicon import joined, words
from winsome.sandbox.targets import SomeOf
from winsome.sandbox.worlds import World
from winsome.training.loops.supervised import sft

WORDS = Wording(NAME_FAULTS, f"{MEND_DRAFT} <critique>.")
BATCH, RATE = 64, 1e-3
FAULTY = 0.4
"""Share of the generator's own answers to learn from that have a fault, as its base learnt them: it stays as able as it was."""
Row = dict[str, Any]


def critique(world: World, prompt: Prompt, draft: str) -> str:
    """What a critic that sees everything says of a draft."""
    return joined(words(" ; ".join(map(str, faults_of(world, prompt, draft))) or WORDS.nothing))


def mended(world: World, prompt: Prompt, draft: str, rng: Random) -> str:
    """A right answer that keeps what was right in the draft."""
    target = world.target(world.reading(prompt))
    if isinstance(target, SomeOf):
        kept = list(dict.fromkeys(word for word in words(draft) if word in target.members))[: target.count]
        others = sorted(target.members - set(kept))
        kept += rng.sample(others, target.count - len(kept))
        return joined([word for item in kept for word in (item, ",")][:-1])
    return joined(target.right(rng))


def row(prompt: Prompt, response: str) -> Row:
    return {"prompt": [message.payload() for message in prompt.messages], "response": response}


def critiques(world: World, drafts: Sequence[tuple[Prompt, str]]) -> list[Row]:
    return [row(after_draft(p, d, WORDS.critique), critique(world, p, d)) for p, d in drafts]


def mends(world: World, drafts: Sequence[tuple[Prompt, str]], seed: int) -> list[Row]:
    """Faulty drafts with what is wrong with them, and the mended answer."""
    rng = Random(f"mends/{seed}")
    rows: list[Row] = []
    for prompt, draft in drafts:
        told = critique(world, prompt, draft)
        if told != WORDS.nothing:
            ask = after_draft(prompt, draft, WORDS.revise.replace("<critique>", told))
            rows.append(row(ask, mended(world, prompt, draft, rng)))
    return rows


def answers(world: World, n: int) -> list[Row]:
    """Demonstrations as the base learnt them."""
    return [row(prompt, text) for prompt, text in islice(demonstrations(world, FAULTY), n)]


def tuned(base: str, rows: Sequence[Row], updates: int, name: str, session: Session, work: Path) -> str:
    """The contender that `base` becomes on `rows`, mixed."""
    mixed = list(rows)
    Random(name).shuffle(mixed)
    file = work / f"{name}.parquet"
    pl.DataFrame(mixed).write_parquet(file)
    return sft(
        base, file, run=session, batch=BATCH, updates=updates, rate=RATE, schedule="cosine", warmup=0.05, save_every=0,
        micro_tokens=16384,
    )  # fmt: skip
