"""Whose claim is it? An owner's name tells machine and process, so the claims of a dead process here are free at once."""

from __future__ import annotations

import hashlib
import os
import platform
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

LEASE = 60.0
"""Seconds after which a claim whose owner gave no sign of life may be taken over."""


def new_owner() -> str:
    """A name for this process's claims."""
    pid = os.getpid()
    return f"{machine()}/{pid}/{_started(pid)}/{uuid.uuid4().hex[:8]}"


@cache
def machine() -> str:
    """This machine since it started, and within it this container: process numbers mean nothing outside."""
    marks = [platform.node()]
    with suppress(OSError):
        marks += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.blake2b("/".join(marks).encode(), digest_size=6).hexdigest()


def is_dead(owner: str) -> bool:
    """True where `owner` was a process of this machine that no longer runs; False where nobody can tell."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[0] != machine() or not parts[1].isdecimal():
        return False
    pid = int(parts[1])
    if Path("/proc/self/stat").exists():
        return _started(pid) != parts[2]
    if pid == os.getpid() or os.name == "nt":  # signal 0 is Ctrl-C on Windows
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _started(pid: int) -> str:
    """When the process began, in ticks since the machine did; empty where it has ended or nobody can tell."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if state in "ZX" else rest[18]
    except (OSError, ValueError, IndexError):
        return ""
