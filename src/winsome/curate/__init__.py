"""What chooses and changes the rows that a method learns from: filters and column maps (`operators/`), selection (`selection/`)."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Filter": {
        "score": "winsome.curate.operators.by_score:score",
        "score_gap": "winsome.curate.operators.score_gap:score_gap",
        "length": "winsome.curate.operators.length:length",
        "rip": "winsome.curate.operators.rip:rip",
        "jaccard": "winsome.curate.operators.jaccard:jaccard",
        "perplexity": "winsome.curate.operators.perplexity:perplexity",
        "flip_difficulty": "winsome.curate.operators.flip_difficulty:flip_difficulty",
        "ifd": "winsome.curate.operators.ifd:ifd",
        "instag": "winsome.curate.operators.instag:instag",
        "paired": "winsome.curate.operators.paired:paired",
        "prompt_judge": "winsome.curate.operators.prompt_judge:prompt_judge",
    },
    "Select": {
        "topk": "winsome.curate.selection.topk:topk",
        "random": "winsome.curate.selection.at_random:random",
        "max_variance": "winsome.curate.selection.max_variance:max_variance",
    },
    "Transform": {
        "template": "winsome.curate.operators.template:template",
        "chunk": "winsome.curate.operators.chunk:chunk",
        "dedup": "winsome.curate.operators.dedup:dedup",
        "corrupt": "winsome.curate.operators.corrupt:corrupt",
        "few_shot": "winsome.curate.operators.few_shot:few_shot",
        "segments": "winsome.curate.operators.segments:segments",
    },
}
