"""Serving a board to people, under a token that outlives the run."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from winsome.errors import BadInput
from winsome.matchmaking.board import Board
from winsome.server.serving import Address, serving

TOKEN = Path(".winsome") / "annotate.token"


def annotate(
    address: Address | None = None,
    *,
    token: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Callable[[Board], AbstractAsyncContextManager[None]]:
    """What `People.serve` takes: serves a board while it is entered, and tells the page's address once it can be opened.

    token: who has it may label (default one that is made once and kept in .winsome/annotate.token, so that links stay good).
    Raises BadInput for a port in use and a host that cannot be served.
    """
    place = address or Address()

    @asynccontextmanager
    async def serve(board: Board) -> AsyncGenerator[None]:
        from winsome.server.app import app

        secret = token or kept_token()
        async with serving(app(board, secret, place.hosts), place) as held:
            tell(f"label pairs at {held.url}#token={quote(secret)}  (Ctrl-C ends)")
            yield

    return serve


def kept_token(place: Path = TOKEN) -> str:
    """The token kept in `place`, made on first use, readable by its owner alone."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = place.read_text("utf-8").strip()
        if len(kept) < 16:
            raise BadInput(f"{place}: holds no token; delete it, and a new one is made") from None
        return kept
    made = secrets.token_urlsafe(24)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(made)
    return made
