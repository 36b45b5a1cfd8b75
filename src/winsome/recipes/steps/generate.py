"""Answers asked of contenders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from winsome.errors import Unsupported
from winsome.frames import Frames, Kept, of_rows, prompts_of, response_row
from winsome.matchmaking.preflight import probe
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.blocks import Drawing
from winsome.records import Prompt, Response, Sampling

VERSION = 1
READS = ("prompts",)
MAKES = ("responses",)
PLANNED = (
    "task", "condition", "prefix", "arithmetic", "examples", "turns", "quota_per", "refill", "dedup", "from_iterate",
)  # fmt: skip
UNBUILT = ("prompts", "guides", "conversations")


async def generate(
    frames: Frames,
    *,
    by: tuple[Contender, ...],
    what: Literal["responses", "prompts", "guides", "conversations"] = "responses",
    n: int = 1,
    sampling: Drawing | None = None,
    stop_strings: tuple[str, ...] = (),
    keep: bool = True,
    run: Session,
) -> Kept:
    """`n` answers of each of the contenders `by` to every prompt, asked through the ledger: what was bought is never bought again.

    keep: whether answers that reach the step stay beside the new ones. An answer that failed or was withheld is dropped by reason.
    """
    import polars as pl

    prompts = prompts_of(frames["prompts"])
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
    """Raise Unsupported for what cannot be generated yet."""
    if settings.get("what") in UNBUILT:
        raise Unsupported(f"generate: what: {settings['what']} is not built yet (there is: responses)")
