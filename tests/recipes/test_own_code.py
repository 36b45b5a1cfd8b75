"""Own code: a step in a few lines, held to the laws, and kept from what is true of a world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipes.conftest import ANSWER, GOLD, LOAD, rows
from winsome.errors import BadInput
from winsome.recipes import landlock
from winsome.recipes.run import Ran
from winsome.sandbox import worlds

Play = Callable[..., Ran]
OWN = "tests.recipes.own_steps"


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))


def test_an_own_step_filters_prompts(play: Play) -> None:
    ran = play(LOAD, {f"{OWN}:short": {"most": 30}})
    prompts = ran.frame("short", "prompts")
    assert 0 < prompts.height < 30
    assert all(len(messages[-1]["content"]) <= 30 for messages in prompts["messages"].to_list())
    assert ran.record["steps"][-1]["dropped"] == {"over 30": 30 - prompts.height}
    assert play(LOAD, {f"{OWN}:short": {"most": 30}}).record["steps"][-1]["cached"]


def test_an_own_rule_stands_where_a_shipped_one_does(play: Play) -> None:
    ran = play(LOAD, {"filter": {"rule": f"{OWN}:first_letters", "letters": "ABCDEFGHIJKLM"}})
    assert 0 < rows(ran)["filter"]["prompts"] < 30


BROKEN = {
    "forgets": "25 of 30 rows that came in are gone and 0 are told of",
    "claims": "tells of 3 rows dropped, but 0 of 30 are gone",
    "invents": "1 ids that are there twice",
    "fails": "KeyError: 'nothing' (own_steps.py:",
    "not_kept": "gave back DataFrame; give winsome.frames.Kept",
    "adds_gold": 'made prompts with the column "_Gold_value"',
    "absent": 'has no function "absent"',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_step_is_refused_in_one_line(name: str, play: Play) -> None:
    with pytest.raises(BadInput) as raised:
        play(LOAD, {f"{OWN}:{name}": {}})
    assert BROKEN[name] in str(raised.value)
    assert len(str(raised.value)) <= 200


def test_unknown_settings_of_own_steps_get_the_nearest(play: Play) -> None:
    with pytest.raises(BadInput, match='no key "mst"; did you mean "most"'):
        play(LOAD, {f"{OWN}:short": {"mst": 30}})
    with pytest.raises(BadInput, match="no module no_such_module"):
        play(LOAD, {"no_such_module:step": {}})


def test_own_code_is_not_imported_by_the_run(play: Play, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "loud.py").write_text(
        "import pathlib\npathlib.Path('/tmp/loud-was-here').touch()\ndef step(frames):\n    '''x'''\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(str(here))
    with pytest.raises(BadInput, match="loud:step: PermissionError"):
        play(LOAD, {"loud:step": {}})
    assert not Path("/tmp/loud-was-here").exists()


def hostile(play: Play, name: str, **keys: str) -> str:
    """What a hostile step says after its try; it would begin with "found" had it got anything."""
    with pytest.raises(BadInput) as raised:
        play(LOAD, ANSWER, {"score": {"by": GOLD}}, {f"{OWN}:{name}": keys})
    return str(raised.value)


def test_no_frame_has_what_is_true_under_any_name(play: Play) -> None:
    assert "RuntimeError: found []" in hostile(play, "renames_prefix")


def test_nothing_can_be_joined_by_id(play: Play, here: Path) -> None:
    play(LOAD, ANSWER)
    ledger = here / ".winsome" / "ledger.sqlite"
    assert ledger.is_file()
    assert "found" not in hostile(play, "joins_by_id", ledger=str(ledger))


def test_the_world_cannot_be_made_again_from_its_seed(play: Play) -> None:
    assert "own code may not open a world" in hostile(play, "imports_world")
    assert "found" not in hostile(play, "copies_world", path=str(worlds.__file__))
    assert "own code asks nobody" in hostile(play, "opens_scorer")
    assert "found" not in hostile(play, "starts_process")


@pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
def test_the_kernel_keeps_the_cache_from_readers_that_python_cannot_see(play: Play) -> None:
    ran = play(LOAD, ANSWER)
    place = ran.products["generate"].frames["responses"].path.resolve()
    assert "found" not in hostile(play, "joins_by_polars", path=str(place))


def test_the_cache_cannot_be_listed(play: Play, here: Path) -> None:
    play(LOAD)
    assert "found" not in hostile(play, "reads_cache", folder=str(here / ".winsome" / "cache"))


def test_secrets_of_the_environment_are_not_passed_on(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "k-123")
    assert "found None" in hostile(play, "reads_environment")


def test_gold_columns_of_a_file_are_never_read(play: Play, here: Path) -> None:
    (here / "held.jsonl").write_text(
        '{"prompt": "p", "output": "a", "_gold_value": 1.0, " _GOLD_right": 2}\n', "utf-8"
    )
    ran = play({"load": {"source": "held.jsonl", "kind": "demonstrations"}})
    for name in ("prompts", "responses"):
        assert not [column for column in ran.frame("load", name).columns if "gold" in column.lower()]
