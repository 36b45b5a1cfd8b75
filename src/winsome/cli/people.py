"""People as judges on the command line: flags of compare, and winsome plan labels."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.cli import output
from winsome.cli.parsing import Parser, points, whole_number

if TYPE_CHECKING:
    from winsome.matchmaking.people import People

FLAGS = ("assist", "labels", "half_width", "overlap", "host", "port", "expose")


def add(parser: Parser) -> None:
    """The flags of --judge human."""
    group = parser.add_argument_group("people (--judge human serves a page on which they label pairs)")
    group.add_argument(
        "--assist",
        metavar="NAME",
        help="a judge that scores every pair, so that fewer labels do (control variates)",
    )
    group.add_argument(
        "--labels", type=whole_number(), metavar="N", help="pairs to be labelled at most (default all)"
    )
    group.add_argument(
        "--half-width",
        type=points,
        metavar="P%",
        help="end once the interval is estimate -+ P points (default: do not)",
    )
    group.add_argument(
        "--overlap",
        type=_part,
        metavar="P",
        help="share of the pairs that every annotator is shown (default 0.2)",
    )
    group.add_argument(
        "--host", metavar="ADDRESS", help="where the page is served (default 127.0.0.1, this machine alone)"
    )
    group.add_argument(
        "--port", type=whole_number(0), metavar="N", help="the page's port, 0 for any (default 8765)"
    )
    group.add_argument(
        "--expose",
        action="store_true",
        default=None,
        help="let other machines ask; the token is still needed",
    )


def people_of(args: Namespace) -> People | None:
    """How people are asked, as the flags say; None where none of them, nor --judge human, is given."""
    given = {name: getattr(args, name) for name in FLAGS if getattr(args, name) is not None}
    if args.judge != "human" and not given:
        return None
    from winsome.matchmaking.people import People
    from winsome.server.annotate import annotate
    from winsome.server.serving import Address

    place = {
        "exposed" if name == "expose" else name: given.pop(name)
        for name in ("host", "port", "expose")
        if name in given
    }
    return People(annotate(Address(**place), tell=output.tell), **given)


def plan_labels(args: Namespace) -> int:
    """winsome plan labels: from a finished run with people and --assist, or a file with columns human and synthetic."""
    from winsome.audit.label_costs import label_costs
    from winsome.errors import BadInput
    from winsome.models.forward_cost import parameters_of
    from winsome.standings.label_plan import half_width_of, label_plan

    if args.pilot is None or (args.half_width is None) == (args.detect is None):
        raise BadInput(
            "winsome plan labels needs --pilot RUN|FILE, and one of --half-width P% and --detect P%"
        )
    pilot = _pilot(args.pilot)
    width = args.half_width
    if width is None:
        width = half_width_of(args.detect / 100.0, power=args.power, level=args.level)
    pairs = args.pairs_at_hand or pilot["pairs"]
    plan = label_plan(
        pilot["variance"], pilot["rho2"], pairs, width,
        rho2_low=pilot["rho2_low"], rho2_high=pilot["rho2_high"], judges=len(pilot["alpha"]), level=args.level,
    )  # fmt: skip
    sizes = () if args.parameters is None else parameters_of(args.parameters)
    if len(sizes) > 1:
        raise BadInput(f"--parameters {args.parameters}: give one number, the size of each reward model")
    costs = label_costs(
        plan, usd=args.usd_per_label, judge=args.judge, leave_out=args.leave_out,
        parameters=next(iter(sizes), None), ledger=args.ledger,
    )  # fmt: skip
    if args.json:
        output.emit({"pilot": pilot, "plan": plan.payload(), "costs": costs.payload()})
        return 0
    console = output.result()
    console.print(
        f"pilot: {pilot['labels']:,} labels of {pilot['pairs']:,} pairs, rho^2 {pilot['rho2']:.3f} "
        f"({pilot['rho2_low']:.3f} to {pilot['rho2_high']:.3f}), variance of a label {pilot['variance']:.3f}"
    )
    console.print(
        f"selection of the labelled pairs: {pilot['selection']}{SELECTION.get(pilot['selection'], '')}"
    )
    if "stratified" in pilot:
        one = pilot["stratified"]
        console.print(
            f"  over all pairs: {one['estimate']:.1%} ({one['low']:.1%} to {one['high']:.1%}), by the shares of the strata"
        )
    console.print(
        f"For an interval of -+{100 * width:.3g} points at {100 * args.level:g}% with {pairs:,} pairs:"
    )
    if plan.labels is None:
        console.print(
            "  more labels than there are pairs; give --pairs-at-hand N with more, or a wider interval"
        )
        _each(console, costs.lines())
        return 0
    alone = "more than there are pairs" if plan.human_only is None else f"{plan.human_only:,} labels"
    console.print(f"  people alone: {alone}")
    console.print(f"  with the judge: {plan.labels:,} labels and {pairs:,} scores")
    if plan.saving is not None and plan.saving_low is not None and plan.saving_high is not None:
        ends = f"{100 * plan.saving_low:.1f} to {100 * plan.saving_high:.1f}"
        console.print(
            f"  saving {100 * plan.saving:.1f}% of the labels ({ends} at the ends of rho^2's interval)"
        )
    _each(console, costs.lines())
    return 0


def _each(console: Any, lines: list[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)


SELECTION = {
    "unknown": "; these figures hold for a random draw of all pairs (a column stratum says otherwise)"
}


def _pilot(name: str) -> dict[str, Any]:
    """The control-variate figure of a run, or of a file's columns human (empty: no label), synthetic and, if there, cluster and stratum."""
    from winsome.errors import BadInput

    if Path(name).is_file():
        return _of_file(Path(name))
    import orjson

    from winsome.api import run_folder

    record = orjson.loads((run_folder(name) / "run.json").read_bytes())
    found = (record.get("people") or {}).get("control_variates")
    if found is None:
        raise BadInput(
            f"{name}: is no run of people with --assist and 4 labels or more; name such a run, or a file"
        )
    return found | {"selection": "random"}


