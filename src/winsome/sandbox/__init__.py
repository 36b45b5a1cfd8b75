"""Worlds whose truth is known: exact ones that can be enumerated, and a language world with tiny models of its own."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {}
