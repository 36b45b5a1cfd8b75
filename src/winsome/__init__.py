"""Winsome measures win rates, says how far they can be trusted, and raises them."""

from __future__ import annotations

__version__ = "0.1.0"
