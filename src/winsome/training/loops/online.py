"""Online training: the policy's own answers, rated while it learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from winsome.errors import BadInput
from winsome.protocols import Run
from winsome.records import Prompt, Suite
from winsome.training.online.method import method as opened
from winsome.training.online.runs import Drawing, trained
from winsome.training.plan import plan_of, with_plan

if TYPE_CHECKING:
    from winsome.frames import Frames


@with_plan
def online(
    start: str,
    frames: Frames | Sequence[Prompt] | str,
    *,
    run: Run,
    reward: str,
    objective: str = "rloo",
    against: str = "group",
    draws: int = 0,
    phase: int = 0,
    passes: int = 1,
    max_tokens: int = 256,
    temperature: float = 1.0,
    sampler: str = "own",
    unended: float | None = None,
    reference_model: str = "",
    judge: str = "",
    suite: str = "",
    **plan: Any,
) -> str:
    """The name of the contender that `start` becomes when it learns by `objective` (rloo, grpo?scale=none ..) from its own answers.

    frames: prompts: of a recipe, of a suite's name or file, or Prompts. reward: a scorer, or a judge, whose mean share of wins is
    taken: against the other answers to the prompt, or `against` a contender. draws: answers a prompt (0: the method's number).
    phase: prompts of one phase (0: those of one update); passes: how often each phase is learnt from. max_tokens: of an answer;
    unended: the reward of one that is cut there, in the place of its own. sampler: own, transformers, or a contender's name with
    {policy} where it takes the folder of the weights. reference_model: the fixed policy of divergences (default the start).
    Units of the plan are prompts. Raises BadInput, Unsupported or Fatal with one line.
    """
    asked, source = _prompts(frames, run)
    settings = plan_of(plan)
    drawing = Drawing(draws, phase, passes, max_tokens, temperature, sampler)
    return trained(
        start, asked, opened(objective), settings, drawing, run=run, reward=reward, against=against,
        unended=float("nan") if unended is None else unended, reference_model=reference_model, judge=judge,
        suite=suite, source=source,
    )  # fmt: skip


def _prompts(frames: Any, run: Run) -> tuple[Sequence[Prompt], str]:
    """The prompts and how messages name them."""
    if isinstance(frames, str):
        return run.open(frames, Suite).prompts, frames
    if isinstance(frames, dict):
        from winsome.frames import prompts_of

        return prompts_of(cast("Frames", frames)["prompts"]), "prompts"
    found: list[Prompt] = list(cast("Sequence[Prompt]", frames))
    if not found:
        raise BadInput("no prompts to answer; give at least one")
    return found, "prompts"
