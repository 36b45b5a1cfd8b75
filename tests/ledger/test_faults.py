"""What was committed stays: through SIGKILL, a full disk, another writer, a restarted server."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import postgres
from tests.ledger.records import contest
from winsome.errors import Fatal
from winsome.ledger.sqlite import Sqlite
from winsome.ledger.store import Ledger
from winsome.ledger.writer import Writer

ROOT = Path(__file__).resolve().parent.parent.parent

PUTTER = """
import asyncio, itertools, sys
from tests.ledger.records import contest
from winsome.ledger.store import Ledger

async def main(where, first):
    with Ledger.open(where) as ledger:
        print("open", flush=True)
        numbers = itertools.count(first)
        async def work():
            for n in numbers:
                await ledger.put(*contest(n, size=2_000).records)
                sys.stdout.write(f"{n}\\n")
                sys.stdout.flush()
        await asyncio.gather(*(work() for _ in range(32)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def putter(where: str, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PUTTER, where, str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)


def kept(ledger: Ledger, numbers: list[int]) -> bool:
    contests = [contest(n, size=2_000) for n in numbers]
    return ledger.verdicts(c.verdict.id for c in contests) == {c.verdict.id: c.verdict for c in contests}


def test_twenty_kills_lose_nothing_that_was_confirmed(tmp_path: Path) -> None:
    kill_twenty_times(str(tmp_path / "ledger.sqlite"))


@pytest.mark.slow
def test_twenty_kills_lose_nothing_on_postgresql(server: postgres.Server) -> None:
    kill_twenty_times(server.new("kills"))


def kill_twenty_times(where: str) -> None:
    moments = random.Random(7)
    confirmed: list[int] = []
    for _ in range(20):
        process = putter(where, max(confirmed, default=-1) + 1)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(moments.uniform(0.005, 0.25))
        process.send_signal(signal.SIGKILL)
        lines = process.communicate()[0].split("\n")
        confirmed += [int(line) for line in lines[:-1]]  # the last one may be cut
    assert len(confirmed) > 100
    with Ledger.open(where) as ledger:
        assert kept(ledger, confirmed)
        verification = ledger.verify()
        assert verification.sound, verification.problems
        in_flight = ledger.counts()["verdicts"] - len(set(confirmed))
        assert 0 <= in_flight <= 20 * 32


def test_two_processes_write_one_ledger(where: str) -> None:
    processes = [putter(where, first) for first in (0, 1_000_000)]
    confirmed: list[int] = []
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
    for process in processes:  # both write until each has got 200 contests through
        assert process.stdout is not None
        confirmed += [int(process.stdout.readline()) for _ in range(200)]
    for process in processes:
        process.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in process.communicate()[0].split("\n")[:-1]]
    with Ledger.open(where) as ledger:
        assert kept(ledger, confirmed)
        assert ledger.verify().sound


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root"
)
def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1_000_000))
        asyncio.run(fill(disk / "ledger.sqlite", ballast.unlink))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.ledger.test_faults import fill
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
asyncio.run(fill(Path(sys.argv[1]), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))))
"""


def test_a_file_that_may_not_grow_is_told_and_loses_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "ledger.sqlite")], check=True, cwd=ROOT)


async def fill(path: Path, make_room: object) -> None:
    """Put until there is no room, see what is kept, make room and go on."""
    confirmed: list[int] = []
    with Ledger.open(path) as ledger:

        async def put_all() -> None:
            for n in range(2_000):
                await ledger.put(*contest(n, size=20_000).records)
                confirmed.append(n)

        with pytest.raises(Fatal, match="no room on the disk") as caught:
            await put_all()
        assert len(str(caught.value)) <= 200
        assert confirmed
        held = {c.verdict.id: c.verdict for c in (contest(n, size=20_000) for n in confirmed)}
        assert ledger.verdicts(held) == held
        assert callable(make_room)
        make_room()
        await ledger.put(*contest(5_000, size=20_000).records)
        assert ledger.counts()["verdicts"] == len(confirmed) + 1
    with Ledger.open(path) as ledger:
        assert ledger.verdicts(held) == held
        assert ledger.verify().sound


def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        other = sqlite3.connect(tmp_path / "l.sqlite", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(1.0, lambda: other.execute("COMMIT")).start()
        ledger.put_many(contest(1).records)
        assert ledger.counts()["verdicts"] == 1
        other.close()


def test_a_writer_that_never_ends_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("winsome.ledger.sqlite.WAIT", 0.1)
    Ledger.open(tmp_path / "l.sqlite").close()
    other = sqlite3.connect(tmp_path / "l.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = Writer(Sqlite(tmp_path / "l.sqlite"), patience=0.6)
    with pytest.raises(Fatal, match="locked by another process for 1 s; end that process"):
        writer.run({"meta": [("a", "b")]})
    other.execute("COMMIT")
    writer.run({"meta": [("a", "b")]})
    writer.close()
    assert other.execute("SELECT value FROM meta WHERE name = 'a'").fetchall() == [("b",)]
    other.close()


@pytest.fixture
def own_server() -> object:
    binaries = postgres.installed()
    if binaries is None:
        message = "no PostgreSQL server found; install Debian's postgresql"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    started = postgres.start(binaries)
    yield started
    postgres.remove(started)


async def more(done: list[int]) -> None:
    """Until a hundred more are done."""
    wanted = len(done) + 100
    while len(done) < wanted:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_restarted_server_loses_nothing(own_server: postgres.Server) -> None:
    where = own_server.new("ledger")
    with Ledger.open(where) as ledger:
        done: list[int] = []
        numbers = iter(range(10_000))
        stop = asyncio.Event()

        async def work() -> None:
            for n in numbers:
                await ledger.put(*contest(n).records)
                done.append(n)
                if stop.is_set():
                    return

        workers = [asyncio.create_task(work()) for _ in range(16)]
        for _ in range(2):
            await more(done)
            await asyncio.to_thread(own_server.restart)
        await more(done)
        stop.set()
        await asyncio.gather(*workers)
        contests = [contest(n) for n in done]
        assert ledger.verdicts(c.verdict.id for c in contests) == {c.verdict.id: c.verdict for c in contests}
        assert ledger.counts()["verdicts"] == len(done)
        assert ledger.verify().sound


def test_a_server_that_stays_away_is_told_in_one_line(own_server: postgres.Server) -> None:
    from winsome.ledger.postgres import Postgres

    where = own_server.new("ledger")
    ledger = Ledger.open(where)
    writer = Writer(Postgres(where), patience=0.6)
    own_server.stop()
    with pytest.raises(Fatal, match="no server for 1 s") as caught:
        writer.run({"meta": [("a", "b")]})
    assert len(str(caught.value)) <= 200
    for read in (
        lambda: ledger.frame("verdicts"),
        lambda: ledger.query("SELECT 1"),
        ledger.verify,
        ledger.vacuum,
    ):
        with pytest.raises(Fatal, match="no server ") as caught:
            read()
        assert len(str(caught.value)) <= 200
    own_server.start()
    writer.run({"meta": [("a", "b")]})
    writer.close()
    assert ledger.query("SELECT name FROM meta WHERE name = 'a'").height == 1
    ledger.close()
