"""What refusals and disclaimers do to a win rate: their shares, who beats whom, and the penalty of each kind, raw and adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from winsome.audit.findings import Cell, record, share, table
from winsome.audit.people import Pair, People, read_people
from winsome.audit.refusal_examples import examples
from winsome.audit.refusal_power import needed
from winsome.audit.refusal_sheet import Classifier, each, true_types, write_sheet
from winsome.audit.refusal_standings import adjusted
from winsome.audit.refusal_votes import FEWEST, Typed, type_columns, typed_votes, types_of
from winsome.errors import BadInput
from winsome.standings.answer_types import Effects, logit, logit_of_said
from winsome.standings.columns import Floats, Ints
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.text.languages import foreign
from winsome.text.refusals import KINDS, kind_of

TYPES = ("disclaimer", "ethical", "technical", "empty")
"""Types whose effect is measured against normal answers."""
LINEAR = each(kind_of)
"""The classifier that ships."""


def audit_refusals(
    path: str | Path,
    *,
    pairs: str | Path | None = None,
    verdicts: str | Path | None = None,
    sheet: str | Path | None = None,
    labels: str | Path | None = None,
    classifier: Classifier = LINEAR,
    detect: float = 0.5,
    seed: int = 0,
) -> dict[str, Any]:
    """The audit's JSON of votes on pairs with their answers, read as `winsome card` reads people's votes.

    verdicts: a judge's votes on the same pairs, whose penalties are held against those of the first file. sheet: a CSV written with
    200 answers, as many of each type as there are up to 50, for a person to label; labels: that sheet filled in, by which the classifier's errors are
    taken off. detect: the size of a penalty in log-odds for which it is said how many votes it needs. `examples` are tables of up to 20 pairs for each two types, drawn by `seed`. Raises BadInput where answers have no words.
    """
    people = read_people(path, pairs)
    judged = None if verdicts is None else read_people(verdicts, pairs)
    if sheet is not None:
        write_sheet(people, Path(sheet), classifier, seed)
    return refusals_record(
        Path(path).name,
        people,
        judged,
        classifier,
        None if labels is None else true_types(labels),
        seed,
        detect,
    )


def refusals_record(
    subject: str,
    people: People,
    judged: People | None = None,
    classifier: Classifier = LINEAR,
    true: Floats | None = None,
    seed: int = 0,
    detect: float = 0.5,
) -> dict[str, Any]:
    """The audit's JSON of votes, and of a judge's on the same pairs; its `examples` are tables of pairs to read, drawn by `seed`.

    true: P(type | what the classifier says), as `true_types` reads it. detect: log-odds for which it is said how many votes tell them from 0.
    """
    kinds = types_of(people, classifier)
    typed, single = typed_votes(people, kinds)
    if not single:
        raise BadInput(f"{subject}: all {len(people.pairs):,} pairs have several turns, and only pairs of one turn are counted; give others")  # fmt: skip
    alarms: list[str] = []
    notes = [f"{len(people.pairs) - single:,} pairs of several turns are left out."] if single < len(people.pairs) else []  # fmt: skip
    tables = [_shares(people, kinds), _against(typed, notes)]
    effects = _effects(typed)
    tables.append(
        _penalties(
            typed, effects, None if true is None or effects[1].penalised else _mended(typed, effects[1], true)
        )
    )
    tables += _by_request(typed, effects[1].names[:-1])
    rated = adjusted(typed)
    if isinstance(rated, str):
        tables[2]["notes"].append(rated)
    else:
        tables.append(rated)
    if "ethical" in effects[1].names and not effects[1].penalised:
        one_sided = int((type_columns(typed, ["ethical"]) != 0.0).sum())
        tables.append(needed(effects[1], one_sided, detect))
    if judged is not None:
        tables.append(_compared(people, judged, kinds, classifier, alarms))
    ethical = _cell(*effects[1].interval("ethical")) if "ethical" in effects[1].names else None
    claim = f"{subject}: {len(typed.share):,} votes on {single:,} pairs; " + (
        f"an ethical refusal changes the log-odds of winning by {ethical['estimate']:+.2f} ({ethical['low']:+.2f} to {ethical['high']:+.2f})"
        if ethical
        else "too few ethical refusals against other answers to say what they do"
    )
    return record("refusals", subject, claim, alarms, tables, examples=examples(people, kinds, seed))


def _shares(people: People, kinds: Ints) -> dict[str, Any]:
    said: dict[str, dict[str, str]] = {}
    words: set[str] = set()
    for pair, types in zip(people.pairs, kinds, strict=True):
        for answer, kind in zip(pair.answers, types, strict=True):
            said.setdefault(answer.contender, {})[f"{pair.prompt.id}{answer.content}"] = KINDS[kind]
            words.add(answer.text)
    rows: list[list[Cell]] = []
    for model, answers in sorted(said.items()):
        counts = list(answers.values())
        rows.append([model, len(counts), *(share(counts.count(kind), len(counts)) for kind in TYPES)])
    other = sum(map(foreign, words))
    told = [f"{other:,} of {len(words):,} answers seem to be in another language than English; the classifiers that ship take them for normal."]  # fmt: skip
    return table("Types of answers, per cent", ["model", "answers", *TYPES], rows, told if other else [])


def _against(typed: Typed, notes: Sequence[str]) -> dict[str, Any]:
    """The win rate of each type against each, the first answer's and the second's taken together."""
    rows: list[list[Cell]] = []
    for k, kind in enumerate(KINDS):
        cells: list[Cell] = [kind]
        for j, _ in enumerate(KINDS):
            one = (typed.kinds == (k, j)).all(1)
            other = (typed.kinds == (j, k)).all(1)
            shares = np.concatenate([typed.share[one], 1.0 - typed.share[other]])
            clusters = np.concatenate([typed.prompt[one], typed.prompt[other]])
            cells.append(None if k == j else _rate(shares, clusters))
        rows.append(cells)
    return table(
        "Win rate of the row's type against the column's, per cent",
        ["type", *KINDS],
        rows,
        [
            *notes,
            f"Ties are a half. Cells of fewer than {FEWEST} votes are shown with their n and no figure.",
        ],
    )


def _effects(typed: Typed) -> tuple[Effects, Effects]:
    """The effects without and with length."""
    names = [name for name in TYPES if (typed.kinds == KINDS.index(name)).any(1).sum() >= FEWEST]
    if not names:
        raise BadInput(
            f"fewer than {FEWEST} of {len(typed.share):,} votes on pairs of one turn have a refusal or a disclaimer on either side; give more battles"
        )
    columns = type_columns(typed, names)
    differs = [k for k in range(len(names)) if columns[:, k].any()]
    names, columns = [names[k] for k in differs], columns[:, differs]
    plain = logit(columns, names, typed.share, typed.prompt, typed.models)
    length = np.concatenate([columns, typed.length[:, None]], 1)
    return plain, logit(length, [*names, "log length"], typed.share, typed.prompt, typed.models)


def _mended(typed: Typed, effects: Effects, true: Floats) -> Effects:
    """The same effects with length, by the likelihood of the votes given what was said of the answers."""
    codes = [KINDS.index(name) for name in effects.names[:-1]]
    return logit_of_said(
        typed.kinds,
        true,
        codes,
        typed.length[:, None],
        effects.names,
        typed.share,
        typed.prompt,
        typed.models,
    )


def _by_request(typed: Typed, names: Sequence[str]) -> list[dict[str, Any]]:
    """Both penalties of an ethical refusal, where the request has a word of harm and where not; none where either has too few votes."""
    column = type_columns(typed, ["ethical"])[:, 0]
    split = {"with a word of harm": column * typed.sensitive, "without": column * ~typed.sensitive}
    votes = {name: int((one != 0.0).sum()) for name, one in split.items()}
    if "ethical" not in names or min(votes.values()) < FEWEST:
        return []
    rest = [name for name in names if name != "ethical"]
    design = np.concatenate(
        [np.stack([*split.values()], 1), type_columns(typed, rest), typed.length[:, None]], 1
    )
    found = logit(design, [*split, *rest, "log length"], typed.share, typed.prompt, typed.models)
    rows: list[list[Cell]] = [[name, votes[name], _cell(*found.interval(name))] for name in split]
    weights = np.zeros(len(found.names))
    weights[:2] = 1.0, -1.0
    rows.append(["difference", sum(votes.values()), _cell(*found.of(weights))])
    notes = [
        "Requests are sorted by their words alone, which miss harm without such words and find words without harm."
    ]
    return [
        table(
            "Ethical refusals by request, length held fixed", ["requests", "votes", "log-odds"], rows, notes
        )
    ]


def _penalties(typed: Typed, effects: tuple[Effects, Effects], corrected: Effects | None) -> dict[str, Any]:
    rows: list[list[Cell]] = []
    for name in effects[1].names:
        count = int((typed.kinds == KINDS.index(name)).any(1).sum()) if name in KINDS else len(typed.share)
        plain = _cell(*effects[0].interval(name)) if name in effects[0].names else None
        mended = (
            _cell(*corrected.interval(name)) if corrected is not None and name in corrected.names else None
        )
        rows.append([name, count, plain, _cell(*effects[1].interval(name)), mended])
    held = ", models held fixed" if typed.models is not None else ""
    notes = [f"Effects on the log-odds of winning against a normal answer{held}; errors over {effects[0].clusters:,} prompts."]  # fmt: skip
    if corrected is None:
        notes.append("Wrong types shrink an effect; --sheet writes answers for a person to label, and --labels takes the classifier's errors off.")  # fmt: skip
    if effects[1].penalised:
        notes.append("A type never wins or never loses, so half a battle each way was put in for every effect; take the figures as bounds.")  # fmt: skip
    return table("Penalties", ["type", "votes", "log-odds", "with length held fixed", "and by a person's labels"], rows, notes)  # fmt: skip


def _compared(
    people: People, judged: People, kinds: Ints, classifier: Classifier, alarms: list[str]
) -> dict[str, Any]:
    """The penalties of both on the pairs that both voted on, and their difference, in one fit with errors over prompts."""
    both = {_key(pair): place for place, pair in enumerate(people.pairs)}
    same = {place: both[_key(pair)] for place, pair in enumerate(judged.pairs) if _key(pair) in both}
    if not same:
        raise BadInput(
            f"{judged.name} and {people.name}: no pair in common; give verdicts on the same answers"
        )
    known: dict[str, int] = {}
    one, _ = typed_votes(_only(people, set(same.values())), kinds, known)
    two, _ = typed_votes(_only(judged, set(same)), types_of(judged, classifier), known)
    names = [name for name in TYPES if min((t.kinds == KINDS.index(name)).any(1).sum() for t in (one, two)) >= FEWEST]  # fmt: skip
    if not names:
        raise BadInput(f"fewer than {FEWEST} votes of each have a refusal or a disclaimer; give more battles")
    first, second = (np.concatenate([type_columns(t, names), t.length[:, None]], 1) for t in (one, two))
    width = first.shape[1]
    design = np.zeros((len(first) + len(second), 2 * width))
    design[: len(first), :width], design[len(first) :, width:] = first, second
    labels = [f"{who} {name}" for who in ("people", "judge") for name in (*names, "log length")]
    found = logit(
        design, labels, np.concatenate([one.share, two.share]), np.concatenate([one.prompt, two.prompt])
    )
    rows: list[list[Cell]] = []
    for name in names:
        weights = np.zeros(len(labels))
        weights[labels.index(f"judge {name}")], weights[labels.index(f"people {name}")] = 1.0, -1.0
        gap = _cell(*found.of(weights))
        rows.append([name, _cell(*found.interval(f"people {name}")), _cell(*found.interval(f"judge {name}")), gap])  # fmt: skip
        if gap["low"] > 0.0 or gap["high"] < 0.0:
            alarms.append(
                f"{name}: the judge's penalty differs from people's by {gap['estimate']:+.2f} log-odds ({gap['low']:+.2f} to {gap['high']:+.2f}); "
                "do not choose a refusal threshold by this judge"
            )  # fmt: skip
    return table(
        "People and judge on the same pairs, length held fixed",
        ["type", "people, log-odds", "judge, log-odds", "judge minus people"],
        rows,
        [f"{len(same):,} pairs; one fit, errors over prompts, so that the difference is paired."],
    )


def _only(people: People, places: set[int]) -> People:
    kept = np.isin(people.pair, sorted(places))
    return People(people.name, people.pairs, people.pair[kept], people.share[kept], ())


def _key(pair: Pair) -> tuple[str, str, str]:
    return pair.prompt.id, pair.answers[0].content, pair.answers[1].content


def _rate(shares: Floats, clusters: Ints) -> Cell:
    n = len(shares)
    if n < FEWEST:
        return {"estimate": None, "low": None, "high": None, "n": n}
    mean = clustered_mean(shares, np.ones(n), np.unique(clusters, return_inverse=True)[1].astype(np.int32))
    low, high = score_interval(mean)
    return {"estimate": 100.0 * mean.mean, "low": 100.0 * low, "high": 100.0 * high, "n": n}


def _cell(estimate: float, low: float, high: float) -> dict[str, Any]:
    return {"estimate": estimate, "low": low, "high": high, "n": None, "digits": 2}
