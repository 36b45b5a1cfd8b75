"""The public surface: pinned, lazy, synchronous, usable where an event loop runs."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import winsome
from tests.cli.typed import arithmetic
from winsome.errors import BadInput

SURFACE = [
    "BadInput", "Comparison", "Fatal", "Generated", "Ledger", "Message", "Prompt", "Response", "Sampling",
    "Standings", "Suite", "Unsupported", "Verdict", "WinsomeError", "__version__", "card", "compare", "designs", "difference", "generate", "judge",
    "open", "rank", "run", "standings", "write_report",
]  # fmt: skip


def test_the_public_surface_is_this_and_no_more() -> None:
    assert winsome.__all__ == SURFACE
    assert dir(winsome) == sorted(SURFACE)
    assert all(getattr(winsome, name) is not None for name in SURFACE)
    with pytest.raises(AttributeError, match="no attribute 'comparee'"):
        _ = winsome.comparee  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["compare", "generate", "judge", "rank", "open", "write_report"])
def test_public_functions_have_docstrings_and_keyword_settings(name: str) -> None:
    function = getattr(winsome, name)
    assert inspect.getdoc(function)
    parameters = inspect.signature(function).parameters.values()
    assert {"ledger"} <= {p.name for p in parameters} or name == "rank"
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters)
    assert sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) <= 2


def test_names_are_imported_when_they_are_used() -> None:
    code = "import sys, winsome; winsome.BadInput; assert 'winsome.matchmaking' not in sys.modules; winsome.Prompt; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WINSOME_LEDGER", raising=False)
    arithmetic(tmp_path, a={"1"}, b={"2", "3"})
    return tmp_path


def test_a_comparison_ranks_and_writes_its_report(folder: Path) -> None:
    found = winsome.compare("a.jsonl", Path("b.jsonl"), suite="sums.jsonl", judge="numeric", quiet=True)
    # a wins two sums, b one, three are tied
    assert found.standings.row("recorded:a.jsonl").estimate == pytest.approx(100 * 3.5 / 6)
    assert (found.folder / "report.html").is_file()
    assert "recorded:a.jsonl" in found._repr_html_()
    assert winsome.write_report(found, out="copy.html") == Path("copy.html")
    assert winsome.write_report() == found.folder / "report.html"
    assert winsome.write_report(found.folder.name) == found.folder / "report.html"


async def test_the_functions_work_inside_a_running_loop(folder: Path) -> None:
    assert asyncio.get_running_loop().is_running()
    found = winsome.compare("a.jsonl", "b.jsonl", suite="sums.jsonl", judge="numeric", quiet=True)
    verdicts = winsome.judge("a.jsonl", "b.jsonl", suite="sums.jsonl", judge="numeric", quiet=True)
    assert winsome.rank(verdicts).payload()["rows"] == found.standings.payload()["rows"]
    generated = winsome.generate("recorded:a.jsonl", suite="sums.jsonl", quiet=True)
    assert (generated.complete, generated.texts[1]) == (True, "It is 156 for a.")


def test_generate_takes_texts_and_prompts(folder: Path) -> None:
    asked = winsome.Prompt((winsome.Message("user", ()),), item="x")
    with pytest.raises(BadInput, match="only one of them"):
        winsome.generate("recorded:a.jsonl", ["one"], suite="sums.jsonl")
    with pytest.raises(BadInput, match="draws nothing"):
        winsome.generate("recorded:a.jsonl", [asked], samples=0)
    found = winsome.generate("recorded:a.jsonl", suite="sums.jsonl", limit=2, quiet=True)
    assert isinstance(found.to_frame(), pl.DataFrame)
    assert found.write("out.json", "alpaca_eval") == 2


async def test_open_gives_what_a_name_names(folder: Path) -> None:
    suite = winsome.open("sums.jsonl", "suite")
    assert [prompt.item for prompt in suite.prompts] == ["1", "2", "3", "4", "5", "6"]
    contender = winsome.open("recorded:b.jsonl")
    answers = [response async for response in contender.answer(suite.prompts[:2], winsome.Sampling())]
    assert {response.text for response in answers} == {"It is 43 for b.", "It is 0 for b."}
    assert winsome.open("numeric", "judge").name == "numeric"
    with pytest.raises(BadInput, match='did you mean "judge"'):
        winsome.open("numeric", "juge")  # type: ignore[arg-type]


def test_rank_takes_one_kind_of_thing(folder: Path) -> None:
    frame = pl.DataFrame(
        {"model_a": ["x"] * 4, "model_b": ["y"] * 4, "winner": ["model_a", "model_a", "tie", "model_b"]}
    )
    assert winsome.rank(frame).row("x").estimate == pytest.approx(62.5)
    for wrong in ((), (frame, frame), (frame, "a.jsonl")):
        with pytest.raises(BadInput, match="rank takes files, or one frame"):
            winsome.rank(*wrong)
