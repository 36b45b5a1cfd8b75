"""winsome train OBJECTIVE: a checkpoint, and the match of it against what it started from."""

from __future__ import annotations

import importlib
import inspect
import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome import specs
from winsome.cli import options, output, train_online, train_reward
from winsome.cli.parsing import Parser, whole_number
from winsome.training.plan import Plan

if TYPE_CHECKING:
    from winsome.matchmaking.compare import Comparison
    from winsome.matchmaking.session import Session
    from winsome.records import Prompt, Suite
    from winsome.training.outcome import Outcome

HOLES = 3
OWN = "own"
HELD_OUT = 200
"""Prompts of the data that are kept for the match where no suite is named, at most."""
JUDGE = "embedded:judge"

EPILOG = (
    "The same command goes on where it was stopped. Every run ends in a match of the checkpoint, read back from disk, against "
    "the model it started from. Several processes: torchrun --nproc-per-node 2 -m winsome train .."
)


def add(parser: Parser) -> None:
    kinds = parser.add_subparsers(
        metavar="OBJECTIVE", required=True, dest="objective", parser_class=Parser, help="what is lowered"
    )
    for name, place in sorted(specs.kinds("Objective").items()):
        module, _, attribute = place.partition(":")
        objective = getattr(importlib.import_module(module), attribute)
        about = " ".join((inspect.getdoc(objective) or name).split())
        made = kinds.add_parser(name, help=short(about), description=about.replace("%", "%%"), epilog=EPILOG)
        _flags(made, objective)
    about = "An objective of your own: --objective package.module:function?setting=value"
    own = kinds.add_parser(OWN, help=about, description=f"{about}.", epilog=EPILOG)
    own.add_argument(
        "--objective", required=True, dest="own", metavar="NAME", help="with NEEDS beside the function"
    )
    _flags(own, None)
    train_online.add(kinds)
    train_reward.add(kinds)


def short(about: str) -> str:
    """The first sentence of an objective's docstring, in one line of a table."""
    first = about.partition(". ")[0].partition("; ")[0].replace("%", "%%")
    return first if len(first) <= 90 else f"{first[:88]}.."


def _flags(parser: Parser, objective: Callable[..., Any] | None) -> None:
    parser.add_argument(
        "--model",
        required=True,
        metavar="NAME",
        help="what is trained: hf:FOLDER, embedded:.., a world's base",
    )
    parser.add_argument(
        "--data",
        required=True,
        metavar="FILE|FOLDER|ledger:PATH",
        help="pairs, rated lists, labelled answers or demonstrations: Parquet, JSON lines, a folder of datasets",
    )
    parser.add_argument("--split", default="train", help="of a folder with several (default train)")
    parser.add_argument(
        "--out", default=".winsome/training", metavar="DIR", help="where runs lie (default .winsome/training)"
    )
    if objective is not None:
        flags_of(parser.add_argument_group(objective.__name__), objective)
    if objective is None or objective.__name__ != "sft":
        policies = parser.add_argument_group("policies")
        policies.add_argument(
            "--reference-model",
            default="",
            metavar="NAME",
            help="what ratios are taken against (default --model)",
        )
        policies.add_argument(
            "--last-model", default="", metavar="NAME", help="the last iterate, for objectives that read one"
        )
        policies.add_argument(
            "--behaviour-model",
            default="",
            metavar="NAME",
            help="who drew the answers, for --reference behaviour (default: what the data say)",
        )
    flags_of(parser.add_argument_group("training (see the fields of Plan)"), Plan)
    match_flags(parser, "default: a tenth of the data's prompts, held out of training")
    options.everywhere(parser)


def match_flags(parser: Parser, prompts: str) -> None:
    """The flags of the match that ends every run."""
    match = parser.add_argument_group("match")
    match.add_argument("--suite", metavar="NAME|FILE", help=f"its prompts ({prompts})")
    match.add_argument("--judge", metavar="NAME", help=f"who compares (default the suite's, else {JUDGE})")
    match.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    match.add_argument("--no-match", action="store_true", help="leave it out")


