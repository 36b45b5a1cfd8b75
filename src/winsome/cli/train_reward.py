"""winsome train reward: a reward model, and what it is worth on pairs that it never saw."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from winsome import specs
from winsome.cli import options, output
from winsome.cli.parsing import Parser
from winsome.training.plan import Plan

NAME = "reward"
HELP = "A reward model: ratings from preferences or from ratings, or comparisons that need not be transitive"
EPILOG = (
    "It ends in the held-out accuracy with its interval, beside that of the longer answer. The same command goes on where it was "
    "stopped. What it prints last names the scorer: winsome card NAME --against FILE, best_of_n?scorer=(NAME), --judge NAME."
)
NOT_HERE = ("format", "canary_every", "max_kl", "patience")
"""Fields of a plan that a reward model has no use for."""


def add(kinds: Any) -> None:
    """Add the sub-command to those of `winsome train`."""
    from winsome.cli.train import flags_of

    made: Parser = kinds.add_parser(NAME, help=HELP, description=f"{HELP}.", epilog=EPILOG)
    made.add_argument(
        "--model",
        required=True,
        metavar="NAME",
        help="whose body it has: hf:FOLDER, embedded:.., a world's base",
    )
    made.add_argument(
        "--data",
        required=True,
        metavar="FILE|FOLDER|ledger:PATH",
        help="pairs, rated lists or rated answers: Parquet, JSON lines, a folder of datasets",
    )
    made.add_argument("--split", default="train", help="of a folder with several (default train)")
    made.add_argument(
        "--held-out",
        default="",
        metavar="FILE",
        help="what it is measured on (default a tenth of the data's prompts, which are then not learnt from)",
    )
    made.add_argument(
        "--out", default=".winsome/training", metavar="DIR", help="where runs lie (default .winsome/training)"
    )
    known = sorted(specs.kinds("RewardObjective"))
    made.add_argument(
        "--objective",
        dest="reward_objective",
        default="bradley_terry",
        metavar="NAME",
        help=f"{', '.join(known)}, with settings as in bradley_terry?center=0.01 (default bradley_terry)",
    )
    flags_of(made.add_argument_group("training (see the fields of Plan)"), Plan, without=NOT_HERE)
    options.everywhere(made)


def run(args: Namespace) -> int:
    import orjson

    from winsome.ledger.store import Ledger
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.loops import finish
    from winsome.matchmaking.session import Session
    from winsome.training.loops.reward import reward
    from winsome.training.sources import open_examples

    given = {name: getattr(args, name, None) for name in specs.settings_of(Plan) if name not in NOT_HERE}
    typed = {name: value for name, value in given.items() if value is not None}
    plan = specs.settings_given(Plan, specs.Spec("train", "", typed))
    with Ledger.open(args.ledger) as ledger:
        session = Session(Door(ledger), args.seed, Path(args.out))
        try:
            examples = open_examples(args.data, split=args.split)
            name = reward(
                args.model, examples, run=session, objective=args.reward_objective, held_out=args.held_out, **plan
            )  # fmt: skip
        finally:
            finish(session.close())
    place = Path(specs.parse(name).address)
    if args.json:
        record = orjson.loads((place / "winsome.json").read_bytes())
        kept = ("held_out", "updates", "tokens", "seconds", "cpu_seconds")
        output.emit({"scorer": name, "folder": str(place), **{key: record[key] for key in kept}})
    else:
        print(name)
    return 0
