"""Pairs whose prompts ask for many things, or for things that no other prompt asks for: InsTag's difficulty and diversity."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Literal

from winsome.curate.operators.highest import highest
from winsome.errors import BadInput
from winsome.frames import Frames, Kept, prompts_of
from winsome.protocols import Contender
from winsome.records import Prompt, Sampling, user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polars import DataFrame

ON = "pairs"
ASKED = (
    "Name the intentions of the request below: what it wants done, about what, in which form. "
    'Answer with a JSON list of short tags in lower case, such as ["translation", "poetry"], and with nothing else.\n\n'
    "Request:\n{prompt}"
)


async def instag(
    frame: DataFrame,
    *,
    model: Contender,
    by: Literal["difficulty", "diversity"] = "difficulty",
    budget: float = 0.5,
    frames: Frames,
) -> Kept:
    """The `budget` pairs (below 1: that share) whose prompts `model` gives the most tags, or whose tags cover the most.

    difficulty: the highest numbers of different tags. diversity: prompts from the most tags to the fewest, each kept where it has a
    tag that no kept prompt has; once none has, all tags count as new again. A prompt whose tags cannot be read is dropped as such.
    Source: Lu et al. 2024 (#InsTag), section 4.1; a baseline of R.I.P.
    """
    tags = await tags_of(prompts_of(frames["prompts"]), model)
    held = [tags.get(id) for id in frame["prompt_id"]]
    if by == "difficulty":
        return highest(frame, [math.nan if one is None else len(one) for one in held], "instag", budget)
    known = [i for i, one in enumerate(held) if one is not None]
    wanted = min(len(known), int(budget if budget >= 1 else round(budget * len(known))))
    if wanted < 1:
        raise BadInput(
            f"filter instag: budget={budget:g} keeps nothing; give a number of pairs, or a share below 1"
        )
    rows = sorted(covering(held, wanted))
    lost = {"adds no tag": len(known) - wanted, "instag unknown": frame.height - len(known)}
    return Kept(
        {"rows": frame[rows]}, {reason: n for reason, n in lost.items() if n}, facts={"metric": "instag"}
    )


def covering(tags: Sequence[frozenset[str] | None], wanted: int) -> list[int]:
    """The numbers of `wanted` rows in the order in which they are taken: the most tags first, as long as they add one."""
    left = sorted(
        (i for i, one in enumerate(tags) if one is not None), key=lambda i: (-len(tags[i] or ()), i)
    )
    taken: list[int] = []
    while left and len(taken) < wanted:
        covered: set[str] = set()
        passed: list[int] = []
        tagged = any(tags[i] for i in left)
        for i in left:
            own = tags[i] or frozenset[str]()
            if len(taken) < wanted and (own - covered or not tagged):
                taken.append(i)
                covered |= own
            else:
                passed.append(i)
        left = passed
    return taken


async def tags_of(prompts: Sequence[Prompt], model: Contender) -> dict[str, frozenset[str] | None]:
    """prompt id -> the tags that `model` gives it; None where its reply has no JSON list of them."""
    asks = {Prompt((user(ASKED.format(prompt=one.text)),)).id: one.id for one in prompts}
    asked = [Prompt((user(ASKED.format(prompt=one.text)),)) for one in prompts]
    found: dict[str, frozenset[str] | None] = {}
    async for reply in model.answer(asked, Sampling(temperature=0.0)):
        found[asks[reply.prompt]] = None if reply.finish in ("failed", "filtered") else read(reply.text)
    return found


def read(text: str) -> frozenset[str] | None:
    """The tags of the last JSON list of texts in a reply, in lower case with single spaces; None where there is none."""
    for held in reversed(re.findall(r"\[[^\[\]]*\]", text)):
        try:
            tags = json.loads(held)
        except ValueError:
            continue
        if all(isinstance(tag, str) for tag in tags):
            return frozenset(" ".join(tag.lower().split()) for tag in tags if tag.strip())
    return None
