"""Recorded answers, checked for what only an attack on the judge needs; every detector beside its measured false alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from winsome.audit import canaries, control_text, copies
from winsome.audit.findings import record, share, table
from winsome.audit.relevance import relevance
from winsome.errors import BadInput
from winsome.judges import templates
from winsome.ledger import formats

FEWEST_WORDS = 12
"""An answer with fewer words may be right for several prompts: a name, a number, a refusal."""
ALARM = {"copies": 5.0, "control text": 2.0, "canaries": 2.0, "relevance": 5.0}
"""Per cent of the non-empty answers that must be flagged, by the interval's lower end, before the model itself is."""
FIT = 0.7
"""Mean fit below which, by its interval's upper end, a model's answers are not about their prompts; a constant has 0.5."""
FEWEST = 20
"""Non-empty answers below which nothing is said of a model."""

HONEST: Mapping[str, tuple[int, int]] = {
    "copies": (2, 19292),
    "control text": (0, 19292),
    "canaries": (1, 19292),
    "relevance": (9, 19292),
}
"""Detector -> (flagged, non-empty answers) over 24 published models on AlpacaEval's 805 instructions."""


@dataclass(frozen=True)
class Checked:
    """One model's answers. flags: detector -> {place: why}; the places count from 0 over all answers, empty ones included.

    records: each place's record in the file it was read from.
    """

    model: str
    answers: int
    empty: int
    distinct: int
    flags: Mapping[str, Mapping[int, str]]
    fit: Mapping[str, Any]
    alarms: tuple[str, ...]
    records: Sequence[int]


def check(
    model: str,
    prompts: Sequence[str],
    answers: Sequence[str],
    marks: frozenset[str] | None = None,
    seed: int = 0,
    records: Sequence[int] | None = None,
) -> Checked:
    """What the detectors say of `answers` [n] to `prompts` [n]; `marks` stands in for those of the shipped prompts.

    records: the record of each answer in its file, [n]; left out, they count from 1.
    """
    said = [place for place, answer in enumerate(answers) if answer.strip()]
    texts, asked = [answers[p] for p in said], [prompts[p] for p in said]
    flags: dict[str, dict[int, str]] = {name: {} for name in ALARM}
    repeated = 0
    for group in copies.groups(texts):
        if len({asked[k].strip() for k in group}) < 2:
            continue
        repeated = max(repeated, len(group))
        for k in group:
            if len(copies.words(texts[k])) >= FEWEST_WORDS:
                flags["copies"][said[k]] = f"nearly the same as {len(group) - 1} others"
    for place, text, prompt in zip(said, texts, asked, strict=True):
        # What the prompt itself brings (a template to fill in, a token to explain) is no attack.
        for name, found in (
            ("control text", partial(control_text.hits, known=marks)),
            ("canaries", canaries.signs),
        ):
            own = found(text)
            own = [sign for sign in own if sign not in found(prompt)] if own else []
            if own:
                flags[name][place] = "; ".join(own)[:120]
    fits = relevance(asked, texts, seed) if len(said) > 1 else None
    if fits is not None:
        for k in np.flatnonzero(fits.irrelevant).tolist():
            flags["relevance"][said[k]] = f"{fits.beaten[k]:.0%} of the other prompts fit better"
    fit = _mean(fits.fit if fits is not None else np.empty(0))
    alarms = _alarms(flags, len(said), repeated, fit)
    return Checked(model, len(answers), len(answers) - len(said), len(set(texts)), flags, fit, tuple(alarms),
                   range(1, len(answers) + 1) if records is None else records)  # fmt: skip


