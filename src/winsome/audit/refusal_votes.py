"""Votes with the types of both answers: what every figure of the refusal audit is counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.audit.people import Pair, People
from winsome.audit.refusal_sheet import Classifier, asked, said_of
from winsome.standings.columns import Floats, Ints
from winsome.text.refusal_requests import sensitive
from winsome.text.refusals import KINDS

FEWEST = 30
"""Votes below which nothing is claimed."""


@dataclass(frozen=True, eq=False)
class Typed:
    """Votes with the type of both answers. kinds: [votes, 2] places in KINDS; share: the first answer's; prompt: the cluster.

    models: codes of both answers' models, places in `names`; None where names say nothing of a model.
    sensitive: [votes] whether the request has a word of harm.
    """

    kinds: Ints
    share: Floats
    prompt: Ints
    length: Floats
    models: tuple[Ints, Ints] | None
    names: tuple[str, ...]
    sensitive: NDArray[np.bool_]


def types_of(people: People, classifier: Classifier) -> Ints:
    """[pairs, 2] places in KINDS of the answers' types."""
    return np.array(
        [[KINDS.index(kind) for kind in kinds] for kinds in said_of(people, classifier)], np.int32
    )


def one_turn(pair: Pair) -> bool:
    """Whether the pair is one request with its answers; only these are counted."""
    return len(pair.prompt.messages) == 1 and not pair.prompt.follow_ups


def typed_votes(people: People, kinds: Ints, known: dict[str, int] | None = None) -> tuple[Typed, int]:
    """The votes on pairs of one turn with `kinds` [pairs, 2], and how many such pairs there are. known: codes of prompts."""
    single = np.array([one_turn(pair) for pair in people.pairs])
    length = np.array([[np.log(1 + len(a.text)) for a in pair.answers] for pair in people.pairs])
    names = sorted({answer.contender for pair in people.pairs for answer in pair.answers})
    code = {name: place for place, name in enumerate(names)}
    models = np.array([[code[a.contender] for a in pair.answers] for pair in people.pairs], np.int32)
    kept = single[people.pair]
    at = people.pair[kept]
    ids = {} if known is None else known
    prompt = np.array([ids.setdefault(pair.prompt.id, len(ids)) for pair in people.pairs], np.int32)
    # Where a name stands on one side only, as "chosen" does, it says nothing of a model.
    named = len(names) > 2 or bool(set(models[:, 0].tolist()) & set(models[:, 1].tolist()))
    return Typed(
        kinds[at], people.share[kept], prompt[at], length[at, 0] - length[at, 1],
        (models[at, 0], models[at, 1]) if named and len(names) > 1 else None, tuple(names),
        np.array([sensitive(asked(pair.prompt)) for pair in people.pairs])[at],
    ), int(single.sum())  # fmt: skip


def type_columns(typed: Typed, names: Sequence[str]) -> Floats:
    """The first answer's type minus the second's [votes, names]."""
    types = np.eye(len(KINDS))
    difference = types[typed.kinds[:, 0]] - types[typed.kinds[:, 1]]
    return difference[:, [KINDS.index(name) for name in names]]
