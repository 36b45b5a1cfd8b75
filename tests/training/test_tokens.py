"""Rows as ids: the template's own, cut and counted as asked, kept by content; order and parts of an update."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tiny_models
from winsome.errors import BadInput, Unsupported
from winsome.models.render import answer_ids, prompt_ids, text_ids
from winsome.records import Prompt, user
from winsome.training import tokens
from winsome.training.batch import Needs
from winsome.training.examples import Example, Examples, Side, examples_of
from winsome.training.tokens import tokenised
from winsome.training.units import of_update, split, units


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model():
    return tiny_models.local_model(tiny_models.causal())


def pair(prompt: str, chosen: str, rejected: str, **more) -> dict:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def test_sides_are_what_the_model_is_asked_and_would_have_to_say(model):
    examples = examples_of([pair("hi", "yes", "no")], "x")
    found = tokenised(model, examples)
    (prompt, chosen), (_, rejected) = found.sequences(0)
    assert list(prompt) == prompt_ids(model, examples.rows[0].sides[0].prompt)
    assert list(chosen) == answer_ids(model, "yes")
    assert chosen[-1] == rejected[-1] == 257
    assert found.counts["ended"] == found.counts["answers"] == 2


def test_a_cut_answer_is_not_taught_to_end(model):
    row = pair("hi", "yes", "no", rejected_cut=True)
    (_, chosen), (_, rejected) = tokenised(model, examples_of([row], "x")).sequences(0)
    assert chosen[-1] == 257
    assert rejected[-1] != 257


@pytest.mark.parametrize("cut", [True, False])
def test_what_the_prompt_has_begun_is_not_learnt_again(model, cut):
    prompt = Prompt((user("hi"),), prefix="Because ")
    sides = tuple(Side(prompt, f"Because {said}", not cut) for said in ("yes", "no"))
    (asked, said), _ = tokenised(model, Examples("pairs", [Example("a", sides)], "x")).sequences(0)
    assert list(asked) == prompt_ids(model, prompt)
    assert list(said) == (text_ids(model, "yes") if cut else answer_ids(model, "yes"))


def test_blocks_keep_rows_and_their_order(model, monkeypatch):
    examples = examples_of([pair(f"p{i % 3}", f"a{i}", f"b{i}") for i in range(7)], "x")
    whole = tokenised(model, examples)
    monkeypatch.setattr(tokens, "BLOCK", 2)
    monkeypatch.setattr(tokens, "VERSION", -1)
    assert tokenised(model, examples).frame.equals(whole.frame)
    for row, example in enumerate(examples.rows):
        asked = prompt_ids(model, example.sides[0].prompt)
        said = [answer_ids(model, side.text) for side in example.sides]
        assert [[list(p), list(a)] for p, a in whole.sequences(row)] == [[asked, ids] for ids in said]


def test_long_rows_are_dropped_or_cut_and_counted(model):
    rows = [pair("p" * 100, "a" * 10, "b" * 40), pair("q", "a", "b"), pair("r", "same", "same")]
    examples = examples_of(rows, "x.jsonl")
    room = len(prompt_ids(model, examples.rows[0].sides[0].prompt)) + 21
    dropped = tokenised(model, examples, max_length=room)
    assert (dropped.counts["kept"], dropped.counts["too long"], dropped.counts["identical sides"]) == (
        1,
        1,
        1,
    )
    cut = tokenised(model, examples, max_length=room, too_long="cut_answer")
    assert cut.counts["answers cut"] == 1
    (prompt, chosen), (other, rejected) = cut.sequences(0)
    assert (prompt, len(chosen), len(rejected)) == (other, 11, 21)
    shorter = tokenised(model, examples, max_length=room, too_long="cut_prompt")
    (prompt, chosen), (other, rejected) = shorter.sequences(0)
    assert prompt == other
    assert len(prompt) + len(rejected) == room
    assert "too long 1" in dropped.lines()[0]


def test_no_row_left_says_why(model):
    with pytest.raises(BadInput, match=r"x.jsonl: no row is left of 1 \(too long 1\); raise --max-length"):
        tokenised(model, examples_of([pair("p", "a" * 60, "b")], "x.jsonl"), max_length=40)
    with pytest.raises(BadInput, match=r"identical sides 1"):
        tokenised(model, examples_of([pair("p", "a", "a")], "x.jsonl"))


def test_a_model_without_a_template_is_told_the_way_out(model):
    bare = tiny_models.local_model(tiny_models.causal(), template=None)
    with pytest.raises(Unsupported, match="no chat template"):
        tokenised(bare, examples_of([pair("p", "a", "b")], "x"))
    found = tokenised(bare, examples_of([pair("p", "a", "b")], "x"), format="text")
    assert list(found.sequences(0)[0][1])[-1] == 257


def test_a_template_that_rewrites_the_prompt_is_refused():
    changing = "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}|{{ messages|length }}\n{% endfor %}"
    model = tiny_models.local_model(tiny_models.causal(), template=changing)
    with pytest.raises(Unsupported, match="changes the prompt once an answer follows"):
        tokenised(model, examples_of([pair("p", "a", "b")], "x"))


def test_ids_are_kept_by_content(model, tmp_path):
    examples = examples_of([pair("p", "a", "b", margin=2.0)], "x")
    first = tokenised(model, examples)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.arrow")}
    second = tokenised(model, examples_of([pair("p", "a", "b", margin=2.0)], "another name"))
    assert first.key == second.key
    assert second.frame.equals(first.frame)
    assert second.counts == first.counts
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.arrow")} == files
    for other in (
        tokenised(model, examples_of([pair("p", "a", "c", margin=2.0)], "x")),
        tokenised(model, examples, max_length=60),
        tokenised(
            tiny_models.local_model(tiny_models.causal(), template=" " + tiny_models.TEMPLATE), examples
        ),
    ):
        assert other.key != first.key


def test_mismatched_answers_never_belong_to_their_prompt(model):
    rows = [pair("a", "1", "2"), pair("a", "3", "4"), pair("b", "5", "6"), pair("c", "7", "8")]
    from winsome.training.forms import unpaired

    data = tokenised(model, unpaired(examples_of(rows, "x")))
    held = units(
        data, Needs(roles=("response",), step_roles=("mismatched",), columns=("label",)), objective="kto"
    )
    by_prompt: dict[tuple, set] = {}
    for i in held.rows["response"]:
        prompt, answer = held.sequences[int(i)]
        by_prompt.setdefault(tuple(prompt), set()).add(tuple(answer))
    for i, own in zip(held.rows["mismatched"], held.rows["response"], strict=True):
        prompt, answer = held.sequences[int(i)]
        assert prompt == held.sequences[int(own)][0]
        assert tuple(answer) not in by_prompt[tuple(prompt)]
    with pytest.raises(BadInput, match="all rows have one prompt"):
        units(
            tokenised(model, unpaired(examples_of(rows[:2], "x"))),
            Needs(roles=("response",), step_roles=("mismatched",)), objective="kto",
        )  # fmt: skip


def test_what_an_objective_needs_and_the_data_lack_is_named(model):
    data = tokenised(model, examples_of([pair("a", "1", "2")], "x.jsonl"))
    with pytest.raises(BadInput, match=r"x\.jsonl: dpo needs the column margin"):
        units(data, Needs(columns=("margin",)), objective="dpo")
    with pytest.raises(BadInput, match="the data hold pairs"):
        units(data, Needs(roles=("response",)), objective="kto")


@pytest.mark.parametrize(
    ("weights", "said"), [((0.0, 0.0), "all weights are 0"), ((1.0, -2.0), "row .* has weight -2")]
)
def test_weights_that_weigh_nothing_or_less_are_refused(model, weights, said):
    rows = [pair("a", "1", "2") | {"weight": weights[0]}, pair("b", "1", "2") | {"weight": weights[1]}]
    data = tokenised(model, examples_of(rows, "x.jsonl"))
    with pytest.raises(BadInput, match=rf"x\.jsonl: {said}; give 0 or more"):
        units(data, Needs(columns=("weight",)), objective="dpo")


@given(n=st.integers(1, 200), batch=st.integers(1, 64), epochs=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_every_row_comes_once_an_epoch_whatever_the_batch(n, batch, epochs, seed):
    each = -(-n // batch)
    for epoch in range(epochs):
        seen = Counter(int(r) for u in range(each) for r in of_update(n, batch, epoch * each + u, seed))
        assert seen == Counter(range(n))


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=60), tokens=st.integers(1, 120))
def test_parts_keep_order_and_fit(sizes, tokens):
    rows = list(range(len(sizes)))
    parts = split(rows, np.array(sizes), tokens)
    assert [row for part in parts for row in part] == rows
    assert all(len(part) == 1 or sum(sizes[row] for row in part) <= tokens for part in parts)
