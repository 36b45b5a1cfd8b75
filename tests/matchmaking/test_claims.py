"""Whose claim it is: live, dead, zombie, foreign."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from winsome.matchmaking.claims import is_dead, machine, new_owner

ASK = "from winsome.matchmaking.claims import new_owner; print(new_owner(), flush=True); input()"


def owner_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_process_is_dead_when_it_has_ended_even_before_its_parent_looks() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    owner = owner_of(process)
    assert not is_dead(owner)
    process.kill()
    deadline = time.monotonic() + 10
    # not waited for: the process is a zombie, whose number still exists
    while not is_dead(owner):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, 0)
    process.communicate()
    assert is_dead(owner)


def test_ones_own_claims_are_alive_and_a_reused_process_number_is_not_their_owner() -> None:
    owner = new_owner()
    assert not is_dead(owner)
    name, pid, started, unique = owner.split("/")
    assert is_dead("/".join((name, pid, str(int(started) - 1), unique)))
    assert owner != new_owner()


@pytest.mark.parametrize(
    "owner", ["elsewhere/1/2/3", "tester", "", "a/b/c/d", "host/12/with/more/parts", f"{machine()}/x/1/2"]
)
def test_nobody_can_tell_of_another_machine(owner: str) -> None:
    assert not is_dead(owner)
