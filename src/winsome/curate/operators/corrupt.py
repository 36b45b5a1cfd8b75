"""Answers made worse on purpose: controls, and rejected sides that are known to be worse."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput
from winsome.frames import Kept, of_rows, response_row, responses_of
from winsome.protocols import Run
from winsome.records import Response, assistant, digest

if TYPE_CHECKING:
    from polars import DataFrame

ON = "responses"


def corrupt(
    frame: DataFrame,
    *,
    how: Literal["brevity", "junk"] = "junk",
    share: float = 1.0,
    keep: bool = False,
    run: Run,
) -> Kept:
    """Answers of which a `share`, drawn by the run's seed, is spoilt: `brevity` keeps the first fifth of the words, `junk` shuffles
    them. Spoilt ones have provenance `corrupted:how` and name their parent.

    keep: whether the answer that was spoilt stays beside it. Raises BadInput for a share outside [0, 1].
    """
    import polars as pl

    if not 0.0 <= share <= 1.0:
        raise BadInput(f"transform corrupt: share={share:g} must lie in [0, 1]")
    spoilt: list[dict[str, object]] = []
    hit: list[bool] = []
    for row, response in zip(frame.iter_rows(named=True), responses_of(frame), strict=True):
        id = row["response_id"]
        rng = Random(f"corrupt/{run.seed}/{id}")
        hit.append(rng.random() < share)
        if hit[-1]:
            text = _spoilt(response.text, how, rng)
            key = digest(["corrupt", how, run.seed, id])
            made = Response(
                response.prompt, response.contender, key, response.sample, (assistant(text),),
                provenance=f"corrupted:{how}", parents=(id,),
            )  # fmt: skip
            spoilt.append(response_row(made, row["lang"]))
    stay = frame if keep else frame.filter(~pl.Series(hit, dtype=pl.Boolean))
    return Kept(
        {
            "responses": pl.concat(
                [stay.select(of_rows("responses", []).columns), of_rows("responses", spoilt)]
            )
        }
    )


def _spoilt(text: str, how: str, rng: Random) -> str:
    words = text.split()
    if how == "brevity":
        return " ".join(words[: max(1, len(words) // 5)])
    rng.shuffle(words)
    return " ".join(words)
