"""The embedded judge: what it reads, that it mirrors, and what it is worth on preferences that the fit never saw."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.models.fetch import PACKAGES, present
from winsome.records import Prompt, Response, assistant, user
from winsome.scorers import likelihood
from winsome.scorers.embedded import EmbeddedJudge, embedded, gated_scores, shipped_weights
from winsome.scorers.judge_features import ANSWER, BLOCKS, FEATURES, PROMPT
from winsome.scorers.surface import NAMES, surface


@pytest.fixture(scope="module")
def weights_here():
    missing = [name for name in PACKAGES if present(name) is None]
    if missing:
        pytest.skip(f"weights missing; run: winsome models pull {missing[0]}")


def response(text: str, finish="stop") -> Response:
    return Response(
        prompt="", contender="c", key=text, messages=(assistant(text),) if text else (), finish=finish
    )


def test_the_judge_shares_no_feature_with_the_likelihood_that_selects():
    assert set(FEATURES).isdisjoint(likelihood.FEATURES)
    assert not any("log-prob" in name or "likelihood" in name for name in FEATURES)


def test_the_shipped_weights_fit_the_features_and_the_package():
    fitted = shipped_weights()
    assert fitted.careful.shape == fitted.general.shape == fitted.centre.shape == (ANSWER.stop,)
    assert fitted.gate.shape == (PROMPT.stop - PROMPT.start + 1,)
    assert len(FEATURES) == len(set(FEATURES)) == PROMPT.stop
    assert sorted(i for block in BLOCKS.values() for i in range(block.start, block.stop)) == list(
        range(ANSWER.stop)
    )
    raw = (files("winsome.scorers") / "weights" / "embedded_judge.json").read_bytes()
    assert len(raw) < 1_000_000
    assert set(json.loads(raw)["about"]["licences"].values()) <= {"MIT", "Apache-2.0"}


def test_the_gate_mixes_the_two_scores():
    fitted = shipped_weights()
    row = np.random.default_rng(0).normal(size=len(FEATURES))
    share = 1 / (1 + np.exp(-(row[PROMPT] @ fitted.gate[:-1] + fitted.gate[-1])))
    answer = row[ANSWER] - fitted.centre
    expected = share * (answer @ fitted.careful) + (1 - share) * (answer @ fitted.general)
    assert gated_scores(fitted, row[None])[0] == pytest.approx(expected)


@given(st.text(), st.text(min_size=1))
def test_surface_features_are_finite_and_named(prompt, answer):
    found = surface(prompt, answer)
    assert len(found) == len(NAMES) == len(set(NAMES))
    assert np.isfinite(found).all()


def test_surface_features_see_what_they_are_named_for():
    found = dict(
        zip(
            NAMES,
            surface("How do I bake bread?", "I'm sorry, I can't.\n- **bake**\n- rest\nWhy ask?"),
            strict=True,
        )
    )
    assert found["apologises"] == found["refuses"] == found["bold"] == found["ends asking"] == 1.0
    assert found["code"] == found["headings"] == found["swears"] == 0.0
    assert found["log list items"] == pytest.approx(np.log(3))
    assert found["prompt words used"] == pytest.approx(2 / 5)


def test_an_unknown_address_names_the_known():
    with pytest.raises(BadInput, match="known: judge, likelihood"):
        embedded("jury")


@pytest.fixture(scope="module")
def judge(weights_here) -> EmbeddedJudge:
    found = embedded("judge")
    assert isinstance(found, EmbeddedJudge)
    return found


ANSWERS = (
    "Bread needs flour, water, salt and yeast. Mix them, let the dough rise for an hour, then bake it at 220 C.",
    "no",
    "Purple elephants dance. Purple elephants dance. Purple elephants dance. Purple elephants dance.",
)
PROMPT_ = Prompt((user("How do I bake bread?"),))


def scores(judge, prompts, texts):
    return asyncio.run(judge.score(prompts, [response(text) for text in texts]))


def test_a_score_is_the_same_in_any_company_to_the_bit(judge):
    together = scores(judge, [PROMPT_] * 3, ANSWERS).values
    turned = scores(judge, [PROMPT_] * 3, ANSWERS[::-1]).values
    other = Prompt((user("Tell me about the sea, at length, with all that lives in it."),))
    mixed = scores(judge, [other, PROMPT_, other], ["The sea is deep.", ANSWERS[0], ANSWERS[1]]).values
    assert turned[::-1] == together
    assert mixed[1] == together[0]


def test_an_answer_beats_a_refusal_to_help_and_nonsense(judge):
    good, short, nonsense = scores(judge, [PROMPT_] * 3, ANSWERS).values
    assert good > short
    assert good > nonsense


def test_a_failed_and_an_empty_answer_have_a_reason(judge):
    found = asyncio.run(judge.score([PROMPT_] * 2, [response("", "failed"), response("")]))
    assert np.isnan(found.values).all()
    assert found.reasons == {0: "the answer failed", 1: "the answer is empty"}
