"""Whole runs: packed as padded, any split, the same bits after a stop, what is kept opens anywhere, one line for every mistake."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from tests import tiny_models
from tests.training.rewards.small import folder_of, place_of, record_of, step, task_of, trained, write
from tests.training.small_run import rows, session
from winsome.errors import BadInput, Fatal, Unsupported
from winsome.matchmaking.compare import compare
from winsome.matchmaking.loops import finish
from winsome.matchmaking.people import People
from winsome.protocols import Judge, Scorer
from winsome.records import Match, Prompt, Response, Side, assistant, user
from winsome.scorers.trained_on import trained_pairs
from winsome.training.progress import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return folder_of(tmp_path_factory.mktemp("reward"))


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def made(folder) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINSOME_CACHE", str(folder / "cache"))
        return trained(folder, {"objective": "bradley_terry?center=0.01"})


def alone(place: Path, asked: str, said: str) -> float:
    """transformers' own rating of a dialogue, without padding or company."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(place)
    network = AutoModelForSequenceClassification.from_pretrained(place, dtype=torch.float32).eval()
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        return float(network(input_ids=ids).logits[0, 0])


def response(text: str) -> Response:
    return Response("", "c", text, messages=(assistant(text),))


def rated(folder: Path, name: str, said: list[tuple[str, str]]) -> list[float]:
    with session(folder) as run:
        scorer: Any = run.open(name, Scorer)
        found = finish(scorer.score([Prompt((user(a),)) for a, _ in said], [response(b) for _, b in said]))
    return list(found.values)


def test_packed_rows_give_the_loss_and_gradient_of_single_dialogues(folder) -> None:
    """All units in one row, one a row, and each dialogue through transformers' own padded classifier."""
    data = rows(7)
    whole = step(task_of(folder, "bradley_terry?center=0.1", data, row_tokens=10_000))
    single = step(task_of(folder, "bradley_terry?center=0.1", data, row_tokens=1))
    task = task_of(folder, "bradley_terry?center=0.1", data)
    network = task.ranks.module.network
    dialogues = [[*p, *a] for p, a in task.units.sequences[:]]
    longest = max(map(len, dialogues))
    pad = network.config.pad_token_id
    ids = torch.tensor([d + [pad] * (longest - len(d)) for d in dialogues])
    mask = torch.tensor([[1] * len(d) + [0] * (longest - len(d)) for d in dialogues])
    found = network(input_ids=ids, attention_mask=mask).logits[:, 0]
    chosen, rejected = found[task.units.rows["chosen"]], found[task.units.rows["rejected"]]
    loss = (-torch.nn.functional.logsigmoid(chosen - rejected) + 0.1 * (chosen + rejected) ** 2).mean()
    loss.backward()
    padded = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
    for value, grads in (whole, single):
        assert value == pytest.approx(float(loss.detach()), abs=1e-5)
        assert grads.keys() == padded.keys()
        for name, grad in grads.items():
            torch.testing.assert_close(grad, padded[name], atol=2e-5, rtol=2e-4)


@pytest.mark.parametrize(
    "objective", ["bradley_terry", "general_preference", "regression?attributes=[helpful,brief]"]
)
def test_any_split_into_micro_batches_is_one_update(folder, objective) -> None:
    data = [
        json.loads(line)
        for line in (folder / ("attributes.jsonl" if "reg" in objective else "many.jsonl")).open()
    ]
    task = task_of(folder, objective, data[:9])
    whole = step(task)
    for parts in ([[0, 1, 2, 3], [4], [5, 6, 7, 8]], [[i] for i in range(9)]):
        loss, grads = step(task, parts)
        assert loss == pytest.approx(whole[0], rel=1e-6)
        scale = sum(float((g**2).sum()) for g in whole[1].values()) ** 0.5
        apart = sum(float(((g - whole[1][n]) ** 2).sum()) for n, g in grads.items()) ** 0.5
        assert apart < 1e-5 * scale


