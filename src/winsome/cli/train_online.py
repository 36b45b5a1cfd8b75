"""winsome train rloo, grpo, ppo ..: a model that learns from its own answers, and the match of it against its start."""

from __future__ import annotations

import importlib
import inspect
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from winsome import specs
from winsome.cli import options
from winsome.cli.parsing import Parser, whole_number
from winsome.training.online.method import ROLE
from winsome.training.plan import Plan

DRAWING = (
    "draws",
    "phase",
    "passes",
    "max_tokens",
    "temperature",
    "sampler",
    "against",
    "unended",
    "reference_model",
)
"""Settings of the trainer `online` that are flags as they are."""
NOT_HERE = ("format", "max_length", "too_long", "checkpointing")
"""Fields of a plan that online training has no use for."""
EPILOG = (
    "The same command goes on where it was stopped, in the same bits: answers are kept on disk before anything is learnt from "
    "them. Every run ends in a match of the checkpoint, read back from disk, against the model it started from; let another judge "
    "decide it than the one that rated."
)


def told_same(args: Namespace, suite: str) -> str:
    """What a reader must know of the match where the judge that rated decides it too; nothing where another one does."""
    judge = args.judge or (f"{suite}#gold" if suite.startswith("world:") else "")
    if judge and specs.parse(judge) == specs.parse(args.reward):
        return f"the reward {specs.masked(args.reward)} judged this match too: it says how well it was learnt, not how good the answers are"
    return ""


def names() -> list[str]:
    """The methods of online training."""
    return sorted(specs.kinds(ROLE))


def add(kinds: Any) -> None:
    """Add a sub-command for each method to those of `winsome train`."""
    from winsome.cli.train import flags_of, match_flags, short
    from winsome.training.loops.online import online

    for name, place in sorted(specs.kinds(ROLE).items()):
        module, _, attribute = place.partition(":")
        factory = getattr(importlib.import_module(module), attribute)
        about = " ".join((inspect.getdoc(factory) or name).split())
        made: Parser = kinds.add_parser(
            name, help=short(about), description=about.replace("%", "%%"), epilog=EPILOG
        )
        made.add_argument(
            "--model",
            required=True,
            metavar="NAME",
            help="what is trained: hf:FOLDER, embedded:.., a world's base",
        )
        made.add_argument(
            "--prompts",
            required=True,
            metavar="NAME|FILE",
            help="what it answers: a suite's name, a file of prompts",
        )
        made.add_argument(
            "--first", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
        )
        made.add_argument(
            "--reward", required=True, metavar="NAME",
            help="who rates the answers: a scorer, a reward model, or a judge, whose mean share of wins is taken",
        )  # fmt: skip
        made.add_argument(
            "--out",
            default=".winsome/training",
            metavar="DIR",
            help="where runs lie (default .winsome/training)",
        )
        flags_of(made.add_argument_group(name), factory)
        others = [key for key in specs.settings_of(online) if key not in DRAWING]
        flags_of(made.add_argument_group("answers and rewards"), online, without=others)
        flags_of(made.add_argument_group("training (see the fields of Plan)"), Plan, without=NOT_HERE)
        match_flags(made, "default: a tenth of --prompts, held out of training")
        options.everywhere(made)


def trained(args: Namespace, prompts: Sequence[Any], suite: str, session: Any) -> str:
    """The name of the contender that the typed method makes."""
    from winsome.training.loops.online import online

    factory = specs.factory_of(specs.Spec(args.objective), ROLE)
    assert factory is not None
    method = specs.Spec(args.objective, "", _typed(args, specs.settings_of(factory)))
    given = _typed(args, [*DRAWING, *(k for k in specs.settings_of(Plan) if k not in NOT_HERE)])
    settings = specs.settings_given(online, specs.Spec("online", "", {**given, "reward": args.reward}))
    settings |= {"objective": str(method), "judge": args.judge or "", "suite": suite}
    return online(args.model, prompts, run=session, **settings)


def _typed(args: Namespace, keys: Any) -> dict[str, Any]:
    return {key: value for key in keys if (value := getattr(args, key, None)) is not None}


def prompts_of(args: Namespace, session: Any) -> tuple[list[Any], list[Any]]:
    """The prompts to learn on, and those held out for the match where it has no suite: a tenth, by their words alone."""
    from winsome.errors import BadInput
    from winsome.records import Suite

    asked = list(session.open(args.prompts, Suite).prompts)[: args.first]
    if args.no_match or args.suite or args.model.startswith("world:"):
        return asked, []
    apart = [prompt for prompt in asked if int(prompt.id, 16) % 10 == 0] or asked[-1:]
    held = {prompt.id for prompt in apart}
    kept = [prompt for prompt in asked if prompt.id not in held]
    if not kept:
        raise BadInput(
            f"{args.prompts}: one prompt is too few to hold any out; give --suite, or more prompts"
        )
    return kept, apart
