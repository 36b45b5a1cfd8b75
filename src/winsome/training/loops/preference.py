"""Preference optimisation: any objective over pairs, rated lists or labelled answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.protocols import Run
from winsome.training import objective as objectives
from winsome.training.examples import Examples
from winsome.training.forms import best_against_worst, demonstrated, unpaired
from winsome.training.objective import Objective
from winsome.training.plan import plan_of, with_plan
from winsome.training.runs import trained
from winsome.training.sources import open_examples

if TYPE_CHECKING:
    from winsome.frames import Frames


@with_plan
def preference(
    start: str,
    frames: Frames | Examples | str | Path,
    *,
    run: Run,
    objective: str = "dpo",
    reference_model: str = "",
    last_model: str = "",
    behaviour_model: str = "",
    judge: str = "",
    suite: str = "",
    **plan: Any,
) -> str:
    """The name of the contender that `start` becomes when it lowers `objective` (a name such as dpo?beta=0.2) on `frames`.

    frames: of a recipe, a file, a folder of `datasets` or `ledger:`; what they hold is turned into what the objective reads.
    reference_model: the fixed policy of its ratios (default the start); last_model: the last iterate, where it reads one;
    behaviour_model: who drew the answers (default what the data say: log-probabilities, or names). Every other setting is a field of `plan.Plan`. Raises BadInput, Unsupported or Fatal with one line.
    """
    settings = plan_of(plan)
    lowered = objectives.objective(objective)
    examples = fitting(open_examples(frames), lowered)
    return trained(
        start,
        examples,
        lowered,
        settings,
        run=run,
        reference_model=reference_model,
        last_model=last_model,
        behaviour_model=behaviour_model,
        judge=judge,
        suite=suite,
    )


def fitting(examples: Examples, objective: Objective) -> Examples:
    """The examples in the form that an objective reads; BadInput where they cannot be brought into it."""
    needs = objective.needs
    if needs.groups:
        return examples
    if needs.roles == ("chosen", "rejected"):
        return best_against_worst(examples)
    if "label" in needs.columns:
        return unpaired(examples)
    return demonstrated(examples)
