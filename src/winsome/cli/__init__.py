"""The command line: one file a verb, read only when its verb runs."""

from __future__ import annotations

from winsome.cli.command import main
from winsome.cli.verbs import VERBS

__all__ = ["VERBS", "main"]
