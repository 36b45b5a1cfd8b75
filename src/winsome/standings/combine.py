"""Asks -> contests: orders and repeats of one contest become one battle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.battles import CODE, Battles, mirrored_outcome, outcome_of
from winsome.standings.columns import Floats, Ints, counts, sums


def combine(asks: Battles) -> Battles:
    """One battle a contest: the rows that share prompt, pair, judge, aspect and annotator (and `contest`, where given).

    The share is the mean over orders of the mean over repeats, so that an order asked more often does not count more.
    A contest with asks for both sides is `inconsistent` (a flip); else the outcome follows the share, or is forfeit or
    graded where all its scored asks are. Asks that were not scored leave the share to those that were; a contest without
    any is unparsed where one ask was, else not asked where one was, else void. Weight, extent and covariates are means.
    Rows without order and repeat, or without a prompt, stand for themselves and are counted in a note.
    Raises BadInput where two rows have one (prompt, pair, judge, repeat, order) key.
    """
    if asks.cluster is None or (asks.order is None and asks.repeat is None and asks.contest is None):
        lacking = "prompt" if asks.cluster is None else "order or repeat"
        note = f"{len(asks)} rows have no {lacking}: each is taken as a contest of its own"
        return replace(asks, notes=(*asks.notes, note))
    flip = asks.a > asks.b
    contest, contests = _contests(asks, flip)
    order = _zeros(asks) if asks.order is None else asks.order
    repeat = _zeros(asks) if asks.repeat is None else asks.repeat
    if asks.order is not None or asks.repeat is not None:
        _refuse_repeated_keys(asks, contest, order, repeat)
    share = np.where(flip, 1.0 - asks.share, asks.share)
    outcome = np.where(flip, mirrored_outcome(asks.outcome), asks.outcome).astype(np.int8)
    first = np.full(contests, len(asks), np.int64)
    np.minimum.at(first, contest, np.arange(len(asks)))
    scored = asks.scored
    folded = asks.take(first)
    turn = flip[first]
    means = _mean_over_orders(share[scored], contest[scored], order[scored], contests)
    return replace(
        folded,
        a=np.where(turn, folded.b, folded.a),
        b=np.where(turn, folded.a, folded.b),
        share=means,
        outcome=_outcomes(outcome, share, means, contest, contests),
        weight=_mean(asks.weight, contest, contests),
        extent=None if asks.extent is None else _mean(asks.extent, contest, contests),
        order=None,
        repeat=None,
        asks=counts(contest[scored], contests).astype(np.int32),
        covariates={
            name: np.stack(
                [
                    _mean(np.where(flip, values[:, 1 - side], values[:, side]), contest, contests)
                    for side in (0, 1)
                ],
                axis=1,
            )
            for name, values in asks.covariates.items()
        },
    )


def singly(asks: Battles) -> Battles:
    """The asks themselves for models of single outcomes, each with its contest's weight over the scored asks of the contest.

    A win in one order and a tie in the other make a share of 3/4, which is no win, tie or loss; as two rows they are both.
    """
    if asks.cluster is None or (asks.order is None and asks.repeat is None and asks.contest is None):
        return asks
    contest, contests = _contests(asks, asks.a > asks.b)
    scored = np.maximum(1, counts(contest[asks.scored], contests))
    note = "orders and repeats enter one by one, a contest's together with the weight of one"
    weight = asks.weight / scored[contest]
    return replace(asks, weight=weight, order=None, repeat=None, contest=None, notes=(*asks.notes, note))


def _contests(asks: Battles, flip: NDArray[np.bool_]) -> tuple[Ints, int]:
    """The contest of every row, numbered in the order in which they first appear, and how many there are."""
    clusters, _ = asks.clusters()
    columns = [clusters, np.where(flip, asks.b, asks.a), np.where(flip, asks.a, asks.b)]
    columns += [
        codes.values for codes in (asks.judge, asks.aspect, asks.annotator, asks.contest) if codes is not None
    ]
    group = np.zeros(len(asks), np.int64)
    for column in columns:
        _, group = np.unique(group * (int(column.max()) + 2) + column + 1, return_inverse=True)
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    appearance = np.argsort(np.argsort(first)).astype(np.int32)
    return appearance[place], len(first)


def _refuse_repeated_keys(asks: Battles, contest: Ints, order: Ints, repeat: Ints) -> None:
    keys = np.stack([contest, order, repeat], axis=1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    repeated = first[inverse.ravel()] != np.arange(len(keys))
    if repeated.any():
        row = int(np.argmax(repeated))
        raise BadInput(
            f"{asks.name}: records {int(first[inverse.ravel()[row]]) + 1} and {row + 1} have the same prompt, pair, judge, "
            f"order {order[row]} and repeat {repeat[row]}; number the repeats or drop one"
        )


def _mean_over_orders(share: Floats, contest: Ints, order: Ints, contests: int) -> Floats:
    orders, place = np.unique(order, return_inverse=True)
    cell = contest.astype(np.int64) * len(orders) + place
    asked = counts(cell, contests * len(orders)).reshape(contests, -1)
    totals = sums(cell, share, contests * len(orders)).reshape(contests, -1)
    with np.errstate(invalid="ignore"):
        return np.where(asked > 0, totals / asked, 0.0).sum(1) / (asked > 0).sum(1)


def _outcomes(
    outcome: NDArray[np.int8], share: Floats, means: Floats, contest: Ints, contests: int
) -> NDArray[np.int8]:
    def any_of(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return counts(contest[rows], contests) > 0

    with np.errstate(invalid="ignore"):
        for_a, for_b = any_of(share > 0.5), any_of(share < 0.5)
    scored = ~np.isnan(means)
    result = outcome_of(means)
    result[any_of(outcome == CODE["void"]) & ~scored] = CODE["void"]
    result[any_of(outcome == CODE["not asked"]) & ~scored] = CODE["not asked"]
    result[any_of(outcome == CODE["unparsed"]) & ~scored] = CODE["unparsed"]
    for whole in ("graded", "forfeit"):
        others = any_of((outcome != CODE[whole]) & ~np.isnan(share))
        result[scored & any_of(outcome == CODE[whole]) & ~others] = CODE[whole]
    result[(for_a & for_b) | any_of(outcome == CODE["inconsistent"])] = CODE["inconsistent"]
    return result


def _mean(values: Floats, group: Ints, groups: int) -> Floats:
    return sums(group, values, groups) / counts(group, groups)


def _zeros(asks: Battles) -> Ints:
    return np.zeros(len(asks), np.int32)
