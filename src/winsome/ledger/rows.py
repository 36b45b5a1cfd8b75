"""Records to rows and back; a row is a tuple in the order of its table's columns.

What is kept is what was given: NUL, right-to-left marks and both normal forms of Unicode are told apart. A lone surrogate has
no UTF-8 and is refused. Mappings and lists are JSON: keys are text, tuples come back as lists. Of numbers that JSON lacks, a
log-probability of -inf and a score of NaN survive; an infinite score is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isinf, nan
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.records import Match, Message, Prompt, Response, Side, Tokens, Usage, Verdict, digest

Record = Prompt | Response | Match | Verdict
Row = tuple[Any, ...]

TABLES = ("meta", "blobs", "notes", "links", "prompts", "responses", "matches", "verdicts", "runs")
"""The order in which the tables of a group are written."""


def add(record: Record, rows: dict[str, list[Row]]) -> None:
    """Append the rows of `record` to `rows` by table. Raises BadInput where it cannot be kept exactly."""
    try:
        if isinstance(record, Response):
            table, row = "responses", _response_row(record)
        elif isinstance(record, Verdict):
            table, row = "verdicts", _verdict_row(record)
        elif isinstance(record, Match):
            notes = _notes_id(record.prompt.for_judges)
            if notes is not None:
                rows.setdefault("notes", []).append((notes, _json(dict(record.prompt.for_judges))))
            table, row = "matches", _match_row(record, notes)
        else:
            table, row = "prompts", _prompt_row(record)
        _refuse_surrogates(row)
    except (TypeError, UnicodeEncodeError) as error:
        kind = type(record).__name__
        if "surrogate" in str(error):
            raise BadInput(
                f"{kind}: a text holds a lone surrogate (U+D800 to U+DFFF); replace it by U+FFFD"
            ) from None
        raise BadInput(
            f"{kind}: cannot be kept as JSON ({error}); use text, numbers, lists and mappings"
        ) from None
    rows.setdefault(table, []).append(row)
    parents: tuple[str, ...] = getattr(record, "parents", ())
    if parents:
        rows.setdefault("links", []).extend((parent, row[0]) for parent in parents)


def _refuse_surrogates(row: Row) -> None:
    for value in row:
        if type(value) is str and not value.isascii():
            value.encode()


def _json(value: Any) -> str | None:
    return orjson.dumps(value).decode() if value else None


def _list(text: str | None) -> list[Any]:
    return orjson.loads(text) if text else []


def _mapping(text: str | None) -> dict[str, Any]:
    return orjson.loads(text) if text else {}


def _notes_id(for_judges: Mapping[str, Any]) -> str | None:
    return digest(dict(for_judges)) if for_judges else None


def _prompt_row(prompt: Prompt) -> Row:
    return (
        prompt.id,
        orjson.dumps(prompt.seen()).decode(),
        _json(dict(prompt.facets)),
        _json(dict(prompt.for_judges)),
        prompt.item,
        _json(prompt.parents),
        time.time(),
    )


def prompt(row: Row) -> Prompt:
    """The prompt kept in a row of `prompts`."""
    id, seen, facets, for_judges, item, parents, _ = row
    found = Prompt.of(
        orjson.loads(seen),
        facets=_mapping(facets),
        for_judges=_mapping(for_judges),
        item=item,
        parents=tuple(_list(parents)),
    )
    return _known(found, id=id)


def _known(record: Any, **digests: str) -> Any:
    """`record` with digests that its row keeps already; `Ledger.verify` recomputes them."""
    record.__dict__.update(digests)
    return record


def _response_row(response: Response) -> Row:
    usage, tokens = response.usage, response.tokens
    return (
        response.id,
        response.key,
        response.prompt,
        response.contender,
        response.sample,
        response.finish,
        response.error,
        response.content,
        _json([message.payload() for message in response.messages]),
        response.thinking,
        None if tokens is None else orjson.dumps(tokens.payload()).decode(),
        response.served_by,
        response.fingerprint,
        response.provenance,
        usage.calls,
        usage.tokens_in,
        usage.tokens_out,
        usage.money,
        usage.seconds,
        _json(response.parents),
        time.time(),
    )


def response(row: Row) -> Response:
    """The response kept in a row of `responses`."""
    found = Response(
        key=row[1],
        prompt=row[2],
        contender=row[3],
        sample=row[4],
        finish=row[5],
        error=row[6],
        messages=tuple(Message.of(payload) for payload in _list(row[8])),
        thinking=row[9],
        tokens=None if row[10] is None else _tokens(orjson.loads(row[10])),
        served_by=row[11],
        fingerprint=row[12],
        provenance=row[13],
        usage=Usage(*row[14:19]),
        parents=tuple(_list(row[19])),
    )
    return _known(found, id=row[0], content=row[7])


def _tokens(payload: Mapping[str, Any]) -> Tokens:
    tops = ({token: -inf if p is None else p for token, p in top.items()} for top in payload["top"])
    return Tokens(
        texts=tuple(payload["texts"]),
        logprobs=tuple(-inf if p is None else p for p in payload["logprobs"]),
        top=tuple(tops),
        ids=tuple(payload["ids"]),
    )


def _match_row(match: Match, notes: str | None) -> Row:
    names = [side.contender for side in match.sides[:2]]
    return (
        match.id,
        match.contest,
        match.shown,
        match.prompt.id,
        names[0] if names else None,
        names[1] if len(names) > 1 else None,
        match.order,
        match.repeat,
        match.cluster,
        orjson.dumps(
            [{"contender": s.contender, "response": s.response.id, "seat": s.seat} for s in match.sides]
        ).decode(),
        _json(dict(match.facets)),
        notes,
        _json(match.parents),
        time.time(),
    )


def match(
    row: Row,
    prompts: Mapping[str, Prompt],
    responses: Mapping[str, Response],
    notes: Mapping[str, Mapping[str, Any]],
) -> Match:
    """The match kept in a row of `matches`; a KeyError names what is missing. The judge's notes are those it was shown."""
    prompt_ = prompts[row[3]]
    for_judges: Mapping[str, Any] = notes[row[11]] if row[11] else {}
    if for_judges != prompt_.for_judges:
        prompt_ = replace(prompt_, for_judges=for_judges)
    return Match(
        prompt=prompt_,
        sides=tuple(Side(s["contender"], responses[s["response"]], s["seat"]) for s in sides(row[9])),
        order=row[6],
        repeat=row[7],
        cluster=row[8],
        facets=_mapping(row[10]),
        parents=tuple(_list(row[12])),
    )


