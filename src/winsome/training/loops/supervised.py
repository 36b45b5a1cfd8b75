"""Supervised fine-tuning: answers are imitated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.names import Spec
from winsome.protocols import Run
from winsome.training.forms import demonstrated
from winsome.training.objective import objective
from winsome.training.plan import plan_of, with_plan
from winsome.training.runs import trained
from winsome.training.sources import open_examples

if TYPE_CHECKING:
    from winsome.frames import Frames
    from winsome.training.examples import Examples


@with_plan
def sft(
    start: str,
    frames: Frames | Examples | str | Path,
    *,
    run: Run,
    mean: Literal["token", "example"] = "token",
    span: Literal["answer", "all"] = "answer",
    judge: str = "",
    suite: str = "",
    **plan: Any,
) -> str:
    """The name of the contender that `start` becomes when it imitates the answers in `frames`.

    frames: demonstrations, the chosen answers of pairs, the best of rated lists, desirable answers; frames of a recipe, a file,
    a folder of `datasets` or `ledger:`. `mean`, `span`: see the objective sft. Every other setting is a field of `plan.Plan`.
    Raises BadInput, Unsupported or Fatal with one line.
    """
    settings = plan_of(plan)
    lowered = objective(Spec("sft", "", {"mean": mean, "span": span}))
    examples = demonstrated(open_examples(frames))
    return trained(start, examples, lowered, settings, run=run, judge=judge, suite=suite)
