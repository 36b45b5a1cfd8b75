"""Ranking accuracy of a preference-trained model beside its reference and the best that training could reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.audit.findings import Cell, record, table
from winsome.errors import BadInput
from winsome.ledger.formats.fields import wrong
from winsome.ledger.formats.reading import Row, Source, read
from winsome.ledger.formats.tables import conversation
from winsome.models.forward import token_logprobs
from winsome.models.forward_cost import ForwardCost, forward_cost
from winsome.models.render import answer_ids, prompt_ids, template_digest
from winsome.models.weights import LocalModel, load
from winsome.records import Message, Prompt, Text
from winsome.standings.columns import Floats
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.standings.ranking_accuracy import (
    difficulty,
    four_groups,
    idealised,
    posterior_log_odds,
    ranked_right,
)

DRAWS = 200
Asked = tuple[Prompt, Prompt]
"""What stands before the chosen and before the rejected answer."""


def audit_ranking(
    model: str,
    reference: str,
    *,
    pairs: str | Path,
    betas: Sequence[float] = (0.01, 0.1, 1.0),
    limit: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The audit of `model` on pairs of prompt, chosen and rejected, beside the `reference` it was trained from.

    Pairs are text, or dialogues as lists of messages with the prompt beside them or within.

    Log-probabilities are sums over an answer's tokens, end of turn included, the prompt left out. Columns votes and wins (of the
    chosen answer, ties a half) give the idealised accuracy its posterior; without them it is not reported, for it would be 100%.
    Pairs with an answer that is empty, cut (column `truncated` true) or too long for the context are left out, by reason.
    Raises BadInput for a broken file and for models whose prompts or tokens differ.
    """
    if not betas or any(not beta > 0 for beta in betas):
        raise BadInput(f"beta {list(betas)}: give numbers above 0")
    rows, prompts = _rows(pairs, limit)
    trained, base = load(model, "float32"), load(reference, "float32")
    _check_alike(trained, base, [*(row["chosen"] for row in rows[:20])], [asked[0] for asked in prompts[:20]])
    after, lengths, dropped = _sums(trained, prompts, rows)
    before, _, _ = _sums(base, prompts, rows)
    kept = ~np.isnan(after).any(1) & ~np.isnan(before).any(1)
    votes = _votes(pairs, rows)
    return ranking_record(
        f"{model} after {reference} on {Path(pairs).name}",
        after[kept],
        before[kept],
        lengths[kept],
        [prompts[k][0].id for k in np.flatnonzero(kept).tolist()],
        None if votes is None else votes[kept],
        betas,
        dropped,
        seed,
    )


def ranking_cost(pairs: str | Path, parameters: Sequence[float], *, limit: int | None = None) -> ForwardCost:
    """What the audit would cost with a model and a reference of each of these sizes; nothing is loaded.

    A prompt is read once for its two answers. Raises BadInput for a broken file.
    """
    rows, prompts = _rows(pairs, limit)
    sizes = [
        sum(len(turn.text) for turn in asked[0].messages) + len(row["chosen"]) + len(row["rejected"])
        for row, asked in zip(rows, prompts, strict=True)
    ]
    return forward_cost(sizes, [size for size in parameters for _ in range(2)])


