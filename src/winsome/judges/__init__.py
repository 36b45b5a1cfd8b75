"""What compares: LLM judges by published and own protocols, scorers as judges, rules, the embedded judge."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Judge": {
        "pairwise": "winsome.judges.pairwise:pairwise",
        "rubric": "winsome.judges.rubric:rubric",
        "scored": "winsome.judges.scored:scored",
        "checklist": "winsome.judges.checklist:checklist",
        "reference_guided": "winsome.judges.reference_guided:reference_guided",
        "self_consistency": "winsome.judges.self_consistency:self_consistency",
        "smoothed": "winsome.judges.smoothed:smoothed",
        "tool_eval": "winsome.judges.tool_eval:tool_eval",
        "in_context": "winsome.judges.in_context:in_context",
        "response_choice": "winsome.judges.response_choice:response_choice",
        "batched": "winsome.judges.batched:batched",
        "jury": "winsome.judges.jury:jury",
        "annotators": "winsome.judges.annotators:annotators",
        "debate": "winsome.judges.debate:debate",
        "cascade": "winsome.judges.cascade:cascade",
        "human": "winsome.judges.human:human",
        "by_score": "winsome.judges.by_score:by_score",
        "embedded": "winsome.judges.embedded:embedded",
        "exact": "winsome.judges.rules.exact:exact",
        "regex": "winsome.judges.rules.regex:regex",
        "json_schema": "winsome.judges.rules.json_schema:json_schema",
        "numeric": "winsome.judges.rules.numeric:numeric",
    },
}
