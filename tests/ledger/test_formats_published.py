"""Published verdicts, read: the figures that follow from them are the published ones."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from winsome.errors import BadInput
from winsome.ledger import formats
from winsome.ledger.formats import wildbench
from winsome.ledger.formats.reading import read
from winsome.standings.frames import from_frame

ANNOTATED = ("alpaca-7b", "FuseChat-Llama-3.1-8B-Instruct")


@pytest.mark.parametrize("model", ANNOTATED)
def test_alpaca_eval_annotations_give_the_published_win_rate(shared_data: Path, model: str) -> None:
    folder = shared_data / "alpaca_eval_2"
    frame = formats.verdicts(folder / f"{model}.annotations.json.gz")
    with (folder / "published_public.csv").open() as file:
        published = next(row for row in csv.DictReader(file) if row[""] == model)
    assert frame["model_a"].unique().to_list() == [model]
    assert frame["model_b"].unique().to_list() == ["gpt4_1106_preview"]
    assert 100 * float(frame["share"].mean()) == pytest.approx(float(published["win_rate"]), abs=1e-9)  # type: ignore[arg-type]
    error = 100 * float(frame["share"].std()) / frame.height**0.5  # type: ignore[arg-type]
    assert error == pytest.approx(float(published["standard_error"]), abs=1e-9)
    assert int(frame["length_a"].mean()) == int(published["avg_length"])  # type: ignore[arg-type]
    battles = from_frame(frame)
    assert (len(battles), set(battles.covariates)) == (805, {"length"})


def test_alpaca_eval_annotations_share_prompts_with_the_suite(shared_data: Path) -> None:
    folder = shared_data / "alpaca_eval_2"
    suite = {prompt.id for prompt in formats.prompts(folder / "baseline_gpt4_1106_preview.parquet")}
    both = formats.verdicts(*(folder / f"{model}.annotations.json.gz" for model in ANNOTATED))
    assert both.height == 2 * 805
    assert set(both["prompt_id"].to_list()) == suite


def test_wildbench_scores_are_the_published_ones(shared_data: Path) -> None:
    frame = formats.grades(shared_data / "wildbench/wb_score_gpt4o.parquet")
    published = json.loads((shared_data / "wildbench/wb_score_published.json").read_text())
    found = {
        row["model"]: row for row in frame.group_by("model").agg(pl.col("grade").mean(), pl.len()).to_dicts()
    }
    assert found.keys() == published.keys()
    for model, row in found.items():
        assert row["grade"] == pytest.approx(published[model]["score"], abs=1e-12)
        assert row["len"] == published[model]["total"]


@pytest.mark.parametrize("margin", [-1, 500, 1000, 1500])
def test_wildbench_rewards_are_the_published_ones(shared_data: Path, margin: int) -> None:
    path = shared_data / "wildbench/wb_reward_gpt4t_published.json.gz"
    published = json.loads(gzip.decompress(path.read_bytes()))[str(margin)]
    frame = wildbench.rewards(read(path), margin=margin, reference="gpt-4-turbo-2024-04-09")
    points = (2 * pl.col("share") - 1) * pl.col("extent") / 2 * pl.col("weight")
    found = frame.group_by("model_a").agg(reward=points.sum() / pl.col("weight").sum())
    assert dict(found.iter_rows()) == pytest.approx(
        {model: row["reward"] for model, row in published.items()}, abs=1e-12
    )


def test_wildbench_rewards_of_one_margin_name_it_in_the_file_name(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "wildbench/wb_reward_gpt4t_published.json.gz"
    by_margin = json.loads(gzip.decompress(path.read_bytes()))
    alone = tmp_path / "pairwise-gpt4t-K=500.json"
    alone.write_text(json.dumps(by_margin["500"]))
    assert formats.sniff(alone) == "wildbench_rewards"
    assert wildbench.rewards(read(alone), 500).equals(wildbench.rewards(read(path), 500))
    with pytest.raises(BadInput, match=r"has no margin -1 \(found: 500\)"):
        wildbench.rewards(read(alone))


def test_votes_of_people_and_judges(shared_data: Path) -> None:
    folder = shared_data / "llmfao"
    crowd = formats.verdicts(folder / "crowd_votes.csv")
    with (folder / "crowd_votes.csv").open() as file:
        rows = list(csv.DictReader(file))
    shares = {"left": 1.0, "right": 0.0, "tie": 0.5}
    assert crowd["share"].to_list() == [shares[row["winner"]] for row in rows]
    assert crowd["annotator"].to_list() == [row["worker"] for row in rows]
    assert crowd["prompt_id"].to_list() == [row["prompt"] for row in rows]
    for judge in ("gpt3_votes.csv", "gpt4_votes.csv"):
        frame = formats.verdicts(folder / judge)
        assert frame.height == 1479
        assert len(from_frame(frame)) == 1479


KINDS = {
    "mt_bench/mt_bench_question.jsonl": "mt_bench_questions",
    "mt_bench/vicuna_question.jsonl": "mt_bench_questions",
    "mt_bench/mt_bench_reference_gpt-4.jsonl": "mt_bench_answers",
    "arena_hard/v0.1_question.jsonl.gz": "arena_hard_questions",
    "arena_hard/v2.0_question.jsonl.gz": "arena_hard_questions",
    "arena_hard/v0.1_answer_gpt-4-0314.jsonl.gz": "arena_hard_answers",
    "alpaca_eval_2/alpaca-7b.model_outputs.json.gz": "alpaca_eval_outputs",
    "alpaca_eval_2/alpaca-7b.annotations.json.gz": "alpaca_eval_annotations",
    "alpaca_farm/multisamples_sft.json": "table_answers",
    "alpaca_farm/outputs_pairs.json": "table_prompts",
    "bpo/bpo_test.json": "table_prompts",
    "llmfao/crowd_votes.csv": "battles",
    "wildbench/wb_score_gpt4o.parquet": "wildbench_scores",
    "wildbench/wb_reward_gpt4t_published.json.gz": "wildbench_rewards",
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_formats_are_known_by_their_content(shared_data: Path, tmp_path: Path, name: str, kind: str) -> None:
    assert formats.sniff(shared_data / name) == kind
    data = (shared_data / name).read_bytes()
    nameless = tmp_path / "download"
    nameless.write_bytes(gzip.decompress(data) if name.endswith(".gz") else data)
    assert formats.sniff(nameless) == kind
