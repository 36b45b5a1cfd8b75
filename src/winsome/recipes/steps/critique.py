"""Answers criticised in words: what a reviewer finds wrong with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from winsome.curate.synthesis.feedback_loop import after_draft, failed, remarks, wording
from winsome.errors import BadInput
from winsome.frames import Frames, Kept, prompts_of, responses_of
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.blocks import Drawing
from winsome.recipes.steps.generate import answers, drawn
from winsome.recipes.steps.score import with_earlier
from winsome.records import Prompt, Response

VERSION = 1
READS = ("responses", "prompts")
MAKES = ("scores",)
PLANNED = ("reference",)
ASPECT = "critique"
WORDS = "critique"
"""The column of what was said."""


async def critique(
    frames: Frames,
    *,
    by: Contender,
    aspects: tuple[str, ...] = (),
    n: int = 1,
    sampling: Drawing | None = None,
    keep: bool = True,
    run: Session,
) -> Kept:
    """What `by` finds wrong with every answer: scores of aspect `critique` without a value, the words in the column `critique`.

    aspects: what the reviewer is to look at above all. n: draws of a critique an answer, their words one after the other. A critique
    that failed, is empty or repeats the answer counts in `unparsed`; where all that was read finds nothing, the words are `none`. keep:
    whether scores that reach the step stay beside the new ones.
    """
    import polars as pl

    if n < 1:
        raise BadInput(f"critique: n={n} asks nothing; give 1 or more")
    words = wording()
    ask = words.critique + (f" Look above all at: {', '.join(aspects)}." if aspects else "")
    prompts = {prompt.id: prompt for prompt in prompts_of(frames["prompts"])}
    drafts = responses_of(frames["responses"])
    asks = [after_draft(prompt, draft.text, ask) for prompt, draft in with_prompts(prompts, drafts)]
    found: dict[str, list[Response]] = {}
    for first in sorted({next_draw(draft) for draft in drafts}):
        once = {ask.id: ask for ask, draft in zip(asks, drafts, strict=True) if next_draw(draft) == first}
        drawing = replace(drawn(sampling, n, (), run.seed), samples=range(first * n, first * n + n))
        for response in await answers(by, list(once.values()), drawing):
            found.setdefault(f"{response.prompt}/{first}", []).append(response)
    rows, said = list[dict[str, object]](), list[str]()
    for id, draft, one in zip(frames["responses"]["response_id"], drafts, asks, strict=True):
        heard = found.get(f"{one.id}/{next_draw(draft)}", [])
        if not heard:
            continue
        told = remarks(heard, draft.text, words.nothing)
        unread = sum(failed(r) or r.text.strip() in ("", draft.text.strip()) for r in heard)
        said.append(words.nothing if told is None else "\n".join(told))
        rows.append(
            {"subject": "response", "subject_id": id, "by": by.name, "aspect": ASPECT, "n_calls": len(heard), "unparsed": unread}
        )  # fmt: skip
    made = with_earlier({}, rows, len(drafts), keep=False)
    new = made.frames["scores"].with_columns(pl.Series(WORDS, said, pl.String))
    if not keep or "scores" not in frames:
        return Kept({"scores": new}, made.dropped, len(drafts))
    same = ["subject", "subject_id", "by", "aspect"]
    old = frames["scores"].join(new.select(same), on=same, how="anti", maintain_order="left")
    return Kept({"scores": pl.concat([old, new], how="diagonal")}, made.dropped, len(drafts) + old.height)


def next_draw(draft: Response) -> int:
    """The draw by which a draft is read and revised: one after its own, so that a revision with the words of its draft is asked about anew."""
    return draft.sample + 1 if draft.provenance == "revised" else 0


def with_prompts(prompts: Mapping[str, Prompt], drafts: Sequence[Response]) -> list[tuple[Prompt, Response]]:
    """Each answer with its prompt; BadInput where one is not there, or has turns to come, which a draft has answered already."""
    strange = [draft for draft in drafts if draft.prompt not in prompts]
    if strange:
        raise BadInput(
            f"{len(strange)} answers have no prompt here ({strange[0].prompt[:12]}); keep prompts and answers together"
        )
    longer = next((prompt for prompt in prompts.values() if prompt.follow_ups), None)
    if longer is not None:
        raise BadInput(
            f"prompt {longer.id[:12]} has turns to come; a draft of a dialogue cannot be revised yet, leave it out"
        )
    return [(prompts[draft.prompt], draft) for draft in drafts]
