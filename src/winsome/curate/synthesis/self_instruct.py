"""New prompts from a few old ones: what a writer is asked, and which of its replies are new prompts.

Source: Wang et al. 2023 (Self-Instruct), section 2.2; R.I.P.'s Self-RIP asks the same with prompts that survived its filter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Literal

from winsome.errors import BadInput
from winsome.records import Prompt, Response, user
from winsome.text.rouge import Novelty

_MARK = re.compile(r"^\s*(?:\d+\s*[.):]|[-*])\s*")


def request(examples: Sequence[Prompt]) -> Prompt:
    """What a writer is asked: one more prompt like the examples, whose ids are its parents."""
    shown = "\n".join(f"{number}. {one.text}" for number, one in enumerate(examples, 1))
    head = f"These are requests that people made:\n{shown}\n\n" if examples else ""
    like = " of the same kind" if examples else ""
    text = f"{head}Write one new request{like}. Give the request alone."
    return Prompt((user(text),), parents=tuple(one.id for one in examples))


def requests(prompts: Sequence[Prompt], n: int, examples: int, seed: int) -> list[Prompt]:
    """`n` requests, each showing `examples` different prompts drawn at random in a random order; BadInput where there are fewer."""
    if examples > len(prompts):
        raise BadInput(
            f"self_instruct: {examples} examples of {len(prompts)} prompts; show fewer, or load more"
        )
    asks: list[Prompt] = []
    for number in range(n):
        rng = Random(f"self_instruct/{seed}/{number}")
        asks.append(request(rng.sample(list(prompts), examples)))
    return asks


def written(
    asks: Sequence[Prompt],
    replies: Sequence[Response],
    known: Sequence[Prompt],
    *,
    method: Literal["exact", "rouge_l"] = "rouge_l",
    threshold: float = 0.7,
    without: Sequence[str] = (),
) -> tuple[list[Prompt], dict[str, int]]:
    """The new prompts among the replies to `asks`, by reply, and how many replies are none, for which reason.

    A reply is a prompt once a leading number or mark is taken off. Dropped: what says nothing, has one of the words `without`, or is
    too like a known prompt or an earlier reply (exact: the same words; rouge_l: ROUGE-L of `threshold` or more).
    """
    parents = {ask.id: ask.parents for ask in asks}
    banned = {word.lower() for word in without}
    novelty = Novelty(threshold)
    same = {_plain(one.text) for one in known}
    if method == "rouge_l":
        novelty.add(one.text for one in known)
    found: list[Prompt] = []
    dropped: dict[str, int] = {}
    for reply in replies:
        text = _MARK.sub("", reply.text).strip().strip('"').strip()
        words = _plain(text)
        if reply.finish in ("failed", "filtered"):
            reason = f"failed: {reply.error or 'withheld by the server'}"
        elif not words:
            reason = "no words"
        elif reply.finish == "length":
            reason = "cut off"
        elif banned & set(words):
            reason = "names what cannot be shown"
        elif words in same or (method == "rouge_l" and novelty.near(text)):
            reason = "like a prompt that was there"
        else:
            same.add(words)
            novelty.add([text])
            found.append(Prompt((user(text),), parents=parents[reply.prompt]))
            continue
        dropped[reason] = dropped.get(reason, 0) + 1
    return found, dropped


def _plain(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.lower()))
