"""What rates one answer: likelihood under a model, the embedded judge, trained reward models."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Scorer": {
        "embedded": "winsome.scorers.embedded:embedded",
        "likelihood": "winsome.scorers.likelihood:likelihood",
        "reward_model": "winsome.scorers.reward_model:reward_model",
    },
    "Judge": {
        "preference_model": "winsome.scorers.preference_model:preference_model",
    },
}
