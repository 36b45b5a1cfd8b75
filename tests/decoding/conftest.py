"""The chat server of the matchmaking tests."""

from __future__ import annotations

from tests.matchmaking.conftest import start_server

__all__ = ["start_server"]