def test_a_neighbour_in_the_row_changes_no_bit(folder) -> None:
    from winsome.models.scores import scores

    task = task_of(folder, "bradley_terry", rows(4))
    network, held = task.ranks.module.network, task.units.sequences[:]
    with torch.no_grad():
        first = scores(network, held, row_tokens=10_000)
        other = [*held[:-1], (held[-1][0], [(t + 1) % 250 for t in held[-1][1]])]
        second = scores(network, other, row_tokens=10_000)
    assert torch.equal(first[:-1], second[:-1])
    assert not torch.equal(first[-1], second[-1])


def test_what_is_kept_opens_in_transformers_alone_with_the_same_ratings(folder, made) -> None:
    said = [(f"say {i}", "yes " * (1 + i % 4) + str(i)) for i in range(9)]
    place = place_of(made)
    for value, (asked, answer) in zip(rated(folder, made, said), said, strict=True):
        assert value == pytest.approx(alone(place, asked, answer), abs=1e-5)
    config = json.loads((place / "config.json").read_text())
    assert config["architectures"] == ["LlamaForSequenceClassification"]
    assert config["problem_type"] == "regression"
    assert config["pad_token_id"] == 257
    assert len(config.get("id2label", {0: ""})) == 1


def test_a_judge_beside_people_is_refused_for_the_pairs_that_it_learnt(folder, made, monkeypatch) -> None:
    """Of forty pairs those that are not held out are learnt; which answer is whose does not matter, other words do."""
    monkeypatch.chdir(folder)
    learnt = 40 - record_of(made)["held_out"]["pairs"]
    assert len(trained_pairs([str(place_of(made))])) == learnt > 30
    told = [
        ("chosen", rows(40)),
        ("rejected", rows(40)),
        ("rejected", [row | {"rejected": "other"} for row in rows(40)]),
    ]
    for name, (field, held) in zip("abc", told, strict=True):
        found = [{"id": row["id"], "prompt": row["prompt"], "output": row[field]} for row in held]
        write(folder / f"{name}.jsonl", found)

    @asynccontextmanager
    async def serve(board: Any) -> Any:
        board.closed = True
        board.changed.set()
        yield

    def compared(*names: str) -> Any:
        people = People(serve, assist=f"by_score?scorer=({made})")
        return compare(*names, judge="human", people=people, quiet=True, ledger=folder / "people.sqlite")

    with pytest.raises(BadInput, match=f"was trained on {learnt} of these 40 pairs"):
        compared("b.jsonl", "a.jsonl")
    with pytest.raises(BadInput, match="no verdict could be scored"):  # it scores, and nobody labels
        compared("a.jsonl", "c.jsonl")


def test_padding_never_hides_the_end_of_a_dialogue(folder) -> None:
    """A template that ends with the padding token: another special one pads, so that ratings are read at the end."""
    network = tiny_models.causal()
    place = tiny_models.saved(
        folder / "closing", network, tiny_models.TEMPLATE.replace("<|im_end|>\n", "<|im_end|>")
    )
    name = trained(folder, {"start": f"hf:{place}?dtype=float32", "updates": 3}, runs="closing")
    config = json.loads((place_of(name) / "config.json").read_text())
    assert config["pad_token_id"] == 256
    said = [("say 1", "yes " * i + "1") for i in range(1, 5)]
    for value, (asked, answer) in zip(rated(folder, name, said), said, strict=True):
        assert value == pytest.approx(alone(place_of(name), asked, answer), abs=1e-5)


def test_a_head_is_kept_with_an_adapter(folder) -> None:
    name = trained(folder, {"adapter": "lora", "lora_rank": 4}, runs="lora")
    place = place_of(name)
    assert not (place / "adapter_config.json").exists()
    held = load_file(place / "model.safetensors")
    assert held["score.weight"].shape == (1, 32)
    assert not any("lora" in key or "modules_to_save" in key for key in held)
    assert rated(folder, name, [("say 1", "yes 1")])[0] == pytest.approx(
        alone(place, "say 1", "yes 1"), abs=1e-5
    )
    base = load_file(folder / "tiny" / "model.safetensors")
    changed = [key for key in base if key in held and not torch.equal(base[key], held[key])]
    assert all(re.search(r"(proj|gate)", key) for key in changed)
    assert changed


