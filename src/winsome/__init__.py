"""Winsome measures win rates, says how far they can be trusted, and raises them.

    import winsome
    found = winsome.compare("a.json", "b.json", judge="embedded:judge")
    print(found.standings.to_frame())

Everything is imported when it is first used, so `import winsome` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from winsome import standings as standings
    from winsome.api import compare as compare
    from winsome.api import open as open
    from winsome.api import run as run
    from winsome.api import write_report as write_report
    from winsome.audit.cards import card as card
    from winsome.audit.designs import designs as designs
    from winsome.audit.difference import difference as difference
    from winsome.errors import BadInput as BadInput
    from winsome.errors import Fatal as Fatal
    from winsome.errors import Unsupported as Unsupported
    from winsome.errors import WinsomeError as WinsomeError
    from winsome.ledger.store import Ledger as Ledger
    from winsome.matchmaking.compare import Comparison as Comparison
    from winsome.matchmaking.generate import Generated as Generated
    from winsome.matchmaking.generate import generate as generate
    from winsome.matchmaking.judge import judge as judge
    from winsome.matchmaking.rank import rank as rank
    from winsome.records import Message as Message
    from winsome.records import Prompt as Prompt
    from winsome.records import Response as Response
    from winsome.records import Sampling as Sampling
    from winsome.records import Suite as Suite
    from winsome.records import Verdict as Verdict
    from winsome.standings.table import Standings as Standings

_PLACES = {
    "card": "winsome.audit.cards",
    "difference": "winsome.audit.difference",
    "designs": "winsome.audit.designs",
    "compare": "winsome.api",
    "generate": "winsome.matchmaking.generate",
    "judge": "winsome.matchmaking.judge",
    "rank": "winsome.matchmaking.rank",
    "run": "winsome.api",
    "write_report": "winsome.api",
    "open": "winsome.api",
    "Ledger": "winsome.ledger.store",
    "Comparison": "winsome.matchmaking.compare",
    "Generated": "winsome.matchmaking.generate",
    "Standings": "winsome.standings.table",
    "Message": "winsome.records",
    "Prompt": "winsome.records",
    "Response": "winsome.records",
    "Sampling": "winsome.records",
    "Suite": "winsome.records",
    "Verdict": "winsome.records",
    "WinsomeError": "winsome.errors",
    "BadInput": "winsome.errors",
    "Unsupported": "winsome.errors",
    "Fatal": "winsome.errors",
}
"""Public name -> the module that holds it."""

__all__ = [
    "BadInput",
    "Comparison",
    "Fatal",
    "Generated",
    "Ledger",
    "Message",
    "Prompt",
    "Response",
    "Sampling",
    "Standings",
    "Suite",
    "Unsupported",
    "Verdict",
    "WinsomeError",
    "__version__",
    "card",
    "compare",
    "designs",
    "difference",
    "generate",
    "judge",
    "open",
    "rank",
    "run",
    "standings",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "standings":
        return importlib.import_module("winsome.standings")
    if name not in _PLACES:
        raise AttributeError(f"module 'winsome' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
