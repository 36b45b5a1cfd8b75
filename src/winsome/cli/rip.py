"""winsome rip explain: why R.I.P. kept or dropped a prompt."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from winsome.cli import options, output
from winsome.cli.parsing import Parser

if TYPE_CHECKING:
    from winsome.curate.rip_explained import Explained

SHOWN = 160
"""Characters of an answer in the terminal."""
SAID = {
    "rejected_reward": "rating of the worst answer",
    "rejected_length": "length of the worst answer",
    "gap": "best rating less worst",
}


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    about = "Why R.I.P. kept or dropped a prompt: its three metrics, their percentiles and thresholds, and its answers"
    explain = actions.add_parser("explain", help=about, description=f"{about}.")
    explain.add_argument("folder", metavar="FOLDER", help="of a run of a recipe with a filter rip")
    explain.add_argument(
        "--prompt-id",
        required=True,
        metavar="ID",
        help="the prompt's id, or as much of it as no other begins with",
    )
    explain.add_argument("--step", default="", metavar="ID", help="of the filter (default the run's first)")
    options.everywhere(explain)


def run(args: Namespace) -> int:
    from winsome.curate.rip_explained import explained
    from winsome.recipes.reached import reached

    found = reached(args.folder, step=args.step, fact="thresholds")
    told = explained(found.frames, found.step["facts"]["thresholds"], args.prompt_id)
    if args.json:
        output.emit({"step": found.step["step"], **told.payload()})
    else:
        _show(told)
    return 0


def _show(told: Explained) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen = output.result()
    screen.print(f"prompt {told.prompt_id}", highlight=False)
    screen.print(escape(told.prompt), highlight=False)
    screen.print(f"\n{'kept' if told.kept else 'dropped'}: {told.reason}", highlight=False)
    metrics = Table("metric", "value", "percentile", "stays if", "")
    for one in told.metrics:
        limit = "not compared" if one.threshold is None else f"{one.sign} {one.threshold:.4g}"
        value, share = (f"{n:.4g}" if n is not None else "unknown" for n in (one.value, one.percentile))
        metrics.add_row(SAID[one.name], value, share, limit, "yes" if one.passed else "no")
    screen.print(metrics)
    answers = Table("rating", f"{told.unit}", "side", "answer")
    for answer in told.answers:
        text = " ".join(answer.text.split())
        short = text if len(text) <= SHOWN else f"{text[:SHOWN]}.."
        rating, length = (f"{n:.4g}" if n is not None else "unknown" for n in (answer.value, answer.length))
        answers.add_row(rating, length, "" if answer.side == "neither" else answer.side, escape(short))
    screen.print(answers)
    screen.print(f"rated by {told.scorer}; lengths in {told.unit}", highlight=False)
