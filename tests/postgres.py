"""A real PostgreSQL server for tests: Debian's binaries, a folder of its own, a free port, run as an ordinary user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running server; `url(database)` makes the database if it is new."""

    binaries: Path
    folder: Path
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://winsome@127.0.0.1:{self.port}/{database}"

    def new(self, name: str) -> str:
        """The address of a new schema, which is to a ledger what a database is, and far quicker to make."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        return self.url("postgres") + f"?options=-csearch_path%3D{name}"

    def restart(self) -> None:
        """Break every connection at once, as a crash of the machine would, and come back."""
        self.stop()
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c shared_buffers=32MB"
        log = self.folder / "log"
        _as_user(
            [self.binaries / "pg_ctl", "-D", self.folder / "data", "-o", options, "-l", log, "-w", "start"]
        )

    def stop(self) -> None:
        _as_user([self.binaries / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop"])


def installed() -> Path | None:
    """The folder of the newest server's programs; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


def start(binaries: Path) -> Server:
    """A new server with no data; the caller ends it by `remove`."""
    folder = Path(tempfile.mkdtemp(prefix="winsome-pg-"))
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(binaries, folder, port)
    _as_user(
        [
            binaries / "initdb",
            "-D",
            folder / "data",
            "-U",
            "winsome",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
    )
    server.start()
    return server


def remove(server: Server) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):  # a test that failed may have left it stopped
        server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def _as_user(command: list[str | Path]) -> None:
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        timeout=120,
        **user,
    )
