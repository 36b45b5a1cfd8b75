"""One OpenAI-compatible server: an HTTP exchange with it, and what it says read as a turn or as an error."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson

from winsome.contenders.address import secret_of
from winsome.contenders.limits import Limits, limits_of
from winsome.contenders.refusal import ModelMissing, Unanswered, refusal
from winsome.contenders.reply import Turn, parsed, turn_of
from winsome.contenders.session import Sessions, open_session
from winsome.errors import BadInput, Fatal, Transient, Unsupported, WinsomeError

LISTING_SECONDS = 30.0


class Unreachable(Transient):
    """Nobody accepts the connection: worth a second attempt in the middle of a run, none at its start."""


class Server:
    """The server at `base` (http://host:8000/v1), opened by the key in environment variable `key` (None: no key).

    `limits` are those that its last reply told. `timeout` is seconds for one whole exchange.
    """

    def __init__(self, base: str, key: str | None, timeout: float) -> None:
        self.base, self.key, self.timeout = base, key, timeout
        self.host = urlsplit(base).netloc
        self.limits: Limits | None = None
        self._chat, self._models = f"{base}/chat/completions", f"{base}/models"
        self._sessions = Sessions(
            lambda: open_session(base, secret_of(key, self.host) if key else None, timeout)
        )

    def __repr__(self) -> str:
        return f"<Server {self.base}>"

    async def close(self) -> None:
        """Close the connections of the running loop."""
        await self._sessions.close()

    async def chat(self, body: Mapping[str, Any], logprobs: bool) -> Turn | Unanswered:
        """One attempt at one reply to `body`, a chat-completions request; `logprobs`: read them from it.

        Raises RateLimited and Transient where another attempt may succeed, else Fatal, BadInput or Unsupported.
        """
        status, headers, read = await self._exchange("POST", self._chat, orjson.dumps(body))
        if status == 200:
            reply = parsed(read, self.host)
            error = reply.get("error") if isinstance(reply, dict) else None
            if not error or reply.get("choices"):
                return turn_of(reply, self.host, logprobs)
            # some routers report an upstream failure inside a 200
            code = error.get("code") if isinstance(error, dict) else None
            status = code if isinstance(code, int) and 300 <= code < 600 else 502
        secret = os.environ.get(self.key, "").strip() if self.key else None
        told = refusal(status, headers, read, self.host, self.key, secret)
        if isinstance(told, Unanswered):
            return told
        if isinstance(told, ModelMissing):
            told = await self._missing(told, str(body["model"]))
        elif isinstance(told, Fatal) and "continue_final_message" in body and "final_message" in str(told):
            told = no_prefix(self.host)
        raise told

    async def models(self) -> list[Mapping[str, Any]]:
        """What the server lists under /models; empty where it lists nothing readable."""
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                status, _, body = await self._exchange("GET", self._models)
            listed = orjson.loads(body) if status == 200 else None
        except (Transient, TimeoutError, orjson.JSONDecodeError):
            return []
        listed = listed.get("data") if isinstance(listed, dict) else listed
        return [model for model in listed if isinstance(model, dict)] if isinstance(listed, list) else []

    async def _exchange(
        self, method: str, url: str, data: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body); Transient where the exchange was not completed."""
        import aiohttp

        session = await self._sessions.get()
        self.limits = None
        try:
            async with session.request(method, url, data=data, allow_redirects=False) as reply:
                body = await reply.read()
        except TimeoutError:
            raise Transient(f"{self.host}: no answer within {self.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            self._broken(error)
        self.limits = limits_of(reply.headers)
        return reply.status, reply.headers, body

    def _broken(self, error: Exception) -> NoReturn:
        import aiohttp

        if isinstance(error, aiohttp.ClientSSLError):
            raise Fatal(
                f"{self.host}: no safe connection ({_reason(error)}); is it http:// rather than https://?"
            ) from None
        if isinstance(error, aiohttp.ClientConnectorError):
            raise Unreachable(
                f"{self.host}: cannot be reached ({_reason(error)}); start it or check the address"
            ) from None
        if isinstance(error, aiohttp.InvalidURL):
            raise BadInput(f"{self.base} is no address; write http://host:port/v1#model") from None
        raise Transient(f"{self.host}: the connection broke ({type(error).__name__})") from None

    async def _missing(self, told: WinsomeError, model: str) -> Fatal:
        names = [str(listed["id"]) for listed in await self.models() if "id" in listed]
        if not names:
            return Fatal(
                f"{self.host}: {_cut(str(told), 90)}; is {_cut(self.base, 60)} an OpenAI-compatible address?"
            )
        if model in names:
            return Fatal(str(told))
        near = difflib.get_close_matches(model, names, 1, 0.4)
        hint = f'; did you mean "{_cut(near[0], 40)}"?' if near else ""
        return Fatal(f'{self.host}: no model "{_cut(model, 40)}"{hint} (it has {_listed(names, 70)})')


def no_prefix(host: str) -> Unsupported:
    """The error for a server that cannot go on with an answer that is begun for it."""
    return Unsupported(f"{host} cannot continue a begun answer (prefix); ask a server that can, such as vLLM")


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    return _cut(str(getattr(cause, "strerror", None) or type(cause).__name__), 60)


def _listed(names: Sequence[str], room: int) -> str:
    """As many names as fit into about `room` characters, at least one, and how many more there are."""
    shown = [_cut(names[0], 40)]
    for name in names[1:]:
        if len(", ".join([*shown, name])) > room:
            break
        shown.append(name)
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 2] + ".."
