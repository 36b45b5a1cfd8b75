"""Reward conditioning: good and bad answers are imitated, each behind a text that says how good it is; then the good one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome import specs
from winsome.errors import BadInput
from winsome.protocols import Run
from winsome.training.examples import Example, Examples, Side
from winsome.training.objective import objective
from winsome.training.plan import plan_of, with_plan
from winsome.training.runs import trained
from winsome.training.sources import open_examples

if TYPE_CHECKING:
    from winsome.frames import Frames

LEVELS = ("Give a good answer.", "Give a bad answer.")


@with_plan
def conditioning(
    start: str,
    frames: Frames | Examples | str | Path,
    *,
    run: Run,
    levels: Sequence[str] = LEVELS,
    judge: str = "",
    suite: str = "",
    **plan: Any,
) -> str:
    """The name of the contender that `start` becomes when it imitates every answer behind the system text of its level, asked for
    answers of the first level.

    levels: system texts, the best first. Pairs and labelled answers have two levels; rated answers any number: all answers are sorted
    by score and cut into parts of equal size (with own samples and several rounds: Quark without its penalties). Every other setting
    is a field of `plan.Plan`. Raises BadInput, Unsupported or Fatal with one line.
    Source: Lu et al. 2022 (Quark), section 2; Dubois et al. 2023 (AlpacaFarm), section 3: binary reward conditioning.
    """
    settings = plan_of(plan)
    examples = conditioned(open_examples(frames), levels)
    name = trained(start, examples, objective("sft"), settings, run=run, judge=judge, suite=suite)
    spec = specs.parse(name)
    return str(specs.Spec(spec.kind, spec.address, {**spec.settings, "system": levels[0]}))


def conditioned(examples: Examples, levels: Sequence[str]) -> Examples:
    """Demonstrations: each answer after its prompt with the text of its level before the prompt's own system text."""
    if len(levels) < 2 or len(set(levels)) < len(levels) or not all(text.strip() for text in levels):
        raise BadInput("conditioning: levels must be two or more different texts, the best first")
    if examples.form != "ranked" and len(levels) != 2:
        raise BadInput(f"conditioning: {examples.form} are good or bad; give 2 levels, not {len(levels)}")
    if examples.form == "pairs":
        told = [
            (f"{row.id}/{place}", side, place)
            for row in examples.rows
            for place, side in enumerate(row.sides)
        ]
    elif examples.form == "labelled":
        told = [(row.id, row.sides[0], int(row.numbers["label"] <= 0)) for row in examples.rows]
    elif examples.form == "ranked":
        told = _by_quantile(examples, len(levels))
    else:
        raise BadInput(
            f"{examples.source}: holds {examples.form}, which say nothing of good and bad; give pairs or scores"
        )
    rows = [Example(id, (_behind(levels[level], side),)) for id, side, level in told]
    return Examples("demonstrations", rows, examples.source)


def _by_quantile(examples: Examples, count: int) -> list[tuple[str, Side, int]]:
    """Every answer of rated lists with its level: 0 for the highest scores; equal scores go by their place in the data."""
    held = [
        (f"{row.id}/{place}", side, row.numbers[f"score_{place}"])
        for row in examples.rows
        for place, side in enumerate(row.sides)
    ]
    order = sorted(range(len(held)), key=lambda i: -held[i][2])
    level = {i: rank * count // len(held) for rank, i in enumerate(order)}
    return [(id, side, level[i]) for i, (id, side, _) in enumerate(held)]


def _behind(text: str, side: Side) -> Side:
    own = side.prompt.system
    return replace(side, prompt=replace(side.prompt, system=text if own is None else f"{text}\n\n{own}"))