def sides(text: str) -> list[dict[str, Any]]:
    """The sides of a row of `matches`: a list of {contender, response, seat}."""
    return orjson.loads(text)


def _verdict_row(verdict: Verdict) -> Row:
    if any(isinf(score) for score in verdict.scores):
        raise BadInput(
            f"verdict on match {verdict.match}: scores hold an infinite number; give finite scores or NaN"
        )
    usage = verdict.usage
    return (
        verdict.id,
        verdict.match,
        verdict.judge,
        verdict.judge_id,
        verdict.aspect,
        verdict.annotator,
        verdict.outcome,
        verdict.share,
        _json(verdict.scores),
        _json(verdict.places),
        verdict.extent,
        verdict.reason,
        _json(verdict.evidence),
        verdict.served_by,
        usage.calls,
        usage.tokens_in,
        usage.tokens_out,
        usage.money,
        usage.seconds,
        time.time(),
    )


def verdict(row: Row) -> Verdict:
    """The verdict kept in a row of `verdicts`."""
    return Verdict(
        match=row[1],
        judge=row[2],
        judge_id=row[3],
        aspect=row[4],
        annotator=row[5],
        outcome=row[6],
        scores=tuple(nan if score is None else score for score in _list(row[8])),
        places=tuple(_list(row[9])),
        extent=row[10],
        reason=row[11],
        evidence=tuple(_list(row[12])),
        served_by=row[13],
        usage=Usage(*row[14:19]),
    )


def seats(sides_: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """The seat of each side, in the match's order."""
    return tuple(side["seat"] for side in sides_)
