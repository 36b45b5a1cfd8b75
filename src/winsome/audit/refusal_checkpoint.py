"""A fine-tuned sequence classifier as what tells answers' types: `hf:MODEL`, with what its labels mean where their names do not say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from winsome.audit.refusal_sheet import Classifier
from winsome.errors import BadInput
from winsome.scorers.classifier import load_classifier
from winsome.specs import Spec
from winsome.text.refusals import KINDS, Kind

WORDS: Mapping[str, Kind] = {
    "disclaim": "disclaimer",
    "ethic": "ethical",
    "tech": "technical",
    "normal": "normal",
}
"""What a label's name holds that says its type."""
ROWS = 32
"""Answers in one forward pass; they are sorted by length."""


def checkpoint(spec: Spec) -> Classifier:
    """The types that the classifier `hf:MODEL?LABEL=TYPE&..` gives; it reads the answer alone, cut at its context.

    Answers without words are `empty`, whatever it says. Raises BadInput where a label means no type or a setting names no label.
    """
    shown = f"hf:{spec.address}"
    model = load_classifier(shown, spec.address, "float32")
    kinds = meanings(shown, cast(Mapping[int, str], model.network.config.id2label), spec.settings)

    def classify(texts: Sequence[str], requests: Sequence[str]) -> list[Kind]:
        import torch

        said: dict[str, Kind] = dict.fromkeys((text for text in texts if not text.strip()), "empty")
        ids: dict[str, list[int]] = {
            text: model.tokenizer(text, truncation=True, max_length=_room(model))["input_ids"]
            for text in dict.fromkeys(texts)
            if text not in said
        }
        order = sorted(ids, key=lambda text: len(ids[text]))
        with model.lock, torch.inference_mode():
            for start in range(0, len(order), ROWS):
                rows = order[start : start + ROWS]
                batch = model.tokenizer.pad({"input_ids": [ids[text] for text in rows]}, return_tensors="pt")
                found = model.network(**batch.to(model.device)).logits.argmax(1).tolist()
                said |= {text: kinds[place] for text, place in zip(rows, found, strict=True)}
        return [said[text] for text in texts]

    return classify


def meanings(shown: str, labels: Mapping[int, str], told: Mapping[str, Any]) -> list[Kind]:
    """The type of each output: as `told` says of its label, else by the label's name."""
    unknown = next((name for name in told if name not in labels.values()), None)
    if unknown is not None:
        raise BadInput(f'{shown}: has no label "{unknown}" (labels: {", ".join(labels.values())})'[:200])
    kinds: list[Kind] = []
    for _, label in sorted(labels.items()):
        named = [kind for word, kind in WORDS.items() if word in label.lower()]
        kind = str(told[label]) if label in told else named[0] if len(named) == 1 else None
        if kind not in KINDS:
            raise BadInput(
                f'{shown}: what does its label "{label}" mean? say it: hf:..?{label}=TYPE, one of {", ".join(KINDS)}'
            )
        kinds.append(cast(Kind, kind))
    return kinds


def _room(model: Any) -> int:
    """Tokens that fit: RoBERTa's positions begin after its padding's, so that two of them are never used."""
    return int(min(model.tokenizer.model_max_length, model.context - 2))
