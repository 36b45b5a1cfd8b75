"""The protocols by which an LLM judge is asked and read: data, one row each."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from winsome.errors import BadInput
from winsome.judges import verdict_slot
from winsome.judges.templates import Template
from winsome.judges.verdict_slot import Read
from winsome.records import Sampling


@dataclass(frozen=True)
class Protocol:
    """How one reply is asked for and read. `version` is the newest prompt text of our own words; `sides` 1 asks of each alone.

    `logprobs`: alternatives asked for at each token; None asks for none. `extents`: verdicts say how large a win is.
    """

    name: str
    version: int
    sides: int
    read: Read
    max_tokens: int
    logprobs: int | None = None
    extents: bool = False


PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol("letter", 1, 2, verdict_slot.letter, 16, logprobs=20),
        Protocol("alpaca_eval", 1, 2, verdict_slot.alpaca_eval, 1, logprobs=5),
        Protocol("arena_hard", 1, 2, verdict_slot.arena_hard, 4096, extents=True),
        Protocol("mt_bench_pair", 1, 2, verdict_slot.mt_bench_pair, 2048),
        Protocol("mt_bench_single", 1, 1, verdict_slot.mt_bench_single, 2048),
    )
}


def named(text: str, sides: int) -> tuple[Protocol, int]:
    """The protocol and prompt version that `letter` or `letter@1` names; BadInput where there is none for so many sides."""
    name, at, version = text.partition("@")
    known = {p.name: p for p in PROTOCOLS.values() if p.sides == sides}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.4)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise BadInput(f"protocol={text}: no such protocol{hint} (known: {', '.join(known)})")
    if at and not (version.isdigit() and 1 <= int(version) <= known[name].version):
        raise BadInput(f"protocol={text}: no such version; the newest is {name}@{known[name].version}")
    return known[name], int(version) if at else known[name].version


def sampling(
    protocol: Protocol, temperature: float | None, max_tokens: int | None, logprobs: int | None
) -> Sampling:
    """How the judge's model is asked: the protocol's room and alternatives unless given; `logprobs` 0 asks for none."""
    wanted = protocol.logprobs if logprobs is None else logprobs
    return Sampling(
        temperature=temperature, max_tokens=max_tokens or protocol.max_tokens, logprobs=wanted or None
    )


def label(protocol: Protocol, template: Template) -> str:
    """Protocol and prompt text as figures name them: letter@1, or letter with a file's name and the text's digest."""
    if template.name.partition("@")[0] == protocol.name:
        return template.name
    return f"{protocol.name} with {template.name} ({template.digest[:8]})"