def test_a_stopped_run_ends_in_the_same_bits(folder) -> None:
    from winsome.training.trainer import Trainer

    settings = {"save_every": 4, "ema": 0.3, "schedule": "cosine"}
    whole = place_of(trained(folder, settings, runs="whole"))
    with pytest.MonkeyPatch.context() as patch:
        real = Trainer.step

        def dying(self):
            if self.update == 6:
                raise KeyboardInterrupt
            return real(self)

        patch.setattr(Trainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, settings, runs="cut")
    again = place_of(trained(folder, settings, runs="cut"))
    a, b = (load_file(place / "model.safetensors") for place in (whole, again))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert [r["loss"] for r in read(whole.parent / "log.jsonl")] == [
        r["loss"] for r in read(again.parent / "log.jsonl")
    ]


def test_held_out_figures_are_those_of_the_ratings(folder, made) -> None:
    """Accuracy, ties, the longer answer and the log loss, counted again from single ratings of the held-out pairs."""
    found = record_of(made)["held_out"]
    apart = [row for row in rows(40) if int(Prompt((user(row["prompt"]),)).id, 16) % 10 == 0]
    assert found["pairs"] == len(apart) > 0
    first = rated(folder, made, [(row["prompt"], row["chosen"]) for row in apart])
    second = rated(folder, made, [(row["prompt"], row["rejected"]) for row in apart])
    gaps = np.subtract(first, second)
    assert found["accuracy"] == pytest.approx(np.mean((np.sign(gaps) + 1) / 2))
    lengths = [np.sign(len(row["chosen"]) - len(row["rejected"])) for row in apart]
    assert found["longer"] == pytest.approx(np.mean((np.array(lengths) + 1) / 2))
    assert found["log_loss"] == pytest.approx(np.mean(np.log1p(np.exp(-gaps))), abs=1e-5)
    assert found["mean"] == pytest.approx(np.mean([*first, *second]), abs=1e-5)
    low, high = found["accuracy_interval"]
    assert low <= found["accuracy"] <= high
    normal = rated(folder, f"{made}&normalise=true", [(apart[0]["prompt"], apart[0]["chosen"])])[0]
    assert normal == pytest.approx((first[0] - found["mean"]) / found["spread"], abs=1e-5)


@pytest.mark.parametrize("objective", ["bradley_terry", "general_preference"])
def test_a_held_out_pair_that_does_not_fit_is_counted(folder, objective) -> None:
    write(
        folder / "apart.jsonl",
        [*rows(5), {"id": "long", "prompt": "p", "chosen": "x" * 600, "rejected": "y"}],
    )
    name = trained(
        folder, {"objective": objective, "updates": 4, "held_out": str(folder / "apart.jsonl")}, runs="apart"
    )
    found = record_of(name)["held_out"]
    assert (found["pairs"], found["unread"]) == (5, 1)
    assert record_of(name)["data"]["counts"]["kept"] == 40


def test_several_attributes_are_rated_and_add_up(folder) -> None:
    name = trained(
        folder, {"objective": "regression?attributes=[helpful,brief]&attribute_weights=[3,1]", "epochs": 6}, data="attributes.jsonl"
    )  # fmt: skip
    config = json.loads((place_of(name) / "config.json").read_text())
    assert config["id2label"] == {"0": "helpful", "1": "brief"}
    said = [("rate 3", "yes yes 1"), ("rate 4", "yes 2")]
    parts = [rated(folder, f"{name}&attribute={part}", said) for part in ("helpful", "brief")]
    np.testing.assert_allclose(
        rated(folder, name, said), 0.75 * np.array(parts[0]) + 0.25 * np.array(parts[1]), atol=1e-6
    )
    weighed = rated(folder, f"{name}&output_weights=[0.65,-2]", said)
    np.testing.assert_allclose(weighed, 0.65 * np.array(parts[0]) - 2 * np.array(parts[1]), atol=1e-6)
    assert record_of(name)["held_out"]["correlation"] > 0.3
    with pytest.raises(BadInput, match=r'no attribute "kind" \(known: helpful, brief\)'):
        rated(folder, f"{name}&attribute=kind", said)