def ranking_record(
    subject: str,
    after: Floats,
    before: Floats,
    lengths: Floats,
    prompts: Sequence[str],
    votes: Floats | None,
    betas: Sequence[float],
    dropped: Mapping[str, int] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The audit's JSON. after, before, lengths [pairs, 2]: log-probability sums and tokens of chosen and rejected;
    votes [pairs, 2]: wins of the chosen and votes in all. Intervals are over prompts.
    """
    if not len(after):
        raise BadInput(f"{subject}: no pair is left; every answer was empty or did not fit the context")
    left_out = {} if dropped is None else dict(dropped)
    listed = ", ".join(f"{n} {why}" for why, n in left_out.items())
    codes = np.unique(np.array(prompts), return_inverse=True)[1].astype(np.int32)
    right, was = ranked_right(*after.T), ranked_right(*before.T)
    gap = before[:, 0] - before[:, 1]
    ties = int((after[:, 0] == after[:, 1]).sum())
    rows: list[list[Cell]] = [
        ["ranking accuracy R (sums)", _figure(right, codes), "50"],
        ["R by token (means)", _figure(ranked_right(*(after / lengths).T), codes), "50"],
        ["R of the reference", _figure(was, codes), "50"],
        ["implicit reward above 0 (not R)", _figure(ranked_right(after[:, 0] - before[:, 0], after[:, 1] - before[:, 1]), codes), "50"],
    ]  # fmt: skip
    tables = []
    if votes is not None:
        odds = posterior_log_odds(votes[:, 0], votes[:, 1], DRAWS, seed)
        for beta in betas:
            best = np.array(
                [_resampled(idealised(gap, drawn, beta), codes, seed + k) for k, drawn in enumerate(odds)]
            )
            less = np.array(
                [
                    _resampled(idealised(gap, drawn, beta) - right, codes, seed + k)
                    for k, drawn in enumerate(odds)
                ]
            )
            rows.append([f"idealised R* at beta {beta:g}", _posterior(best), "100"])
            rows.append([f"  gap R* - R at beta {beta:g}", _posterior(less), "0"])
    groups = four_groups(was, right)
    tables.append(
        table(
            "Ranking accuracy, per cent",
            ["figure", "value", "of chance or ideal"],
            rows,
            [
                f"{len(after):,} pairs of {len(set(prompts)):,} prompts; {ties} ties count a half; {sum(left_out.values())} pairs left out"
                + (f" ({listed})" if listed else "")
                + ". Intervals are over prompts.",
                "Sums favour the shorter answer, means do not: both are given. The implicit reward says that training moved a pair "
                "the right way, not that it is ranked right.",
            ],
        )
    )
    tables.append(
        table(
            "Before and after",
            ["pairs", "count", "per cent"],
            [[name, n, 100.0 * n / len(after)] for name, n in groups.items()],
        )
    )
    hard: list[list[Cell]] = []
    for beta in betas:
        needed = difficulty(gap, beta)
        hard.append([f"beta {beta:g}", *(float(np.quantile(needed, q)) for q in (0.1, 0.5, 0.9)), 100.0 * float((needed >= 0.5).mean()), 100.0 * float((needed >= 0.1).mean())])  # fmt: skip
    tables.append(
        table(
            "The loss at which a pair is ranked right",
            ["", "a tenth below", "median", "a tenth above", "right at loss 0.5", "right at loss 0.1"],
            hard,
            [
                "A pair is ranked right exactly where its DPO loss is at most -log sigmoid(beta c), c the reference's error; a batch that "
                "looks converged at 0.5 has turned only the share of the pairs given here, per cent."
            ],
        )
    )
    estimate = _figure(right, codes)
    claim = f"ranks {estimate['estimate']:.1f}% of {len(after):,} pairs right ({estimate['low']:.1f} to {estimate['high']:.1f}); its reference {100 * was.mean():.1f}%"  # fmt: skip
    missing = (
        []
        if votes is not None
        else ["no columns votes and wins: the idealised accuracy needs several votes a pair"]
    )
    return record("ranking", subject, claim, [], tables, groups=groups, left_out=left_out, missing=missing)


def _rows(path: str | Path, limit: int | None) -> tuple[list[Row], list[Asked]]:
    """The records, their chosen and rejected answers as text, and what stands before either."""
    source = read(path)
    rows, prompts = list[Row](), list[Asked]()
    for place, row in enumerate(list(source.rows)[:limit]):
        if isinstance(row.get("chosen"), list):
            found = {side: _dialogue(source, place, row, side) for side in ("chosen", "rejected")}
            rows.append({**row, **{side: text for side, (_, text) in found.items()}})
            prompts.append((found["chosen"][0], found["rejected"][0]))
            continue
        for field in ("prompt", "chosen", "rejected"):
            if not isinstance(row.get(field), str):
                raise BadInput(
                    f"{path}: record {place + 1} has no text {field}; give prompt, chosen and rejected"
                )
        prompt = Prompt((Message("user", (Text(row["prompt"]),)),))
        rows.append(row)
        prompts.append((prompt, prompt))
    if not rows:
        raise BadInput(f"{path}: holds no pair; give prompt, chosen and rejected")
    return rows, prompts


def _dialogue(source: Source, place: int, row: Row, side: str) -> tuple[Prompt, str]:
    """What stands before a side's last turn, and that turn, of lists of messages with or without a prompt beside them."""
    before: Any = row.get("prompt") or []
    turns: Any = row.get(side)
    if not isinstance(turns, list) or not isinstance(before, list):
        wrong(
            source, place, f"has a dialogue and text; give prompt, chosen and {side} all as lists of messages"
        )
    system, messages, answer = conversation(source, place, [*before, *turns])
    if answer is None:
        wrong(source, place, f"{side} does not end with a turn of the assistant; add it")
    return Prompt(messages, system=system), answer


def _votes(path: str | Path, rows: Sequence[Row]) -> Floats | None:
    if not all("votes" in row and "wins" in row for row in rows):
        return None
    found = np.array([[float(row["wins"]), float(row["votes"])] for row in rows])
    bad = np.flatnonzero((found[:, 1] <= 0) | (found[:, 0] < 0) | (found[:, 0] > found[:, 1]))
    if len(bad):
        raise BadInput(
            f"{path}: record {bad[0] + 1} has wins outside 0 to votes, or no votes; mend or drop it"
        )
    return found


def _check_alike(
    first: LocalModel, second: LocalModel, texts: Sequence[str], prompts: Sequence[Prompt]
) -> None:
    if template_digest(first) != template_digest(second):
        raise BadInput(
            f"{first.name} and {second.name} have different chat templates; give the model's own reference"
        )
    for text, prompt in zip(texts, prompts, strict=True):
        if answer_ids(first, text) != answer_ids(second, text) or prompt_ids(first, prompt) != prompt_ids(
            second, prompt
        ):
            raise BadInput(
                f"{first.name} and {second.name} have different tokenizers; give the model's own reference"
            )


def _sums(
    model: LocalModel, prompts: Sequence[Asked], rows: Sequence[Row]
) -> tuple[Floats, Floats, dict[str, int]]:
    """Sums and lengths [pairs, 2], NaN for pairs that are left out, and how many those are by reason."""
    found, lengths = np.full((len(rows), 2), np.nan), np.ones((len(rows), 2))
    dropped: dict[str, int] = {}
    for k, (prompt, row) in enumerate(zip(prompts, rows, strict=True)):
        asked = [prompt_ids(model, one) for one in prompt]
        answers = [answer_ids(model, row[side]) for side in ("chosen", "rejected")]
        longest = max(len(a) + len(b) for a, b in zip(asked, answers, strict=True))
        reason = _unfit(row, longest > model.context)
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
            continue
        with model.lock:
            values = token_logprobs(model, asked, answers)
        found[k] = [float(one.sum()) for one in values]
        lengths[k] = [len(one) for one in answers]
    return found, lengths, dropped


def _unfit(row: Row, long: bool) -> str:
    """Why a pair cannot be ranked; empty where it can."""
    if not row["chosen"].strip() or not row["rejected"].strip():
        return "with an empty answer"
    if row["chosen"] == row["rejected"]:
        return "with equal answers"
    if any(row.get(name) is True for name in ("truncated", "chosen_truncated", "rejected_truncated")):
        return "with an answer that was cut"
    return "longer than the context" if long else ""


def _figure(values: Floats, codes: NDArray[np.int32]) -> dict[str, Any]:
    mean = clustered_mean(values, np.ones(len(values)), codes)
    low, high = score_interval(mean)
    return {"estimate": 100 * mean.mean, "low": 100 * low, "high": 100 * high, "n": mean.n}


def _resampled(values: Floats, codes: NDArray[np.int32], seed: int) -> tuple[float, float]:
    """The mean, and the mean over prompts drawn anew."""
    draw = np.random.default_rng(seed)
    number = int(codes.max()) + 1
    weight = np.bincount(draw.integers(number, size=number), minlength=number)[codes]
    return float(values.mean()), float((values * weight).sum() / max(weight.sum(), 1))


def _posterior(draws: Floats) -> dict[str, Any]:
    low, high = np.quantile(draws[:, 1], [0.025, 0.975])
    return {"estimate": 100 * float(draws[:, 0].mean()), "low": 100 * float(low), "high": 100 * float(high), "n": len(draws)}  # fmt: skip
