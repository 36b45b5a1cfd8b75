"""RLOO raises a true win rate: the small base of the language world, one seed, by the gold judge on unseen prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import preference_effects
from benchmarks.preference_effects import ARMS, played


@pytest.mark.timeout(300)
def test_rloo_beats_its_base(tmp_path, monkeypatch):
    """800 prompts, four answers each, one pass: 25 updates by an erring annotator's labels; the interval lies above one half."""
    monkeypatch.setattr(preference_effects, "PROMPTS", 800)
    arm = next(arm for arm in ARMS if arm.name == "rloo")
    arm = replace(arm, own={"draws": 4, "batch": 32})
    row = played(arm, preference_effects.BASE, 0, tmp_path, str(tmp_path / "ledger.sqlite"), 1.0, 32, "test")
    assert row["low"] > 50.0
    assert row["kl"] > 0.0