def test_rated_lists_are_learnt_by_regression_and_by_pairs(folder) -> None:
    by_pairs = trained(folder, {}, data="lists.jsonl")
    assert record_of(by_pairs)["data"]["counts"]["kept"] >= 14
    by_score = trained(folder, {"objective": "regression", "epochs": 4}, data="lists.jsonl")
    assert record_of(by_score)["data"]["counts"]["kept"] == 3 * record_of(by_pairs)["data"]["counts"]["kept"]


def test_a_preference_model_judges_and_does_not_rate(folder) -> None:
    name = trained(folder, {"objective": "general_preference?dim=2"}, data="many.jsonl")
    assert name.startswith("preference_model:")
    prompt = Prompt((user("say 3"),))
    sides = (Side("a", response("yes 3"), 0), Side("b", response("no no no 3"), 1))
    with session(folder) as run:
        judge: Any = run.open(name, Judge)

        async def heard(match: Match) -> float:
            return [v.scores[0] async for v in judge.judge([match])].pop()

        share = finish(heard(Match(prompt, sides)))
        mirrored = finish(
            heard(Match(prompt, tuple(Side(s.contender, s.response, 1 - s.seat) for s in reversed(sides))))
        )
    assert share > 0.5
    assert share + mirrored == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(Unsupported, match="use it as a judge: preference_model:"):
        rated(folder, name.replace("preference_model", "reward_model"), [("q", "a")])


def test_a_reward_model_goes_on_being_trained(folder, made) -> None:
    place = place_of(made)
    again = trained(folder, {"start": f"hf:{place}?dtype=float32", "rate": 1e-5, "updates": 1}, runs="more")
    a, b = (load_file(where / "model.safetensors")["score.weight"] for where in (place, place_of(again)))
    assert float((a - b).abs().max()) < 1e-4
    assert not torch.equal(a, b)
    with pytest.raises(BadInput, match="rates with 1 outputs, general_preference needs 4"):
        trained(
            folder, {"start": f"hf:{place}?dtype=float32", "objective": "general_preference"}, runs="more"
        )


def test_a_look_during_training_measures_what_is_held_out(folder) -> None:
    name = trained(folder, {"evaluate_every": 6, "epochs": 3}, runs="looks")
    looked = [row for row in read(place_of(name).parent / "log.jsonl") if "held_out_accuracy" in row]
    assert [row["update"] for row in looked] == [6, 12, 18]
    assert all(0 <= row["held_out_accuracy"] <= 1 and row["held_out_loss"] > 0 for row in looked)


def mistakes(folder: Path) -> dict[str, tuple[dict[str, Any], str, type[Exception], str]]:
    same = [{"prompt": f"p{i}", "responses": ["a", "b"], "scores": [1, 1]} for i in range(12)]
    level = [{"prompt": f"p{i}", "response": f"a{i}", "score": 2.0} for i in range(30)]
    write(folder / "ties.jsonl", same)
    write(folder / "level.jsonl", level)
    pl.DataFrame([*level[:3], {"prompt": "p", "response": "a", "score": float("nan")}]).write_parquet(
        folder / "nan.parquet"
    )
    write(folder / "pair.jsonl", [{"prompt": f"p{i}", "chosen": "a", "rejected": "a"} for i in range(30)])
    if not (folder / "other").is_dir():
        tiny_models.saved(folder / "other", tiny_models.causal())
        tokenizer = tiny_models.byte_tokenizer()
        tokenizer.add_tokens(["<more>", "<most>"])
        tokenizer.save_pretrained(folder / "other")
        tiny_models.saved(folder / "bare", tiny_models.causal(), template=None)
    return {
        "ties": ({}, "ties.jsonl", BadInput, "all scores of every prompt are equal"),
        "level": ({"objective": "regression"}, "level.jsonl", BadInput, "every answer has score 2; give answers that were rated"),
        "not finite": ({"objective": "regression"}, "nan.parquet", BadInput, "record 4 score is nan; write a finite number"),
        "identical": ({}, "pair.jsonl", BadInput, "no row is left of"),
        "column": ({"objective": "regression?attributes=[wit]"}, "level.jsonl", BadInput, "needs the column wit"),
        "margin": ({"objective": "bradley_terry?margin=1"}, "many.jsonl", BadInput, "needs the column margin"),
        "form": ({"objective": "regression"}, "many.jsonl", BadInput, "holds pairs; ratings come from rated answers or lists"),
        "vocabulary": ({"start": f"hf:{folder / 'other'}"}, "many.jsonl", BadInput, "its tokenizer has 260 tokens, the model 258"),
        "template": ({"start": f"hf:{folder / 'bare'}"}, "many.jsonl", Unsupported, "its tokenizer has no chat template"),
        "text": ({"format": "text"}, "many.jsonl", BadInput, "leave out --format text"),
        "canary": ({"canary_every": 2}, "many.jsonl", BadInput, "leave out --canary-every"),
        "objective": ({"objective": "bradley_terri"}, "many.jsonl", BadInput, 'did you mean "bradley_terry"'),
        "policy": ({"objective": "dpo"}, "many.jsonl", BadInput, 'no rewardobjective kind "dpo"'),
    }  # fmt: skip


