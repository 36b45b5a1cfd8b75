"""Published answers and the requests they answer, by (source, model, item), where the labels of refusals' types name them.

DATA has `alpaca_eval_2`, `wildbench`, `hh_rlhf`, `bpo` and `arena_hard`. MORE has what its sources publish beside that:

    oasst_model_eval/    the reports of Open-Assistant/oasst-model-eval, sampling_reports/*/*.json (Apache-2.0)
    refusal_direction/   MODEL.SET.json of andyrdt/refusal_direction, pipeline/runs/MODEL/completions/SET_completions.json (Apache-2.0)
    wildbench/           MODEL.json of allenai/WildBench, eval_results/v2.0625 or v2.0522, score.v2, GPT-4's verdicts (Apache-2.0)
    alpaca_eval/         MODEL.json of tatsu-lab/alpaca_eval, results/MODEL/model_outputs.json (not for commercial use: never fitted to)

WildBench's files hold no requests: theirs are empty. Those of the harmlessness set are the whole dialogue before the answer.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

Key = tuple[str, str, str]
"""(source, model, item)."""
Said = tuple[str, str]
"""(request, answer)."""


def texts(data: Path, more: Path | None = None) -> dict[Key, Said]:
    """Every answer of both folders with its request."""
    found = dict(_shared(data))
    if more is not None:
        found.update(_more(more))
    return found


def _shared(data: Path) -> Iterator[tuple[Key, Said]]:
    folder = data / "alpaca_eval_2"
    base = pl.read_parquet(folder / "baseline_gpt4_1106_preview.parquet")
    asked = dict(zip(base["index"].to_list(), base["instruction"].to_list(), strict=True))
    for row in pl.read_parquet(folder / "annotations_public.parquet").iter_rows(named=True):
        yield ("alpaca_eval_2", row["model"], str(row["index"])), (asked[row["index"]], row["output"] or "")
    for row in pl.read_parquet(data / "wildbench/wb_score_gpt4o.parquet").iter_rows(named=True):
        yield ("wildbench", row["model"], row["session_id"]), ("", row["output"] or "")
    with gzip.open(data / "hh_rlhf/harmless-base-test.jsonl.gz") as file:
        for number, line in enumerate(file):
            for side, dialogue in json.loads(line).items():
                before, _, answer = dialogue.rpartition("\n\nAssistant:")
                yield ("hh_rlhf", side, str(number)), (before.strip(), answer.strip())
    for number, row in enumerate(_read(data / "bpo/bpo_test.json")):
        for side in ("good_res", "bad_res"):
            yield ("bpo", side, str(number)), (row["prompt"], row[side])
    for model in ("gpt-3.5-turbo-0125", "gpt-4-0314"):
        with gzip.open(data / "arena_hard" / f"v0.1_answer_{model}.jsonl.gz") as file:
            for row in map(json.loads, file):
                asked, answer = (turn["content"] for turn in row["messages"])
                yield ("arena_hard", model, row["uid"]), (asked, answer["answer"])


def _more(more: Path) -> Iterator[tuple[Key, Said]]:
    for path in sorted((more / "oasst_model_eval").glob("*.json*")):
        for number, row in enumerate(_read(path)["prompts"]):
            yield ("oasst_model_eval", path.stem, str(number)), (row["prompt"], row["results"][0]["outputs"][0])  # fmt: skip
    for path in sorted((more / "refusal_direction").glob("*.json")):
        for number, row in enumerate(_read(path)):
            yield ("refusal_direction", path.stem, str(number)), (row["prompt"], row["response"])
    for path in sorted((more / "wildbench").glob("*.json")):
        for row in _read(path):
            yield ("wildbench", path.stem, row["session_id"]), ("", row["model_output"] or "")
    for path in sorted((more / "alpaca_eval").glob("*.json")):
        for number, row in enumerate(_read(path)):
            yield ("alpaca_eval", path.stem, str(number)), (row["instruction"], row["output"] or "")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
