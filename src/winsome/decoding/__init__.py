"""Contenders made of contenders."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Contender": {
        "best_of_n": "winsome.decoding.best_of_n:best_of_n",
        "moa": "winsome.decoding.mixture_of_agents:moa",
    },
}
