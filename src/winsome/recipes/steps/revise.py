"""Answers written anew from earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from winsome.curate.synthesis.feedback_loop import Thread, criticise, improving, revise_drafts, wording
from winsome.errors import BadInput, Unsupported
from winsome.frames import Frames, Kept, of_rows, prompts_of, response_row, responses_of
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.blocks import Drawing
from winsome.recipes.made import Made
from winsome.recipes.steps.critique import ASPECT, WORDS, next_draw, with_prompts
from winsome.recipes.steps.generate import drawn
from winsome.records import Response, Sampling

VERSION = 1
READS = ("responses", "prompts")
MAKES = ("responses",)
PLANNED = ("directions", "hindsight", "guide", "both_directions", "mask_placeholders")
UNBUILT = ("ground_in_document", "counterfactual", "translate", "refine")
NOTHING_SAID = "nothing was said that could be acted on"


async def revise(
    frames: Frames,
    *,
    by: Contender,
    rule: Literal[
        "improve", "act_on_critique", "ground_in_document", "counterfactual", "translate", "refine"
    ] = "improve",
    reviewers: tuple[Contender, ...] = (),
    rounds: int = 1,
    stop: Literal["no_change"] | None = None,
    sampling: Drawing | None = None,
    keep: Literal["last", "all"] = "last",
    run: Session,
) -> Made:
    """New answers by `by`, each with the answer it came from as parent and provenance `revised`; the old ones stay.

    rule: `improve` asks for a better answer; `act_on_critique` says what `reviewers` find wrong with the newest draft of each round, or,
    without them, what a critique step said. Answers that were revised already are left as they are. rounds: revisions an answer, at
    most; a thread ends where nobody finds anything, where a reply failed and, with stop: no_change, where a revision repeats its draft.
    keep: the last revision of each answer, or all. What was not made is dropped by reason.
    """
    import polars as pl

    prompts = {prompt.id: prompt for prompt in prompts_of(frames["prompts"])}
    drafts = with_prompts(prompts, responses_of(frames["responses"]))
    before = {draft.parents[0] for _, draft in drafts if draft.parents}
    threads = [Thread(prompt, [draft]) for prompt, draft in drafts if draft.id not in before]
    told = _told(frames, threads) if rule == "act_on_critique" and not reviewers else {}
    drawing = drawn(sampling, 1, (), run.seed)
    for first in sorted({next_draw(thread.last) for thread in threads}):
        group = [thread for thread in threads if next_draw(thread.drafts[0]) == first]
        for number in range(first, first + rounds):
            going = [thread for thread in group if not thread.ended]
            asked = await _asked(going, reviewers, told, drawing, number)
            for thread in await revise_drafts(asked, by, drawing, number):
                if stop == "no_change" and thread.last.text.strip() == thread.drafts[-2].text.strip():
                    thread.ended = "no change"
    langs = dict(zip(frames["prompts"]["prompt_id"], frames["prompts"]["lang"], strict=True))
    rows: list[dict[str, Any]] = []
    for thread in threads:
        new = thread.drafts[1:] if keep == "all" else [_from_first(thread)] if len(thread.drafts) > 1 else []
        rows += [response_row(draft, langs[thread.prompt.id]) for draft in new]
    made = of_rows("responses", rows).unique("response_id", keep="first", maintain_order=True)
    made = made.join(
        frames["responses"].select("response_id"), on="response_id", how="anti", maintain_order="left"
    )
    wanted = len(threads) * (rounds if keep == "all" else 1)
    dropped = Counter[str]()
    for thread in threads:
        made_of_it = len(thread.drafts) - 1
        lacking = rounds - made_of_it if keep == "all" else int(not made_of_it)
        dropped.update({thread.ended or NOTHING_SAID: lacking} if lacking else {})
    if len(rows) > made.height:
        dropped["same answer to the same question"] = len(rows) - made.height
    whole = pl.concat([frames["responses"], made], how="diagonal")
    revisions = sorted(Counter(len(thread.drafts) - 1 for thread in threads).items())
    kept = Kept({"responses": whole}, dict(dropped), frames["responses"].height + wanted)
    return Made(kept, facts={"revisions": {str(n): count for n, count in revisions}})


async def _asked(
    threads: Sequence[Thread], reviewers: Sequence[Contender], told: Mapping[str, str | None], sampling: Sampling, number: int
) -> list[tuple[Thread, str]]:  # fmt: skip
    """Threads that are to be revised, with what is said after their newest draft; those without a fault end."""
    words = wording()
    if reviewers:
        return [(thread, words.acting_on(said)) for thread, said in await criticise(threads, reviewers, words, sampling, number)]  # fmt: skip
    if not told:
        return [(thread, improving()) for thread in threads]
    asked: list[tuple[Thread, str]] = []
    for thread in threads:
        said = told[thread.last.id]
        if said is None:
            thread.ended = "nothing to improve"
        elif said:
            asked.append((thread, words.acting_on([said])))
    return asked


def _told(frames: Frames, threads: Sequence[Thread]) -> dict[str, str | None]:
    """Of each thread's draft what its critiques say, None where they find nothing; BadInput where a draft has none."""
    nothing = wording().nothing
    said: dict[str, list[str]] = {}
    if "scores" in frames and WORDS in frames["scores"].columns:
        for row in frames["scores"].iter_rows(named=True):
            if row["aspect"] == ASPECT and row["subject"] == "response":
                said.setdefault(row["subject_id"], []).append(row[WORDS] or "")
    lacking = [thread for thread in threads if thread.last.id not in said]
    if lacking:
        raise BadInput(
            f"revise: {len(lacking)} of {len(threads)} drafts have no critique; put a critique step before, or name reviewers"
        )
    real = {id: [text for text in texts if text and text != nothing] for id, texts in said.items()}
    return {
        id: "\n".join(real[id]) if real[id] else None if nothing in texts else ""
        for id, texts in said.items()
    }


def _from_first(thread: Thread) -> Response:
    """The newest draft with the one that reached the step as its parent."""
    return replace(thread.last, parents=(thread.drafts[0].id,))


def check(settings: dict[str, Any], run: Any) -> None:
    """Raise Unsupported for rules that are named but not built, BadInput for keys that do not go together."""
    rule, rounds = settings.get("rule", "improve"), settings.get("rounds", 1)
    if rule in UNBUILT:
        raise Unsupported(f"revise: rule: {rule} is not built yet (there are: improve, act_on_critique)")
    if isinstance(rounds, int) and rounds < 1:
        raise BadInput(f"revise: rounds: {rounds} writes nothing; give 1 or more")
    reviewers = bool(settings.get("reviewers"))
    if reviewers and rule == "improve":
        raise BadInput(
            "revise: reviewers are heard by rule: act_on_critique; name that rule, or drop reviewers"
        )
    if rule == "act_on_critique" and not reviewers and rounds != 1:
        raise BadInput("revise: more than one round needs reviewers, who read every new draft; name them")
