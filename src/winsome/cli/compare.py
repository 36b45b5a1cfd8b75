"""winsome compare A B..: the main job."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from winsome.cli import options, output, people
from winsome.cli.parsing import Parser, whole_number
from winsome.errors import BadInput

if TYPE_CHECKING:
    from winsome.matchmaking.compare import Comparison
    from winsome.matchmaking.preflight import Estimate

ASK_ABOVE = 1.0
"""US dollars above which a person at a terminal is asked before anything is bought."""
HOLES = 3

EPILOG = (
    "A contender is kind:address?key=value, an http address or a path to recorded answers; quote it. "
    "Run the same command again and it goes on where it stopped."
)


def add(parser: Parser) -> None:
    parser.add_argument(
        "contenders",
        nargs="+",
        metavar="CONTENDER",
        help="two names or more, such as a.json or embedded:smollm2-135m",
    )
    parser.add_argument(
        "--judge",
        metavar="NAME",
        help="who compares: embedded:judge, an endpoint, a rule (default the suite's)",
    )
    parser.add_argument(
        "--suite",
        metavar="NAME|FILE",
        help="prompts: a shipped suite or a file (default those of the recorded answers)",
    )
    plan = parser.add_argument_group("plan")
    plan.add_argument(
        "--baseline",
        metavar="NAME",
        help="the contender that all are measured against (default the suite's, else none)",
    )
    plan.add_argument(
        "--schedule",
        choices=("all", "baseline", "swiss", "information"),
        help="who meets whom (default baseline where there is one, else all pairs)",
    )
    plan.add_argument(
        "--rounds",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="rounds of swiss and information (default 0: their own)",
    )
    plan.add_argument(
        "--orders",
        type=int,
        choices=(1, 2),
        help="orders in which a pair is shown (default the suite's, as a rule 2)",
    )
    plan.add_argument(
        "--repeats", type=whole_number(), default=1, metavar="N", help="asks in each order (default 1)"
    )
    plan.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    plan.add_argument(
        "--stop-when",
        choices=("decided",),
        help="ask block after block of prompts until the interval, true at any look, leaves out 50%% (default ask all)",
    )
    people.add(parser)
    options.sampling(parser)
    options.asking(parser)
    context = parser.add_argument_group("contexts (two contenders)")
    context.add_argument(
        "--context",
        metavar="FILE|auto",
        help="judge again in drawn contexts: a file of them, or auto to write them",
    )
    context.add_argument(
        "--context-for",
        choices=("judge", "both"),
        default="judge",
        help="who is shown a context (default judge)",
    )
    context.add_argument(
        "--context-draws",
        type=whole_number(2),
        default=3,
        metavar="N",
        help="contexts drawn a prompt (default 3)",
    )
    context.add_argument(
        "--allow-same-judge", action="store_true", help="let a contender's model judge, in contexts"
    )
    context.add_argument("--context-model", metavar="NAME", help="the model that writes contexts for auto")
    go = parser.add_argument_group("before and after")
    go.add_argument("--dry-run", action="store_true", help="print the plan and what it may cost; ask nothing")
    go.add_argument(
        "--yes", action="store_true", help=f"do not ask before spending more than {ASK_ABOVE:g} usd"
    )
    go.add_argument(
        "--allow-missing", action="store_true", help="rank recorded answers although some prompts have none"
    )
    go.add_argument(
        "--allow-mixed-judge", action="store_true", help="rank although two model ids answered as the judge"
    )
    go.add_argument(
        "--allow-degenerate", action="store_true", help="go on although the judge gives nearly one label"
    )
    go.add_argument(
        "--folder",
        default=".winsome/runs",
        metavar="DIR",
        help="where run folders are made (default .winsome/runs)",
    )
    go.add_argument("--open", action="store_true", help="open the report in the browser")
    options.everywhere(parser)


def run(args: Namespace) -> int:
    if args.context is not None:
        from winsome.cli.contexts import run_compare

        return run_compare(args)
    try:
        found = compared(args, _gate(args))
    except _PlanShown as shown:
        if args.dry_run:
            if args.json:
                output.emit(_plan(shown.estimate))
            return 0
        _confirm(shown.estimate)
        found = compared(args, lambda _: True)
    if args.json:
        output.emit(_document(found))
    else:
        from winsome.report.terminal import standings_table

        output.result().print(standings_table(found.standings))
        if "people" in found.record:
            from winsome.report.people import lines

            for line in lines(found.record["people"]):
                output.result().print(line)
    _tell_end(found, args)
    if args.open:
        from winsome.cli.browser import show

        show(found.folder / "report.html")
    return 0 if found.complete else HOLES


def compared(args: Namespace, confirm: Callable[[Estimate], bool]) -> Comparison:
    """The comparison that the flags describe, with its report written."""
    import winsome

    return winsome.compare(
        *options.with_system(args.contenders, args.system),
        judge=args.judge,
        suite=args.suite,
        baseline=args.baseline,
        schedule=args.schedule,
        rounds=args.rounds,
        orders=args.orders,
        repeats=args.repeats,
        limit=args.limit,
        sampling=options.sampling_of(args),
        allow_missing=args.allow_missing,
        allow_mixed_judge=args.allow_mixed_judge,
        allow_degenerate=args.allow_degenerate,
        stop_when=args.stop_when,
        folder=args.folder,
        command=options.typed(args),
        confirm=confirm,
        people=people.people_of(args),
        **options.asked(args),
    )


class _PlanShown(Exception):
    """Ends a comparison that has said its plan and may not go on by itself."""

    def __init__(self, estimate: Estimate) -> None:
        self.estimate = estimate


def _gate(args: Namespace) -> Callable[[Estimate], bool]:
    """Shows judge and plan, then lets pass what is free, cheap or confirmed."""

    def gate(estimate: Estimate) -> bool:
        if not args.quiet:
            output.tell(f"judge: {estimate.loads[-1].name}")
            for line in estimate.lines():
                output.tell(line)
        usd = estimate.money
        dear = (usd is None or usd > ASK_ABOVE) and not args.yes and output.at_terminal()
        if args.dry_run or dear:
            raise _PlanShown(estimate)
        return True

    return gate


def _confirm(estimate: Estimate) -> None:
    """Ask in the main thread, where Ctrl-C works; BadInput unless the answer is yes."""
    usd = "an unknown sum" if estimate.money is None else f"about {estimate.money:.2f} usd"
    sys.stderr.write(f"This may cost {usd}. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise BadInput("nothing was asked: the plan was not confirmed; --yes goes on without asking")


def _plan(estimate: Estimate) -> dict[str, Any]:
    loads = [
        {name: getattr(load, name) for name in ("name", "calls", "kept", "tokens_in", "tokens_out", "money")}
        for load in estimate.loads
    ]
    return {
        "judge": estimate.loads[-1].name,
        "contests": estimate.contests,
        "asks": estimate.asks,
        "calls": estimate.calls,
        "money": estimate.money,
        "loads": loads,
    }


def _document(found: Comparison) -> dict[str, Any]:
    names = (
        "id",
        "figure",
        "contests",
        "asks",
        "counts",
        "dropped",
        "warnings",
        "notes",
        "usage",
        "seconds",
        "ledger",
    )
    return {
        "folder": str(found.folder),
        "report": str(found.folder / "report.html"),
        "complete": found.complete,
        **{name: found.record[name] for name in names},
        **({"people": found.record["people"]} if "people" in found.record else {}),
        "standings": found.standings.payload(),
    }


def _tell_end(found: Comparison, args: Namespace) -> None:
    """Warnings always; holes, notes and the way to the report unless quiet."""
    for warning in found.record["warnings"]:
        output.tell(f"warning: {warning}")
    if found.record["judge"]["note"]:
        output.tell(f"warning: {found.record['judge']['name']}: {found.record['judge']['note']}")
    if args.quiet:
        return
    for note in found.record["notes"]:
        output.tell(f"note: {note}")
    if not found.complete:
        counts = ", ".join(f"{n:,} {outcome}" for outcome, n in found.holes.items())
        output.tell(f"finished with holes: {counts}; the same command asks again what is missing")
    output.tell(f"report: {found.folder / 'report.html'}  (winsome report --open shows it)")
