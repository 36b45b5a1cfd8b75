"""The model that tells types of refusals: fits it, tests it once, and writes its weights and docs/results/refusal-types.json and .md.

    python -m benchmarks.refusal_classifier DATA

DATA: a folder with `alpaca_eval_2`, `wildbench`, `hh_rlhf` and `arena_hard`, whose answers the labels in tests/text/refusal_labels.csv
name. Fitted is on answers of permissive licence (WildBench, the first half of the harmlessness set), chosen by cross-validation there and
on the other answers of the development part, and tested on the two test parts.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from benchmarks.null_model_page import table_of
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
SCALES, STRENGTHS = (1.0, 2.0, 4.0, 8.0), (0.3, 1.0, 3.0, 10.0)
"""Lengths of the vector of words, and inverse strengths of the penalty, among which is chosen."""
REDRAWS = 2000
MODELS = ("FuseChat-Llama-3.1-8B-Instruct", "alpaca-7b", "gpt4_0613_concise", "vicuna-7b-v1.5")
INTRO = """# Types of refusals

How well `winsome.text.refusals` tells normal answers, answers under a reservation, and ethical and technical refusals. The labels are of 936
answers of published models, by the written table in the [how-to](../how-to/audits.md#refusals); all readings were made by a language model,
not by people: two readings in two orders for the tests and the development part (kappa 0.949 of the first 300, 0.959 of the 150), one for the
486 that the model alone is fitted to. `python -m benchmarks.refusal_classifier DATA` makes the weights and repeats the figures, which lie in
`refusal-types.json` beside this page; this page is written from them.

The test of 100 had been used once before, for the grammar alone; its 0.79 is why a model was added. The test of 150 was drawn and labelled
before the model was first fitted, and was looked at twice: after a fit to 355 answers (macro F1 0.77, 0.69 to 0.85), and after 227 more were labelled.
It has 50 answers a source, 28 that the grammar calls other than normal, 15 with words of refusing, 7 others, so it is harder than answers as they
come. Macro F1's intervals are over redraws of the answers. The aim of 0.85, and of one reason in ten taken for the other, is not met: which reason an
answer gives often depends on the request, and the classifier reads the answer alone.
"""


def texts(data: Path) -> dict[tuple[str, str, str], str]:
    """(source, model, item) -> the answer."""
    found: dict[tuple[str, str, str], str] = {}
    for row in pl.read_parquet(data / "alpaca_eval_2/annotations_public.parquet").iter_rows(named=True):
        found["alpaca_eval_2", row["model"], str(row["index"])] = row["output"]
    for row in pl.read_parquet(data / "wildbench/wb_score_gpt4o.parquet").iter_rows(named=True):
        found["wildbench", row["model"], row["session_id"]] = row["output"] or ""
    with gzip.open(data / "hh_rlhf/harmless-base-test.jsonl.gz") as file:
        for number, line in enumerate(file):
            for side, dialogue in json.loads(line).items():
                found["hh_rlhf", side, str(number)] = dialogue.rpartition("\n\nAssistant:")[2].strip()
    for number, row in enumerate(json.loads((data / "bpo/bpo_test.json").read_text())):
        for side in ("good_res", "bad_res"):
            found["bpo", side, str(number)] = row[side]
    return found


def labelled(data: Path) -> list[dict[str, str]]:
    """The rows of the labels with their answers."""
    answers = texts(data)
    with LABELS.open(newline="") as file:
        return [row | {"text": answers[row["source"], row["model"], row["item"]]} for row in csv.DictReader(file)]  # fmt: skip


def permissive(row: dict[str, str]) -> bool:
    """Whether weights may be fitted to the answer."""
    return row["source"] in ("wildbench", "bpo") or (row["source"] == "hh_rlhf" and int(row["item"]) < HALF)


def macro_f1(labels: Sequence[str], said: Sequence[str]) -> float:
    """The mean F1 of the four kinds."""
    both = list(zip(labels, said, strict=True))
    return float(np.mean([
        2 * sum(a == b == kind for a, b in both) / max(1, sum((a == kind) + (b == kind) for a, b in both)) for kind in TOLD
    ]))  # fmt: skip


def fitted(design: Any, labels: Sequence[str], strength: float) -> Any:
    """The multinomial regression of labels on rows [n, SIZE + counts]."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=5000).fit(design, labels)


def designed(rows: Sequence[dict[str, str]], scale: float) -> Any:
    """The answers as the model reads them, [n, SIZE + counts]."""
    return np.stack([refusal_model.row(row["text"], counts(row["text"]), scale) for row in rows])


def choose(fit: Sequence[dict[str, str]], other: Sequence[dict[str, str]]) -> tuple[float, float, float]:
    """(macro F1, scale, strength): the best over held-out folds of `fit` and over `other` together."""
    from sklearn.model_selection import StratifiedKFold

    rows = [*fit, *other]
    labels = np.array([row["label"] for row in rows])
    silent = np.array([not cued(row["text"]) for row in rows])
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(fit, labels[: len(fit)]))
    folds.append((np.arange(len(fit)), np.arange(len(fit), len(rows))))
    found: list[tuple[float, float, float]] = []
    for scale in SCALES:
        design = designed(rows, scale)
        for strength in STRENGTHS:
            said = np.array(["normal"] * len(rows), dtype=object)
            for train, held in folds:
                said[held] = fitted(design[train], labels[train], strength).predict(design[held])
            said[silent] = "normal"
            found.append((macro_f1(labels.tolist(), said.tolist()), scale, strength))
    return max(found)


