"""Greedy draws equal transformers' own generate; random draws follow the model's distribution and their own seeds."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from tests.models.test_forward import FAMILIES
from tests.tiny_models import causal, local_model
from winsome.errors import BadInput
from winsome.models.draw import Draw, draw_tokens, logprobs_of
from winsome.models.render import prompt_ids
from winsome.models.sampler import Request, sample
from winsome.models.weights import causal_network, load
from winsome.sandbox import tiny_lm
from winsome.sandbox.worlds import World

SHIPPED = sorted(
    folder.name.partition("-")[2] for folder in files("winsome.sandbox").joinpath("weights").iterdir()
)


def requests(n: int, samples, max_tokens: int = 24) -> list[Request]:
    rng = np.random.default_rng(0)
    return [
        Request(f"p{i}", rng.integers(0, 256, rng.integers(1, 70)).tolist(), samples, max_tokens)
        for i in range(n)
    ]


def by_name(drawn):
    return {(d.request.name, d.sample): d for d in drawn}


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_draws_equal_generate(family):
    network = causal(**FAMILIES[family])
    asked = requests(7, (0, 1))
    found = by_name(sample(local_model(network), asked, Draw(temperature=0.0), slots=3))
    assert len(found) == 14
    for request in asked:
        whole = network.generate(torch.tensor([request.ids]), max_new_tokens=24, do_sample=False)
        expected = whole[0, len(request.ids) :].tolist()
        ended = 257 in expected
        expected = expected[: expected.index(257)] if ended else expected
        for k in (0, 1):
            drawn = found[request.name, k]
            assert list(drawn.ids) == expected
            assert drawn.finish == ("stop" if ended else "length")
            assert drawn.tokens == len(expected) + ended


def test_draws_do_not_depend_on_the_batch():
    model = local_model(causal())
    asked = requests(9, range(3))
    one = by_name(sample(model, asked, Draw(top_p=0.9), seed=5, slots=1))
    many = by_name(sample(model, asked[::-1], Draw(top_p=0.9), seed=5, slots=16))
    assert {key: d.ids for key, d in one.items()} == {key: d.ids for key, d in many.items()}
    other = by_name(sample(model, asked, Draw(top_p=0.9), seed=6, slots=16))
    assert {key: d.ids for key, d in one.items()} != {key: d.ids for key, d in other.items()}


def test_samples_of_one_prompt_differ_and_lengths_vary():
    drawn = list(sample(local_model(causal()), requests(1, range(40), 200), Draw(), slots=8))
    assert len({d.ids for d in drawn}) > 30
    assert len(drawn) == 40
    assert {d.finish for d in drawn} <= {"stop", "length"}


def test_a_small_cache_delays_draws_but_loses_none(monkeypatch):
    network = causal()
    asked = requests(6, range(4), 40)
    free = by_name(sample(local_model(network), asked, Draw(), slots=16))
    # Room for about two sequences: 3 layers x 2 heads x 8 wide x keys and values x 4 bytes a position.
    monkeypatch.setattr("winsome.models.sampler.CACHE_BYTES", 2 * 110 * 3 * 2 * 8 * 2 * 4)
    tight = by_name(sample(local_model(network), asked, Draw(), slots=16))
    assert {key: d.ids for key, d in tight.items()} == {key: d.ids for key, d in free.items()}


def test_short_answers_are_given_out_before_long_ones_end():
    model = local_model(causal())
    asked = [Request("long", [1, 2, 3], (0,), 60), Request("short", [4, 5], (0,), 2)]
    names = [d.request.name for d in sample(model, asked, Draw(temperature=0.0), slots=2)]
    assert names == ["short", "long"]


@pytest.mark.parametrize(
    ("draw", "keep"),
    [
        (Draw(temperature=0.5), lambda p: p**2 / (p**2).sum()),
        (Draw(top_k=5), lambda p: np.where(p >= np.sort(p)[-5], p, 0)),
        (Draw(top_p=0.7), lambda p: nucleus(p, 0.7)),
        (Draw(top_k=8, top_p=0.5), lambda p: nucleus(np.where(p >= np.sort(p)[-8], p, 0), 0.5)),
    ],
)
def test_drawn_tokens_follow_the_distribution(draw, keep):
    logits = torch.randn(1, 20, generator=torch.Generator().manual_seed(3))
    expected = keep(logits.softmax(1)[0].double().numpy())
    expected = expected / expected.sum()
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(4))
    counts = np.bincount(draw_tokens(logits.expand(20_000, 20), uniform, draw).numpy(), minlength=20)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    assert chisquare(counts[possible], expected[possible] * 20_000).pvalue > 1e-3


def nucleus(p, mass):
    order = np.argsort(-p)
    share = p[order] / p.sum()
    kept = order[: int((share.cumsum() - share < mass).sum())]
    return np.where(np.isin(np.arange(len(p)), kept), p, 0)


def test_a_nucleus_wider_than_the_candidates_first_sorted_is_exact():
    flat = torch.zeros(1, 5000)
    middles = (torch.arange(4000) + 0.5) / 4000
    tokens = draw_tokens(flat.expand(4000, 5000), middles, Draw(top_p=0.8))
    # One token a uniform, but for the rounding of a running sum of 5,000 terms.
    assert len(set(tokens.tolist())) == pytest.approx(4000, abs=40)


def test_the_largest_uniform_never_leaves_the_vocabulary():
    uniform = torch.tensor([0.0, np.nextafter(np.float32(1), np.float32(0))])
    tokens = draw_tokens(torch.randn(2, 49152), uniform, Draw())
    assert int(tokens.max()) < 49152


def test_a_stop_string_ends_the_answer_before_it():
    model = local_model(causal())
    asked = requests(6, range(4), 60)
    free = by_name(sample(model, asked, Draw(), slots=8))
    # Random bytes are seldom whole characters; a stop string is.
    pairs = (d.text[i : i + 2] for d in free.values() for i in range(5, len(d.text) - 1))
    stop = next(pair for pair in pairs if pair.isascii() and pair.isprintable())
    held = by_name(sample(model, asked, Draw(stop=(stop,)), slots=8))
    cut = 0
    for key, drawn in held.items():
        whole = free[key].text
        if stop in whole:
            cut += 1
            assert drawn.finish == "stop"
            assert drawn.text == whole[: whole.index(stop)]
        else:
            assert drawn.text == whole
    assert cut > 0


def test_reported_logprobs_are_the_models():
    network = causal()
    drawn = next(sample(local_model(network), requests(1, (0,)), Draw(logprobs=3), slots=1))
    ids = torch.tensor([[*drawn.request.ids, *drawn.ids]])
    logs = network(ids).logits[0].log_softmax(-1)
    at = torch.arange(len(drawn.request.ids) - 1, ids.shape[1] - 1)
    expected = logs[at, torch.tensor(drawn.ids)]
    np.testing.assert_allclose(drawn.logprobs, expected.numpy(), atol=1e-4)
    assert all(len(top) == 3 for top in drawn.top)
    best = logs[at].max(-1).values
    np.testing.assert_allclose([max(top.values()) for top in drawn.top], best.numpy(), atol=1e-4)


def test_no_alternatives_are_given_where_none_are_asked():
    [(own, top)] = logprobs_of(torch.zeros(1, 4), torch.tensor([2]), 0)
    assert own == pytest.approx(-np.log(4))
    assert top == {}


@pytest.mark.parametrize("request_", [Request("p", [], (0,), 4), Request("p", [1], (0,), 0)])
def test_a_request_for_nothing_is_refused(request_):
    with pytest.raises(BadInput, match="give it at least one token"):
        sample(local_model(causal()), [request_], Draw())


@pytest.mark.parametrize("size", SHIPPED)
def test_greedy_answers_of_the_shipped_bases_equal_generate(size):
    world = World.of("instruction")
    place = str(tiny_lm.folder(world, size))
    model, peer = load(place, "float32"), causal_network(place, torch.float32, local=True).eval()
    asked = [Request(prompt.id, prompt_ids(model, prompt), (0,), 24) for prompt in world.prompts(16, "test")]
    found = by_name(sample(model, asked, Draw(temperature=0.0), slots=5))
    for request in asked:
        whole = peer.generate(torch.tensor([request.ids]), max_new_tokens=24, do_sample=False)
        expected = whole[0, len(request.ids) :].tolist()
        ends = [place for place, token in enumerate(expected) if token in model.ends]
        assert list(found[request.name, 0].ids) == (expected[: ends[0]] if ends else expected)


@pytest.mark.parametrize(
    "settings", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.5}, {"top_k": 0}, {"stop": ("",)}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(BadInput):
        Draw(**settings)
