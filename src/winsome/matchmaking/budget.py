"""How much may be spent: "5usd", "2000calls", "20min", or several joined by commas."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from winsome.errors import BadInput

_SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "hours": 3600.0}


@dataclass
class Budget:
    """Limits (None: none) and what has been spent.

    Calls are counted when they begin, so that limit is never overrun. Money is known when an answer comes: calls under way are
    taken to cost the mean so far, so that limit is kept but for how far the last answers stray from the mean.
    """

    usd: float | None = None
    calls: int | None = None
    seconds: float | None = None
    spent_usd: float = 0.0
    spent_calls: int = 0
    under_way: int = 0
    paid: int = 0
    began: float = field(default_factory=time.monotonic)

    @staticmethod
    def of(text: str | None) -> Budget:
        """The budget that `text` names; BadInput where a part is none of usd, calls, s, min, h."""
        budget = Budget()
        for part in (text or "").replace(" ", "").split(","):
            if not part:
                continue
            found = re.fullmatch(r"([0-9]*\.?[0-9]+)(usd|calls|call|sec|s|min|hours|h)", part.lower())
            if found is None:
                raise BadInput(
                    f'--budget: "{part}" is no amount; write 5usd, 2000calls or 20min, joined by commas'
                )
            amount, unit = float(found[1]), found[2]
            if unit == "usd":
                budget.usd = amount
            elif unit.startswith("call"):
                budget.calls = int(amount)
            else:
                budget.seconds = amount * _SECONDS[unit]
        return budget

    def begin(self, calls: int) -> int:
        """How many of `calls` may begin now; they are counted, and `end` says when they are over."""
        allowed = calls if self.calls is None else max(0, min(calls, self.calls - self.spent_calls))
        self.spent_calls += allowed
        self.under_way += allowed
        return allowed

    def end(self, calls: int) -> None:
        """So many calls are over."""
        self.under_way -= calls

    def pay(self, money: float | None) -> None:
        """One answer came and cost `money` US dollars."""
        self.spent_usd += money or 0.0
        self.paid += 1

    def exhausted(self) -> str:
        """Why nothing more may be asked ("budget of 5 usd is spent"), or an empty string."""
        if self.calls is not None and self.spent_calls >= self.calls:
            return f"budget of {self.calls} calls is spent"
        if self.usd is not None:
            expected = self.under_way * self.spent_usd / max(1, self.paid)
            if self.spent_usd + expected >= self.usd:
                return f"budget of {self.usd:g} usd is spent"
        return f"budget of {self.seconds:g} s is spent" if self.out_of_time() else ""

    def out_of_time(self) -> bool:
        """Whether the budget's seconds are over."""
        return self.seconds is not None and time.monotonic() - self.began >= self.seconds
