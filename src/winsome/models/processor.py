"""What this machine can do at this moment: idle cores, bfloat16."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path


def idle_cores(window: float = 0.1) -> int:
    """How many cores nobody is using, at least 1, watched for `window` seconds; `$OMP_NUM_THREADS` overrides.

    Two threads on one free core are slower than one thread, so busy cores are not counted.
    """
    fixed = os.environ.get("OMP_NUM_THREADS", "")
    if fixed.isdigit() and int(fixed) > 0:
        return int(fixed)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    before = _idle_seconds()
    if before is None:
        return max(1, round(allowed - os.getloadavg()[0])) if hasattr(os, "getloadavg") else 1
    start = time.monotonic()
    time.sleep(window)
    after = _idle_seconds()
    idle = 0.0 if after is None else (after - before) / (time.monotonic() - start)
    # This process slept meanwhile, so its own core counts as idle; half a core is taken as one.
    return max(1, min(allowed, int(idle + 0.5)))


def _idle_seconds() -> float | None:
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return (int(first[4]) + int(first[5])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError, AttributeError):
        return None


@cache
def bfloat16_pays() -> bool:
    """Whether bfloat16 matrix products are faster than float32 here: a GPU that knows them, AVX-512 BF16 or AMX.

    Read from the kernel, so that asking costs no import of torch on a machine without a GPU.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def keep_freed_memory() -> None:
    """Let the C library keep what is freed instead of giving it back, where it is glibc: training asks for the same again.

    Pages that come back from the kernel are filled with zeros one by one, which took a tenth of an update.
    """
    import ctypes

    trim_threshold, mmap_threshold = -1, -3
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        # glibc takes no threshold for mappings above 32 MiB.
        mallopt(mmap_threshold, 32 << 20)
        mallopt(trim_threshold, 2**31 - 1)
