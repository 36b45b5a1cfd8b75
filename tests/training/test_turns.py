"""Every turn of the assistant is learnt as it was asked: losses and gradients equal those of turns taken one by one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests import tiny_models
from tests.models.test_logprobs import padded
from tests.training.small_run import prepared, session, trained
from tests.training.trl_steps import moved
from winsome.errors import BadInput, Unsupported
from winsome.models.render import answer_ids, dialogue_ids, prompt_ids
from winsome.records import Message, Prompt, Response, Text, assistant, user
from winsome.training import parallel
from winsome.training.examples import Side, answered, examples_of
from winsome.training.loops.preference import fitting
from winsome.training.objective import objective
from winsome.training.progress import read
from winsome.training.references import stored
from winsome.training.task import TextTask
from winsome.training.tokens import tokenised
from winsome.training.turns import marked
from winsome.training.units import units


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("turns"))
    (place / "dialogues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in dialogues()))
    return place


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def talk(*texts: str) -> list[dict[str, str]]:
    """The user and the assistant in turn."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def dialogues(n: int = 6) -> list[dict]:
    """Pairs that part after two turns or at once; each side has one to three turns of its own."""
    rows = []
    for i in range(n):
        begin = talk("hi", f"hello {i}") if i % 2 else []
        chosen = talk(f"what {i}?", "this", *["more", "yes " * (i % 3 + 1)] * (i % 3))
        rejected = talk(f"what {i}!", "no " * (i % 4 + 1), *["why", f"so {i}"] * (1 - i % 2))
        rows.append({"id": f"d{i}", "chosen": begin + chosen, "rejected": begin + rejected})
    return rows


def turns_of(model, row: dict, role: str, begins: int) -> list[tuple[list[int], list[int]]]:
    """The second implementation: every turn of the assistant after `begins` messages on its own, asked what stood before it."""
    messages = [Message(m["role"], (Text(m["content"]),)) for m in row[role]]
    return [
        (prompt_ids(model, Prompt(tuple(messages[:i]))), answer_ids(model, messages[i].text))
        for i in range(max(1, begins), len(messages))
        if messages[i].role == "assistant"
    ]


