"""What was asked of one contender or judge in a run, for progress, report and budget."""

from __future__ import annotations

from dataclasses import dataclass

from winsome.records import Response, Usage


@dataclass
class Tally:
    """Counts of one name: answers bought, kept from the ledger, failed; calls repeated; usage bought and saved.

    heard, unread: replies that were read as verdicts, and those of them that could not be.
    """

    asked: int = 0
    kept: int = 0
    failed: int = 0
    repeated: int = 0
    bought: Usage = Usage()
    saved: Usage = Usage()
    errors: dict[str, int] | None = None
    heard: int = 0
    unread: int = 0

    def buy(self, response: Response) -> None:
        self.asked += 1
        self.bought = self.bought + response.usage
        if response.finish == "failed":
            self.failed += 1
            self.errors = self.errors or {}
            reason = response.error or "failed"
            self.errors[reason] = self.errors.get(reason, 0) + 1

    def hear(self, *, again: bool) -> None:
        self.heard += 1
        self.unread += again

    def keep(self, response: Response) -> None:
        self.kept += 1
        self.saved = self.saved + response.usage
