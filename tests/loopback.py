"""The loopback device: where the network is cut off by a namespace of its own it is down, and local servers need it."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

READ_FLAGS, WRITE_FLAGS, UP = 0x8913, 0x8914, 1
REQUEST = "16sH14s"


def bring_up() -> None:
    """Set lo up on Linux where that is allowed; elsewhere, and where it is up already, nothing happens."""
    if sys.platform != "linux":
        return
    import fcntl

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        asked = struct.pack(REQUEST, b"lo", 0, b"")
        flags = struct.unpack(REQUEST, fcntl.ioctl(device, READ_FLAGS, asked))[1]
        if not flags & UP:
            fcntl.ioctl(device, WRITE_FLAGS, struct.pack(REQUEST, b"lo", flags | UP, b""))