def by_turns(model, network, rows: list[dict], role: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum over its turns' log-probabilities and their tokens, of each row."""
    sums, counts = [], []
    for number, row in enumerate(rows):
        turns = turns_of(model, row, role, 2 if number % 2 else 0)
        values = [value for _, value in padded(network, turns)]
        sums.append(torch.cat(values).sum())
        counts.append(sum(map(len, values)))
    return torch.stack(sums), torch.tensor(counts, dtype=torch.float32)


@pytest.mark.parametrize("name", ["dpo?beta=0.3", "simpo", "ipo?norm=mean", "sft", "sft?mean=example", "kto?kl=zero"])  # fmt: skip
def test_losses_and_gradients_equal_those_of_single_turns(folder, name):
    """Of a pair without a prompt, what both dialogues begin with is asked, not learnt; TRL cuts it alike."""
    rows, lowered = dialogues(), objective(name)
    network = tiny_models.causal()
    model = tiny_models.local_model(network)
    data = tokenised(model, fitting(examples_of(rows, "rows"), lowered), assistant_turns="all")
    held = units(data, lowered.needs, objective=name)
    references = {kind: stored(network, name, held.sequences) for kind in lowered.needs.references}
    first = {role: by_turns(model, network, rows, role)[0].detach() for role in ("chosen", "rejected")}
    moved(network, 0.02)
    network.requires_grad_(True)
    with session(folder) as run:
        ranks = parallel.started("auto", (), run.folder)
    parallel.wrap(ranks, network)
    task = TextTask(held, lowered, references, ranks)
    losses = task.losses(list(range(len(held))), {}, 0.0)
    loss = losses.values.sum() / losses.counts.sum()
    loss.backward()
    found = {n: p.grad.clone() for n, p in network.named_parameters()}
    network.zero_grad()

    (w, n_w), (lo, n_l) = (by_turns(model, network, rows, role) for role in ("chosen", "rejected"))
    ratio_w, ratio_l = w - first["chosen"], lo - first["rejected"]
    logsigmoid = torch.nn.functional.logsigmoid
    expected = {
        "dpo?beta=0.3": lambda: -logsigmoid(0.3 * (ratio_w - ratio_l)).mean(),
        "simpo": lambda: -logsigmoid(2.0 * (w / n_w - lo / n_l) - 1.0).mean(),
        "ipo?norm=mean": lambda: ((ratio_w / n_w - ratio_l / n_l - 5.0) ** 2).mean(),
        "sft": lambda: -w.sum() / n_w.sum(),
        "sft?mean=example": lambda: -(w / n_w).mean(),
        "kto?kl=zero": lambda: torch.cat([1 - (0.1 * ratio_w).sigmoid(), (0.1 * ratio_l).sigmoid()]).mean(),
    }[name]()
    expected.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    scale = sum(float((p.grad**2).sum()) for p in network.parameters()) ** 0.5
    apart = sum(float(((p.grad - found[n]) ** 2).sum()) for n, p in network.named_parameters()) ** 0.5
    assert apart < 1e-4 * scale


def test_what_counts_is_what_the_assistant_says_and_its_end(folder):
    model = tiny_models.local_model(tiny_models.causal())
    row = {"messages": [{"role": "system", "content": "Be brief."}, *talk("one", "1", "two", "22")]}
    data = tokenised(model, examples_of([row], "x"), assistant_turns="all")
    ((prompt, answer),) = data.sequences(0)
    assert data.counted is not None
    decode = model.tokenizer.decode
    assert decode(prompt).endswith("one<|im_end|>\n<|im_start|>assistant\n")
    learnt = [token for token, counts in zip(answer, data.counted, strict=True) if counts]
    assert decode(learnt) == "1<|im_end|>22<|im_end|>"
    assert (data.counts["ended"], data.counts["answers"]) == (2, 2)
    # The whole is the dialogue as the template closes it, but for what stands after its last end of turn.
    side = examples_of([row], "x").rows[0].sides[0]
    closed = dialogue_ids(model, side.prompt, Response("", "", "", messages=(assistant(side.text),)))
    assert closed[: len(prompt) + len(answer)] == [*prompt, *answer]


def test_a_prompt_of_the_row_is_never_learnt(folder):
    """Its own turns of the assistant stand before the answer: one turn is learnt, as with the last alone."""
    model = tiny_models.local_model(tiny_models.causal())
    rows = [{"prompt": talk("a", "b", "c"), "response": talk("x", "y")[1:]}]
    every, last = (tokenised(model, examples_of(rows, "x"), assistant_turns=t) for t in ("all", "last"))
    assert every.sequences(0) == last.sequences(0)
    assert every.counted is not None
    assert every.counted.all()
    assert last.counted is None
    assert every.key != last.key


def test_templates_that_strip_turns_are_followed_and_those_that_rewrite_them_refused(folder):
    side = examples_of([{"messages": talk("a", "  b ", "c", "d")}], "x").rows[0].sides[0]
    stripping = tiny_models.TEMPLATE.replace("message['content'] }}", "message['content'] | trim }}")
    model = tiny_models.local_model(tiny_models.causal(), template=stripping)
    part = marked(model, side, "x")
    learnt = [token for token, counts in zip(part.answer, part.counted, strict=True) if counts]
    assert model.tokenizer.decode(learnt) == "b<|im_end|>d<|im_end|>"
    # As templates do that leave the thoughts of earlier turns out.
    forgetful = tiny_models.TEMPLATE.replace(
        "message['content'] }}", "message['content'] if loop.last or message['role'] == 'user' else '..' }}"
    )
    model = tiny_models.local_model(tiny_models.causal(), template=forgetful)
    with pytest.raises(Unsupported, match="row x: its template rewrites earlier turns") as error:
        marked(model, side, "x")
    assert len(str(error.value)) <= 200


def test_answers_to_follow_ups_are_dialogues():
    """A response of two turns is learnt after the first turn and the follow-up, and not as an answer to the first."""
    prompt = Prompt((user("one"),), follow_ups=(user("two"),))
    said = Response(prompt.id, "c", "k", messages=(assistant("1"), assistant("2")))
    side = answered(prompt, said)
    assert [m.text for m in side.prompt.messages] == ["one", "1", "two"]
    assert (side.text, side.policy, side.begins) == ("2", "c", 1)
    assert answered(replace(prompt, follow_ups=()), replace(said, messages=(assistant("1"),))) == Side(
        Prompt((user("one"),)), "1"
    )


@pytest.mark.parametrize("settings", [{"objective": "dpo"}, {"objective": "kto"}, {"objective": "sft"}])
def test_a_run_over_dialogues_starts_at_its_reference_and_is_read_back(folder, settings):
    place = trained(
        folder, {**settings, "assistant_turns": "all", "epochs": 2, "rate": 3e-4}, data="dialogues.jsonl"
    )
    log = read(place.parent / "log.jsonl")
    expected = {"dpo": 0.6931, "kto": 0.5}.get(settings["objective"])
    if expected:
        assert log[0]["loss"] == pytest.approx(expected, abs=1e-3)
    record = json.loads((place / "winsome.json").read_text())
    assert record["plan"]["assistant_turns"] == "all"
    assert record["data"]["counts"]["answers"] > record["data"]["counts"]["kept"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"objective": "dove"}, "leave out --assistant-turns all"),
        ({"objective": "sft", "span": "all"}, "leave out --assistant-turns all"),
        ({"objective": "dpo", "format": "text"}, "as the chat template writes them"),
    ],
)
def test_what_contradicts_it_is_refused(folder, settings, says):
    with pytest.raises(BadInput, match=says) as error:
        trained(folder, {**settings, "assistant_turns": "all"}, data="dialogues.jsonl")
    assert len(str(error.value)) <= 200
