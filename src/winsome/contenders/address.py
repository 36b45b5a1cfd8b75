"""Where a server is, and which key opens it."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit, urlunsplit

from winsome.errors import BadInput

_TAIL = re.compile(r"/(?:chat/completions|completions|chat|models|responses)/*$")


def base_of(address: str) -> str:
    """The base of `address` (http://host:8000/v1): a pasted /chat/completions is cut off, a bare host gets /v1."""
    parts = urlsplit(address.strip())
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f'"{shown}" is no address; write http://host:port/v1#model')
    if parts.username is not None or parts.password is not None:
        raise BadInput(f"{shown}: a name or password does not belong in an address; use key=env:NAME")
    path = _TAIL.sub("", parts.path.rstrip("/")).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc.lower(), path or "/v1", "", ""))


def key_name(key: str | None) -> str | None:
    """NAME of "env:NAME"; BadInput, which does not repeat the value, for anything else."""
    if key is None:
        return None
    named = re.fullmatch(r"env:([A-Za-z_][A-Za-z0-9_]*)", key)
    if named is None:
        raise BadInput(
            "key= takes the name of an environment variable, never the secret: export it and write key=env:NAME"
        )
    return named.group(1)


def secret_of(name: str, host: str) -> str:
    """The key in environment variable `name`; BadInput where there is none, or one that no header can hold."""
    secret = os.environ.get(name, "").strip()
    if not secret:
        raise BadInput(
            f"{host}: the environment variable {name} is not set; export {name}=.. or name another with key=env:NAME"
        )
    if not (secret.isascii() and secret.isprintable()):
        raise BadInput(f"{host}: the key in {name} holds characters that no key has; copy it again")
    return secret
