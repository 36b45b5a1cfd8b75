"""Whose claim is it? An owner's name tells the machine and process, so a dead process on this machine frees its claims at once."""

from __future__ import annotations

import os
import platform
import uuid
from pathlib import Path

LEASE = 60.0
"""Seconds after which a claim whose owner gave no sign of life may be taken over."""


def new_owner() -> str:
    """A name for this process's claims."""
    pid = os.getpid()
    return f"{platform.node()}/{pid}/{_started(pid)}/{uuid.uuid4().hex[:8]}"


def is_dead(owner: str) -> bool:
    """True where `owner` was a process of this machine that no longer runs; False where nobody can tell."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[0] != platform.node():
        return False
    pid = int(parts[1])
    if pid == os.getpid():
        return False
    if Path("/proc/self/stat").exists():
        return _started(pid) != parts[2]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
