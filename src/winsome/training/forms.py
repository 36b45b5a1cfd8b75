"""Examples of one form made into those of another, and those that are kept apart to measure on."""

from __future__ import annotations

from collections.abc import Mapping

from winsome.errors import BadInput
from winsome.records import Prompt
from winsome.training.examples import LOGPROB, ROLES, Example, Examples


def unpaired(examples: Examples) -> Examples:
    """Every pair as two labelled answers: the chosen one desirable (label 1), the rejected one not (label 0)."""
    if examples.form == "labelled":
        return examples
    if examples.form != "pairs":
        raise BadInput(
            f"{examples.source}: holds {examples.form}; labelled answers come from pairs or labels"
        )
    rows = [
        Example(f"{row.id}/{role}", (side,), _of_side(row.numbers, role) | {"label": float(role == "chosen")})
        for row in examples.rows
        for role, side in zip(ROLES["pairs"], row.sides, strict=True)
    ]
    return Examples("labelled", rows, examples.source)


def _of_side(numbers: Mapping[str, float], role: str) -> dict[str, float]:
    """A row's numbers as those of one of its sides, whose log-probability is then the response's."""
    found = {name: value for name, value in numbers.items() if not name.endswith(LOGPROB)}
    own = numbers.get(f"{role}{LOGPROB}")
    return found if own is None else {**found, f"response{LOGPROB}": own}


def best_against_worst(examples: Examples) -> Examples:
    """Of every ranked list the pair of its best and its worst answer, with their scores; lists of equal scores are left out."""
    if examples.form == "pairs":
        return examples
    if examples.form != "ranked":
        raise BadInput(f"{examples.source}: holds {examples.form}; pairs come from pairs or from scores")
    rows: list[Example] = []
    for row in examples.rows:
        last = len(row.sides) - 1
        best, worst = row.numbers["score_0"], row.numbers[f"score_{last}"]
        if best > worst:
            numbers = {"score_chosen": best, "score_rejected": worst}
            for role, place in (("chosen", 0), ("rejected", last)):
                if (own := row.numbers.get(f"{place}{LOGPROB}")) is not None:
                    numbers[f"{role}{LOGPROB}"] = own
            rows.append(Example(row.id, (row.sides[0], row.sides[last]), numbers))
    if not rows:
        raise BadInput(f"{examples.source}: all scores of every prompt are equal; give answers that differ")
    return Examples("pairs", rows, examples.source)


def demonstrated(examples: Examples) -> Examples:
    """What is worth imitating: demonstrations as they are, chosen answers of pairs, the best of lists, desirable answers."""
    if examples.form == "demonstrations":
        return examples
    kept = [row for row in examples.rows if examples.form != "labelled" or row.numbers["label"] > 0]
    if not kept:
        raise BadInput(f"{examples.source}: no answer is desirable; give at least one with label true")
    return Examples(
        "demonstrations", [Example(row.id, row.sides[:1], row.numbers) for row in kept], examples.source
    )


def rated(examples: Examples) -> Examples:
    """Every answer on its own with its numbers; one of a rated list with its `score`."""
    if examples.form in ("labelled", "demonstrations"):
        return Examples("demonstrations", examples.rows, examples.source)
    if examples.form != "ranked":
        raise BadInput(f"{examples.source}: holds {examples.form}; ratings come from rated answers or lists")
    rows: list[Example] = []
    for row in examples.rows:
        shared = {name: value for name, value in row.numbers.items() if not name.startswith("score_")}
        for place, side in enumerate(row.sides):
            rows.append(
                Example(f"{row.id}/{place}", (side,), {**shared, "score": row.numbers[f"score_{place}"]})
            )
    return Examples("demonstrations", rows, examples.source)


def held_out(examples: Examples, most: int) -> tuple[Examples, list[Prompt]]:
    """The examples without a tenth of their prompts, and these prompts (`most` of them): none is on both sides.

    Which they are follows from the prompts' words alone. Raises BadInput where nothing would be left to learn from.
    """
    learnt, apart = parted(examples)
    seen = {side.prompt.id for row in learnt.rows for side in row.sides}
    prompts = {side.prompt.id: side.prompt for row in apart.rows for side in row.sides}
    return learnt, [prompts[id] for id in sorted(prompts.keys() - seen)][:most]


def parted(examples: Examples) -> tuple[Examples, Examples]:
    """The examples whose prompts are not among a tenth of all, and those whose prompts are; see `held_out`."""
    apart = {side.prompt.id: side.prompt for row in examples.rows for side in row.sides}
    chosen = [prompt for id, prompt in sorted(apart.items()) if int(id, 16) % 10 == 0]
    if not chosen:
        chosen = [apart[min(apart)]]
    names = {prompt.id for prompt in chosen}
    kept, held = list[Example](), list[Example]()
    for row in examples.rows:
        (held if names & {side.prompt.id for side in row.sides} else kept).append(row)
    if not kept:
        raise BadInput(
            f"{examples.source}: one prompt is too few to hold any out; give --suite, or more prompts"
        )
    return Examples(examples.form, kept, examples.source), Examples(examples.form, held, examples.source)
