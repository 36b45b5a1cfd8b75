"""TimeStress: does a model find an answer likelier under dates at which it was right? Judged by log-probabilities alone.

Source: Orange-OpenSource/TimeStress. 194 offices and reigns ship; the published 2,003 facts are read by path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.reading import parquet
from winsome.models.forward_cost import ForwardCost, forward_cost
from winsome.suites.card import Card
from winsome.suites.temporal_dates import PRECISIONS, Dated, Precision, dates_of, statement
from winsome.suites.temporal_facts import Fact, read_facts
from winsome.suites.temporal_scores import (
    Floats,
    Groups,
    curve,
    difference,
    grouped,
    tables,
    together,
)

if TYPE_CHECKING:
    from winsome.models.weights import Dtype, LocalModel

Format = Literal["raw", "chat"]
CARD = Card(
    "timestress",
    "194 facts that held for a time: right dates against wrong ones, by likelihood (winsome suites timestress)",
    licence="CC0 (facts)",
    source="winsome; protocol of Orange-OpenSource/TimeStress",
    prompts=194,
    judge="likelihood",
    figure="win and sweep rate",
    orders=1,
)
CARDS = (CARD,)
PUBLISHED = (
    "SubjectLabel",
    "RelationLabel",
    "ObjectLabel",
    "StartDate",
    "EndDate",
    "Time",
    "Status",
    "Statement",
)
"""Columns of the published table of statements."""


@dataclass(frozen=True, eq=False)
class Statements:
    """Columns [statements]: what is given, the answer scored, the fact's code, precision, label and position."""

    facts: tuple[str, ...]
    given: tuple[str, ...]
    answer: tuple[str, ...]
    fact: NDArray[np.int32]
    precision: NDArray[np.str_]
    label: NDArray[np.str_]
    alpha: Floats

    def __len__(self) -> int:
        return len(self.given)


def statements_of(
    facts: Sequence[Fact], seed: int = 0, precisions: Sequence[Precision] = PRECISIONS
) -> Statements:
    """Every statement of every fact."""
    rows: list[tuple[int, Fact, Dated]] = [
        (number, fact, date) for number, fact in enumerate(facts) for date in dates_of(fact, seed, precisions)
    ]
    texts = [statement(date, fact) for _, fact, date in rows]
    return Statements(
        tuple(fact.name for fact in facts),
        tuple(given for given, _ in texts),
        tuple(answer for _, answer in texts),
        np.array([number for number, _, _ in rows], np.int32),
        np.array([date.precision for _, _, date in rows]),
        np.array([date.label for _, _, date in rows]),
        np.array([date.alpha for _, _, date in rows], np.float64),
    )


def published_statements(path: str | Path) -> Statements:
    """The statements of the published Parquet file; the precision is told by the date's own form, the answer stands at the end.

    BadInput where a column is missing or a statement does not end with its object.
    """
    frame = parquet(Path(path))
    for name in PUBLISHED:
        if name not in frame.columns:
            refuse(
                path,
                f'has no column "{name}" (found: {", ".join(frame.columns)[:80]}); give the published statements',
            )
    names: dict[str, int] = {}
    given, answer, fact, precision = list[str](), list[str](), list[int](), list[str]()
    for record, row in enumerate(frame.select(PUBLISHED).iter_rows(named=True), 1):
        words, object_ = str(row["Statement"]), str(row["ObjectLabel"])
        bare = words.rstrip(" .")
        if not bare.endswith(object_):
            refuse(
                path,
                f"record {record}: statement {shown(words[-30:])} does not end with {shown(object_)}; correct it",
            )
        given.append(bare[: len(bare) - len(object_)])
        answer.append(object_)
        name = f"{row['SubjectLabel']}, {row['RelationLabel']}: {object_}"
        fact.append(names.setdefault(name, len(names)))
        precision.append(PRECISIONS[min(2, str(row["Time"]).lstrip("-").count("-"))])
    status = np.array([str(value) for value in frame["Status"].to_list()])
    return Statements(
        tuple(names), tuple(given), tuple(answer), np.array(fact, np.int32), np.array(precision), status, np.zeros(len(given))
    )  # fmt: skip


def answer_logprobs(
    model: LocalModel, given: Sequence[str], answer: Sequence[str], format: Format = "raw"
) -> Floats:
    """Sum of the log-probabilities, in nats, of the answer's tokens after what is given; [statements].

    raw: the joint text is cut where the answer's first character stands, so a token over the boundary (a space and the first letters) is
    the answer's. chat: what is given is the user's turn, the answer the open turn of the assistant. Raises Unsupported for a tokenizer
    without offsets, BadInput for a text that does not fit.
    """
    import torch

    from winsome.models.prefixes import prefix_logprobs

    if not len(given):
        return np.zeros(0)
    with model.lock, torch.inference_mode():
        return (
            prefix_logprobs(model.network, pairs_of(model, given, answer, format)).sums.double().cpu().numpy()
        )


def pairs_of(
    model: LocalModel, given: Sequence[str], answer: Sequence[str], format: Format
) -> list[tuple[list[int], list[int]]]:
    """(ids of what is given, ids of the answer) of each statement."""
    return _chat(model, given, answer) if format == "chat" else _raw(model, given, answer)


def _chat(
    model: LocalModel, given: Sequence[str], answer: Sequence[str]
) -> list[tuple[list[int], list[int]]]:
    from winsome.models.render import rendered_ids, text_ids

    return [
        (rendered_ids(model, [{"role": "user", "content": g.strip()}]), text_ids(model, a))
        for g, a in zip(given, answer, strict=True)
    ]


