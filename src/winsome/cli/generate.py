"""winsome generate SPEC: one contender's answers."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from winsome.cli import options, output
from winsome.cli.parsing import Parser, whole_number
from winsome.errors import BadInput

if TYPE_CHECKING:
    from winsome.matchmaking.generate import Generated

HOLES = 3


def add(parser: Parser) -> None:
    parser.add_argument(
        "contender",
        metavar="CONTENDER",
        help="who answers: kind:address?key=value or an http address; quote it",
    )
    parser.add_argument("--suite", metavar="NAME|FILE", help="the prompts: a shipped suite or a file")
    parser.add_argument(
        "--prompt",
        action="append",
        metavar="TEXT",
        help="a prompt, or - for standard input; may be given several times",
    )
    parser.add_argument(
        "--samples", type=whole_number(), default=1, metavar="N", help="draws of each prompt (default 1)"
    )
    parser.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="answers go here: .jsonl, .json or .csv, with .gz if wanted (default: printed)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "alpaca_eval"),
        default="table",
        help="what --out holds: a table, or AlpacaEval model outputs (default table)",
    )
    options.sampling(parser)
    options.asking(parser)
    options.everywhere(parser)


def run(args: Namespace) -> int:
    import winsome

    prompts = [sys.stdin.read() if text == "-" else text for text in args.prompt] if args.prompt else None
    if prompts is not None and not all(text.strip() for text in prompts):
        raise BadInput("--prompt is empty; write a prompt, or - to read one from standard input")
    (name,) = options.with_system([args.contender], args.system)
    found = winsome.generate(
        name,
        prompts,
        suite=args.suite,
        samples=args.samples,
        limit=args.limit,
        sampling=options.sampling_of(args),
        **options.asked(args),
    )
    if args.out is not None:
        found.write(Path(args.out), args.format)
    if args.json:
        output.emit(
            {
                "contender": found.contender,
                "planned": found.planned,
                "answers": found.rows(),
                "warnings": list(found.warnings),
            }
        )
    elif args.out is None:
        print("\n\n".join(found.texts))
    _tell_end(found, args)
    return 0 if found.complete else HOLES


def _tell_end(found: Generated, args: Namespace) -> None:
    for warning in found.warnings:
        output.tell(f"warning: {warning}")
    if found.failed:
        errors = sorted(
            {response.error or "failed" for _, response in found.answers if response.finish == "failed"}
        )
        output.tell(f"{found.failed} of {found.planned} answers failed: {errors[0][:120]}")
    if not args.quiet:
        place = f" -> {args.out}" if args.out else ""
        output.tell(
            f"{len(found.answers)} of {found.planned} answers, {found.kept} of them kept from before{place}"
        )