@pytest.mark.parametrize("case", [
    "ties", "level", "not finite", "identical", "column", "margin", "form", "vocabulary", "template", "text", "canary", "objective",
    "policy",
])  # fmt: skip
def test_mistakes_are_one_line(folder, case) -> None:
    settings, data, kind, said = mistakes(folder)[case]
    with pytest.raises(kind, match=re.escape(said)) as error:
        trained(folder, settings, data=data, runs="mistakes")
    assert "\n" not in str(error.value)


def test_a_model_that_rates_everything_alike_is_refused_in_training_and_in_use(folder) -> None:
    """Prompts say which answer is better only by what both sides share, so nothing separates them: the head is then set to 0."""
    from winsome.training.rewards import runs as reward_runs

    real = reward_runs.write_model

    def flat(place, network, tokenizer, record):
        with torch.no_grad():
            network.score.weight.zero_()
        real(place, network, tokenizer, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reward_runs, "write_model", flat)
        with pytest.raises(Fatal, match=r"read back, its ratings are|rates all"):
            trained(folder, {}, runs="flat")
    flat_place = next((folder / "flat").glob("*/trained"))
    said = [("say 1", f"yes {i}") for i in range(9)]
    with pytest.raises(BadInput, match="rates all 9 answers 0; is its head trained"):
        rated(folder, f"reward_model:{flat_place}?dtype=float32", said)


def test_an_adapter_is_no_start(folder) -> None:
    from tests.training.small_run import trained as policy

    place = policy(folder, {"adapter": "lora", "lora_rank": 2, "updates": 2}, runs="policy")
    with pytest.raises(
        BadInput, match="is an adapter, which takes no new head; make it whole by winsome merge"
    ):
        trained(folder, {"start": f"hf:{place}?dtype=float32"}, runs="adapter-start")


def test_a_causal_model_is_no_reward_model(folder) -> None:
    with pytest.raises(Unsupported, match=r"has no weights for score\.weight, so it rates at random"):
        rated(folder, f"reward_model:{folder / 'tiny'}?dtype=float32", [("q", "a")])


def test_another_template_than_that_of_training_is_refused(folder) -> None:
    import shutil

    name = trained(folder, {"updates": 2}, runs="template")
    other = folder / "template" / "moved"
    shutil.copytree(place_of(name), other)
    jinja = other / "chat_template.jinja"
    jinja.write_text(jinja.read_text().replace("assistant", "helper"))
    with pytest.raises(BadInput, match="was trained with another chat template"):
        rated(folder, f"reward_model:{other}?dtype=float32", [("q", "a")])


def test_a_checkpoint_of_another_start_is_refused(folder) -> None:
    name = trained(folder, {"updates": 5}, runs="stale")
    (place_of(name) / "winsome.json").unlink()
    state = max(place_of(name).parent.glob("checkpoints/*/state.json"))
    state.write_text(re.sub(r'"start": "', '"start": "x', state.read_text()))
    with pytest.raises(BadInput, match="is a checkpoint of another start"):
        trained(folder, {"updates": 5}, runs="stale")
