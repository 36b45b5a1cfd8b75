"""winsome audit ACTION: what a judge, a set of answers, a leaderboard or a trained model does not say of itself."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser

EPILOG = "Each audit prints its tables and, with --out, writes one page and its JSON beside it."


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    submission = actions.add_parser(
        "submission",
        help="recorded answers: do they speak to the judge instead of the user",
        description="Check recorded answers for what only an attack on the judge needs.",
    )
    submission.add_argument("file", metavar="FILE", help="answers, of one model or several")
    submission.add_argument("--prompts", metavar="FILE", help="the prompts, where answers name theirs by id")
    submission.add_argument(
        "--judge-prompt",
        action="append",
        default=[],
        metavar="@FILE",
        help="a judge's prompt whose marks are looked for too; may be given again",
    )
    leaderboard = actions.add_parser(
        "leaderboard",
        help="battles: stuffed votes, bursts, showings, private variants, votes that carry the order",
        description="Check a set of battles for votes made for one contender, and how few votes carry its order.",
    )
    leaderboard.add_argument(
        "file", metavar="FILE", help="battles, with annotator and time where they are known"
    )
    leaderboard.add_argument(
        "--providers", metavar="FILE", help="columns model and provider, for private variants"
    )
    for action in (submission, leaderboard):
        action.add_argument("--out", metavar="FILE.html", help="write the page here, its JSON beside it")
        options.everywhere(action)


def run(args: Namespace) -> int:
    record = {"submission": _submission, "leaderboard": _leaderboard}[args.action](args)
    if args.out:
        from winsome.report.audit_page import write_audit

        place = write_audit(record, args.out)
        if not args.quiet:
            output.tell(f"page: {place}")
    if args.json:
        output.emit(record)
        return 0
    from winsome.report.audit_page import terminal

    console = output.result()
    for shown in terminal(record):
        console.print(shown)
    return 0


def _submission(args: Namespace) -> dict[str, Any]:
    from winsome.audit.submission import audit_submission

    return audit_submission(args.file, prompts=args.prompts, templates_of=args.judge_prompt, seed=args.seed)


def _leaderboard(args: Namespace) -> dict[str, Any]:
    from winsome.audit.leaderboard import audit_leaderboard

    record = audit_leaderboard(args.file, providers=args.providers)
    if not args.quiet:
        for line in record["missing"]:
            output.tell(line)
    return record
