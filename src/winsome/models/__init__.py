"""Weights on this machine: fetched, rendered for, forwarded, sampled from; every other room meets models here."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Encoder": {"embedded": "winsome.models.encoders:embedded"},
}
