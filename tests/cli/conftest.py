"""What the command line's tests share."""

from __future__ import annotations

from tests.matchmaking.conftest import start_server

__all__ = ["start_server"]
