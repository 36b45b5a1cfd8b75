"""The annotation server over HTTP: blind, durable before it confirms, closed to whoever lacks the token."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import stat
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.typed import typed
from tests.server.served import Served, answers
from winsome.report.document import schema

Start = Callable[..., Served]


def kept(folder: Path) -> list[tuple[str, str, str]]:
    """(annotator, outcome, reason) of every human verdict on disk."""
    with sqlite3.connect(folder / ".winsome" / "ledger.sqlite") as ledger:
        return ledger.execute(
            "SELECT annotator, outcome, reason FROM verdicts WHERE judge = 'human'"
        ).fetchall()


def test_a_run_is_labelled_and_told(tmp_path: Path, start: Start) -> None:
    answers(tmp_path, 40)
    run = start("--labels", "32", "--assist", "regex?pattern=(word ){5}", "--json", "--quiet")
    state = run.view("ann")
    assert (state["labelled"], state["wanted"], state["yours"]) == (0, 32, 0)
    assert "model" not in json.dumps(state)
    assert "recorded" not in json.dumps(state)
    longer = Counter[str]()
    while state["pair"] is not None:
        left, right = (state["pair"][side][0] for side in ("left", "right"))
        word = "tie" if len(left) == len(right) else "left" if len(left) > len(right) else "right"
        longer[{"left": left, "right": right, "tie": "="}[word][0]] += 1
        state = run.label("ann", state["pair"]["id"], word)
    assert run.process.wait(60) == 0
    found = json.loads((tmp_path / "out.txt").read_text())
    people = found["people"]
    assert (people["labelled"], people["annotators"], people["enough"]) == (32, {"ann": 32}, True)
    row = next(row for row in found["standings"]["rows"] if row["contender"] == "recorded:a.jsonl")
    wanted = (longer["a"] + longer["="] / 2) / 32
    assert row["estimate"] == pytest.approx(100 * wanted)
    figure = people["control_variates"]
    assert figure["human"]["estimate"] == pytest.approx(wanted)
    assert (figure["labels"], figure["pairs"]) == (32, 40)
    assert people["side"] == "recorded:a.jsonl"
    assert people["plan"] is not None
    report = tmp_path / found["report"]
    jsonschema.validate(
        json.loads(report.with_suffix(".json").read_text()), schema(), cls=jsonschema.Draft202012Validator
    )
    assert "labels: 32 of 40 pairs by ann 32" in report.read_text()
    again = typed("compare", "a.jsonl", "b.jsonl", "--judge", "human", "--labels", "32", cwd=tmp_path)
    assert again.code == 0
    assert "labels: 32 of 40 pairs by ann 32" in again.out
    assert "label pairs at" not in again.err


@pytest.mark.parametrize("kills", [3])
def test_a_kill_loses_nothing_that_was_confirmed(tmp_path: Path, start: Start, kills: int) -> None:
    answers(tmp_path, 40)
    confirmed = 0
    for _ in range(kills):
        run = start()
        state = run.view("ann")
        assert state["yours"] == confirmed
        for _ in range(7):
            state = run.label("ann", state["pair"]["id"], "left")
            confirmed += 1
        assert run.stop(signal.SIGKILL) == -signal.SIGKILL
        assert len(kept(tmp_path)) == confirmed
    assert start().view("ann")["yours"] == confirmed


def test_undo_skip_and_a_label_sent_twice(tmp_path: Path, start: Start) -> None:
    answers(tmp_path)
    run = start()
    first = run.view("ann")["pair"]["id"]
    state = run.label("ann", first, "left")
    assert run.label("ann", first, "left")["yours"] == 1
    assert state["undo"]
    back = run.ask("api/undo", {"annotator": "ann"})[1]
    assert (back["pair"]["id"], back["yours"]) == (first, 0)
    run.label("ann", first, "both bad")
    second = run.view("ann")["pair"]["id"]
    assert run.label("ann", second, "skip")["yours"] == 1
    third = run.view("ann")["pair"]["id"]
    assert len({first, second, third}) == 3
    run.label("ann", third, "right")
    run.ask("api/undo", {"annotator": "ann"})
    # Ctrl-C tells what there is, with holes
    assert run.stop() == 3
    assert "labels: 1 of 30 pairs by ann 1 (1 both bad, 1 skip)" in (tmp_path / "out.txt").read_text()
    state = start().view("ann")
    assert (state["yours"], state["pair"]["id"]) == (1, third)
    words = Counter((outcome, reason) for _, outcome, reason in kept(tmp_path))
    assert words["tie", "both bad"] == 1
    assert words["void", "skipped"] == 1


def test_two_at_once_share_the_work_and_their_agreement_is_told(tmp_path: Path, start: Start) -> None:
    import krippendorff
    import numpy as np

    answers(tmp_path, 60)
    run = start("--overlap", "0.5")
    said: dict[str, dict[str, float]] = {"ann": {}, "bob": {}}
    shares = {"left": 1.0, "right": 0.0, "tie": 0.5}
    seen: dict[str, tuple[str, str]] = {}

    def work(name: str) -> None:
        draw = random.Random(name)
        state = run.view(name)
        while state["pair"] is not None and len(said[name]) < 25:
            pair = state["pair"]
            seen.setdefault(pair["id"], (pair["left"][0], pair["right"][0]))
            assert seen[pair["id"]] == (pair["left"][0], pair["right"][0]), "both see one seating"
            word = draw.choice(["left", "right", "tie"])
            # agreement is about contenders, so that two who both favour a side do not agree by it
            share = shares[word]
            said[name][pair["id"]] = share if pair["left"][0].startswith("a") else 1 - share
            state = run.label(name, pair["id"], word)

    threads = [threading.Thread(target=work, args=(name,)) for name in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    both = said["ann"].keys() & said["bob"].keys()
    alone = said["ann"].keys() ^ said["bob"].keys()
    assert 8 <= len(both) <= 17
    assert alone
    state = run.view("cleo")
    table = np.full((2, 60), np.nan)
    for row, name in enumerate(("ann", "bob")):
        for k, pair in enumerate(sorted(both)):
            table[row, k] = said[name][pair]
    alpha = krippendorff.alpha(reliability_data=table[:, : len(both)], level_of_measurement="nominal")
    assert state["alpha"]["estimate"] == pytest.approx(alpha, abs=1e-9)
    assert (state["alpha"]["items"], state["kappa"]["items"]) == (len(both), len(both))
    from sklearn.metrics import cohen_kappa_score

    codes = [[round(2 * said[name][pair]) for pair in sorted(both)] for name in ("ann", "bob")]
    assert state["kappa"]["estimate"] == pytest.approx(cohen_kappa_score(*codes), abs=1e-9)
    lefts = Counter(words[0][0] for words in seen.values())
    assert min(lefts.values()) > 5, "sides are drawn by lot"


def test_whoever_lacks_the_token_or_the_address_is_told_nothing(tmp_path: Path, start: Start) -> None:
    answers(tmp_path)
    run = start()
    for token in ("", "Bearer", f"Bearer {run.token}x", f"Basic {run.token}"):
        status, said = run.ask("api/pair?annotator=ann", Authorization=token)
        assert (status, "token" in said["error"], "pair" in said) == (401, True, False)
    assert run.ask("", Host="evil.example")[0] == 403
    assert run.ask("api/pair?annotator=ann", Host="evil.example:80")[0] == 403
    cases: list[tuple[Any, str]] = [
        (b"{", "no JSON object"),
        ([1], "no JSON object"),
        ({"annotator": "ann", "pair": "x", "label": "left"}, "unknown to this run"),
        ({"annotator": "", "pair": "x", "label": "left"}, "annotator"),
        ({"annotator": "a" * 61}, "annotator"),
        ({"annotator": "a\u0007b"}, "annotator"),
        (b"x" * 20_000, "too long"),
    ]
    pair = run.view("ann")["pair"]["id"]
    cases.append(({"annotator": "ann", "pair": pair, "label": "best"}, "label"))
    for body, words in cases:
        status, said = run.ask("api/labels", body)
        assert (status, words in said["error"]) == (422, True), (body, said)
        assert len(said["error"]) <= 200
    assert kept(tmp_path) == []
    token = tmp_path / ".winsome" / "annotate.token"
    assert token.read_text() == run.token
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    run.stop(signal.SIGKILL)
    assert start().token == run.token, "links outlive the run"


@pytest.mark.parametrize(("flags", "words"), [
    (("--host", "0.0.0.0"), "add --expose"),
    (("--host", "example.org"), "add --expose"),
    (("--half-width", "60%"), "between 0 and 50"),
    (("--assist", "human"), "cannot assist themselves"),
    (("--schedule", "swiss"), "drawn beforehand"),
    (("--schedule", "swiss", "--stop-when", "decided"), "drawn beforehand"),
    (("--overlap", "2"), "no share"),
])  # fmt: skip
def test_mistakes_in_one_line(tmp_path: Path, flags: tuple[str, ...], words: str) -> None:
    answers(tmp_path, 4)
    done = typed("compare", "a.jsonl", "b.jsonl", "--judge", "human", "--quiet", *flags, cwd=tmp_path)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.strip()) <= 200
    assert done.err.count("\n") == 1


def test_people_s_flags_need_people_and_two_contenders(tmp_path: Path) -> None:
    answers(tmp_path, 4)
    (tmp_path / "c.jsonl").write_text((tmp_path / "a.jsonl").read_text().replace("answer", "reply"))
    done = typed(
        "compare",
        "a.jsonl",
        "b.jsonl",
        "--judge",
        "regex?pattern=x",
        "--assist",
        "regex?pattern=y",
        cwd=tmp_path,
    )
    assert (done.code, "need --judge human" in done.err) == (2, True)
    done = typed(
        "compare",
        "a.jsonl",
        "b.jsonl",
        "c.jsonl",
        "--judge",
        "human",
        "--assist",
        "regex?pattern=y",
        cwd=tmp_path,
    )
    assert (done.code, "two contenders, not 3" in done.err) == (2, True)


def test_a_port_in_use_is_named(tmp_path: Path, start: Start) -> None:
    answers(tmp_path, 4)
    port = start().address.rsplit(":", 1)[1].strip("/")
    done = typed("compare", "a.jsonl", "b.jsonl", "--judge", "human", "--port", port, "--quiet", cwd=tmp_path)
    assert (done.code, f"port {port}" in done.err, "--port 0" in done.err) == (2, True, True)
