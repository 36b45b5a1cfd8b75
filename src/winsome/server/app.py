"""The annotation page and its three calls. Nobody without the token is told anything, and a label is on disk before it is confirmed."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from winsome import __version__
from winsome.errors import BadInput, WinsomeError
from winsome.given import is_mapping
from winsome.matchmaking.board import Board, named
from winsome.report.shell import shell

LONGEST_BODY = 10_000

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page() -> str:
    """The one page; it holds no pair and no secret, and may ask nobody but its own server."""
    own = files("winsome.server") / "page"
    return shell(
        (own / "annotate.html").read_text("utf-8"),
        title="Which answer is better? · Winsome",
        figure="Human labels",
        when="",
        footer=f"Winsome {__version__}. This page asks nobody but the machine that serves it.",
        skip="Skip to the pair",
        scripts=("page.js", "texts.js"),
        more="connect-src 'self'; ",
        own_scripts=((own / "annotate.js").read_text("utf-8"),),
    )


def app(board: Board, token: str, hosts: frozenset[str] | None = None) -> FastAPI:
    """The application; hosts: names under which it may be asked (None: any), so that no other site's name leads here."""
    served = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    html, expected = page(), f"Bearer {token}".encode()

    def refused(status: int, line: str) -> Response:
        return JSONResponse({"error": line}, status)

    @served.middleware("http")
    async def guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        name = (request.url.hostname or "").lower()
        if hosts is not None and name not in hosts:
            reply = refused(403, "this server answers only to the address that it printed")
        elif request.url.path.startswith("/api/") and not secrets.compare_digest(
            request.headers.get("authorization", "").encode(), expected
        ):
            reply = refused(401, "wrong token: open the whole address that the terminal printed")
        else:
            try:
                reply = await go_on(request)
            except BadInput as error:
                reply = refused(422, str(error))
            except WinsomeError as error:
                reply = refused(500, str(error))
        reply.headers.update(HEADERS)
        return reply

    @served.get("/")
    async def shown() -> Response:
        return HTMLResponse(html)

    @served.get("/api/pair")
    async def pair(annotator: str = "") -> dict[str, Any]:
        return board.view(named(annotator))

    @served.post("/api/labels")
    async def label(request: Request) -> dict[str, Any]:
        body = await _body(request)
        annotator = named(body.get("annotator"))
        place = next((k for k, ask in enumerate(board.asks) if ask.contest == body.get("pair")), None)
        if place is None:
            raise BadInput("pair: unknown to this run; load the page again")
        await board.label(annotator, place, str(body.get("label")))
        return board.view(annotator)

    @served.post("/api/undo")
    async def undo(request: Request) -> dict[str, Any]:
        annotator = named((await _body(request)).get("annotator"))
        await board.undo(annotator)
        return board.view(annotator)

    return served


async def _body(request: Request) -> Mapping[str, Any]:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > LONGEST_BODY:
            raise BadInput("the request is too long; send annotator, pair and label")
    try:
        body: Any = orjson.loads(bytes(read))
    except ValueError:
        body = None
    if not is_mapping(body):
        raise BadInput("the request is no JSON object; send annotator, pair and label")
    return body
