"""winsome doctor: what is here, what is missing, and never a key's value."""

from __future__ import annotations

from pathlib import Path

from tests.cli.typed import arithmetic, typed


def test_keys_are_named_and_never_shown(tmp_path: Path) -> None:
    secret = "sk-abcdef0123456789abcdef"
    done = typed("doctor", "--json", cwd=tmp_path, OPENAI_API_KEY=secret, MY_KEY=secret)
    assert done.code == 0, done.err
    assert {"OPENAI_API_KEY", "MY_KEY"} <= set(done.json()["keys"])
    assert secret not in done.out + done.err
    assert done.json()["python"]["ok"]
    assert None not in done.json()["packages"].values()


def test_it_makes_no_ledger_and_counts_the_one_there_is(tmp_path: Path) -> None:
    assert typed("doctor", "--json", cwd=tmp_path).json()["ledger"]["exists"] is False
    assert not (tmp_path / ".winsome").exists()
    arithmetic(tmp_path, a={"1"}, b={"2"})
    typed("compare", "a.jsonl", "b.jsonl", "--suite", "sums.jsonl", "--judge", "numeric", cwd=tmp_path)
    found = typed("doctor", "--json", cwd=tmp_path).json()
    assert found["ledger"]["counts"]["prompts"] == 6
    assert found["runs"] == 1


def test_a_broken_ledger_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database" * 100)
    done = typed("doctor", "--ledger", "broken.sqlite", cwd=tmp_path)
    assert done.code == 2
    assert "broken.sqlite" in done.out
    assert "Traceback" not in done.err
