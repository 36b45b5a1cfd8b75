"""What is put comes back as it was, from either database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.records import answer, contest
from winsome.errors import BadInput, Fatal
from winsome.ledger.store import Ledger
from winsome.records import (
    Blob,
    Match,
    Message,
    Prompt,
    Response,
    Side,
    Text,
    Tokens,
    Usage,
    Verdict,
    user,
)


async def test_records_come_back_equal(ledger: Ledger) -> None:
    one = contest(1)
    await ledger.put(*one.records)
    assert ledger.prompts([one.prompt.id, "unknown"]) == {one.prompt.id: one.prompt}
    assert ledger.responses([r.id for r in one.responses]) == {r.id: r for r in one.responses}
    assert ledger.verdicts([one.verdict.id]) == {one.verdict.id: one.verdict}
    match = ledger.matches([one.match.id])[one.match.id]
    assert match == one.match
    assert match.prompt.for_judges == {"reference_answer": "1"}
    assert match.shown == one.match.shown


async def test_what_equality_leaves_out_comes_back_too(ledger: Ledger) -> None:
    prompt = Prompt(
        (user("q"),),
        facets={"lang": "th"},
        for_judges={"checklist": ["a", 1, None]},
        item="007",
        parents=("p1", "p2"),
    )
    answers = answer(prompt, "a", "x"), answer(prompt, "b", "y")
    sides = tuple(Side(r.contender, r, seat) for seat, r in enumerate(answers))
    match = Match(prompt, sides, facets={"category": "math"}, parents=("m",))
    await ledger.put(prompt, *answers, match)
    back = ledger.matches([match.id])[match.id]
    assert (back.facets, back.parents) == (match.facets, match.parents)
    assert (back.prompt.facets, back.prompt.item, back.prompt.parents) == (prompt.facets, "007", ("p1", "p2"))


async def test_a_match_keeps_the_notes_that_its_judge_was_shown(ledger: Ledger) -> None:
    first, second = (
        Prompt((user("same words"),), for_judges=notes) for notes in ({"reference_answer": "1"}, {})
    )
    assert first.id == second.id
    answers = answer(first, "a", "x"), answer(first, "b", "y")
    matches = [
        Match(p, tuple(Side(r.contender, r, i) for i, r in enumerate(answers)), repeat=n)
        for n, p in enumerate((first, second))
    ]
    await ledger.put(first, second, *answers, *matches)
    back = ledger.matches(m.id for m in matches)
    assert [back[m.id].shown for m in matches] == [m.shown for m in matches]
    assert back[matches[1].id].prompt.for_judges == {}


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
hostile = st.sampled_from(
    ["\0", "a\0b", "\u202edlrow", "\ue000", "\ue000\ue001", "e\u0301", "é", "\ufffd", "'; DROP", "%s ?", ""]
)
words = texts | hostile
names = words
floats = st.floats(allow_nan=False, allow_infinity=False)
usages = st.builds(
    Usage, st.integers(0, 9), st.integers(0, 2**40), st.integers(0, 2**40), st.none() | floats, floats
)
parts = st.one_of(
    st.builds(Text, words),
    st.builds(
        Blob,
        st.sampled_from(["image", "audio"]),
        words,
        words,
        st.lists(st.integers(0, 99), max_size=3).map(tuple),
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | floats | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
mappings = st.dictionaries(words, json_values, max_size=3)
messages = st.builds(
    Message, words, st.lists(parts, max_size=3).map(tuple), st.lists(mappings, max_size=1).map(tuple)
)
several = st.lists(messages, max_size=2).map(tuple)
ids = st.lists(words, max_size=2).map(tuple)
prompts = st.builds(
    Prompt, st.lists(messages, min_size=1, max_size=2).map(tuple), st.none() | words, several, words,
    st.lists(mappings, max_size=1).map(tuple), st.dictionaries(words, words, max_size=2), mappings, st.none() | words, ids,
)  # fmt: skip
tokens = st.lists(st.tuples(words, floats | st.just(-inf)), max_size=3).map(
    lambda pairs: Tokens(
        tuple(t for t, _ in pairs),
        tuple(p for _, p in pairs),
        tuple({t: p} for t, p in pairs),
        tuple(range(len(pairs))),
    )
)
responses = st.builds(
    Response, words, names, words, st.integers(0, 2**31 - 1), several, st.sampled_from(["stop", "length", "filtered", "failed"]),
    st.none() | words, words, usages, names, names, st.none() | tokens, names, ids,
)  # fmt: skip
verdicts = st.builds(
    Verdict, words, names, names, st.sampled_from(["win", "loss", "tie", "graded", "forfeit", "unparsed", "void"]),
    st.lists(floats, max_size=3).map(tuple), st.lists(st.integers(1, 9), max_size=3).map(tuple), st.none() | floats,
    names, names, words, ids, usages, names,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(prompts, responses, verdicts), min_size=1, max_size=6))
def test_any_record_comes_back_exactly(ledger: Ledger, records: list[Prompt | Response | Verdict]) -> None:
    firsts: dict[str, Prompt | Response | Verdict] = {}
    known = {**ledger.prompts(r.id for r in records), **ledger.responses(r.id for r in records)}
    known |= ledger.verdicts(r.id for r in records)
    for record in records:
        held = firsts.get(record.id, known.get(record.id))
        if held is None or (isinstance(held, Verdict) and held.outcome in ("unparsed", "void")):
            firsts[record.id] = record
    ledger.put_many(records)
    back = {**ledger.prompts(firsts), **ledger.responses(firsts), **ledger.verdicts(firsts)}
    assert back.keys() == firsts.keys()
    for id, record in firsts.items():
        assert back[id] == record
        assert back[id].id == id
        if isinstance(record, Prompt):
            assert back[id].for_judges == record.for_judges
            assert (back[id].facets, back[id].item, back[id].parents) == (
                record.facets,
                record.item,
                record.parents,
            )


async def test_normal_forms_of_unicode_are_kept_apart(ledger: Ledger) -> None:
    composed, decomposed = Prompt((user("é"),)), Prompt((user("e\u0301"),))
    await ledger.put(composed, decomposed)
    assert ledger.prompts([composed.id, decomposed.id]) == {composed.id: composed, decomposed.id: decomposed}
    assert ledger.counts()["prompts"] == 2


async def test_a_lone_surrogate_is_refused_in_one_line_and_stops_nobody_else(ledger: Ledger) -> None:
    good = contest(1)
    bad = replace(good.verdict, reason="cut \ud83d")
    results = await asyncio.gather(
        ledger.put(*good.records),
        ledger.put(bad),
        ledger.put(Prompt((user("\udc00"),))),
        return_exceptions=True,
    )
    assert results[0] is None
    for error in results[1:]:
        assert isinstance(error, BadInput)
        assert "lone surrogate" in str(error)
        assert len(str(error)) <= 200
    assert ledger.verdicts([good.verdict.id])[good.verdict.id].reason == "because 1"


async def test_a_row_that_the_database_refuses_fails_alone(ledger: Ledger) -> None:
    good = contest(1)
    bad = replace(good.responses[0], key="k", sample=2**70)
    results = await asyncio.gather(ledger.put(bad), ledger.put(*good.records), return_exceptions=True)
    assert isinstance(results[0], BadInput)
    assert results[1] is None
    assert ledger.counts()["responses"] == 2


async def test_numbers_that_json_lacks(ledger: Ledger) -> None:
    verdict = Verdict("m", "j", "i", "graded", (nan, 2.0))
    await ledger.put(verdict)
    scores = ledger.verdicts([verdict.id])[verdict.id].scores
    assert isnan(scores[0])
    assert scores[1] == 2.0
    with pytest.raises(BadInput, match="infinite"):
        await ledger.put(Verdict("m", "j", "k", "graded", (inf, 0.0)))


async def test_only_unparsed_and_void_verdicts_give_way(ledger: Ledger) -> None:
    first = Verdict("m", "j", "i", "unparsed", reason="cut off")
    second = replace(first, outcome="win", scores=(1.0, 0.0), reason="A")
    third = replace(first, outcome="loss", scores=(0.0, 1.0), reason="B")
    for verdict in (first, second, third):
        await ledger.put(verdict)
    assert ledger.verdicts([first.id])[first.id] == second


async def test_a_failed_answer_is_kept_and_never_found(ledger: Ledger) -> None:
    good = contest(1).responses[0]
    failed = replace(good, messages=(), finish="failed", error="HTTP 500")
    await ledger.put(failed)
    assert ledger.answers([good.key]) == {}
    await ledger.put(good)
    assert ledger.answers([good.key, "other"]) == {good.key: good}
    assert ledger.responses([failed.id]) == {failed.id: failed}


async def test_judged_finds_what_a_judge_said_of_equal_words(ledger: Ledger) -> None:
    one, other = contest(1), contest(2)
    unread = replace(other.verdict, outcome="void", scores=())
    await ledger.put(*one.records, *other.records[:-1], unread)
    asks = [(one.match.shown, 0), (one.match.shown, 1), (other.match.shown, 0)]
    assert ledger.judged("id of judge", asks) == {(one.match.shown, 0): [((1, 0), one.verdict)]}
    assert ledger.judged("another", asks) == {}


def test_lookups_in_chunks_find_everything(ledger: Ledger) -> None:
    contests = [contest(n) for n in range(4_500)]
    assert ledger.put_many(record for c in contests for record in c.records) == 5 * len(contests)
    assert ledger.answers(c.responses[0].key for c in contests) == {
        c.responses[0].key: c.responses[0] for c in contests
    }
    assert ledger.matches(c.match.id for c in contests) == {c.match.id: c.match for c in contests}
    judged = ledger.judged("id of judge", [(c.match.shown, 0) for c in contests])
    assert judged == {(c.match.shown, 0): [((1, 0), c.verdict)] for c in contests}
    counts = ledger.counts()
    assert [counts[t] for t in ("prompts", "responses", "matches", "verdicts")] == [
        4_500,
        9_000,
        4_500,
        4_500,
    ]


def test_many_loops_and_threads_share_one_ledger(ledger: Ledger) -> None:
    async def some(first: int) -> None:
        await asyncio.gather(*(ledger.put(*contest(n).records) for n in range(first, first + 50)))

    threads = [threading.Thread(target=lambda k=k: asyncio.run(some(50 * k))) for k in range(4)]
    for thread in threads:
        thread.start()
    for n in range(200, 230):
        ledger.put_many(contest(n).records)
    for thread in threads:
        thread.join()
    assert ledger.counts()["verdicts"] == 230
    assert ledger.verify().sound


async def test_a_cancelled_put_is_written_all_the_same(ledger: Ledger) -> None:
    task = asyncio.create_task(ledger.put(*contest(1).records))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.put(*contest(2).records)
    assert ledger.counts()["verdicts"] == 2


async def test_a_closed_ledger_says_so(where: str) -> None:
    ledger = Ledger.open(where)
    ledger.close()
    ledger.close()
    with pytest.raises(Fatal, match="closed"):
        await ledger.put(contest(1).prompt)


def test_what_is_queued_at_closing_is_written(where: str) -> None:
    async def leave() -> None:
        ledger = Ledger.open(where)
        tasks = [asyncio.create_task(ledger.put(*contest(n).records)) for n in range(20)]
        await asyncio.sleep(0)
        ledger.close()
        await asyncio.gather(*tasks)

    asyncio.run(leave())
    with Ledger.open(where) as ledger:
        assert ledger.counts()["verdicts"] == 20


def test_runs_are_replaced_and_listed(ledger: Ledger) -> None:
    ledger.put_run("r1", {"started": 1})
    ledger.put_run("r2", {"started": 2})
    ledger.put_run("r1", {"started": 1, "finished": True})
    assert ledger.runs() == {"r1": {"started": 1, "finished": True}, "r2": {"started": 2}}
    assert ledger.run("r2") == {"started": 2}
    assert ledger.run("r3") is None


def test_blobs_are_kept_by_content(ledger: Ledger) -> None:
    data = bytes(range(256)) * 1_000
    part = ledger.put_blob(data, "image", "image/png", (16, 16, 3))
    assert ledger.put_blob(data, "image", "image/png", (16, 16, 3)) == part
    assert ledger.blob(part.sha256) == data
    assert ledger.counts()["blobs"] == 1
    with pytest.raises(BadInput, match="no blob"):
        ledger.blob("0" * 64)
    with pytest.raises(BadInput, match="unknown; use one of image"):
        ledger.put_blob(b"", "hologram", "x/y")


async def test_lineage_goes_up_and_down(ledger: Ledger) -> None:
    one = contest(1)
    revised = answer(one.prompt, "revised", "better", parents=(one.responses[0].id,))
    again = answer(one.prompt, "again", "best", parents=(revised.id,))
    await ledger.put(*one.records, revised, again)
    found = {(r.id, r.table): (r.steps, r.link) for r in ledger.lineage(revised.id)}
    assert found[revised.id, "responses"] == (0, "itself")
    assert found[one.responses[0].id, "responses"] == (-1, "parent")
    assert found[one.prompt.id, "prompts"] == (-1, "prompt")
    assert found[again.id, "responses"] == (1, "parent")
    above = {r.id: r.steps for r in ledger.lineage(one.verdict.id)}
    assert above[one.match.id] == -1
    assert above[one.responses[1].id] == -2
    below = {r.id: r.link for r in ledger.lineage(one.responses[0].id) if r.steps > 0}
    assert below == {
        revised.id: "parent",
        one.match.id: "response",
        one.verdict.id: "match",
        again.id: "parent",
    } or (below[one.verdict.id] in ("match", "evidence"))


def test_opening_at_the_head_imports_neither_alembic_nor_polars(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom winsome.ledger.store import Ledger\n"
        "assert not {'sqlalchemy', 'alembic', 'polars', 'psycopg'} & set(sys.modules), 'on import'\n"
        f"Ledger.open({str(tmp_path / 'l.sqlite')!r}).close()\nLedger.open({str(tmp_path / 'l.sqlite')!r}).close()\n"
        "assert not {'alembic', 'polars', 'psycopg'} & set(sys.modules), 'on opening'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
