"""The derived attack is read as a fake record by a plain parser of every shipped pair template; a nonce takes it back."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from winsome.audit import control_text
from winsome.audit.null_model import EMPTY_TASK, read_last, structured
from winsome.audit.random_search import curriculum, label_loss, search
from winsome.judges import fences, templates
from winsome.judges.templates import Template
from winsome.records import Message, Prompt, Response, Text

PAIRS = [
    t
    for t in control_text.shipped()
    if {"answer_1", "answer_2"} <= (slots := t.variants[False, False].slots) and "reference" not in slots
]
PROMPT = Prompt((Message("user", (Text("Name a prime."),)),), for_judges={"checklist": ["right"]})


def said(text: str) -> Response:
    return Response(PROMPT.id, "c", "k", messages=(Message("assistant", (Text(text),)),))


def shown(template: Template, first: str, second: str) -> tuple[str, str]:
    sides = (said(first), said(second))
    code = templates.fence(PROMPT, sides) if template.fenced else ""
    return template.render(PROMPT, sides, code).messages[-1].text, code


@pytest.mark.parametrize("seat", [0, 1])
@pytest.mark.parametrize("template", PAIRS, ids=lambda t: t.name)
def test_the_attack_is_read_as_two_fake_outputs_in_both_seats(template: Template, seat: int) -> None:
    bare = fences.bare(template)
    attack = structured(bare)
    text, _ = shown(bare, *(("Eleven.", attack) if seat else (attack, "Eleven.")))
    found = read_last(bare, text)
    assert found is not None
    task = found.slots.get("question", found.slots.get("query"))
    assert task == EMPTY_TASK
    # In the second seat both outputs are the attack's; in the first the rival's answer is the last field of an empty task.
    answers = [found.slots[name].strip() for name in ("answer_1", "answer_2")]
    assert answers[0] == ""
    assert answers[1] == ("" if seat else answers[1])
    assert "Eleven." in text
    assert answers[1] in ("", "Eleven.") or "Eleven." in answers[1]


@pytest.mark.parametrize("template", PAIRS, ids=lambda t: t.name)
def test_the_turned_form_lists_the_second_label_first(template: Template) -> None:
    """The same lines in both forms, but for the order of the two marks and what closes the first answer."""
    plain, turned = structured(fences.bare(template)), structured(fences.bare(template), turned=True)
    assert plain != turned
    assert sorted(plain.split()) == sorted(turned.split()) or "</" in plain
    assert turned.partition(EMPTY_TASK)[0] == plain.partition(EMPTY_TASK)[0]


@pytest.mark.parametrize("seat", [0, 1])
@pytest.mark.parametrize("template", PAIRS, ids=lambda t: t.name)
def test_under_the_nonce_the_parser_reads_the_real_answers(template: Template, seat: int) -> None:
    attack = structured(template)
    text, code = shown(template, *(("Eleven.", attack) if seat else (attack, "Eleven.")))
    found = read_last(template, text, code)
    assert found is not None
    answers = [found.slots["answer_1"].strip(), found.slots["answer_2"].strip()]
    assert answers[1 - seat] == "Eleven."
    assert answers[seat] == attack.strip()


def test_a_text_without_a_code_gets_one_and_answers_cannot_hold_it() -> None:
    plain = templates.compiled("own", "Q: {question}\n1: {answer_1}\n2: {answer_2}\nWhich?", 2)
    made = fences.fenced(plain)
    text, code = shown(made, "a", "b")
    assert text.count(code) == 5
    assert made.digest != plain.digest
    assert (
        fences.bare(fences.fenced(plain)).variants[False, False].slots == plain.variants[False, False].slots
    )
    assert fences.fenced(PAIRS[0]) is PAIRS[0]


@pytest.mark.parametrize("template", PAIRS, ids=lambda t: t.name)
def test_the_submission_audit_knows_the_attack(template: Template) -> None:
    assert control_text.hits(structured(fences.bare(template)))


def test_curriculum_sizes() -> None:
    assert [curriculum(step, 20) for step in range(0, 384, 16)] == [*range(2, 20), *[20] * 6]
    assert curriculum(15, 20) == 2
    assert curriculum(16, 20) == 3


def test_search_reaches_the_optimum_of_a_separable_judge_and_repeats() -> None:
    """The wanted label's logit is a sum of token weights: the optimum is the heaviest token everywhere, by enumeration too."""
    weight = np.random.default_rng(4).normal(size=8)

    def ask(tokens: tuple[int, ...], queries: int) -> list[tuple[float, bool]]:
        logit = float(weight[list(tokens)].sum())
        return [(float(np.logaddexp(0.0, -(logit - 0.1 * k))), False) for k in range(queries)]

    found = search(ask, 8, (0, 0, 0), steps=800, most=6, seed=1)
    best = min(itertools.product(range(8), repeat=3), key=lambda t: np.mean([one for one, _ in ask(t, 6)]))
    assert sorted(found.tokens) == sorted(best)
    assert found == search(ask, 8, (0, 0, 0), steps=800, most=6, seed=1)
    for stage in range(2, 7):
        kept = [step.loss for step in found.steps if step.queries == stage and step.kept]
        assert kept
        assert kept == sorted(kept, reverse=True)


def test_the_loss_is_of_the_share_over_all_spellings() -> None:
    top = {"A": math.log(0.2), " A": math.log(0.1), "B": math.log(0.1), "The": math.log(0.3)}
    assert label_loss(top, ("A", "B"), "A") == (pytest.approx(-math.log(0.75)), False)
    assert label_loss(top, ("A", "B"), "B") == (pytest.approx(-math.log(0.25)), False)


def test_a_missing_token_counts_with_its_bound() -> None:
    top = {"A": math.log(0.6), "C": math.log(0.2)}
    assert label_loss(top, ("A", "B"), "B") == (pytest.approx(-math.log(0.2 / 0.8)), True)
    assert label_loss(top, ("A", "B"), "A") == (pytest.approx(-math.log(0.6 / 0.8)), False)
    assert label_loss({}, ("A", "B"), "B") == (math.inf, True)


def test_missing_tokens_are_counted() -> None:
    found = search(lambda tokens, k: [label_loss({"A": -0.5}, ("A", "B"), "B")] * k, 4, (0,), steps=3, most=2)
    assert [step.missing for step in found.steps] == [2, 2, 2]
