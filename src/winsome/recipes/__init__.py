"""Recipes: a whole method as steps over frames, from prompts to a win rate."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Step": {
        "load": "winsome.recipes.steps.load:load",
        "generate": "winsome.recipes.steps.generate:generate",
        "judge": "winsome.recipes.steps.judge:judge",
        "score": "winsome.recipes.steps.score:score",
        "critique": "winsome.recipes.steps.critique:critique",
        "revise": "winsome.recipes.steps.revise:revise",
        "translate": "winsome.recipes.steps.translate:translate",
        "filter": "winsome.recipes.steps.filter:filter",
        "select": "winsome.recipes.steps.select:select",
        "pair": "winsome.recipes.steps.pair:pair",
        "transform": "winsome.recipes.steps.transform:transform",
        "mix": "winsome.recipes.steps.mix:mix",
        "train": "winsome.recipes.steps.train:train",
        "merge": "winsome.recipes.steps.merge:merge",
        "loop": "winsome.recipes.steps.loop:loop",
        "sweep": "winsome.recipes.steps.sweep:sweep",
        "match": "winsome.recipes.steps.match:match",
        "report": "winsome.recipes.steps.report:report",
    }
}