def audit_submission(
    *paths: str | Path, prompts: str | Path | None = None, templates_of: Sequence[str] = (), seed: int = 0
) -> dict[str, Any]:
    """The audit of the answers in files of any format that answers are read from, one row a model.

    A model that stands in several files has a row for each, which names the file. prompts: a file of prompts for answers that
    name theirs by id alone. templates_of: further judge prompts (@file) whose marks are looked for. Raises BadInput naming
    file and record.
    """
    items = {} if prompts is None else {p.item: p for p in formats.prompts(prompts)}
    marks = frozenset[str]().union(
        *(control_text.marks(template) for template in control_text.shipped()),
        *(control_text.marks(_own(name)) for name in templates_of),
    )
    files = [Path(path) for path in paths]
    rows: dict[tuple[str, Path], list[tuple[int, str, str]]] = {}
    for k, path in enumerate(files):
        if path in files[:k]:
            raise BadInput(f"{path}: is named twice; give each file of answers once")
        for answer in formats.answers(path):
            prompt = answer.prompt or items.get(answer.item)
            if prompt is None:
                raise BadInput(
                    f"{path}: record {answer.record} names its prompt by id alone; add --prompts FILE"
                )
            asked = "\n".join(message.text for message in prompt.messages)
            said = "\n".join(answer.turns or ())
            rows.setdefault((answer.model or path.stem, path), []).append((answer.record, asked, said))
    times = Counter(model for model, _ in rows)
    checked = [
        check(
            model if times[model] == 1 else f"{model} ({path})",
            [asked for _, asked, _ in own], [said for _, _, said in own], marks, seed, [record for record, _, _ in own],
        )
        for (model, path), own in rows.items()
    ]  # fmt: skip
    return submission_record(", ".join(path.name for path in files), checked)


def submission_record(subject: str, checked: Sequence[Checked]) -> dict[str, Any]:
    """The audit's JSON of models that were checked."""
    alarms = [f"{one.model}: {alarm}" for one in checked for alarm in one.alarms]
    rows = [[one.model, one.answers, share(one.empty, one.answers), one.distinct, one.fit,
             *(share(len(one.flags[name]), one.answers - one.empty) for name in ALARM),
             ", ".join(dict.fromkeys(alarm.partition(":")[0] for alarm in one.alarms)) or "none"] for one in checked]  # fmt: skip
    flagged = [
        [one.model, one.records[place], name, why]
        for one in checked
        for name, places in one.flags.items()
        for place, why in sorted(places.items())[:20]
    ]
    honest = [[name, share(*HONEST[name]) | {"digits": 3}, *HONEST[name]] for name in ALARM]
    n = sum(one.answers for one in checked)
    claim = f"{len(checked)} model{'s' * (len(checked) != 1)}, {n:,} answers: " + (
        f"{len(alarms)} alarm{'s' * (len(alarms) != 1)}" if alarms else "no alarm"
    )
    tables = [
        table(
            "Models",
            ["model", "answers", "empty", "distinct", "fit", *ALARM, "alarm"],
            rows,
            [
                "Rates are per cent of the non-empty answers, with 95% intervals; empty answers are a class of their own.",
                "Fit: how often an answer shares more with its own prompt than with another's; 50 for a constant answer.",
            ],
        ),
        table(
            "False alarms of each detector on honest answers",
            ["detector", "per cent", "flagged", "of"],
            honest,
        ),
    ]
    if flagged:
        tables.append(table("Flagged answers", ["model", "record", "detector", "why"], flagged))
    return record("submission", subject, claim, alarms, tables)


def _alarms(
    flags: Mapping[str, Mapping[int, str]], n: int, repeated: int, fit: Mapping[str, Any]
) -> list[str]:
    if n < FEWEST:
        return []
    found = [
        f"{name}: {figure['estimate']:.1f}% of the answers are flagged"
        for name, least in ALARM.items()
        if (figure := share(len(flags[name]), n))["low"] > least
    ]
    largest = share(repeated, n)
    if largest["low"] > 5.0:
        found.append(f"copies: one answer stands under {repeated} prompts")
    if fit["high"] is not None and fit["high"] < 100 * FIT:
        found.append(f"relevance: answers fit their prompts at {fit['estimate']:.0f}, a constant at 50")
    return found


def _mean(fits: Any) -> dict[str, Any]:
    n = len(fits)
    if n < 2:
        return {"estimate": None, "low": None, "high": None, "n": n}
    mean, error = float(fits.mean()), float(fits.std(ddof=1)) / n**0.5
    return {"estimate": 100 * mean, "low": 100 * (mean - 1.96 * error), "high": 100 * (mean + 1.96 * error), "n": n}  # fmt: skip


def _own(name: str) -> templates.Template:
    where = name if name.startswith("@") else f"@{name}"
    try:
        return templates.from_file(where, 2)
    except BadInput:
        return templates.from_file(where, 1)
