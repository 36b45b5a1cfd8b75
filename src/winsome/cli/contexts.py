"""winsome contexts write, and winsome compare A B --context: what prompts leave open, and who wins for whom."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, whole_number
from winsome.errors import BadInput

if TYPE_CHECKING:
    from winsome.records import Suite
    from winsome.suites.context_writer import Written
    from winsome.suites.contexts import Contexts

HOLES = 3


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    write = actions.add_parser(
        "write",
        help="let a model write follow-up questions with plausible answers",
        description="Let a model write, for each prompt, follow-up questions with sets of plausible answers.",
    )
    write.add_argument("suite", metavar="NAME|FILE", help="the prompts")
    write.add_argument("--model", required=True, metavar="NAME", help="who writes")
    write.add_argument("--validate-with", metavar="NAME", help="another model that checks every question")
    write.add_argument("--out", required=True, metavar="FILE", help="where to; .jsonl")
    write.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    options.asking(write)
    fixed = actions.add_parser(
        "table",
        help="ask the same attributes of every prompt, without a model",
        description="Contexts from a table of attributes: the same questions of every prompt that does not answer them itself.",
    )
    fixed.add_argument("suite", metavar="NAME|FILE", help="the prompts")
    fixed.add_argument("--attributes", metavar="A,B", help="such as region,age (default all twelve)")
    fixed.add_argument("--table", metavar="FILE.json", help="one's own attributes with their values")
    fixed.add_argument("--out", required=True, metavar="FILE", help="where to; .jsonl")
    fixed.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    for action in (write, fixed):
        options.everywhere(action)


def run(args: Namespace) -> int:
    return _table(args) if args.action == "table" else _write(args)


def _table(args: Namespace) -> int:
    from winsome.suites.attributes import in_attributes
    from winsome.suites.contexts import write_contexts
    from winsome.suites.contextual import opened_suite

    prompts = opened_suite(args.suite, ()).prompts[: args.limit]
    names = [] if args.attributes is None else args.attributes.split(",")
    found = in_attributes(prompts, names, args.table)
    write_contexts(args.out, prompts, found)
    told = {
        "with": sum(bool(c.follow_ups) for c in found.values()),
        "questions": sum(len(c.follow_ups) for c in found.values()),
    }
    if args.json:
        output.emit({"out": args.out, **told})
    elif not args.quiet:
        output.tell(
            f"{told['with']:,} of {len(prompts):,} prompts, {told['questions']:,} questions -> {args.out}"
        )
    return 0


def _write(args: Namespace) -> int:
    from dataclasses import replace

    from winsome.suites.contexts import write_contexts
    from winsome.suites.contextual import opened_suite, write_for

    suite = opened_suite(args.suite, ())
    suite = suite if args.limit is None else replace(suite, prompts=suite.prompts[: args.limit])
    found = write_for(suite, args.model, args.validate_with, **options.asked(args))
    write_contexts(args.out, suite.prompts, found.contexts)
    told = _told(found)
    if args.json:
        output.emit({"out": args.out, **told})
    elif not args.quiet:
        output.tell(
            f"{told['with']:,} of {len(suite.prompts):,} prompts leave something open, {told['questions']:,} questions -> {args.out}; "
            f"{told['dropped']:,} questions dropped, {told['unread']:,} prompts unread"
        )
        for prompt, question, why in found.dropped[:5]:
            output.tell(f"dropped, {prompt[:8]}: {question[:60]} ({why})")
    return HOLES if found.unread else 0


def _told(found: Written) -> dict[str, Any]:
    return {
        "with": sum(bool(c.follow_ups) for c in found.contexts.values()),
        "questions": sum(len(c.follow_ups) for c in found.contexts.values()),
        "dropped": len(found.dropped),
        "unread": len(found.unread),
    }


def run_compare(args: Namespace) -> int:
    """`winsome compare A B --context FILE|auto`."""
    from winsome.suites.contexts import read_contexts
    from winsome.suites.contextual import compare_in_contexts, estimate_in_contexts, write_for

    if len(args.contenders) != 2:
        raise BadInput(f"--context compares two contenders, not {len(args.contenders)}; name two")
    if args.stop_when or args.schedule not in (None, "all"):
        raise BadInput("--context takes no --stop-when or --schedule; leave them out")
    if args.dry_run and args.context == "auto":
        raise BadInput("--dry-run plans contexts that are written; winsome contexts write FILE first")

    def contexts(suite: Suite) -> Mapping[str, Contexts]:
        if args.context != "auto":
            return read_contexts(args.context, suite.prompts)
        if args.context_model is None:
            raise BadInput("--context auto needs a model that writes contexts: --context-model NAME")
        found = write_for(suite, args.context_model, None, **options.asked(args))
        if not args.quiet:
            told = _told(found)
            output.tell(
                f"contexts: {told['with']:,} of {len(suite.prompts):,} prompts, {told['questions']:,} questions"
            )
        return found.contexts

    asked = options.asked(args)
    seed = asked.pop("seed")
    settings = asked | {
        "orders": args.orders, "repeats": args.repeats, "limit": args.limit, "sampling": options.sampling_of(args),
        "allow_missing": args.allow_missing, "allow_mixed_judge": args.allow_mixed_judge,
        "allow_degenerate": args.allow_degenerate, "folder": args.folder, "command": options.typed(args),
    }  # fmt: skip
    first, second = options.with_system(args.contenders, args.system)
    if args.dry_run:
        planned = estimate_in_contexts(
            first, second, judge=args.judge, suite=args.suite, contexts=contexts, setting=args.context_for,
            draws=args.context_draws, seed=seed, allow_same_judge=args.allow_same_judge, settings=settings,
        )  # fmt: skip
        for line in planned.lines():
            print(line)
        return 0
    found = compare_in_contexts(
        first, second, judge=args.judge, suite=args.suite, contexts=contexts, setting=args.context_for,
        draws=args.context_draws, seed=seed, allow_same_judge=args.allow_same_judge, settings=settings,
    )  # fmt: skip
    runs = [str(found.plain.folder), *(str(run.folder) for run in found.drawn)]
    if args.json:
        output.emit(dict(found.figures) | {"runs": runs})
    else:
        _print(found.figures)
        if not args.quiet:
            output.tell(
                f"runs: {Path(runs[0]).name} without context, then {', '.join(Path(run).name for run in runs[1:])}"
            )
    return HOLES if found.figures["left out"] else 0


def _print(figures: Mapping[str, Any]) -> None:
    console = output.result()
    plain, within, change = figures["without context"], figures["in context"], figures["change"]
    shown = "the judge alone" if figures["setting"] == "judge" else "contenders and judge"
    console.print(
        f"{figures['contender']}, {figures['prompts']:,} prompts, {figures['draws']} contexts each, shown to {shown}"
    )
    table = output.table("", "win rate", "95% interval")
    table.add_row("without context", f"{plain['estimate']:.1%}", f"{plain['low']:.1%} to {plain['high']:.1%}")
    table.add_row(
        "averaged over contexts", f"{within['mean']:.1%}", f"{within['low']:.1%} to {within['high']:.1%}"
    )
    table.add_row(
        "in each prompt's worst and best context", f"{within['lowest']:.1%} to {within['highest']:.1%}", ""
    )
    table.add_row(
        "the winner changes", f"{change['estimate']:.1%}", f"{change['low']:.1%} to {change['high']:.1%}"
    )
    console.print(table)
    console.print(
        f"variance of a share: {within['prompts']:.3f} between prompts, {within['contexts']:.3f} between contexts of a prompt"
    )
    _print_answers(figures["by answer"])


def _print_answers(rows: Sequence[Mapping[str, Any]]) -> None:
    """The win rate under each answer; a star marks those that differ from a half."""
    if not rows:
        return
    table = output.table("for whom", "answer", "win rate", "95% interval", "prompts")
    for row in rows:
        star = " *" if row["differs"] else ""
        span = f"{row['low']:.1%} to {row['high']:.1%}"
        table.add_row(row["question"], row["answer"], f"{row['estimate']:.1%}{star}", span, f"{row['n']:,}")
    console = output.result()
    console.print(table)
    console.print("* differs from 50%; at most 5% of the starred are expected to be there by chance")
