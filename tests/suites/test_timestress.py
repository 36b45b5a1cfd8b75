"""Temporal facts: dates and labels, win and sweep rates, log-probabilities, bad files."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_models import causal, local_model, saved
from winsome.errors import BadInput
from winsome.suites.temporal_dates import PRECISIONS, dates_of, label_of, statement
from winsome.suites.temporal_facts import Fact, Span, read_facts, span
from winsome.suites.temporal_scores import Groups, difference, grouped, phi, tables, together
from winsome.suites.timestress import (
    Statements,
    answer_logprobs,
    published_statements,
    report,
    scored,
    statements_of,
    timestress,
)

HEAD = "subject,relation,object,start,end,question\n"


def fact(start: str, end: str, tmp_path: Path, name: str = "Ann") -> Fact:
    path = tmp_path / "facts.csv"
    path.write_text(f"{HEAD}Land,queen,{name},{start},{end},who was the queen of the land?\n", "utf-8")
    ((found,), _) = read_facts(path)
    return found


# The facts that ship


def test_the_facts_that_ship_are_enough_and_each_names_two_sources() -> None:
    import csv
    from importlib.resources import files

    facts, dropped = read_facts()
    assert len(facts) >= 150
    assert not dropped
    rows = list(csv.DictReader((files("winsome.suites") / "facts.csv").read_text("utf-8").splitlines()))
    assert all(row["source_1"] and row["source_2"] and row["source_1"] != row["source_2"] for row in rows)
    for found in facts:
        assert (found.open.last - found.open.first) / 30.44 > 36, found.name
        assert found.open.last <= datetime.date(2020, 12, 31).toordinal()
    offices: dict[tuple[str, str], list[Fact]] = {}
    for found in facts:
        offices.setdefault((found.subject, found.relation), []).append(found)
    for held in offices.values():
        held.sort(key=lambda f: f.open.first)
        assert all(a.sure.last <= b.sure.first for a, b in pairwise(held)), held[0].subject


# Dates and labels

days = st.dates(datetime.date(1001, 1, 1), datetime.date(2019, 12, 31))


@given(days, st.integers(38, 20_000), st.sampled_from(["day", "month", "year"]), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_labels_equal_sets_of_days(start: datetime.date, length: int, form: str, seed: int) -> None:
    """A bound known to its month or year is open there: sure days are those after the first and before the last such span."""
    end = min(start + datetime.timedelta(days=length), datetime.date(2019, 12, 31))
    forms = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        bounds = [
            f"{d.year:04d}" + d.strftime(forms[form])[len(str(d.year)) :]
            if form != "year"
            else f"{d.year:04d}"
            for d in (start, end)
        ]
        found = fact(bounds[0], bounds[1], Path(folder))
    from_, to = (span(*(int(part) for part in text.split("-"))) for text in bounds)
    sure = set(
        range(
            from_.first if form == "day" else from_.last + 1, (to.last if form == "day" else to.first - 1) + 1
        )
    )
    open_ = set(range(from_.first, to.last + 1))
    for date in dates_of(found, seed)[:60]:
        inside = set(range(date.span.first, date.span.last + 1))
        expected = "Correct" if inside <= sure else "Incorrect" if not inside & open_ else "Transitional"
        assert date.label == expected == label_of(date.span, found)


def test_leap_days_and_open_bounds() -> None:
    held = Fact(
        "s",
        "r",
        "o",
        "q",
        Span(span(2000, 2, 29).first, span(2008, 2, 29).last),
        Span(span(2000, 2, 29).first, span(2008, 2, 29).last),
    )
    assert label_of(span(2000, 2, 29), held) == "Correct"
    assert label_of(span(2000, 2, 28), held) == "Incorrect"
    assert label_of(span(2000, 2), held) == "Transitional"
    assert label_of(span(2008, 3, 1), held) == "Incorrect"
    assert label_of(span(2004), held) == "Correct"


def test_all_precisions_have_equally_many_dates_and_a_seed_repeats() -> None:
    facts, _ = read_facts()
    for found in facts[::10]:
        dates = dates_of(found, 1)
        counts = {
            (p, label): sum(d.precision == p and d.label == label for d in dates)
            for p in PRECISIONS
            for label in ("Correct", "Incorrect")
        }
        assert (
            len({counts[p, "Correct"] for p in PRECISIONS})
            == len({counts[p, "Incorrect"] for p in PRECISIONS})
            == 1
        )
        assert not [d for d in dates if d.label == "Transitional"]
        assert dates == dates_of(found, 1)
        assert [d.text for d in dates] != [d.text for d in dates_of(found, 2)]
        assert max(abs(d.alpha) for d in dates) < 5.5


def test_statements_read_as_published(tmp_path: Path) -> None:
    dates = dates_of(fact("1979-05-04", "1990-11-28", tmp_path, "Ann"), 0)
    texts = [
        statement(date, fact("1979-05-04", "1990-11-28", tmp_path))
        for date in dates
        if date.span.first >= span(1985).first
    ][:3]
    assert texts[0] == ("In 1985, who was the queen of the land? ", "Ann")
    assert texts[1][0].endswith(" 1985, who was the queen of the land? ")
    assert texts[2][0].startswith("On ")


# Win and sweep rates


def statements(right: list[bool], alpha: list[float] | None = None, facts: int = 1) -> Statements:
    n = len(right)
    return Statements(
        tuple(f"f{i}" for i in range(facts)), ("q",) * n, ("a",) * n, np.arange(n, dtype=np.int32) % facts, np.array(["Y"] * n),
        np.array(["Correct" if r else "Incorrect" for r in right]), np.array(alpha or [0.0] * n),
    )  # fmt: skip


def test_an_oracle_wins_every_pair() -> None:
    facts, _ = read_facts()
    made = statements_of(facts[:20])
    found = report(made, np.where(made.label == "Correct", 1.0, 0.0))
    for precision in (*PRECISIONS, "all"):
        assert (found[precision]["W"]["estimate"], found[precision]["R"]["estimate"]) == (1.0, 1.0)
    assert found["transfer"]["Y to D"] == {"share": 1.0, "n": 20}


def test_equal_scores_lose() -> None:
    groups = grouped(
        np.zeros(6), np.array([True, True, False] * 2), np.array([0, 0, 0, 1, 1, 1], np.int32), 2
    )
    assert groups.win_rate.tolist() == [0.0, 0.0]


def test_random_scores_win_half_and_sweep_by_chance() -> None:
    """100,000 facts with 2 right and 3 wrong dates: R = 2! 3! / 5! = 0.1."""
    facts, draw = 100_000, np.random.default_rng(1)
    score = draw.random(5 * facts)
    group = np.repeat(np.arange(facts, dtype=np.int32), 5)
    right = np.tile([True, True, False, False, False], facts)
    found = grouped(score, right, group, facts)
    assert found.by_chance[0] == pytest.approx(0.1)
    # variance of one fact's W: (m + n + 1) / (12 m n)
    assert abs(found.win_rate.mean() - 0.5) < 3 * math.sqrt(6 / (12 * 2 * 3) / facts)
    assert abs(found.robust().mean() - 0.1) < 3 * math.sqrt(0.1 * 0.9 / facts)


def test_later_is_better_wins_what_the_counts_say() -> None:
    """Right dates beat exactly the wrong ones before them."""
    facts, _ = read_facts()
    made = statements_of(facts[:40], precisions=("Y",))
    groups = scored(made, made.alpha, ("Y",))["Y"]
    for number in range(40):
        rows = (made.fact == number) & (made.label == "Incorrect")
        before, after = int((made.alpha[rows] < 0).sum()), int((made.alpha[rows] > 0).sum())
        if groups.usable[number]:
            assert groups.win_rate[number] == pytest.approx(before / (before + after))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_rank_sum_equals_the_double_loop(rows: list[tuple[int, bool, int]]) -> None:
    group, right, score = (
        np.array([r[0] for r in rows], np.int32),
        np.array([r[1] for r in rows]),
        np.array([float(r[2]) for r in rows]),
    )
    found = grouped(score, right, group, 5)
    for g in range(5):
        rights, wrongs = score[(group == g) & right], score[(group == g) & ~right]
        won = sum(a > b for a in rights for b in wrongs)
        assert found.won[g] == won
        if len(rights) and len(wrongs):
            assert abs(found.win_rate[g] - won / (len(rights) * len(wrongs))) < 1e-12
        else:
            assert math.isnan(found.win_rate[g])


def test_facts_without_a_pair_are_counted_apart() -> None:
    groups = Groups(np.array([2.0, 0.0]), np.array([2, 0], np.int32), np.array([1, 3], np.int32))
    found = tables({"Y": groups})
    assert found["Y"]["W"] == pytest.approx(found["Y"]["W"] | {"estimate": 1.0, "n": 1, "without": 1})


def test_wins_that_go_together_correlate() -> None:
    first = np.array([True, True, False, False])
    assert phi(first, first) == 1.0
    assert phi(first, ~first) == -1.0
    assert phi(first, np.array([True, False, True, False])) == 0.0


def test_wins_of_the_same_dates_go_together_as_pairs_counted_one_by_one() -> None:
    draw = np.random.default_rng(5)
    group, right = np.repeat(np.arange(3, dtype=np.int32), 4), np.tile([True, False, False, True], 3)
    scores = {"Y": draw.normal(size=12), "M": draw.normal(size=12)}
    pairs = [(i, j) for i in range(12) for j in range(12) if group[i] == group[j] and right[i] and not right[j]]  # fmt: skip
    won = {p: np.array([score[i] > score[j] for i, j in pairs]) for p, score in scores.items()}
    wanted = np.corrcoef(won["Y"], won["M"])[0, 1]
    columns = [np.concatenate(list(scores.values())), np.repeat(["Y", "M"], 12), np.tile(right, 2), np.tile(group, 2)]  # fmt: skip
    assert together(*columns) == {"Y and M": pytest.approx(wanted)}
    columns[2][0] = False
    assert together(*columns) == {"Y and M": None}


def test_two_models_are_compared_fact_by_fact() -> None:
    """Differences of 0.5, 0 and 0.25 around their mean; the facts in which both are alike cancel."""
    wrongs = np.array([4, 4, 4], np.int32)
    first, second = (Groups(np.array(won, float), np.ones(3, np.int32), wrongs) for won in ([4, 2, 3], [2, 2, 2]))  # fmt: skip
    found = difference({"Y": first}, {"Y": second})
    assert found["Y"]["W"]["estimate"] == pytest.approx(0.25)
    assert found["Y"]["W"]["low"] < 0.25 < found["Y"]["W"]["high"]
    assert found["all"]["R"]["estimate"] == pytest.approx(1 / 3)
    alike = difference({"Y": first}, {"Y": first})["Y"]["W"]
    assert (alike["estimate"], alike["n"]) == (0.0, 3)


def test_half_a_million_scores_are_tabled_within_three_seconds() -> None:
    import time

    draw, n, facts = np.random.default_rng(3), 521_000, 2003
    made = Statements(
        tuple(f"f{i}" for i in range(facts)), ("",) * n, ("",) * n, draw.integers(0, facts, n).astype(np.int32),
        draw.choice(["Y", "M", "D"], n), draw.choice(["Correct", "Incorrect"], n, p=[0.1, 0.9]), draw.uniform(-5, 5, n),
    )  # fmt: skip
    started = time.process_time()
    found = report(made, draw.normal(size=n))
    assert time.process_time() - started < 3.0
    assert abs(found["Y"]["W"]["estimate"] - 0.5) < 0.01


# Log-probabilities


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("answer", ["Ann", "é", "George Washington"])
def test_answers_are_scored_token_by_token(bos: bool, answer: str) -> None:
    """The answer's tokens of the joint text, each from a plain float64 pass over all before it."""
    import torch

    model: Any = local_model(causal(1))
    if bos:
        from tokenizers.processors import TemplateProcessing

        model.tokenizer._tokenizer.post_processor = TemplateProcessing(
            single="<|im_start|> $A", special_tokens=[("<|im_start|>", 256)]
        )
    given_text = "In 1985, who was it? "
    ids = model.tokenizer(given_text + answer)["input_ids"]
    assert (ids[0] == 256) == bos
    held = len(model.tokenizer(given_text)["input_ids"])
    network = model.network.double()
    expected = 0.0
    for place in range(held, len(ids)):
        logits = network(input_ids=torch.tensor([ids[:place]])).logits[0, -1].double()
        expected += float(logits.log_softmax(-1)[ids[place]])
    model.network.float()
    (found,) = answer_logprobs(model, [given_text], [answer])
    assert found == pytest.approx(expected, abs=1e-4)


