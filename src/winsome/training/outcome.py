"""What training changed, beside the win rate: how far the answers are from the start, how long they are, what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.models.forward import token_logprobs
from winsome.models.render import answer_ids, prompt_ids
from winsome.models.weights import load
from winsome.records import Prompt, Response
from winsome.standings.battles import Battles


@dataclass(frozen=True)
class Outcome:
    """Of `n` prompts that both answered.

    kl: mean of log pi(y) - log pi_start(y) over the trained policy's own answers y, nats an answer, with its standard error (it
    estimates the KL divergence where answers are drawn at temperature 1, and only says how far apart both are elsewhere).
    tokens, start_tokens: mean tokens of an answer; ended, start_ended: share of answers not cut at the limit.
    length_controlled: the win rate at equal length in per cent with its 95% interval, null where it cannot be told apart from length
    or no length differs.
    """

    n: int
    kl: float
    kl_error: float
    tokens: float
    start_tokens: float
    ended: float
    start_ended: float
    trained_tokens: int
    seconds: float
    cpu_seconds: float
    length_controlled: float | None = None
    length_controlled_interval: tuple[float, float] | None = None

    def lines(self) -> list[str]:
        change = (self.tokens / self.start_tokens - 1) if self.start_tokens else math.nan
        controlled: list[str] = []
        if self.length_controlled is not None and self.length_controlled_interval is not None:
            low, high = self.length_controlled_interval
            controlled.append(
                f"win rate at equal length {self.length_controlled:.1f}% ({low:.1f} to {high:.1f}, n = {self.n})"
            )
        return [
            *controlled,
            f"KL to the start {self.kl:.2f} nats an answer (se {self.kl_error:.2f}, n = {self.n})",
            f"length {self.tokens:.1f} tokens, before {self.start_tokens:.1f} ({change:+.0%}); ended {self.ended:.0%}, before {self.start_ended:.0%}",
            f"training took {self.seconds:.0f} s ({self.cpu_seconds:.0f} CPU-s) and {self.trained_tokens:,} tokens",
        ]


def outcome(
    place: Path, start: Any, trained: str, run: Path, ledger: Ledger, battles: Battles | None = None
) -> Outcome:
    """The outcome of the model in `place`, from its answers and those it met in the comparison in the folder `run`.

    `battles`: that comparison's, where the win rate at equal length is wanted too.
    """
    import polars as pl

    record = orjson.loads((place / "winsome.json").read_bytes())
    asks = pl.read_parquet(run / "asks.parquet", columns=["prompt", "a", "b", "response_a", "response_b"])
    sides = [
        (row["a"], row["b"], row["response_a"], row["response_b"], row["prompt"])
        for row in asks.to_dicts()
        if trained in (row["a"], row["b"])
    ]
    pairs = {
        prompt: (one, other) if a == trained else (other, one)
        for a, _, one, other, prompt in sides
        if one and other
    }
    answers = ledger.responses({id for pair in pairs.values() for id in pair})
    prompts = ledger.prompts(pairs)
    kept = [
        (prompts[prompt], answers[own], answers[old])
        for prompt, (own, old) in pairs.items()
        if answers[own].finish != "failed" and answers[old].finish != "failed"
    ]
    if not kept:
        raise BadInput("the match has no prompt that both sides answered")
    drifts = _drifts(str(place), start.weights, start.dtype, [(p, own) for p, own, _ in kept])
    mean = sum(drifts) / max(1, len(drifts))
    spread = math.sqrt(sum((d - mean) ** 2 for d in drifts) / max(1, len(drifts) - 1))
    n = len(kept)
    controlled = None if battles is None else at_equal_length(battles, trained, start.name)
    return Outcome(
        n=n,
        kl=mean,
        kl_error=spread / math.sqrt(max(1, len(drifts))),
        tokens=sum(own.usage.tokens_out for _, own, _ in kept) / n,
        start_tokens=sum(old.usage.tokens_out for _, _, old in kept) / n,
        ended=sum(own.finish == "stop" for _, own, _ in kept) / n,
        start_ended=sum(old.finish == "stop" for _, _, old in kept) / n,
        trained_tokens=record["tokens"],
        seconds=record["seconds"],
        cpu_seconds=record["cpu_seconds"],
        length_controlled=None if controlled is None else controlled[0],
        length_controlled_interval=None if controlled is None else controlled[1],
    )


def at_equal_length(battles: Battles, trained: str, start: str) -> tuple[float, tuple[float, float]] | None:
    """The length-controlled win rate of `trained` against `start` in per cent, with its interval; None where there is none.

    Source: Dubois et al. 2024, by `standings.length_control`.
    """
    from winsome.standings.length_control import length_controlled

    try:
        row = length_controlled(battles, baseline=start).row(trained)
    except BadInput:
        return None
    if row.estimate is None or row.low is None or row.high is None or row.extra["length_coefficient"] is None:
        return None
    return row.estimate, (row.low, row.high)


def _drifts(trained: str, start: str, dtype: Any, said: list[tuple[Prompt, Response]]) -> list[float]:
    """log pi(y) - log pi_start(y) of each answer of the trained policy, end of turn included where it came."""
    policy, origin = load(trained, dtype), load(start, dtype)
    asked: list[list[int]] = []
    answers: list[list[int]] = []
    for prompt, response in said:
        ids = answer_ids(policy, response.text.removeprefix(prompt.prefix))
        ids = ids if response.finish == "stop" else ids[:-1]
        head = prompt_ids(policy, prompt)
        if ids and len(head) + len(ids) <= min(policy.context, origin.context):
            asked.append(head)
            answers.append(ids)
    with policy.lock, origin.lock:
        own, old = token_logprobs(policy, asked, answers), token_logprobs(origin, asked, answers)
    return [float(a.sum() - b.sum()) for a, b in zip(own, old, strict=True)]
