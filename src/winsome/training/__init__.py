"""The one trainer, what it lowers (`objectives/`) and what it learns from."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Objective": {
        "dpo": "winsome.training.objectives.dpo:dpo",
        "sft": "winsome.training.objectives.sft:sft",
    },
}
