"""Which pairs a scorer was trained on: short digests in a file beside its weights, so that it is not asked about those very pairs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from winsome.records import digest

FILE = "trained_pairs.txt"
LONG = 16
"""Hex digits kept of a digest: 64 bits, so that two of a million pairs are alike by chance with probability 3e-8."""


def pair_key(prompt: str, texts: Iterable[str]) -> str:
    """The digest of a pair from its prompt's id and the words of its answers, whichever stands first."""
    return digest([prompt, sorted(texts)])[:LONG]


def keep_pairs(place: Path, keys: Iterable[str]) -> None:
    """Write the keys into the model's folder, one a line, each once."""
    (place / FILE).write_text("".join(f"{key}\n" for key in sorted(set(keys))), "utf-8")


def trained_pairs(weights: Iterable[str]) -> frozenset[str]:
    """The keys that lie beside any of the weights; none for models that were not trained here."""
    found: set[str] = set()
    for name in weights:
        try:
            found |= set((Path(name).expanduser() / FILE).read_text("utf-8").split())
        except OSError:
            continue
    return frozenset(found)