def _of_file(path: Path) -> dict[str, Any]:
    import numpy as np

    from winsome.errors import BadInput
    from winsome.ledger.formats.fields import label, wrong
    from winsome.ledger.formats.reading import read
    from winsome.standings.columns import Codes
    from winsome.standings.control_strata import stratified
    from winsome.standings.control_variates import control_variates

    source = read(path)
    columns: dict[str, list[float]] = {"human": [], "synthetic": []}
    for place, row in enumerate(source.rows):
        for column, values in columns.items():
            value = row.get(column)
            empty = value is None or value == ""
            try:
                values.append(np.nan if empty and column == "human" else float(value))
            except (TypeError, ValueError):
                wrong(
                    source,
                    place,
                    f'has no number in "{column}"; give columns human (empty: no label) and synthetic',
                )
    y, s = (np.array(columns[name]) for name in ("human", "synthetic"))
    kept = ~np.isnan(y)
    if not kept.any():
        raise BadInput(f"{path.name}: no record has a human label; fill in the column human of a few")
    clusters: dict[str, Any] = {}
    if source.rows and "cluster" in source.rows[0]:
        codes = Codes.of([label(source, place, "cluster") for place in range(len(source.rows))]).values
        clusters = {"clusters": codes[kept], "clusters_all": codes}
    found = control_variates(y[kept], s[kept], s, **clusters).payload() | {"selection": "unknown"}
    if source.rows and "stratum" in source.rows[0]:
        strata = Codes.of([label(source, place, "stratum") for place in range(len(source.rows))]).values
        whole = stratified(y[kept], s[kept], s, strata[kept], strata).payload()
        found |= {"selection": "random within strata", "stratified": whole}
    return found


def _part(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ArgumentTypeError(f'"{text}" is no share from 0 to 1')
    return value
