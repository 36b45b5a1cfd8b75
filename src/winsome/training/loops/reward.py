"""Reward models: ratings, or comparisons, learnt from preferences or from ratings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.protocols import Run
from winsome.training import objective as objectives
from winsome.training.examples import Examples
from winsome.training.forms import best_against_worst, parted, rated
from winsome.training.objective import Objective
from winsome.training.plan import plan_of, with_plan
from winsome.training.sources import open_examples

if TYPE_CHECKING:
    from winsome.frames import Frames

ROLE = "RewardObjective"


@with_plan
def reward(
    start: str,
    frames: Frames | Examples | str | Path,
    *,
    run: Run,
    objective: str = "bradley_terry",
    held_out: str = "",
    **plan: Any,
) -> str:
    """The name of the scorer that `start` becomes when it lowers `objective` (a name such as bradley_terry?center=0.01) on `frames`.

    frames: of a recipe, a file, a folder of `datasets` or `ledger:`; pairs, or rated answers. held_out: a file of the same form on
    which the model is measured (default a tenth of the prompts, which are then not learnt from). Every other setting is a field of
    `plan.Plan`. Raises BadInput, Unsupported or Fatal with one line.
    """
    from winsome.training.rewards.runs import trained

    settings = plan_of(plan)
    lowered = objectives.objective(objective, ROLE)
    examples = fitting(open_examples(frames), lowered)
    learnt, held = (examples, fitting(open_examples(held_out), lowered)) if held_out else parted(examples)
    return trained(start, learnt, held, lowered, settings, run=run)


def fitting(examples: Examples, objective: Objective) -> Examples:
    """Pairs for an objective that compares, single rated answers for one that rates."""
    return best_against_worst(examples) if "chosen" in objective.needs.roles else rated(examples)