def test_an_embedded_models_values_are_those_of_a_float64_pass_to_1e_4() -> None:
    """With SmolLM2's tokens the space before an answer is part of its first token; the statements share the beginning of their dates."""
    import torch
    from transformers import AutoModelForCausalLM

    from winsome.errors import Unsupported
    from winsome.models.fetch import folder
    from winsome.models.weights import load

    try:
        model = load("smollm2-135m", "float32")
    except Unsupported as missing:
        pytest.skip(str(missing))
    network = AutoModelForCausalLM.from_pretrained(str(folder("smollm2-135m")), dtype=torch.float64).eval()
    question = "who was the president of the United States? "
    given_texts = [f"In 2011, {question}", f"In 2019, {question}", "In 2011, who led France? "]
    answers = ["Barack Obama", "Barack Obama", "Sarkozy"]
    found = answer_logprobs(model, given_texts, answers)
    for given_text, answer, value in zip(given_texts, answers, found, strict=True):
        ids = model.tokenizer(given_text + answer)["input_ids"]
        texts = [model.tokenizer.decode([i]) for i in ids]
        cut = texts.index(f" {answer.split()[0]}") if answer != "Sarkozy" else texts.index("?") + 1
        with torch.inference_mode():
            logs = network(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        expected = sum(float(logs[place - 1, ids[place]]) for place in range(cut, len(ids)))
        assert value == pytest.approx(expected, abs=1e-4)


def test_a_models_report_is_that_of_a_plain_float64_pass(tmp_path: Path) -> None:
    """Scored in float32 whatever the processor prefers, so that W is the same on every machine."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = str(saved(tmp_path / "model", causal(4)))
    network = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float64).eval()
    tokenizer = AutoTokenizer.from_pretrained(place)
    facts, _ = read_facts()
    rates = []
    for fact_ in facts[:2]:
        scores: dict[bool, list[float]] = {True: [], False: []}
        for date in dates_of(fact_, 0, ("Y",)):
            given_text, answer = statement(date, fact_)
            ids = tokenizer(given_text + answer)["input_ids"]
            held = len(tokenizer(given_text)["input_ids"])
            with torch.inference_mode():
                logs = network(torch.tensor([ids])).logits[0].log_softmax(-1)
            total = sum(float(logs[k - 1, ids[k]]) for k in range(held, len(ids)))
            if date.label != "Transitional":
                scores[date.label == "Correct"].append(total)
        pairs = [a > b for a in scores[True] for b in scores[False]]
        rates.append(sum(pairs) / len(pairs))
    found = timestress(place, precisions=("Y",), limit=2)
    assert found["dtype"] == "float32"
    same = timestress(place, precisions=("Y",), limit=2, against=place)["difference"]["all"]
    assert (same["W"]["estimate"], same["R"]["estimate"]) == (0.0, 0.0)
    assert found["Y"]["W"]["estimate"] == pytest.approx(sum(rates) / 2, abs=2e-3)


def test_the_chat_format_opens_the_assistants_turn() -> None:
    model: Any = local_model(causal(2))
    raw, chat = (answer_logprobs(model, ["Who? "], ["Ann"], format)[0] for format in ("raw", "chat"))
    assert raw != chat


def test_what_tells_no_log_probabilities_is_one_line() -> None:
    from winsome.errors import Unsupported

    with pytest.raises(Unsupported, match="no log-probabilities") as caught:
        timestress("openai:gpt-4o@http://127.0.0.1:9/v1", limit=1)
    assert len(str(caught.value)) <= 200
    model: Any = local_model(causal(1))
    slow = type("Slow", (), {"is_fast": False})()
    with pytest.raises(Unsupported, match="offsets"):
        answer_logprobs(replace(model, tokenizer=slow), ["Who? "], ["Ann"])


# Files


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("L,q,Ann,1990,1980,who was it?", "before it starts"),
        ("L,q,Ann,1980,,who was it?", "give until=YEAR"),
        ("L,q,Ann,soon,1990,who was it?", 'in "start"'),
        ("L,q,Ann,1980-13,1990,who was it?", "no date"),
        ("L,q,Ann,1980,1990,was it Ann?", "names its answer"),
        ("L,q,Ann,1980,1990,who was it in 1985?", "names a year"),
        ("L,q,,1980,1990,who was it?", "object"),
    ],
)
def test_a_bad_fact_is_one_line(tmp_path: Path, row: str, line: str) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(f"{HEAD}{row}\n")
    with pytest.raises(BadInput) as caught:
        read_facts(path)
    assert line in str(caught.value)
    assert "record 1" in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_two_periods_of_one_fact_are_dropped_and_open_ends_may_be_closed(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(
        f"{HEAD}L,q,Ann,1970,1975,who was it?\nL,q,Ann,1980,1990,who was it?\nL,q,Bob,1991,,who was it?\n"
    )
    facts, dropped = read_facts(path, until=2020)
    assert [found.object for found in facts] == ["Bob"]
    assert dropped == {"two periods": 2}


def test_the_published_table_is_read(tmp_path: Path) -> None:
    rows = [
        ("Land", "queen", "Ann", "1980", "1990", time, status, f"{opening} who was it? Ann")
        for time, status, opening in (
            ("1985", "Correct", "In 1985,"),
            ("1995-02", "Incorrect", "In February 1995,"),
            ("1990-01-02", "Transitional", "On January 2, 1990,"),
        )
    ]
    names = [
        "SubjectLabel",
        "RelationLabel",
        "ObjectLabel",
        "StartDate",
        "EndDate",
        "Time",
        "Status",
        "Statement",
    ]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "s.parquet")
    found = published_statements(tmp_path / "s.parquet")
    assert found.precision.tolist() == ["Y", "M", "D"]
    assert found.given[0] == "In 1985, who was it? "
    assert found.label.tolist() == ["Correct", "Incorrect", "Transitional"]
    pl.DataFrame([(*rows[0][:-1], "In 1985, it was Bob")], schema=names, orient="row").write_parquet(
        tmp_path / "t.parquet"
    )
    with pytest.raises(BadInput, match="record 1"):
        published_statements(tmp_path / "t.parquet")
    pl.DataFrame({"Statement": ["x"]}).write_parquet(tmp_path / "u.parquet")
    with pytest.raises(BadInput, match="no column"):
        timestress("smollm2-135m", facts=tmp_path / "u.parquet")
