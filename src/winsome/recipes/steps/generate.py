"""Answers, and new prompts, asked of contenders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from winsome.curate.synthesis import self_instruct
from winsome.errors import BadInput, Unsupported
from winsome.frames import Frames, Kept, of_rows, prompt_row, prompts_of, response_row
from winsome.matchmaking.preflight import probe
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.blocks import Dedup, Drawing, Examples
from winsome.records import Prompt, Response, Sampling

VERSION = 1
READS = ("prompts",)
MAY_MAKE = ("responses", "prompts")
PLANNED = ("condition", "prefix", "arithmetic", "turns", "quota_per", "refill", "from_iterate")
UNBUILT = ("guides", "conversations")
OF_PROMPTS = ("task", "examples", "dedup", "without")
"""Keys that only new prompts have."""


async def generate(
    frames: Frames,
    *,
    by: tuple[Contender, ...],
    what: Literal["responses", "prompts", "guides", "conversations"] = "responses",
    task: Literal["plain", "self_instruct"] = "plain",
    n: int = 1,
    examples: Examples | None = None,
    dedup: Dedup | None = None,
    without: tuple[str, ...] = (),
    sampling: Drawing | None = None,
    stop_strings: tuple[str, ...] = (),
    keep: bool = True,
    run: Session,
) -> Kept:
    """`n` answers of each of the contenders `by` to every prompt, or with what: prompts and task: self_instruct `n` replies of each to
    requests for one more prompt; asked through the ledger: what was bought is never bought again.

    examples: {n: 8}, prompts shown with a request. dedup: {method: rouge_l | exact, threshold: 0.7}, when a reply is a prompt that was
    there. without: words that no new prompt may have (image, table ..). keep: whether answers, or prompts, that reach the step stay
    beside the new ones. What failed or was withheld is dropped by reason.
    """
    import polars as pl

    prompts = prompts_of(frames["prompts"])
    if what == "prompts":
        shown = (examples or Examples()).n
        return await _written(
            by,
            frames,
            prompts,
            n,
            shown,
            dedup or Dedup(),
            without,
            drawn(sampling, 1, stop_strings, run.seed),
            keep,
        )
    drawing = drawn(sampling, n, stop_strings, run.seed)
    langs = dict(zip((p.id for p in prompts), frames["prompts"]["lang"], strict=True))
    rows: list[dict[str, Any]] = []
    dropped: dict[str, int] = {}
    for contender in by:
        for response in await answers(contender, prompts, drawing):
            if response.finish in ("failed", "filtered"):
                reason = f"failed: {response.error or 'withheld by the server'}"
                dropped[reason] = dropped.get(reason, 0) + 1
            else:
                rows.append(response_row(response, langs[response.prompt]))
    made = of_rows("responses", rows)
    once = made.unique("response_id", keep="first", maintain_order=True)
    if once.height < made.height:
        dropped["same answer to the same question"] = made.height - once.height
    planned = len(by) * len(prompts) * n
    missing = planned - once.height - sum(dropped.values())
    if missing:
        dropped["not asked"] = missing
    if keep and "responses" in frames:
        ids = once.select("response_id")
        old = frames["responses"].join(ids, on="response_id", how="anti", maintain_order="left")
        once, planned = pl.concat([old, once], how="diagonal"), planned + old.height
    return Kept({"responses": once}, dropped, planned)


async def _written(
    by: Sequence[Contender], frames: Frames, known: Sequence[Prompt], n: int, examples: int, dedup: Dedup, without: Sequence[str],
    drawing: Sampling, keep: bool,
) -> Kept:  # fmt: skip
    """New prompts out of `n` replies of each contender; those that two write are of the first."""
    import polars as pl

    asks = self_instruct.requests(known, n, examples, drawing.seed or 0)
    if not examples:
        # one and the same request: its replies are draws of it
        asks, drawing = asks[:1], replace(drawing, samples=range(n))
    asked = {ask.id: ask for ask in asks}
    dropped: dict[str, int] = {}
    made: list[Prompt] = []
    for contender in by:
        replies = await answers(contender, list(asked.values()), drawing)
        new, lost = self_instruct.written(
            asks, replies, [*known, *made], method=dedup.method, threshold=dedup.threshold, without=without
        )
        if len(replies) < n:
            lost["same examples as before, or not asked"] = n - len(replies)
        made += new
        for reason, count in lost.items():
            dropped[reason] = dropped.get(reason, 0) + count
    rows = of_rows("prompts", [prompt_row(prompt, "self_instruct") for prompt in made])
    planned = len(by) * n
    if keep:
        rows, planned = pl.concat([frames["prompts"], rows], how="diagonal"), planned + len(known)
    return Kept({"prompts": rows}, dropped, planned)


def makes(settings: dict[str, Any]) -> tuple[str, ...]:
    """The frame that is made."""
    return ("prompts",) if settings.get("what") == "prompts" else ("responses",)


MAKES = makes


def drawn(sampling: Drawing | None, n: int, stop: Sequence[str], seed: int) -> Sampling:
    """The draws that a step asks for; its seed is the run's."""
    given = sampling or Drawing()
    temperature = 0.0 if given.greedy else given.temperature
    return Sampling(
        range(n),
        temperature=temperature,
        top_p=given.top_p,
        max_tokens=given.max_tokens,
        stop=tuple(stop),
        seed=seed,
    )


async def answers(contender: Contender, prompts: Sequence[Prompt], sampling: Sampling) -> list[Response]:
    """Every draw of every prompt, by prompt and then draw, whatever order they came in; servers are probed first."""
    asked: Any = contender
    if asked.missing(prompts, sampling):
        await probe([asked], prompts)
    found: dict[tuple[str, int], Response] = {}
    async for response in contender.answer(prompts, sampling):
        found[response.prompt, response.sample] = response
    wanted = ((prompt.id, sample) for prompt in prompts for sample in sampling.samples)
    return [found[place] for place in wanted if place in found]


def check(settings: dict[str, Any], run: Any) -> None:
    """Raise Unsupported for what cannot be generated yet, BadInput for keys that do not go together."""
    what, task = settings.get("what", "responses"), settings.get("task", "plain")
    if what in UNBUILT:
        raise Unsupported(f"generate: what: {what} is not built yet (there are: responses, prompts)")
    if what == "prompts" and task != "self_instruct":
        raise BadInput("generate: what: prompts needs a task; add task: self_instruct")
    stray = [key for key in OF_PROMPTS if key in settings and what != "prompts" and settings[key] != "plain"]
    if stray:
        raise BadInput(f"generate: {stray[0]} is of new prompts; add what: prompts, or drop it")
