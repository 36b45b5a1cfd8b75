"""What a null attack would ask of its judges, the search included, before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence

from winsome.audit.designs import TEMPLATE_TOKENS
from winsome.audit.null_model import structured
from winsome.audit.people import Pair
from winsome.audit.prefix_search import shown
from winsome.audit.random_search import curriculum
from winsome.judges.pairwise import Pairwise
from winsome.matchmaking.preflight import (
    CHARACTERS_A_TOKEN,
    Estimate,
    Load,
    asked_models,
    judge_loads,
    load_of,
)
from winsome.protocols import Judge


def search_calls(queries: int, steps: int) -> int:
    """Calls of a search of `steps` strings on up to `queries` (prompt, seat) queries, with those that choose the attack's form."""
    return 2 * queries + sum(curriculum(step, queries) for step in range(steps))


def search_load(judge: Pairwise, pairs: Sequence[Pair], prefix: int, steps: int) -> Load:
    """What the search asks of the judge's own model: one token a call, with the log-probabilities of that token."""
    text = structured(judge.template)
    asked = [shown(judge, pair, text, seat) for pair in pairs for seat in (0, 1)]
    characters = sum(len(prompt.system or "") + sum(len(m.text) for m in prompt.messages) for prompt in asked)
    read = characters / len(asked) / CHARACTERS_A_TOKEN + prefix
    ((model, _),) = asked_models(judge)
    return load_of(model, search_calls(len(asked), steps), 0, read, 1, f"search on {judge.name}"[:80])


def attack_plan(judges: Sequence[Judge], pairs: Sequence[Pair], search: Load | None) -> Estimate:
    """What each of `judges` is asked of `pairs`, in both orders where it may mind them, and the search."""
    characters = sum(
        sum(len(m.text) for m in p.prompt.messages) + sum(len(a.text) for a in p.answers) for p in pairs
    )
    read = characters / len(pairs) / CHARACTERS_A_TOKEN + TEMPLATE_TOKENS
    asks = [len(pairs) * (2 if judge.ordered else 1) for judge in judges]
    loads = [load for judge, n in zip(judges, asks, strict=True) for load in judge_loads(judge, n, read)]
    return Estimate(len(pairs), sum(asks), (*loads, *([] if search is None else [search])))
