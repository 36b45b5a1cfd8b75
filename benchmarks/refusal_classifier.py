"""The model that tells types of refusals: fits it, tests it once, and writes its weights and docs/results/refusal-types.json and .md.

    python -m benchmarks.refusal_classifier DATA MORE

The labels in tests/text/refusal_labels.csv name answers that lie in DATA and MORE (`benchmarks.refusal_texts` says where they come from).
Fitted is on answers of permissive licence, chosen by cross-validation over their prompts and on the other answers of the development part,
and tested on the test parts.
"""

from __future__ import annotations

import argparse
import csv
import time
import zlib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from benchmarks.null_model_page import table_of
from benchmarks.refusal_texts import Said, texts
from winsome.audit.findings import Cell, record, share, table
from winsome.standings.answer_types import logit
from winsome.text import refusal_model
from winsome.text.refusals import KINDS, counts, cued, grammar_kind, kind_of

OUT = Path("docs/results/refusal-types.json")
LABELS = Path("tests/text/refusal_labels.csv")
TOLD = KINDS[:4]
HALF = 1156
"""Pairs of the harmlessness set's first half."""
FOLDS = 8
SCALES, STRENGTHS = (6.0, 8.0), (0.05, 0.2, 0.7)
"""Lengths of the vector of words, and inverse strengths of the penalty, among which is chosen."""
REDRAWS = 2000
FITTED = ("development", "training", "more training")
NEW, BEST = "260, new", "with the request"
TESTS = {NEW: "third test", "150, used before": "second test", "100, used before": "test"}
WAYS: dict[str, Callable[[str, str], str]] = {
    "grammar alone": grammar_kind, "the answer alone": lambda text, _: kind_of(text), BEST: kind_of,
}  # fmt: skip
MODELS = (
    "FuseChat-Llama-3.1-8B-Instruct",
    "alpaca-7b",
    "gpt4_0613_concise",
    "humpback-llama2-70b",
    "vicuna-7b-v1.5",
)
PERMISSIVE = ("wildbench", "bpo", "arena_hard", "oasst_model_eval", "refusal_direction")
INTRO = """# Types of refusals

How well `winsome.text.refusals` tells normal answers, answers under a reservation, and ethical and technical refusals. The labels are of 1,954
answers of published models, by the written table in the [how-to](../how-to/audits.md#refusals); all readings were made by a language model,
not by people: two readings in two orders for the tests and the development part (kappa 0.949 of the first 300, 0.959 of the 150, 0.994 of the 260),
one for the 1,244 that the model alone is fitted to. The two readings of the 260 were made by the same reader within the hour, so their kappa says
less than the others. `python -m benchmarks.refusal_classifier DATA MORE` makes the weights and repeats the figures, which lie in
`refusal-types.json` beside this page; this page is written from them.

The test of 260 was drawn by a rule that was written before its labels (`benchmarks.refusal_draw`): answers of models or items that were not
looked at before, 28 of 50 other than normal by the grammar, 15 with words of declining, 7 others, so it is harder than answers as they come. The
weights were fitted once and tested on it once. The tests of 150 and of 100 had been looked at before, for weights that did not read the request
(macro F1 0.80 and 0.75 then). Macro F1's intervals are over redraws of the answers.

The aim of 0.85 is not met, and that of one reason in ten taken for the other is met on average but not by its interval. The request does not help:
over folds it was worth half a point of macro F1, on the tests nothing. 489 of the answers fitted to were drawn by the same rule, 269 are those that the
model before was least sure of.
"""


def labelled(data: Path, more: Path | None = None) -> list[dict[str, str]]:
    """The rows of the labels with `text` and `request`, those whose answers are in the folders."""
    answers = texts(data, more)
    found: list[dict[str, str]] = []
    with LABELS.open(newline="") as file:
        for row in csv.DictReader(file):
            said = answers.get((row["source"], row["model"], row["item"]))
            if said is not None:
                found.append(row | {"request": said[0], "text": said[1]})
    return found


def permissive(row: dict[str, str]) -> bool:
    """Whether weights may be fitted to the answer."""
    return row["source"] in PERMISSIVE or (row["source"] == "hh_rlhf" and int(row["item"]) < HALF)


