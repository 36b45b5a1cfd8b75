"""What is said where nothing would be: which phase a run is in, for how long, of which rank."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from tests.training.small_run import prepared, trained
from winsome.errors import Fatal
from winsome.training import heartbeat
from winsome.training.heartbeat import Heartbeat, doing, said_by, watched


def until(lines: list[str], count: int = 1) -> None:
    end = time.monotonic() + 20
    while len(lines) < count:
        assert time.monotonic() < end, "no line"
        time.sleep(0.005)


def test_a_long_phase_is_told_again_and_again():
    lines: list[str] = []
    with Heartbeat(lines.append, 0.02) as heart, doing(heart, "counting sheep"):
        until(lines, 3)
    assert all(line.startswith("still at counting sheep (0:0") for line in lines[:3])
    heart._thread.join(5)
    assert not heart._thread.is_alive()


def test_a_line_puts_it_off():
    lines: list[str] = []
    with Heartbeat(lines.append, 1e6) as heart:
        before = heart._last
        heart("a line")
        assert heart._last > before
    assert lines == ["a line"]


def test_other_ranks_say_no_lines_but_where_they_stand():
    lines: list[str] = []
    with Heartbeat(lines.append, 0.02) as heart:
        say = said_by(heart, 1)
        say("said by the first rank")
        with doing(say, "update 3"):
            until(lines)
    assert all(line.startswith("rank 1: still at update 3 (0:0") for line in lines)
    said_by(lines.append, 1)("nothing")
    assert "nothing" not in lines


def test_what_says_lines_plainly_is_left_alone():
    lines: list[str] = []
    with doing(lines.append, "anything"):
        said_by(lines.append, 0)("a line")
    assert lines == ["a line"]


def test_memory_that_ran_out_names_what_the_run_was_at():
    @watched
    def run(*, say) -> str:
        with doing(say, "the reference's log-probabilities"):
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")

    with pytest.raises(
        Fatal, match=r"^out of memory at the reference's log-probabilities: lower --micro-tokens"
    ):
        run(say=lambda line: None)

    @watched
    def wrong(*, say) -> str:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        wrong(say=lambda line: None)


def test_a_slow_phase_of_a_run_is_told(tmp_path: Path, monkeypatch, capsys):
    """Tokens that take long: the line that a user would have missed."""
    from winsome.training import runs

    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    monkeypatch.setattr(heartbeat, "EVERY", 0.2)
    tokenised = runs.tokenised

    def slow(*args, **settings):
        time.sleep(0.7)
        return tokenised(*args, **settings)

    monkeypatch.setattr(runs, "tokenised", slow)
    trained(prepared(tmp_path), {"updates": 1})
    assert "still at turning the data into tokens (0:0" in capsys.readouterr().err