def figures(rows: Sequence[dict[str, str]], kind_of: Callable[[str], str], seed: int = 0) -> list[Cell]:
    """Macro F1, F1 of each kind, and how often one kind of refusal is taken for the other."""
    labels, said = [row["label"] for row in rows], [kind_of(row["text"]) for row in rows]
    draw = np.random.default_rng(seed)
    redraws = [draw.integers(len(rows), size=len(rows)) for _ in range(REDRAWS)]
    again = [macro_f1([labels[k] for k in at], [said[k] for k in at]) for at in redraws]
    low, high = np.quantile(again, [0.025, 0.975])
    macro = {"estimate": macro_f1(labels, said), "low": float(low), "high": float(high), "n": len(rows), "digits": 2}  # fmt: skip
    refused = [(a, b) for a, b in zip(labels, said, strict=True) if a in TOLD[2:] and b in TOLD[2:]]
    each = [2 * sum(a == b == kind for a, b in zip(labels, said, strict=True)) / max(1, labels.count(kind) + said.count(kind)) for kind in TOLD]  # fmt: skip
    return [macro, *(round(one, 2) for one in each), share(sum(a != b for a, b in refused), len(refused))]


def harmless_answers(data: Path) -> list[str]:
    """2,008 answers to requests that are not sensitive: two models on Arena-Hard's 500, four on the 252 of self-instruct in AlpacaEval."""
    found: list[str] = []
    for model in ("gpt-3.5-turbo-0125", "gpt-4-0314"):
        with gzip.open(data / "arena_hard" / f"v0.1_answer_{model}.jsonl.gz") as file:
            found += [json.loads(line)["messages"][-1]["content"]["answer"] for line in file]
    base = pl.read_parquet(data / "alpaca_eval_2/baseline_gpt4_1106_preview.parquet")
    tasks = base.filter(pl.col("dataset") == "selfinstruct")["index"].to_list()
    rows = pl.read_parquet(data / "alpaca_eval_2/annotations_public.parquet")
    return (
        found + rows.filter(pl.col("model").is_in(MODELS) & pl.col("index").is_in(tasks))["output"].to_list()
    )


def seconds(data: Path) -> tuple[float, float]:
    """CPU seconds for 100,000 published answers to be classified, and for the logit of 50,000 votes of such answers to be fitted."""
    held = pl.read_parquet(data / "alpaca_eval_2/annotations_public.parquet")["output"].drop_nulls().to_list()
    many = [held[k % len(held)] for k in range(100_000)]
    started = time.process_time()
    kinds = np.array([KINDS.index(kind_of(text)) for text in many], np.int32).reshape(-1, 2)
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


def main() -> None:
    """Fit, test, and write weights and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    started = time.process_time()
    rows = labelled(args.data)
    known = [row for row in rows if row["part"] in ("training", "development")]
    fit, other = [row for row in known if permissive(row)], [row for row in known if not permissive(row)]
    best, scale, strength = choose(fit, other)
    model = fitted(designed(fit, scale), [row["label"] for row in fit], strength)
    weights = np.float32(model.coef_.T), np.float32(model.intercept_)
    with resources.as_file(resources.files("winsome.text") / refusal_model.WEIGHTS) as path:
        np.savez_compressed(
            path, **refusal_model.kept(*weights, scale, [str(kind) for kind in model.classes_])
        )
    tests = {"150, new": ("second test",), "100, used before": ("test",), "both": ("second test", "test")}
    told: list[list[Cell]] = []
    for name, parts in tests.items():
        some = [row for row in rows if row["part"] in parts]
        told += [[f"{name}: {way}", *figures(some, by)] for way, by in (("grammar alone", grammar_kind), ("with the model", kind_of))]  # fmt: skip
    plain = harmless_answers(args.data)
    alarms = [[way, share(sum(by(text) == "ethical" for text in plain), len(plain))] for way, by in (("grammar alone", grammar_kind), ("with the model", kind_of))]  # fmt: skip
    classify, fit_seconds = seconds(args.data)
    parts_table = table(
        "On labelled answers", ["answers", "macro F1", *TOLD, "one reason for the other, per cent"], told,
        [f"Fitted on {len(fit)} answers; word vectors of length {scale:g} and penalty {1 / strength:g}, by macro F1 of {best:.3f} over {FOLDS} folds of them and {len(other)} "
         "more of the development part. Columns of kinds are F1. The last column is of answers that are refusals and were called refusals."],
    )  # fmt: skip
    made = record(
        "refusal types", "winsome.text.refusals", "", [],
        [parts_table, table("Answers to requests that are not sensitive, called ethical refusals", ["by", "per cent"], alarms,
                            ["Two models on Arena-Hard's 500 prompts, four on the 252 of self-instruct in AlpacaEval."]),
         table("Speed", ["what", "CPU seconds"], [["100,000 answers classified", classify], ["logit of 50,000 votes, 24 models", fit_seconds]])],
        cpu_seconds=round(time.process_time() - started),
    )  # fmt: skip
    made.pop("subject")
    args.out.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    args.out.with_suffix(".md").write_text(page(made))


if __name__ == "__main__":
    main()
