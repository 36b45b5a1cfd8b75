"""What data are worth looking at for, before a run is paid: figures counted by hand with a tokenizer of one token a byte."""

from __future__ import annotations

import pytest

from tests import tiny_models
from winsome.errors import BadInput
from winsome.records import Prompt, user
from winsome.standings.intervals import t_quantile, wilson
from winsome.training.examples import examples_of
from winsome.training.leakage import leakage
from winsome.training.overview import Lengths, overview
from winsome.training.spans import Span, spans
from winsome.training.tokens import tokenised

HEAD = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
PAIRS = [
    {"id": "a", "prompt": "pa", "chosen": "long answer", "rejected": "short"},
    {"id": "b", "prompt": "pb", "chosen": "yes", "rejected": "never"},
    {"id": "again", "prompt": "pa", "chosen": "long answer", "rejected": "short"},
    {"id": "turned", "prompt": "pb", "chosen": "never", "rejected": "yes"},
    {"id": "same", "prompt": "pc", "chosen": "ok", "rejected": "ok"},
    {"id": "c", "prompt": "pd", "chosen": "four", "rejected": "five"},
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def model():
    return tiny_models.local_model(tiny_models.causal())


def head(prompt: str) -> int:
    """Tokens of the rendered prompt: a special token is one, all else is bytes."""
    return 3 + len("user\n") + len(prompt) + len("\n") + len("assistant\n")


def test_the_figures_of_pairs_are_those_counted_by_hand(model):
    examples = examples_of(PAIRS, "pairs")
    found = overview(examples, tokenised(model, examples), whole=False, updates=7, unreadable=("x",))
    assert (found.doubled, found.turned, found.prompts) == (1, 1, 4)
    assert found.counts["identical sides"] == 1
    assert found.counts["kept"] == 5
    chosen, rejected = [12, 4, 12, 6, 5], [6, 6, 6, 4, 5]  # bytes and the end of the turn
    assert found.lengths["chosen"] == Lengths(5, 7.8, 6.0, 12.0, 12)
    assert found.lengths["rejected"] == Lengths(5, 5.4, 6.0, 6.0, 6)
    assert found.lengths["prompt"] == Lengths(10, head("pa"), head("pa"), head("pa"), head("pa"))
    assert found.learnt == sum(chosen) + sum(rejected)
    assert found.tokens == found.learnt + 10 * head("pa")
    assert found.computed == found.learnt + 5 * head("pa")
    # Longer in a, again and turned, shorter in b, equal in c: prompts win 2 of 2, 1 of 2 and a half of 1.
    assert found.longer == pytest.approx(0.7)
    assert found.longer_interval is not None
    assert found.longer_interval[0] < 0.7 < found.longer_interval[1]
    told = "\n".join(found.lines())
    assert "1 rows repeat an earlier one, 1 contradict an earlier row (4 different prompts)" in told
    assert "7 updates in all" in told
    assert "unreadable: 1 records" in told


def test_the_interval_of_the_longer_side_is_wilsons_where_prompts_are_single(model):
    rows = [{"prompt": f"p{i}", "chosen": "x" * (3 if i < 15 else 1), "rejected": "yy"} for i in range(20)]
    examples = examples_of(rows, "rows")
    found = overview(examples, tokenised(model, examples), whole=False, updates=1)
    assert found.longer == 0.75
    # With n - 1 in the variance, as win rates have it, and Student's quantile.
    assert found.longer_interval == pytest.approx(wilson(0.75, 19.0, t_quantile(19.0, 0.95)), abs=1e-9)
    assert "what is learnt may be length" in "\n".join(found.lines())


def test_tokens_of_lists_turns_and_whole_dialogues(model):
    lists = examples_of([{"prompt": "p", "responses": ["a", "bcd"], "scores": [1, 2]}], "lists")
    found = overview(lists, tokenised(model, lists), whole=False, updates=1)
    assert found.lengths["response"] == Lengths(2, 3.0, 3.0, 3.8, 4)
    assert found.longer is None
    dialogue = [
        {"role": "user", "content": "u"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "v"},
        {"role": "assistant", "content": "three"},
    ]  # fmt: skip
    turns = examples_of([{"messages": dialogue}], "turns")
    found = overview(turns, tokenised(model, turns, assistant_turns="all"), whole=False, updates=1)
    assert found.learnt == len("one") + 1 + len("three") + 1
    pairs = examples_of(PAIRS[:1], "pairs")
    found = overview(pairs, tokenised(model, pairs, whole=True), whole=True, updates=1)
    assert found.learnt == 0
    assert found.lengths["chosen"].most == head("pa") + len("long answer") + 1 + len("\n")


def test_a_row_is_cut_where_what_is_learnt_begins_and_ends(model):
    pairs = tokenised(model, examples_of(PAIRS[:1], "pairs"))
    prompt = Span(HEAD.format("pa"), head("pa"), False)
    assert spans(model, pairs, 0) == {
        "chosen": [prompt, Span("long answer<|im_end|>", 12, True)],
        "rejected": [prompt, Span("short<|im_end|>", 6, True)],
    }
    assert spans(model, pairs, 0, prompts=True)["rejected"] == [
        Span(HEAD.format("pa") + "short<|im_end|>", head("pa") + 6, True)
    ]
    dialogue = [
        {"role": "user", "content": "u"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "v"},
        {"role": "assistant", "content": "three"},
    ]  # fmt: skip
    turns = tokenised(model, examples_of([{"messages": dialogue}], "turns"), assistant_turns="all")
    assert spans(model, turns, 0) == {
        "response": [
            Span(HEAD.format("u"), head("u"), False),
            Span("one<|im_end|>", 4, True),
            Span("\n" + HEAD.format("v"), 1 + head("v"), False),
            Span("three<|im_end|>", 6, True),
        ]
    }
    (rated,) = spans(model, tokenised(model, examples_of(PAIRS[:1], "pairs"), whole=True), 0, whole=True)[
        "chosen"
    ]
    assert rated.text == "<|im_start|>user\npa<|im_end|>\n<|im_start|>assistant\nlong answer<|im_end|>\n"
    assert not rated.learnt


def asked(text: str) -> Prompt:
    return Prompt((user(text),))


def test_prompts_that_are_learnt_from_are_found_whatever_their_case_and_spaces():
    thirteen = "one two three four five six seven eight nine ten eleven twelve thirteen"
    learnt = examples_of(
        [
            {"prompt": "What is  it?", "response": "no"},
            {"prompt": "q", "response": f"well {thirteen} and on"},
        ],
        "r",
    )
    found = leakage(
        [asked("what is it?"), asked("What is it"), asked(f"so {thirteen}!"), asked(f"Count: {thirteen} now")],
        learnt,
    )  # fmt: skip
    # "thirteen!" is another word, so the third shares twelve words alone.
    assert (found.n, found.same, found.overlapping, found.first) == (
        4, 1, 1, ('"what is it?"', '"Count: one two three four five"')
    )  # fmt: skip
    assert '1 are learnt from, 1 more share 13 words in a row (such as "what is it?", ' in found.line()
    assert "none of 1" in leakage([asked("new")], learnt).line()


def test_dialogues_with_one_last_turn_are_not_the_same_prompt():
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "thanks"},
    ]
    learnt = examples_of([{"prompt": turns, "response": "c"}], "r")
    assert leakage([asked("thanks")], learnt).same == 0


def test_records_that_cannot_be_read_are_told_one_by_one():
    rows = [*PAIRS, {"prompt": "p", "chosen": " ", "rejected": "b"}, {"prompt": "p", "rejected": "b"}]
    faults: list[str] = []
    found = examples_of(rows, "pairs.jsonl", faults=faults)
    assert len(found.rows) == len(PAIRS)
    assert [fault.split(";")[0] for fault in faults] == [
        "pairs.jsonl: record 7 has an empty answer in chosen",
        'pairs.jsonl: record 8 has no "chosen" (found: prompt, rejected)',
    ]
    with pytest.raises(BadInput, match="record 7"):
        examples_of(rows, "pairs.jsonl")
