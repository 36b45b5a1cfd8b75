"""Solvable pass rate and solvable win rate of tool-using agents, with the noise of judging apart from that of tasks.

Every task of the set counts: one without an answer is unsolved, as is one without a final call. `published` gives what the original
code computes where it differs: it divides by the answered tasks alone, and its rule that solved beats unsolved never fires, because it
compares a whole dictionary, written out, with a label.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.intervals import clustered_mean, score_interval

POINTS: Mapping[str, float] = {"Solved": 1.0, "Unsure": 0.5, "Unsolved": 0.0}
UNREAD = "unread"


@dataclass(frozen=True)
class PassRate:
    """In [0, 1]. runs: the rate of each judging; judge_error, task_error: standard errors from repeated judging and from tasks.

    missing: tasks without an answer (unsolved). unread: labels that could not be read; a task's other labels stand for them.
    unjudged: tasks none of whose labels could be read, which are in no figure.
    """

    rate: float
    low: float
    high: float
    runs: tuple[float, ...]
    judge_error: float
    task_error: float
    tasks: int
    missing: tuple[str, ...]
    unread: int
    unjudged: tuple[str, ...]


def pass_rate(
    labels: Mapping[str, Sequence[str]], tasks: Sequence[str], *, published: bool = False, level: float = 0.95
) -> PassRate:
    """The rate of task -> one label a judging (Solved, Unsure, Unsolved or unread) over `tasks`.

    Raises BadInput for an unknown label, ids outside the set, and where nothing was judged.
    """
    odd = sorted(set(labels) - set(tasks))
    if odd:
        raise BadInput(
            f"predictions name task {odd[0][:40]}, which the set lacks; give predictions for its tasks"
        )
    known = {label for given in labels.values() for label in given} - {*POINTS, UNREAD}
    if known:
        raise BadInput(f'label "{sorted(known)[0][:40]}" is unknown; use {", ".join(POINTS)}')
    times = max((len(given) for given in labels.values()), default=0)
    read = {task: [POINTS[label] for label in given if label in POINTS] for task, given in labels.items()}
    if not times or not any(read.values()):
        raise BadInput("no answer was judged; judge the answers first")
    unjudged = tuple(task for task in tasks if task in read and not read[task])
    counted = [task for task in tasks if task not in unjudged and (task in labels or not published)]
    means = np.array([float(np.mean(read[task])) if read.get(task) else 0.0 for task in counted])
    within = [
        float(np.var(read[task], ddof=1)) / len(read[task]) for task in counted if len(read.get(task, ())) > 1
    ]
    judge = math.sqrt(sum(within)) / len(counted) if within else 0.0
    mean = clustered_mean(means, np.ones(len(means)), np.arange(len(means), dtype=np.int32))
    low, high = score_interval(mean, level)
    runs = tuple(
        sum(POINTS.get(labels[t][run], 0.0) for t in counted if run < len(labels.get(t, ()))) / len(counted)
        for run in range(times)
    )
    whole = mean.standard_error if len(means) > 1 else 0.0
    missing = tuple(task for task in tasks if task not in labels)
    unread = sum(label == UNREAD for given in labels.values() for label in given)
    return PassRate(
        mean.mean, low, high, runs, judge, math.sqrt(max(0.0, whole**2 - judge**2)), len(counted), missing, unread, unjudged
    )  # fmt: skip


def win_shares(
    labels: Mapping[str, Sequence[str]],
    reference: Mapping[str, Sequence[str]],
    votes: Mapping[str, Sequence[float]],
    tasks: Sequence[str],
    *,
    published: bool = False,
) -> dict[str, float]:
    """Task -> the agent's share against the reference: solved beats unsolved, else the most frequent of the votes (1, 0.5, 0).

    A missing answer loses to one that is there. published: the votes alone decide where both answered. A task without votes that the
    rule does not decide is a tie.
    """
    found: dict[str, float] = {}
    for task in tasks:
        ours, theirs = _majority(labels.get(task)), _majority(reference.get(task))
        if task not in labels or task not in reference:
            found[task] = 0.5 if task not in labels and task not in reference else float(task in labels)
        elif not published and {ours, theirs} == {"Solved", "Unsolved"}:
            found[task] = float(ours == "Solved")
        else:
            found[task] = most_frequent(votes.get(task, ()))
    return found


def win_rate(shares: Mapping[str, float], level: float = 0.95) -> tuple[float, float, float]:
    """(rate, low, high) of shares over tasks, ties a half."""
    if not shares:
        raise BadInput("no task was compared; give answers of both agents")
    values = np.array(list(shares.values()))
    mean = clustered_mean(values, np.ones(len(values)), np.arange(len(values), dtype=np.int32))
    return mean.mean, *score_interval(mean, level)


def _majority(labels: Sequence[str] | None) -> str:
    counts = Counter(label for label in labels or () if label in POINTS)
    return max(counts, key=lambda label: (counts[label], POINTS[label])) if counts else ""


def most_frequent(votes: Sequence[float]) -> float:
    """The vote that came most often; 0.5 without one alone."""
    if not votes:
        return 0.5
    (first, most), *rest = Counter(votes).most_common()
    return 0.5 if rest and rest[0][1] == most else first
