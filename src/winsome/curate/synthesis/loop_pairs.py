"""Preference pairs that a feedback loop leaves: revisions against their drafts, and critiques by what they led to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from winsome.curate.synthesis.feedback_loop import Thread, Wording, after_draft
from winsome.records import Prompt, Response, digest

Row = dict[str, Any]
"""A pair as training reads it: pair_id, prompt (messages), chosen, rejected, margin."""


def draft_to_draft(threads: Sequence[Thread]) -> list[Row]:
    """For the generator: every two drafts in a row, the one of higher value chosen; equal values and equal words give no pair."""
    rows: list[Row] = []
    for thread in threads:
        rated = list(zip(thread.drafts, thread.values, strict=False))
        for (old, before), (new, after) in pairwise(rated):
            if before is None or after is None or before == after:
                continue
            better, worse = (new, old) if after > before else (old, new)
            rows += _row(thread.prompt, better, worse, abs(after - before))
    return rows


def best_and_worst(threads: Sequence[Thread]) -> list[Row]:
    """For a single model: of all drafts of a prompt, over all threads of it, the one of highest value against that of lowest."""
    held: dict[str, list[tuple[float, int, Response]]] = {}
    prompts: dict[str, Prompt] = {}
    for thread in threads:
        prompts[thread.prompt.id] = thread.prompt
        for draft, value in zip(thread.drafts, thread.values, strict=False):
            if value is not None:
                found = held.setdefault(thread.prompt.id, [])
                found.append((value, len(found), draft))
    rows: list[Row] = []
    for id, found in held.items():
        worst, best = min(found, key=lambda one: one[:2]), max(found, key=lambda one: (one[0], -one[1]))
        if best[0] > worst[0]:
            rows += _row(prompts[id], best[2], worst[2], best[0] - worst[0])
    return rows


def critique_pairs(threads: Sequence[Thread], words: Wording) -> list[Row]:
    """For a reviewer: of critiques of one draft (by threads of other reviewers or draws), the one whose revision was rated highest
    against the one whose was rated lowest. Critiques of a round with several reviewers share their revision and are left out.
    """
    held: dict[str, list[tuple[float, int, Response]]] = {}
    asked: dict[str, Prompt] = {}
    for thread in threads:
        for place, number in enumerate(thread.revised_by):
            value, critiques = thread.values[place + 1], thread.critiques[number]
            if value is None or len(critiques) != 1:
                continue
            ask = after_draft(thread.prompt, thread.drafts[place].text, words.critique)
            asked[ask.id] = ask
            found = held.setdefault(ask.id, [])
            found.append((value, len(found), critiques[0]))
    rows: list[Row] = []
    for id, found in held.items():
        worst, best = min(found, key=lambda one: one[:2]), max(found, key=lambda one: (one[0], -one[1]))
        if best[0] > worst[0]:
            rows += _row(asked[id], best[2], worst[2], best[0] - worst[0])
    return rows


def _row(prompt: Prompt, better: Response, worse: Response, margin: float) -> list[Row]:
    if better.text.strip() == worse.text.strip() or not better.text.strip() or not worse.text.strip():
        return []
    messages = [message.payload() for message in prompt.messages]
    return [
        {
            "pair_id": digest([prompt.id, better.id, worse.id])[:16], "prompt": messages,
            "chosen": better.text, "rejected": worse.text, "margin": margin,
        }
    ]  # fmt: skip
