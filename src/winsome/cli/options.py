"""Flags that several verbs share, each said once."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from winsome.cli.parsing import Parser, share, temperature, whole_number

if TYPE_CHECKING:
    from winsome.records import Sampling


PLAN_FOR = (
    "tell what models of so many parameters (7e9, or several joined by commas) would cost, and load nothing"
)


def everywhere(parser: Parser) -> None:
    """--json, --seed, --ledger, --quiet."""
    group = parser.add_argument_group("everywhere")
    group.add_argument(
        "--json", action="store_true", help="one JSON document on standard output, all else on standard error"
    )
    group.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="N", help="seed of everything random (default 0)"
    )
    group.add_argument(
        "--ledger",
        metavar="PATH|URL",
        help="ledger file or postgresql:// address (default $WINSOME_LEDGER, else ./.winsome/ledger.sqlite)",
    )
    group.add_argument("--quiet", action="store_true", help="no plan, progress or notes on standard error")


def asking(parser: Parser) -> None:
    """Flags of verbs that ask contenders or judges."""
    group = parser.add_argument_group("spending")
    group.add_argument(
        "--budget",
        metavar="AMOUNT",
        help="stop before more is spent: 5usd, 2000calls, 20min, joined by commas (default none)",
    )
    group.add_argument(
        "--concurrency",
        type=whole_number(),
        default=64,
        metavar="N",
        help="calls under way at once, per address, at most (default 64)",
    )
    group.add_argument(
        "--rpm",
        type=whole_number(),
        metavar="N",
        help="calls a minute and address, at most (default no limit)",
    )
    group.add_argument(
        "--tpm",
        type=whole_number(),
        metavar="N",
        help="tokens a minute and address, at most (default no limit)",
    )
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where local weights work: this machine or a Ray cluster (default local)",
    )


def sampling(parser: Parser) -> None:
    """How contenders draw, where their own name does not say."""
    group = parser.add_argument_group("contenders' defaults (a contender's own ?setting= comes first)")
    group.add_argument("--system", metavar="TEXT|@FILE", help="system text (default the suite's)")
    group.add_argument(
        "--temperature", type=temperature, metavar="T", help="0 is greedy (default the model's own)"
    )
    group.add_argument(
        "--top-p", type=share, metavar="P", help="nucleus, above 0 to 1 (default the model's own)"
    )
    group.add_argument(
        "--max-tokens",
        type=whole_number(),
        metavar="N",
        help="tokens of an answer at most (default the model's own)",
    )


def sampling_of(args: Namespace) -> Sampling:
    """The Sampling that the flags name."""
    from winsome.records import Sampling

    return Sampling(temperature=args.temperature, top_p=args.top_p, max_tokens=args.max_tokens)


def with_system(names: Sequence[str], system: str | None) -> list[str]:
    """The contenders' names with the default system text, where they take one and do not say it themselves."""
    if system is None:
        return list(names)
    from winsome.specs import Spec, parse

    specs = [parse(name) for name in names]
    return [
        str(spec)
        if spec.kind == "recorded" or "system" in spec.settings
        else str(Spec(spec.kind, spec.address, {**spec.settings, "system": system}))
        for spec in specs
    ]


def asked(args: Namespace) -> dict[str, Any]:
    """The keyword arguments that `asking` and `everywhere` give to the Python functions."""
    names = ("budget", "concurrency", "rpm", "tpm", "engine", "seed", "ledger")
    return {name: getattr(args, name) for name in names} | {"quiet": args.quiet}


def typed(args: Namespace) -> str:
    """The command as it was typed, without secrets, for records."""
    from winsome.ledger.secrets import masked

    return masked(shlex.join(["winsome", *args.words]))