def _raw(model: LocalModel, given: Sequence[str], answer: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    from winsome.errors import Unsupported

    if not model.tokenizer.is_fast:
        raise Unsupported(
            f"{model.name}: its tokenizer tells no offsets, so the answer cannot be found; use a fast one"
        )
    texts = [g + a for g, a in zip(given, answer, strict=True)]
    found: Any = model.tokenizer(texts, return_offsets_mapping=True)
    pairs: list[tuple[list[int], list[int]]] = []
    for g, a, ids, offsets in zip(given, answer, found["input_ids"], found["offset_mapping"], strict=True):
        cut = next(i for i, (start, end) in enumerate(offsets) if end > len(g) and end > start)
        end = max(i for i, (start, stop) in enumerate(offsets) if stop > start) + 1
        if cut == 0:
            raise BadInput(
                f"{model.name}: nothing stands before the answer {shown(a)}; put the question there"
            )
        pairs.append((list(ids[:cut]), list(ids[cut:end])))
    return pairs


def scored(
    statements: Statements, score: Floats, precisions: Sequence[str] = PRECISIONS
) -> Mapping[str, Groups]:
    """Groups (facts) of each precision; transitional statements are left out."""
    found: dict[str, Groups] = {}
    for precision in precisions:
        rows = (statements.precision == precision) & (statements.label != "Transitional")
        right = statements.label[rows] == "Correct"
        found[precision] = grouped(score[rows], right, statements.fact[rows], len(statements.facts))
    return found


def report(statements: Statements, score: Floats, *, level: float = 0.95) -> dict[str, Any]:
    """All tables, the curve over positions and the ten facts with the lowest win rate."""
    precisions = [p for p in PRECISIONS if (statements.precision == p).any()]
    groups = scored(statements, score, precisions)
    kept = statements.label != "Transitional"
    rate = np.mean(np.stack([groups[p].win_rate for p in precisions]), axis=0)
    order = [int(i) for i in np.argsort(rate, kind="stable") if not np.isnan(rate[i])]
    years = statements.precision == precisions[0]
    return {
        "facts": len(statements.facts),
        "statements": len(statements),
        "precisions": precisions,
        **tables(groups, level=level),
        "together": together(
            score[kept],
            statements.precision[kept],
            (statements.label == "Correct")[kept],
            statements.fact[kept],
        ),
        "curve": curve(score[years], statements.alpha[years], statements.fact[years]),
        "worst": [{"fact": statements.facts[i], "W": float(rate[i])} for i in order[:10]],
    }


def local_name(model: str) -> str:
    """The name of weights here; Unsupported for what only a server can read."""
    from winsome.errors import Unsupported

    name = model.removeprefix("hf:").removeprefix("embedded:")
    if model.partition(":")[0] in ("openai", "vllm", "recorded") or "://" in model:
        raise Unsupported(
            f"{model[:60]}: gives no log-probabilities of words that it was handed; name weights here (hf:FOLDER, embedded:smollm2-135m)"
        )
    return name


def _asked(
    facts: str | Path | None, precisions: Sequence[Precision], limit: int | None, until: int | None, seed: int
) -> tuple[Statements, dict[str, int]]:
    """The statements to be scored, and how many facts were dropped for which reason."""
    dropped: dict[str, int] = {}
    if (
        facts is not None
        and str(facts).endswith(".parquet")
        and "Statement" in parquet(Path(facts), n_rows=1).columns
    ):
        statements = published_statements(facts)
    else:
        found, dropped = read_facts(facts, until=until)
        statements = statements_of(found[:limit], seed, precisions)
    if len(statements) == 0:
        raise BadInput(
            f"{facts or 'the shipped facts'}: no date can be asked about; give facts before 2021 with known bounds"
        )
    return statements, dropped


def timestress_cost(
    parameters: Sequence[float],
    *,
    facts: str | Path | None = None,
    precisions: Sequence[Precision] = PRECISIONS,
    limit: int | None = None,
    until: int | None = None,
    seed: int = 0,
) -> ForwardCost:
    """What the statements would cost with a model of each of these sizes; nothing is loaded."""
    statements, _ = _asked(facts, precisions, limit, until, seed)
    return forward_cost(
        (len(g) + len(a) for g, a in zip(statements.given, statements.answer, strict=True)), parameters
    )


def timestress(
    model: str,
    *,
    facts: str | Path | None = None,
    format: Format = "raw",
    precisions: Sequence[Precision] = PRECISIONS,
    limit: int | None = None,
    until: int | None = None,
    seed: int = 0,
    level: float = 0.95,
    dtype: Dtype = "float32",
    against: str | None = None,
) -> dict[str, Any]:
    """The report of a local model (an embedded name, a folder, a hub name; hf: and embedded: may stand before it).

    against: a second model, scored on the same statements; "difference" is W and R of the first less its own, paired by fact.

    dtype: bfloat16 takes half the time and moves a log-probability by a tenth of a nat (SmolLM2), where neighbouring years differ by two.
    facts: a facts file, the published Parquet file of statements, or None for those that ship. limit: the first facts only.
    """
    from winsome.models.weights import load

    statements, dropped = _asked(facts, precisions, limit, until, seed)
    names = [local_name(one) for one in (model, against) if one is not None]
    scores = [
        answer_logprobs(load(name, dtype), statements.given, statements.answer, format) for name in names
    ]
    found = report(statements, scores[0], level=level)
    if against is not None:
        sides = [scored(statements, score, found["precisions"]) for score in scores]
        found |= {"against": against, "difference": difference(*sides, level=level)}
    return {"model": model, "format": format, "dtype": dtype, "seed": seed, "dropped": dropped} | found
