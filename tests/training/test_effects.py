"""DPO raises a true win rate: the small base of the language world, its own pairs, one seed, by the gold judge on unseen prompts."""

from __future__ import annotations

import pytest

from benchmarks import preference_effects
from benchmarks.preference_effects import Arm, played


@pytest.mark.timeout(300)
def test_dpo_beats_its_base(tmp_path, monkeypatch):
    """1,000 prompts with five draws each, one epoch, a match on 500 test prompts; the interval lies above one half."""
    monkeypatch.setattr(preference_effects, "PROMPTS", 1000)
    arm = Arm("dpo", "dpo?beta=0.1", 5e-4)
    row = played(arm, preference_effects.BASE, 0, tmp_path, str(tmp_path / "ledger.sqlite"), 1.0, 32, "test")
    assert row["low"] > 50.0
    assert row["kl"] > 0.0
