"""What the published run of a recipe may cost: on 8 GPUs, from the sizes in its `paper:` block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from winsome.models.forward_cost import GPU_FLOPS, READING
from winsome.recipes.estimates import GIB, TRAINING_BYTES, Estimate, Row, with_total
from winsome.recipes.read import Recipe
from winsome.recipes.schema import Place, check_keys

GPUS, GPU_GIB = 8, 80
"""The published scale: eight H100."""
DECODING, TRAINING = 0.05, 0.4
"""Shares of a GPU's peak that sampling and training reach."""
PAPER = (
    "parameters", "prompts", "n", "prompt_tokens", "answer_tokens", "epochs", "sides", "rounds", "revisions", "methods", "match_prompts",
    "usd_per_verdict", "scorer_parameters", "gpus", "usd_per_gpu_hour",
)  # fmt: skip
"""Keys of a recipe's `paper:` block: the published scale."""


def estimate_paper(recipe: Recipe) -> Estimate:
    """The published run on 8 GPUs by the recipe's `paper:` block; BadInput where there is none, or a key is not known."""
    here = Place(recipe.place)
    if not recipe.paper:
        raise here.bad(
            "has no paper: block, so there is no published scale; add paper: {parameters: 7e9, prompts: 20000, ..}"
        )
    check_keys(recipe.paper, PAPER, here, "key of paper")
    held = {key: _number(recipe.paper[key], key, here) for key in recipe.paper}
    for key in ("parameters", "prompts"):
        if key not in held:
            raise here.bad(f"paper: {key} is missing; add it")
    gpus = held.get("gpus", GPUS)
    size, prompts, n, rounds = (
        held["parameters"],
        held["prompts"],
        held.get("n", 1.0),
        held.get("rounds", 1.0),
    )
    asked, answer = held.get("prompt_tokens", 100.0), held.get("answer_tokens", 300.0)
    usd, methods = held.get("usd_per_gpu_hour"), held.get("methods", 1.0)

    def row(
        step: str, makes: str, rows: float, tokens: float, flops: float, share: float, bytes_: float
    ) -> Row:
        minutes = tokens * flops / (gpus * GPU_FLOPS * share) / 60
        money = None if usd is None else minutes / 60 * gpus * usd
        return Row(step, makes, int(rows), int(rows), int(tokens), bytes_ / gpus / GIB, money, minutes)

    answers = prompts * n * rounds
    rows = [
        row("generate", "responses", answers, answers * (asked + answer), 2 * size, DECODING, 2 * size * gpus)
    ]
    revisions = answers * held.get("revisions", 0.0)
    if revisions:
        # a reviewer reads prompt and draft and writes as much as an answer; then the draft is written anew from both
        for step, read in (("critique", asked + answer), ("revise", asked + 2 * answer)):
            rows.append(row(step, "responses", revisions, revisions * (read + answer), 2 * size, DECODING, 2 * size * gpus))  # fmt: skip
    answers += revisions
    if "scorer_parameters" in held:
        scorer = held["scorer_parameters"]
        rows.append(
            row(
                "score", "scores", answers, answers * (asked + answer), 2 * scorer, READING, 2 * scorer * gpus
            )
        )
    tokens = methods * prompts * rounds * held.get("sides", 1.0) * held.get("epochs", 1.0) * (asked + answer)
    rows.append(row("train", "", 0, tokens, 6 * size, TRAINING, TRAINING_BYTES * size))
    # each method answers, and the one that all are measured against; each method's answers are judged
    compared = held.get("match_prompts", 500.0)
    answered = (methods + 1) * compared
    played = row(
        "match",
        "contests",
        methods * compared,
        answered * (asked + answer),
        2 * size,
        DECODING,
        2 * size * gpus,
    )
    judged = held.get("usd_per_verdict")
    if judged is not None:
        bought = judged * methods * compared
        played = replace(played, money=bought + (played.money or 0.0))
    rows.append(played)
    fits = max(r.memory for r in rows)
    notes = [
        f"published scale, an estimate and not measured: {gpus:g} GPUs of {GPU_FLOPS / 1e12:.0f} TFLOP/s; memory is of one of them",
        f"shares of the peak: sampling {DECODING:.0%}, scoring {READING:.0%}, training {TRAINING:.0%}"
        + ("" if usd is not None else "; money of GPUs unknown without usd_per_gpu_hour"),
        *(
            [f"{fits:.0f} GiB a GPU are more than {GPU_GIB}: shard further, or train an adapter"]
            if fits > GPU_GIB
            else []
        ),
    ]
    return with_total(recipe.name, f"as published, {gpus:g} GPUs", rows, notes)


def _number(value: Any, key: str, here: Place) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise here.bad(f"paper: {key}: {value} is no number") from None
    if not 0.0 < number < float("inf"):
        raise here.bad(f"paper: {key}: {value} must be above 0")
    return number
