"""Both engines for every test that asks for `where`, and records to fill a ledger with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from winsome.ledger.store import Ledger


@pytest.fixture(scope="session")
def server(postgres_server: postgres.Server) -> postgres.Server:
    return postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty ledger."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    server: postgres.Server = request.getfixturevalue("server")
    return server.new(f"t{uuid.uuid4().hex[:12]}")


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    with Ledger.open(where) as opened:
        yield opened