def flags_of(group: Any, factory: Callable[..., Any], without: Sequence[str] = ()) -> None:
    """One flag a setting, with its type and default; values are converted where every name's are."""
    for name, setting in specs.settings_of(factory).items():
        if name in without:
            continue
        flag = f"--{name.replace('_', '-')}"
        choices = re.findall(r"[\"']([^\"']*)[\"']", setting.annotation)
        if setting.annotation == "bool":
            group.add_argument(
                flag, nargs="?", const="true", metavar="true|false", help=_default(setting.default)
            )
        elif setting.annotation.startswith("tuple"):
            group.add_argument(flag, nargs="+", metavar="NAME", help=_default(setting.default))
        else:
            shown = "|".join(choices) or {"int": "N", "float": "X"}.get(setting.annotation, "VALUE")
            group.add_argument(flag, metavar=shown, help=_default(setting.default))


def _default(value: Any) -> str:
    if isinstance(value, tuple):
        return "(default none)" if not value else f"(default {' '.join(map(str, value))})"
    return f"(default {str(value).lower() if isinstance(value, bool) else value})"


def _given(args: Namespace, factory: Callable[..., Any]) -> dict[str, Any]:
    """The flags of `factory`'s settings that were typed."""
    values = {name: getattr(args, name, None) for name in specs.settings_of(factory)}
    return {name: value for name, value in values.items() if value is not None}


def run(args: Namespace) -> int:
    if args.objective == train_reward.NAME:
        return train_reward.run(args)
    from winsome.ledger.store import Ledger
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.loops import finish
    from winsome.matchmaking.session import Session
    from winsome.training.start import found as found_start

    online = args.objective in train_online.names()
    objective = None if online else _objective(args)
    plan = specs.settings_given(Plan, specs.Spec("train", "", _given(args, Plan)))
    with Ledger.open(args.ledger) as ledger:
        session = Session(Door(ledger), args.seed, Path(args.out))
        try:
            start = found_start(args.model, session)
            judge = None if args.no_match else _judge(args, session)
            if objective is None:
                asked, prompts = train_online.prompts_of(args, session)
                name = train_online.trained(args, asked, args.suite or _own_suite(args.model), session)
            else:
                examples, prompts = _data(args, session)
                name = _trained(args, objective, plan, examples, session)
            measured = _left(args, plan, session)
        finally:
            finish(session.close())
    place = Path(specs.parse(name).address)
    if not _first_rank():
        return 0
    if args.no_match:
        _tell_name(args, name, place)
        return 0
    found = _match(args, name, start.name, measured or _held_out(args, prompts), judge)
    if objective is None and (same := train_online.told_same(args, args.suite or _own_suite(args.model))):
        output.tell(same)
    with Ledger.open(args.ledger) as ledger:
        from winsome.training.outcome import outcome

        changed = outcome(place, start, name, found.folder, ledger, found.battles)
    _tell(args, name, found, changed)
    return 0 if found.complete else HOLES


def _objective(args: Namespace) -> specs.Spec:
    """The objective that was typed, its settings looked at before anything is opened."""
    from winsome.training.objective import objective

    if args.objective == OWN:
        named = specs.parse(args.own)
    else:
        function = specs.factory_of(specs.Spec(args.objective), "Objective")
        assert function is not None
        named = specs.Spec(args.objective, "", _given(args, function))
    objective(named)
    return named


def _first_rank() -> bool:
    import os

    return int(os.environ.get("RANK", "0")) == 0


def _data(args: Namespace, session: Session) -> tuple[Any, Sequence[Prompt]]:
    """The examples to learn from, and the prompts held out for the match where it has no suite; one that has is looked at for leaks."""
    from winsome.records import Suite
    from winsome.training.forms import held_out
    from winsome.training.leakage import leakage
    from winsome.training.sources import open_examples

    examples = open_examples(args.data, split=args.split)
    if args.suite and not args.no_match:
        found = leakage(session.open(args.suite, Suite).prompts[: args.limit], examples)
        if (found.same or found.overlapping) and _first_rank():
            output.tell(found.line())
    if args.no_match or args.suite or args.model.startswith("world:"):
        return examples, []
    return held_out(examples, HELD_OUT)


