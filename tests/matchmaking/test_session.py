"""A Run: what is opened once, what every contender takes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Sampling

COUNTING = "tests.matchmaking.counting:contender"


@pytest.fixture
def run(tmp_path: Path) -> Session:
    return Session(Door(Ledger.open(tmp_path / "ledger.sqlite")))


def opened(run: Session, spec: object) -> Asked:
    found = run.open(spec, Contender)  # type: ignore[arg-type]
    assert isinstance(found, Asked)
    return found


def test_equal_names_are_one_object_and_equal_ids_share_what_is_inside(run: Session) -> None:
    plain, again = opened(run, COUNTING), opened(run, {"kind": COUNTING})
    assert plain is again
    terse = opened(run, f"{COUNTING}?system=Be terse.")
    assert terse is not plain
    assert terse.inner is plain.inner
    assert terse.id != plain.id
    assert terse.name == f"{COUNTING}?system=Be terse."


def test_a_base_within_is_counted_apart_but_is_the_same_weights(run: Session) -> None:
    alone = opened(run, COUNTING)
    within = opened(
        run, f"best_of_n?n=2&base=({COUNTING})&scorer=tests.matchmaking.counting:favourite"
    ).inner.base  # type: ignore[attr-defined]
    assert within is not alone
    assert within.inner is alone.inner
    assert within.tally is not alone.tally


def test_servers_keep_their_own_key_timeout_and_price(run: Session) -> None:
    base = "http://localhost:1/v1#m"
    first = opened(run, f"{base}?timeout=5&price_in=1&price_out=2&key=env:ONE")
    second = opened(run, f"{base}?key=env:TWO")
    assert first.id == second.id
    assert (first.inner.server.timeout, second.inner.server.timeout) == (5, 600)  # type: ignore[attr-defined]
    assert (first.inner.server.key, second.inner.server.key) == ("ONE", "TWO")  # type: ignore[attr-defined]
    assert second.inner.price is None  # type: ignore[attr-defined]
    assert opened(run, f"{base}?key=env:TWO&temperature=1").inner is second.inner


def test_settings_of_the_name_stand_over_the_callers(run: Session) -> None:
    found = opened(run, f"{COUNTING}?temperature=0.2&max_tokens=9&seed=none")
    wanted = found.resolved(Sampling(range(3), temperature=1.0, top_p=0.5, seed=4))
    assert wanted == Sampling(range(3), temperature=0.2, top_p=0.5, max_tokens=9, seed=4)


def test_the_system_text_of_a_file_is_in_the_id_and_its_path_is_not(run: Session, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\ufeffSei kurz, höflich.\n", "utf-8")
    (tmp_path / "b.txt").write_text("Sei kurz, höflich.", "utf-8")
    (tmp_path / "c.txt").write_text("Sei lang.", "utf-8")
    a, b, c = (opened(run, f"{COUNTING}?system=@{tmp_path}/{name}.txt") for name in "abc")
    assert a.system == "Sei kurz, höflich."
    assert a.id == b.id != c.id
    assert a.id == opened(run, f"{COUNTING}?system=Sei kurz%2C höflich.").id


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("temperature=hot", "is no number"),
        ("temperature=nan", "out of range"),
        ("temperature=-1", "out of range"),
        ("top_p=0", "out of range"),
        ("max_tokens=0", "out of range"),
        ("max_tokens=1.5", "is no number"),
        ("seed=", "is no number"),
        ("system=[a,b]", "system is no text"),
        ("system=@nowhere.txt", "cannot be read"),
        ("seed=99999999999999999999999", "64"),
    ],
)
def test_wrong_settings_are_one_line_without_secrets(run: Session, settings: str, line: str) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        opened(run, f"{COUNTING}?{settings}&api_key=sk-very-secret")
    assert "sk-very-secret" not in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_a_system_text_that_is_no_utf_8(run: Session, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("höflich".encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8"):
        opened(run, f"{COUNTING}?system=@{tmp_path}/latin.txt")


def test_a_file_that_names_itself_is_one_line(run: Session, tmp_path: Path) -> None:
    file = tmp_path / "self.yaml"
    file.write_text(f"kind: best_of_n\nbase: '@{file}'\nscorer: tests.matchmaking.counting:favourite\n")
    with pytest.raises(BadInput, match="does a file name itself") as caught:
        opened(run, f"@{file}")
    assert len(str(caught.value)) <= 200
