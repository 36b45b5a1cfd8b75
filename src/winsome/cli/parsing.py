"""argparse with one-line errors that name the nearest verb or flag, and the hint for names cut by the shell."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from winsome.errors import BadInput

PEERS = {
    "--lr": "--rate", "--learning-rate": "--rate", "--batch-size": "--batch", "--train-batch-size": "--batch",
    "--per-device-train-batch-size": "--batch", "--max-steps": "--updates", "--num-train-epochs": "--epochs", "--max-epochs": "--epochs",
    "--output-dir": "--out", "--save-path": "--out", "--model-name-or-path": "--model", "--pretrain": "--model",
    "--dataset": "--data", "--dataset-name": "--data", "--train-file": "--data", "--lora": "--adapter", "--use-peft": "--adapter",
    "--gradient-checkpointing": "--checkpointing", "--warmup-ratio": "--warmup", "--lr-scheduler-type": "--schedule",
    "--max-seq-length": "--max-length", "--num-generations": "--draws", "--max-completion-length": "--max-tokens",
    "--max-new-tokens": "--max-tokens", "--reward-model": "--reward", "--annotators-config": "--judge",
}  # fmt: skip
"""What other tools call a flag, and ours: suggested where a parser has it."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are raised as BadInput, in one line; long flags must be written out."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Wide} | settings)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but what an action does not know it refuses itself: its flags are the ones to suggest."""
        found, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return found, extra

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{self._explained(message)}; {self.prog} --help lists what it takes")

    def _explained(self, message: str) -> str:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown is not None:
            word = unknown[1].partition("=")[0]
            if word.startswith("-"):
                ours = PEERS.get(word.replace("_", "-"), "")
                known = self._flags()
                near = f'; here it is "{ours}"' if ours in known else nearest(word, known)
                return f'no flag "{word}"{near}'
            return f'"{word}" is one argument too many'
        choice = re.match(r"argument (\S+): invalid choice: '?(.*?)'? \(choose from (.*)\)", message)
        if choice is not None:
            known = [name.strip("' ") for name in choice[3].split(",")]
            what = "" if choice[1].isupper() else f"{choice[1]} "
            return f'{what}"{choice[2]}" is none of {", ".join(known)}{nearest(choice[2], known)}'
        return message.replace("the following arguments are required:", "missing:")

    def _flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings]


class _Wide(argparse.HelpFormatter):
    """Help with room for the flags, and without argparse's repeated metavars for aliases."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` where one of `known` is close to `word`, else nothing."""
    near = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f'; did you mean "{near[0]}"?' if near else ""


_CUT = re.compile(r"is missing; add|needs two contenders|no judge:|names no model|no prompts:")


def unquoted(words: Sequence[str], line: str) -> str:
    """`line`, with the advice to quote where something is missing and the last word may have been cut at an `&` or `#`."""
    last = words[-1] if words else ""
    may_be_cut = ("?" in last and "=" in last) or last.startswith(("http://", "https://"))
    if not may_be_cut or "quote the name" in line or not _CUT.search(line):
        return line
    return f"{line} (was it cut by the shell? quote the name)"


def whole_number(least: int = 1) -> Any:
    """A parser of whole numbers from `least` up."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f'"{text}" is no whole number from {least} up')
        return value

    return number


def share(text: str) -> float:
    """A number between 0 and 1, 0 left out."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f'"{text}" is not above 0 and at most 1')
    return value


def temperature(text: str) -> float:
    """A number from 0 up."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 0 up')
    return value


def points(text: str) -> float:
    """Points of win rate such as 2% (or 2, or 0.02), as a share between 0 and 0.5."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = 0.0
    value = value / 100.0 if text.endswith("%") or value >= 1.0 else value
    if not 0.0 < value < 0.5:
        raise argparse.ArgumentTypeError(f'"{text}" is no number of points between 0 and 50, such as 3%')
    return value
