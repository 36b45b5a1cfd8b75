"""winsome data show: what a run would learn from, before it is paid for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome import specs
from winsome.cli import options, output
from winsome.cli.parsing import Parser, whole_number
from winsome.training.plan import Plan

if TYPE_CHECKING:
    from winsome.matchmaking.session import Session
    from winsome.records import Prompt
    from winsome.training.examples import Examples
    from winsome.training.objective import Objective
    from winsome.training.spans import Span

START = "embedded:smollm2-135m"
HOLES = 3
REWARD = "reward"
BY_FORM = {"pairs": "dpo", "ranked": "dpo", "labelled": "kto", "demonstrations": "sft"}
"""What is lowered on data of a form where nobody says."""
SHOWN = 800
"""Characters of a span in the terminal."""
READ = ("epochs", "updates", "batch", "max_length", "too_long", "format", "assistant_turns")
"""Fields of a plan that change what is learnt from, or how often."""


def add(parser: Parser) -> None:
    from winsome.cli.train import flags_of

    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    about = "What a run would learn from: single rows as the model reads them, lost rows, doubles, lengths, leakage, tokens"
    show = actions.add_parser(
        "show", help=about, description=f"{about}. Nothing is trained, and no weights are loaded."
    )
    show.add_argument(
        "data",
        metavar="FILE|FOLDER|ledger:PATH",
        help="as for winsome train: pairs, rated lists, labelled answers ..",
    )
    show.add_argument("--split", default="train", help="of a folder with several (default train)")
    show.add_argument(
        "--model", default=START, metavar="NAME", help=f"whose template and tokens (default {START})"
    )
    show.add_argument(
        "--objective", default="", metavar="NAME",
        help="what would be lowered, reward among it (default dpo, kto or sft, by what the data hold)",
    )  # fmt: skip
    show.add_argument(
        "--suite", metavar="NAME|FILE", help="prompts of the match (default: a tenth of the data's, held out)"
    )
    show.add_argument(
        "--rows", type=whole_number(0), default=2, metavar="N", help="rows shown whole (default 2)"
    )
    others = [name for name in specs.settings_of(Plan) if name not in READ]
    flags_of(show.add_argument_group("training (see the fields of Plan)"), Plan, without=others)
    options.everywhere(show)


def run(args: Namespace) -> int:
    from winsome.ledger.store import Ledger
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.loops import finish
    from winsome.matchmaking.session import Session

    with Ledger.open(args.ledger) as ledger:
        session = Session(Door(ledger), args.seed, Path("."))
        try:
            return _show(args, session)
        finally:
            finish(session.close())


def _show(args: Namespace, session: Session) -> int:
    from winsome.training import start as starts
    from winsome.training.leakage import leakage
    from winsome.training.overview import overview
    from winsome.training.sources import open_examples
    from winsome.training.spans import spans
    from winsome.training.tokens import tokenised

    typed = {name: getattr(args, name) for name in READ if getattr(args, name) is not None}
    plan = Plan(**specs.settings_given(Plan, specs.Spec("train", "", typed)))
    faults: list[str] = []
    found = open_examples(args.data, split=args.split, faults=faults)
    named, whole = _objective(args.objective or BY_FORM[found.form])
    examples, measured = _parted(args, _fitting(found, named, whole), session, whole)
    model = starts.reader(starts.found(args.model, session))
    data = tokenised(
        model, examples, format=plan.format, max_length=plan.max_length or None, too_long=plan.too_long, whole=whole,
        assistant_turns=plan.assistant_turns,
    )  # fmt: skip
    shown = [
        (data.ids[row], spans(model, data, row, prompts=named.needs.prompts, whole=whole))
        for row in range(min(args.rows, len(data)))
    ]
    told = overview(examples, data, whole=whole, updates=plan.total(len(data)), unreadable=faults)
    leaked = leakage(measured, examples) if measured else None
    if args.json:
        output.emit(
            {
                "model": model.name,
                "objective": named.name,
                **asdict(told),
                "leakage": None if leaked is None else asdict(leaked),
                "rows": [{"row": id, "sides": _plain(sides)} for id, sides in shown],
            }
        )
        return HOLES if faults else 0
    for id, sides in shown:
        print("\n".join(_drawn(id, sides, whole)))
    print(f"{args.data} for {named.name} by {model.name}")
    for line in [*data.lines(), *told.lines(), *([leaked.line()] if leaked else [])]:
        print(line)
    return HOLES if faults else 0


def _objective(name: str) -> tuple[Objective, bool]:
    """The objective that would be lowered, and whether it rates whole dialogues."""
    from winsome.training.loops.reward import ROLE
    from winsome.training.objective import objective

    kind = specs.parse(name).kind
    if kind == REWARD or kind in specs.kinds(ROLE):
        return objective("bradley_terry" if kind == REWARD else name, ROLE), True
    return objective(name), False


def _fitting(found: Examples, named: Objective, whole: bool) -> Examples:
    from winsome.training.loops import preference, reward

    return reward.fitting(found, named) if whole else preference.fitting(found, named)


def _parted(
    args: Namespace, examples: Examples, session: Session, whole: bool
) -> tuple[Examples, Sequence[Prompt]]:
    """What is learnt from, and the prompts that measure it, as `winsome train` parts them."""
    from winsome.cli.train import HELD_OUT
    from winsome.records import Suite
    from winsome.training.forms import held_out, parted

    if args.suite:
        suite: Any = session.open(args.suite, Suite)
        return examples, suite.prompts
    if whole:
        learnt, apart = parted(examples)
        return learnt, list(
            {side.prompt.id: side.prompt for row in apart.rows for side in row.sides}.values()
        )
    return held_out(examples, HELD_OUT)


def _plain(sides: Mapping[str, Sequence[Span]]) -> dict[str, list[dict[str, Any]]]:
    return {role: [asdict(span) for span in held] for role, held in sides.items()}


def _drawn(id: str, sides: Mapping[str, Sequence[Span]], whole: bool) -> list[str]:
    """A row for the terminal: what all sides begin with once, then each side; learnt text behind a +."""
    first = next(iter(sides.values()))[0]
    shared = len(sides) > 1 and not first.learnt and all(held[0] == first for held in sides.values())
    told = [f"row {id}"]
    if shared:
        told += [f"  prompt of all sides, {first.tokens} tokens, not learnt", *_text(first)]
    for role, held in sides.items():
        for span in held[shared:]:
            how = "rated at the end" if whole else "learnt" if span.learnt else "not learnt"
            told += [f"  {role}, {span.tokens} tokens, {how}", *_text(span)]
    return [*told, ""]


def _text(span: Span) -> list[str]:
    """The text with its ends of lines made visible, a mark before each line."""
    over = len(span.text) - SHOWN
    text = span.text[:SHOWN] + (f" .. ({over} characters more)" if over > 0 else "")
    mark = "+" if span.learnt else " "
    lines = text.replace("\n", "↵\n").split("\n")
    return [f"  {mark} {line}" for line in (lines[:-1] if lines[-1] == "" else lines)]