def _trained(
    args: Namespace, objective: specs.Spec, plan: dict[str, Any], examples: Any, session: Session
) -> str:
    watching = {"judge": args.judge or "", "suite": args.suite or _own_suite(args.model)}
    if args.objective == "sft":
        from winsome.training.loops.supervised import sft

        own = specs.settings_given(sft, specs.Spec("sft", "", dict(objective.settings)))
        return sft(args.model, examples, run=session, **own, **watching, **plan)
    from winsome.training.loops.preference import preference

    return preference(
        args.model, examples, run=session, objective=str(objective), reference_model=args.reference_model,
        last_model=args.last_model, behaviour_model=args.behaviour_model, **watching, **plan,
    )  # fmt: skip


def _own_suite(model: str) -> str:
    """The world whose base is trained: its test prompts are the match's, its gold judge compares."""
    return model.partition("#")[0] if model.startswith("world:") else ""


def _left(args: Namespace, plan: dict[str, Any], session: Session) -> Suite | None:
    """The suite without the prompts by which looks chose what is kept; None where they chose nothing."""
    from winsome.records import Suite
    from winsome.training.evaluation import looked_at

    if not plan.get("patience") or args.no_match:
        return None
    suite: Suite = session.open(args.suite or _own_suite(args.model), Suite)
    first = looked_at(len(suite.prompts), choosing=True)
    output.tell(f"match: on {len(suite.prompts) - first} prompts; the first {first} chose what is kept")
    return replace(suite, prompts=suite.prompts[first:])


def _held_out(args: Namespace, prompts: Sequence[Prompt]) -> Suite | str:
    """What the match asks: a suite by name, else the prompts that were held out."""
    from winsome.records import Suite, digest

    if named := args.suite or _own_suite(args.model):
        return named
    version = digest([prompt.id for prompt in prompts])[:8]
    return Suite("held-out", version, prompts, source=str(getattr(args, "data", args.objective)))


def _judge(args: Namespace, session: Session) -> str | None:
    """The judge that the match is given: the one named, else JUDGE where there is no suite or it has none.

    Suite and judge are opened, so that what is wrong with them is told now and not when all is trained.
    """
    from winsome.matchmaking.compare import judge_of
    from winsome.protocols import Judge
    from winsome.records import Suite

    named = args.suite or _own_suite(args.model)
    if not named:
        session.open(args.judge or JUDGE, Judge)
        return args.judge or JUDGE
    suite: Suite = session.open(named, Suite)
    judge = args.judge or (None if suite.judge else JUDGE)
    judge_of(session, judge, suite)
    return judge


def _match(args: Namespace, name: str, start: str, suite: Suite | str, judge: str | None) -> Comparison:
    import winsome

    return winsome.compare(
        name, start, judge=judge, suite=suite, baseline=start, limit=args.limit,
        seed=args.seed, ledger=args.ledger, quiet=args.quiet, command=options.typed(args), allow_degenerate=True,
    )  # fmt: skip


def _tell_name(args: Namespace, name: str, place: Path) -> None:
    if args.json:
        output.emit({"contender": name, "folder": str(place)})
    else:
        print(name)


def _tell(args: Namespace, name: str, found: Comparison, changed: Outcome) -> None:
    if args.json:
        output.emit(
            {
                "contender": name,
                "outcome": vars(changed),
                "report": str(found.folder / "report.html"),
                "standings": found.standings.payload(),
            }
        )
        return
    from winsome.report.terminal import standings_table

    output.result().print(standings_table(found.standings))
    for line in changed.lines():
        print(line)
    print(name)
    if not args.quiet:
        output.tell(f"report: {found.folder / 'report.html'}")
