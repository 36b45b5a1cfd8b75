"""What this process may still touch on disk and network, held by the Linux kernel (Landlock, from 5.13); nothing can widen it again."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

CREATE, ADD, RESTRICT = 444, 445, 446
"""System calls; the same numbers on all 64-bit architectures."""
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Version of Landlock -> all rights of files that it knows."""
NETWORK = 0b11
"""Binding and connecting TCP sockets, from version 4."""
NO_NEW_PRIVILEGES = 38
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | (1 << 14)
"""Rights that a rule on a single file may give."""


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, _library().syscall(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict(readable: Sequence[Path], writable: Sequence[Path], denied: Sequence[Path]) -> bool:
    """Let this process read below `readable` but not below `denied`, write below `writable`, and open no TCP connection.

    Whether the kernel holds to it; where it knows no Landlock nothing is changed.
    """
    abi = version()
    if not abi:
        return False
    library = _library()
    handled = BY_ABI[min(abi, max(BY_ABI))]
    attributes = struct.pack("=QQ", handled, NETWORK) if abi >= 4 else struct.pack("=Q", handled)
    ruleset = library.syscall(CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    for root in readable:
        for path, listed in _parts(root, denied):
            _allow(library, ruleset, path, READ_DIR if listed else EXECUTE | READ_FILE | READ_DIR)
    for root in writable:
        _allow(library, ruleset, root, handled & ~EXECUTE)
    library.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    held = library.syscall(RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0
    os.close(ruleset)
    return held


def _parts(root: Path, denied: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """`root` whole where nothing denied lies below it; else what of it may be read, and the folders that may only be listed."""
    if any(root == path or path in root.parents for path in denied):
        return
    if not any(root in path.parents for path in denied):
        yield root, False
        return
    yield root, True
    for child in root.iterdir():
        if not child.is_symlink():
            yield from _parts(child, denied)


def _allow(library: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        held = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rights = rights if path.is_dir() else rights & OF_FILES
    rule = struct.pack("=Qi", rights, held)
    library.syscall(ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    os.close(held)


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