def macro_f1(labels: Sequence[str], said: Sequence[str]) -> float:
    """The mean F1 of the four kinds."""
    both = list(zip(labels, said, strict=True))
    return float(np.mean([
        2 * sum(a == b == kind for a, b in both) / max(1, sum((a == kind) + (b == kind) for a, b in both)) for kind in TOLD
    ]))  # fmt: skip


def fitted(design: Any, bare: Any, labels: Sequence[str], strength: float) -> Any:
    """The multinomial regression of labels on rows [n, SIZE + counts], each with its request and, in `bare`, without."""
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength / 2.0, max_iter=5000).fit(vstack([design, bare]), [*labels, *labels])


def designed(rows: Sequence[dict[str, str]], scale: float) -> tuple[Any, Any]:
    """The answers as the model reads them with their requests, and without, both [n, SIZE + counts], sparse."""
    from scipy.sparse import csr_matrix, vstack

    def read(text: str, request: str) -> Any:
        return csr_matrix(refusal_model.row(text, request, counts(text, request), scale))

    return (
        vstack([read(row["text"], row["request"]) for row in rows]).tocsr(),
        vstack([read(row["text"], "") for row in rows]).tocsr(),
    )


def choose(fit: Sequence[dict[str, str]], other: Sequence[dict[str, str]]) -> tuple[float, float, float]:
    """(macro F1, scale, strength): the best over folds of the prompts of `fit`, each left out in turn, and over `other` together."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = [*fit, *other]
    labels = np.array([row["label"] for row in rows])
    prompts = [zlib.crc32(f"{row['source']} {row['request'] or row['item']}".encode()) for row in fit]
    cut = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    folds = list(cut.split(np.zeros(len(fit)), labels[: len(fit)], prompts))
    folds.append((np.arange(len(fit)), np.arange(len(fit), len(rows))))
    found: list[tuple[float, float, float]] = []
    for scale in SCALES:
        design, bare = designed(rows, scale)
        for strength in STRENGTHS:
            said = np.array(["normal"] * len(rows), dtype=object)
            for train, held in folds:
                said[held] = fitted(design[train], bare[train], labels[train], strength).predict(design[held])
            found.append((macro_f1(labels.tolist(), said.tolist()), scale, strength))
    return max(found)


def figures(labels: Sequence[str], said: Sequence[str], seed: int = 0) -> list[Cell]:
    """Macro F1 of what was said of answers, F1 of each kind, and how often one kind of refusal is taken for the other."""
    draw = np.random.default_rng(seed)
    redraws = [draw.integers(len(labels), size=len(labels)) for _ in range(REDRAWS)]
    again = [macro_f1([labels[k] for k in at], [said[k] for k in at]) for at in redraws]
    low, high = np.quantile(again, [0.025, 0.975])
    macro = {"estimate": macro_f1(labels, said), "low": float(low), "high": float(high), "n": len(labels), "digits": 2}  # fmt: skip
    refused = [(a, b) for a, b in zip(labels, said, strict=True) if a in TOLD[2:] and b in TOLD[2:]]
    each = [2 * sum(a == b == kind for a, b in zip(labels, said, strict=True)) / max(1, labels.count(kind) + said.count(kind)) for kind in TOLD]  # fmt: skip
    return [macro, *(round(one, 2) for one in each), share(sum(a != b for a, b in refused), len(refused))]


def harmless_answers(data: Path) -> list[Said]:
    """2,228 answers to requests that are not sensitive: two models on Arena-Hard, five on the 252 of self-instruct in AlpacaEval.

    Arena-Hard's are those to which nothing was fitted.
    """
    with LABELS.open(newline="") as file:
        named = {(row["source"], row["model"], row["item"]) for row in csv.DictReader(file)}
    base = pl.read_parquet(data / "alpaca_eval_2/baseline_gpt4_1106_preview.parquet")
    tasks = {str(index) for index in base.filter(pl.col("dataset") == "selfinstruct")["index"].to_list()}

    def read(source: str, model: str, item: str) -> bool:
        if source == "arena_hard":
            return (source, model, item) not in named
        return source == "alpaca_eval_2" and model in MODELS and item in tasks

    return [said for key, said in texts(data).items() if read(*key)]


def seconds(data: Path) -> tuple[float, float]:
    """CPU seconds for 100,000 published answers with their requests to be classified, and for the logit of 50,000 votes to be fitted."""
    held = [said for key, said in texts(data).items() if key[0] == "alpaca_eval_2"]
    many = [held[k % len(held)] for k in range(100_000)]
    started = time.process_time()
    kinds = np.array([KINDS.index(kind_of(text, request)) for request, text in many], np.int32).reshape(-1, 2)
    middle = time.process_time()
    draw = np.random.default_rng(0)
    columns = np.eye(len(KINDS))[kinds[:, 0]] - np.eye(len(KINDS))[kinds[:, 1]]
    share = (draw.random(len(kinds)) < 0.5).astype(float)
    models = draw.integers(24, size=(2, len(kinds))).astype(np.int32)
    prompts = np.arange(len(kinds), dtype=np.int32) % 805
    logit(columns[:, 1:4], TOLD[1:], share, prompts, (models[0], models[1]))
    return middle - started, time.process_time() - middle


def page(found: dict[str, Any]) -> str:
    """The markdown of the figures."""
    told = f"\nMade on {found['made']['at'][:10]} with seed 0 in {found['cpu_seconds']} CPU-seconds (2 cores, no GPU).\n"
    return INTRO + told + "".join(table_of(one) for one in found["tables"])


def fit_weights(rows: Sequence[dict[str, str]]) -> str:
    """Choose and fit by the parts that are for it, write the weights; a sentence on how."""
    cues = [row for row in rows if row["part"] in FITTED and cued(row["text"])]
    fit, other = [row for row in cues if permissive(row)], [row for row in cues if not permissive(row)]
    best, scale, strength = choose(fit, other)
    model = fitted(*designed(fit, scale), [row["label"] for row in fit], strength)
    weights = np.float32(model.coef_.T), np.float32(model.intercept_)
    with resources.as_file(resources.files("winsome.text") / refusal_model.WEIGHTS) as path:
        np.savez_compressed(path, **refusal_model.kept(*weights, scale, [str(kind) for kind in model.classes_]))  # fmt: skip
    return (
        f"Fitted on {len(fit):,} answers with a word of declining; word vectors of length {scale:g} and penalty {1 / strength:g}, by macro F1 of {best:.3f} "
        f"over {FOLDS} folds of their prompts and {len(other)} more of the development part."
    )  # fmt: skip


def main() -> None:
    """Fit, test, and write weights and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("more", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    started = time.process_time()
    rows = labelled(args.data, args.more)
    how = fit_weights(rows)
    told: list[list[Cell]] = []
    verdicts: list[list[str]] = []
    for name, part in TESTS.items():
        some = [row for row in rows if row["part"] == part]
        for way, by in WAYS.items():
            said = [by(row["text"], row["request"]) for row in some]
            told.append([f"{name}: {way}", *figures([row["label"] for row in some], said)])
            if name == NEW and way == BEST:
                verdicts = [[row["source"], row["label"], one] for row, one in zip(some, said, strict=True)]
    sources: list[list[Cell]] = []
    for source in dict.fromkeys(one[0] for one in sorted(verdicts)):
        part = [one for one in verdicts if one[0] == source]
        right = share(sum(label == said for _, label, said in part), len(part))
        sources.append([source, right, *(sum(label == kind for _, label, _ in part) for kind in TOLD)])
    plain = harmless_answers(args.data)
    alarms = [[way, share(sum(by(text, request) == "ethical" for request, text in plain), len(plain))] for way, by in WAYS.items()]  # fmt: skip
    classify, fit_seconds = seconds(args.data)
    made = record(
        "refusal types", "winsome.text.refusals", "", [],
        [table("On labelled answers", ["answers", "macro F1", *TOLD, "one reason for the other, per cent"], told,
               [f"{how} Columns of kinds are F1. The last column is of answers that are refusals and were called refusals."]),
         table("The new test by source", ["source", "called rightly, per cent", *TOLD], sources, ["Columns of kinds are numbers of answers."]),
         table("Answers to requests that are not sensitive, called ethical refusals", ["by", "per cent"], alarms,
               ["Two models on Arena-Hard's 500 prompts (answers that nothing was fitted to), five on the 252 of self-instruct in AlpacaEval."]),
         table("Speed", ["what", "CPU seconds"], [["100,000 answers classified, with their requests", classify], ["logit of 50,000 votes, 24 models", fit_seconds]])],
        cpu_seconds=round(time.process_time() - started),
    )  # fmt: skip
    made.pop("subject")
    made["third_test"] = verdicts
    args.out.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    args.out.with_suffix(".md").write_text(page(made))


if __name__ == "__main__":
    main()
