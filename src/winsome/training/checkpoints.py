"""Checkpoints: everything a run needs to go on bit for bit, written aside and renamed, so that a folder that is there is whole.

checkpoints/000200/model.safetensors    the trained tensors in float32
                   optimizer.safetensors its moments, the running average, random states
                   state.json           update, plan, digests of data and start, running figures
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from winsome.errors import BadInput, Fatal

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SAID_FULL = ("No space left", "File too large", "quota exceeded")
"""The same as told by the writer of safetensors, whose errors have no number."""


@dataclass(frozen=True)
class Checkpoint:
    """`weights` by parameter name, `moments` by name, and `state`: JSON-like, with `update` (done so far) and `made_for`."""

    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]
    state: Mapping[str, Any]


def save(root: Path, checkpoint: Checkpoint, *, keep: int = 2) -> Path:
    """The checkpoint's folder below `root`, durable on return; the `keep` newest stay.

    Raises Fatal where the disk is full or cannot be written; what was there before stays as it was.
    """
    import safetensors.torch

    save_file = cast(Any, safetensors.torch).save_file
    name = f"{checkpoint.state['update']:06d}"
    part = root / f".part-{name}-{os.getpid()}"
    try:
        part.mkdir(parents=True, exist_ok=True)
        save_file(dict(checkpoint.weights), part / "model.safetensors")
        save_file(dict(checkpoint.moments), part / "optimizer.safetensors")
        sums = {file.name: _checksum(file) for file in sorted(part.iterdir())}
        state = {**checkpoint.state, "format": FORMAT, "files": sums}
        (part / "state.json").write_bytes(orjson.dumps(state, option=orjson.OPT_INDENT_2))
        settle(part, root / name)
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        raise failed(error, root / name, newest(root)) from error
    for old in folders(root)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return root / name


def failed(error: Exception, place: Path, last: Path | None) -> Exception:
    """The error of a save told in one line, with the checkpoint that stays; what is no matter of the disk as it is."""
    text = str(error)
    full = getattr(error, "errno", None) in FULL or any(said in text for said in SAID_FULL)
    if not full and not isinstance(error, OSError):
        return error
    why = (
        "the disk is full" if full else f"cannot be written ({getattr(error, 'strerror', None) or text[:40]})"
    )
    stays = (
        f"{last.name} stays whole; free room and run the same command"
        if last
        else "none was saved before; free room"
    )
    return Fatal(f"checkpoint {place.name}: {why}; {stays}")


def settle(part: Path, place: Path) -> None:
    """Make the files of `part` durable and rename it to `place`, which takes the place of what was there."""
    for file in part.rglob("*"):
        if file.is_file():
            _flush(file)
    _flush(part)
    if place.exists():
        old = place.with_name(f".old-{place.name}-{os.getpid()}")
        place.rename(old)
        part.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(place)
    _flush(place.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folders(root: Path) -> list[Path]:
    """The whole checkpoints below `root`, oldest first."""
    return sorted(place for place in root.glob("[0-9]*") if (place / "state.json").is_file())


def newest(root: Path) -> Path | None:
    found = folders(root)
    return found[-1] if found else None


def load(root: Path, made_for: Mapping[str, str], device: str = "cpu") -> Checkpoint | None:
    """The newest whole checkpoint below `root`; None where there is none. A damaged one is passed over for the one before.

    Raises BadInput where it was made for another start, data or plan than `made_for`, naming which.
    """
    import safetensors.torch

    load_file = cast(Any, safetensors.torch).load_file
    for place in reversed(folders(root)):
        state = orjson.loads((place / "state.json").read_bytes())
        _check_made_for(place, state, made_for)
        if all((place / n).is_file() and _checksum(place / n) == s for n, s in state["files"].items()):
            weights = load_file(place / "model.safetensors", device)
            return Checkpoint(weights, load_file(place / "optimizer.safetensors"), state)
    return None


def _check_made_for(place: Path, state: Mapping[str, Any], made_for: Mapping[str, str]) -> None:
    held = state.get("made_for", {})
    other = next((name for name, value in made_for.items() if held.get(name) != value), None)
    if state.get("format") != FORMAT or other is not None:
        raise BadInput(
            f"{place}: is a checkpoint of another {other or 'version'}; name another --out, or delete the folder"
        )


def discard_parts(root: Path) -> None:
    """Remove what saves that were killed have left."""
    for pattern in (".part-*", ".old-*"):
        for place in root.glob(pattern):
            shutil.rmtree(place, ignore_errors=True)


def _checksum(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]
