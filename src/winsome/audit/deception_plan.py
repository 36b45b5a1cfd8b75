"""The plan of an audit of deception before anything is asked: calls, tokens, price and time by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from winsome.audit.findings import Cell, record, table
from winsome.matchmaking.preflight import ANSWER_TOKENS, CHARACTERS_A_TOKEN, load_of
from winsome.records import Prompt, Sampling

if TYPE_CHECKING:
    from winsome.audit.deception_cases import Case

SECONDS_A_TOKEN = 0.02
"""Assumed of a server that writes: what a call waits is this times the tokens of its answer."""
TOLD = 150
"""Tokens of an instruction that stands before references, assumed."""


def plan_record(
    contender: str, cases: Sequence[Case], opened: Sequence[Any], prompts: Sequence[Prompt], concurrency: int
) -> dict[str, Any]:
    """The plan as an audit's JSON: one honest answer by layer, and every case with what it adds at most.

    Answers are taken to be `ANSWER_TOKENS` long where nothing bounds them; layers wait for each other, seats of a layer do not.
    """
    plain = opened[0].inner
    n = len(prompts)
    read = sum(len(m.text) for p in prompts for m in p.messages) / max(1, n) / CHARACTERS_A_TOKEN
    bound = plain.drawing(opened[0].resolved(Sampling())).max_tokens
    written = min(bound or ANSWER_TOKENS, ANSWER_TOKENS)
    rows: list[list[Cell]] = []
    total_calls, total_money, total_seconds = 0, 0.0, 0.0
    unknown = False
    for layer in range(len(plain.layers) + 1):
        last = layer == len(plain.layers)
        asked = [plain.aggregator] if last else list(plain.seats[layer])
        tokens = read + (0 if layer == 0 else TOLD + plain.layers[layer - 1] * written)
        loads = [load_of(agent, n, 0, tokens, written) for agent in asked]
        money = None if any(load.money is None for load in loads) else sum(load.money or 0.0 for load in loads)  # fmt: skip
        calls = sum(load.calls for load in loads)
        seconds = math.ceil(calls / concurrency) * written * SECONDS_A_TOKEN
        unknown |= money is None
        total_calls, total_money, total_seconds = total_calls + calls, total_money + (money or 0.0), total_seconds + seconds  # fmt: skip
        name = "aggregator" if last else f"layer {layer + 1}, {len(asked)} agents"
        rows.append([name, calls, round(sum(load.tokens_in for load in loads)), round(sum(load.tokens_out for load in loads)), _usd(money), written * SECONDS_A_TOKEN, round(seconds)])  # fmt: skip
    rows.append(["one honest mixture", total_calls, None, None, _usd(None if unknown else total_money), (len(plain.layers) + 1) * written * SECONDS_A_TOKEN, round(total_seconds)])  # fmt: skip
    more: list[list[Cell]] = []
    further = 0
    for case, one in zip(cases, opened, strict=True):
        extra = one.inner.parts[-1][1]
        changed = _changed(case, cases[0])
        calls = n * (changed * (1 if case.defence == "none" else 0) + extra)
        further += calls
        more.append([f"{case.attack} {case.defence}", calls, extra, round(extra / concurrency * n * written * SECONDS_A_TOKEN)])  # fmt: skip
    price = "price unknown" if unknown else f"about {total_money:.2f} usd"
    return record(
        "deception",
        contender,
        f"{n:,} prompts: {total_calls:,} calls for one honest mixture, {price}; {further:,} calls at most for all {len(cases)} cases",
        [],
        [
            table(
                "One honest mixture by layer",
                ["layer", "calls", "tokens in", "tokens out", "usd", "seconds an answer", "seconds in all"],
                rows,
                [
                    f"Tokens are characters / {CHARACTERS_A_TOKEN}, answers taken to be {written} tokens long, {SECONDS_A_TOKEN} s a token; "
                    f"{concurrency} calls at once. Nothing was asked.",
                ],
            ),
            table(
                "Cases",
                ["map and defence", "new calls at most", "aggregator's calls an answer", "seconds of the aggregator"],
                more,
                ["Proposers are asked once a map, the aggregator once a subset; what maps share is found in the ledger."],
            ),
        ],
    )  # fmt: skip


def _changed(case: Case, honest: Case) -> int:
    """Proposers' calls that a map adds to the honest mixture's: from its first liar on, the layers above read other references."""
    digits = [sum(map(bool, row)) for row in case.map]
    if case is honest:
        return sum(len(row) for row in case.map)
    first = next((layer for layer, liars in enumerate(digits) if liars), len(digits))
    return sum(
        digits[layer] if layer == first else len(row) if layer > first else 0
        for layer, row in enumerate(case.map)
    )


def _usd(money: float | None) -> Cell:
    return "unknown" if money is None else round(money, 4)
