"""R.I.P. and its baselines: percentiles by linear interpolation, boundaries kept, stored thresholds, one line for every mistake."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from winsome.curate.operators.ifd import ifd
from winsome.curate.operators.jaccard import jaccard, similarity
from winsome.curate.operators.perplexity import perplexity
from winsome.curate.operators.rip import METRICS, rip
from winsome.errors import BadInput
from winsome.frames import of_rows, prompt_row, response_row, with_sides
from winsome.records import Prompt, Response, Usage, assistant, user


def framed(rows: list[tuple[float, float, int]], by: str = "r") -> dict[str, pl.DataFrame]:
    """Pairs of (chosen score, rejected score, tokens of the rejected answer), one prompt each."""
    prompts, responses, scores, pairs = [], [], [], []
    for i, (best, worst, size) in enumerate(rows):
        prompt = Prompt((user(f"q{i}"),))
        prompts.append(prompt_row(prompt))
        ids = []
        for side, value, tokens in (("w", best, 7), ("l", worst, size)):
            answer = Response(
                prompt.id, "c", f"{side}{i}", messages=(assistant("word " * tokens + side),), usage=Usage(1, 0, tokens)
            )  # fmt: skip
            ids.append(answer.id)
            responses.append(response_row(answer))
            scores.append({"subject": "response", "subject_id": answer.id, "by": by, "value": value})
        pairs.append({"pair_id": f"p{i}", "prompt_id": prompt.id, "chosen_id": ids[0], "rejected_id": ids[1]})
    made = {"prompts": prompts, "responses": responses, "scores": scores, "pairs": pairs}
    return {name: of_rows(name, held) for name, held in made.items()}


def filtered(frames: dict[str, pl.DataFrame], **settings: Any) -> Any:
    return rip(with_sides(frames), frames=frames, **settings)


def kept(made: Any) -> list[str]:
    return made.frames["rows"]["pair_id"].to_list()


def test_thresholds_are_numpys_linear_percentiles_and_rows_on_them_stay() -> None:
    rng = np.random.default_rng(0)
    worst, gap, size = rng.normal(size=41), rng.exponential(size=41), rng.integers(1, 50, 41)
    frames = framed([(float(w + g), float(w), int(s)) for w, g, s in zip(worst, gap, size, strict=True)])
    made = filtered(frames, tau={"rejected_reward": "p30", "rejected_length": "p50", "gap": "p75"})
    found = made.facts["thresholds"]["values"]
    limits = {"rejected_reward": np.percentile(worst, 30), "rejected_length": np.percentile(size, 50), "gap": np.percentile((worst + gap) - worst, 75)}  # fmt: skip
    for name, limit in limits.items():
        assert found[name] == pytest.approx(limit, abs=1e-12)
    right = (
        (worst >= limits["rejected_reward"])
        & (size >= limits["rejected_length"])
        & ((worst + gap) - worst <= limits["gap"])
    )
    assert kept(made) == [f"p{i}" for i in np.flatnonzero(right)]
    # 41 rows: the median and the 75th percentile are rows themselves, and stay.
    median = np.flatnonzero(size == np.percentile(size, 50))
    only = kept(filtered(frames, tau={"rejected_length": "p50"}))
    assert {f"p{i}" for i in median} <= set(only)
    assert sum(made.dropped.values()) == 41 - len(kept(made)) > 0


def test_three_independent_metrics_keep_an_eighth() -> None:
    """0.5^3 of 10^5 rows, within three standard errors."""
    n = 100_000
    rng = np.random.default_rng(1)
    table = pl.DataFrame({
        "pair_id": [str(i) for i in range(n)],
        "rejected_value": (worst := rng.normal(size=n)),
        "chosen_value": worst + rng.exponential(size=n),
        "rejected_tokens": rng.integers(1, 1_000_000, n),
        "rejected_text": [""] * n,
    })  # fmt: skip
    frames = {
        "scores": of_rows("scores", [{"subject": "response", "subject_id": "x", "by": "r", "value": 1.0}])
    }
    share = rip(table, frames=frames).frames["rows"].height / n
    assert abs(share - 0.125) < 3 * math.sqrt(0.125 * 0.875 / n)


def test_stored_thresholds_give_the_same_rows_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    frames = framed([(float(w + 1 + g), float(w), int(s)) for w, g, s in zip(*rng.normal(size=(2, 30)) ** 2, rng.integers(1, 9, 30), strict=True)])  # fmt: skip
    first = filtered(frames)
    for content in (
        first.facts,
        first.facts["thresholds"],
        {"steps": [{"facts": {}}, {"facts": first.facts}]},
    ):
        file = tmp_path / "thresholds.json"
        file.write_text(json.dumps(content))
        again = filtered(frames, thresholds_from=str(file))
        assert again.frames["rows"].equals(first.frames["rows"])
        assert again.facts["thresholds"]["values"] == first.facts["thresholds"]["values"]
    survivors = {**frames, "pairs": first.frames["rows"].select(frames["pairs"].columns)}
    assert kept(filtered(survivors, thresholds_from=str(file))) == kept(first)
    assert filtered(survivors).frames["rows"].height < first.frames["rows"].height


def test_equal_scores_are_left_out_of_the_percentiles_and_counted() -> None:
    """Gaps 1, 2, 3 and four of 0: the median gap is 2, not 0."""
    frames = framed([(1.0, 0.0, 5), (2.0, 0.0, 5), (3.0, 0.0, 5), *[(1.0, 1.0, 5)] * 4])
    made = filtered(frames, tau={"gap": "p50"})
    assert made.facts["thresholds"]["values"] == {"gap": 2.0}
    assert kept(made) == ["p0", "p1"]
    assert made.dropped == {"answers rated alike": 4, "gap above 2": 1}


def test_each_metric_points_its_own_way() -> None:
    frames = framed([(5.0, 1.0, 9), (5.0, 2.0, 3), (5.0, 4.0, 1)])
    assert kept(filtered(frames, tau={"rejected_reward": "2"})) == ["p1", "p2"]
    assert kept(filtered(frames, tau={"rejected_length": "3"})) == ["p0", "p1"]
    assert kept(filtered(frames, tau={"gap": "1.5"})) == ["p2"]
    assert kept(filtered(frames, tau={"rejected_length": "6"}, unit="characters")) == ["p0", "p1", "p2"]
    assert set(METRICS) == {"rejected_reward", "rejected_length", "gap"}


def mistakes(tmp_path: Path) -> dict[str, tuple[dict[str, pl.DataFrame], dict[str, Any], str]]:
    good = framed([(1.0, 0.0, 5), (2.0, 0.0, 6)])
    told = {
        "by": "another",
        "unit": "tokens",
        "values": {"gap": 1.0, "rejected_reward": 0.0, "rejected_length": 1.0},
    }
    (tmp_path / "other.json").write_text(json.dumps(told))
    (tmp_path / "unit.json").write_text(json.dumps({**told, "by": "r", "unit": "characters"}))
    (tmp_path / "part.json").write_text(json.dumps({"values": {"gap": 1.0}}))
    two = {
        **good,
        "scores": pl.concat([good["scores"], good["scores"].with_columns(pl.lit("s").alias("by"))]),
    }
    return {
        "swapped": (framed([(0.0, 1.0, 5)]), {}, "1 pairs (p0) have a rejected answer that is rated higher; swap their sides"),
        "metric": (good, {"tau": {"chosen_length": "p50"}}, 'no metric "chosen_length" (known: rejected_reward'),
        "none": (good, {"tau": {}}, 'no metric "none"'),
        "percentile": (good, {"tau": {"gap": "p101"}}, "gap: p101 is no percentile; write p0 to p100"),
        "number": (good, {"tau": {"gap": "wide"}}, "gap: wide is neither pXX nor a number"),
        "one score": (framed([(1.0, 1.0, 5)]), {}, "no pair has two different scores; give more answers a prompt"),
        "scorer": (good, {"thresholds_from": str(tmp_path / "other.json")}, "on the scale of another, these are of r"),
        "unit": (good, {"thresholds_from": str(tmp_path / "unit.json")}, "has lengths in characters, these are in tokens"),
        "file": (good, {"thresholds_from": str(tmp_path / "absent.json")}, "cannot be read (FileNotFoundError); name a recipe.json"),
        "part": (good, {"thresholds_from": str(tmp_path / "part.json")}, 'has no threshold of "rejected_reward"'),
        "two scorers": (two, {}, "answers were rated by r and s; score with keep: false"),
        "no scores": ({k: v for k, v in good.items() if k != "scores"}, {}, "no scores reach this step"),
    }  # fmt: skip


@pytest.mark.parametrize("case", [
    "swapped", "metric", "none", "percentile", "number", "one score", "scorer", "unit", "file", "part", "two scorers", "no scores",
])  # fmt: skip
def test_mistakes_are_one_line(case: str, tmp_path: Path) -> None:
    frames, settings, said = mistakes(tmp_path)[case]
    with pytest.raises(BadInput) as error:
        filtered(frames, **settings)
    assert said in str(error.value).replace(str(tmp_path), "")
    assert "\n" not in str(error.value)


def test_jaccard_keeps_the_pairs_that_share_words() -> None:
    assert similarity("a b c", "B c d") == 0.5
    assert similarity("", "") == 0.0
    frames = framed([(1.0, 0.0, 0), (1.0, 0.0, 3), (1.0, 0.0, 1)])
    # chosen: word and w; rejected: l alone, or word and l
    made = jaccard(with_sides(frames), budget=2)
    assert kept(made) == ["p1", "p2"]
    assert made.dropped == {"jaccard not among the highest 2": 1}
    assert kept(jaccard(with_sides(frames), budget=0.34)) == ["p1"]
    with pytest.raises(BadInput, match="budget=0 keeps nothing"):
        jaccard(with_sides(frames), budget=0)


def test_perplexity_and_difficulty_equal_transformers(tmp_path: Path) -> None:
    """Order of pairs by the loss of a plain forward pass, with the prompt and with an empty one."""
    from tests import tiny_models
    from winsome.contenders.local import hf
    from winsome.models.render import prompt_ids

    torch.set_num_threads(1)
    network = tiny_models.causal()
    place = tiny_models.saved(tmp_path / "tiny", network)
    frames = framed([(1.0, 0.0, n) for n in range(1, 7)])
    local = tiny_models.local_model(network)

    def loss(prompt: Prompt, answer: str) -> float:
        head = prompt_ids(local, prompt)
        ids = [*local.tokenizer(answer)["input_ids"], 257]
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([head + ids])).logits[0, len(head) - 1 : -1]
        return float(torch.nn.functional.cross_entropy(logits, torch.tensor(ids)))

    answer = "word " * 7 + "w"
    after = [loss(Prompt((user(f"q{i}"),)), answer) for i in range(6)]
    empty = loss(Prompt((user(""),)), answer)
    by = hf(str(place), dtype="float32", name="hf")
    made = asyncio.run(perplexity(with_sides(frames), model=by, budget=3, frames=frames))
    assert kept(made) == [f"p{i}" for i in sorted(np.argsort(after)[-3:])]
    assert made.facts["lowest"] == pytest.approx(math.exp(sorted(after)[-3]), rel=1e-4)
    hard = asyncio.run(ifd(with_sides(frames), model=by, budget=2, frames=frames))
    assert kept(hard) == [f"p{i}" for i in sorted(np.argsort(after)[-2:])]
    assert hard.facts["lowest"] == pytest.approx(sorted(after)[-2] / empty, rel=1e-4)
