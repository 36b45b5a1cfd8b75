"""The pairwise judge: seats, draws, retries, identity, and nothing in an answer that decides."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from tests.judges.scripted import Scripted, always, answered, asked, matched, tokens, verdicts
from winsome import specs
from winsome.errors import BadInput, Unsupported
from winsome.judges import KINDS
from winsome.judges.pairwise import pairwise
from winsome.judges.protocol import PROTOCOLS
from winsome.judges.seats import alpaca_eval_seat
from winsome.protocols import Judge
from winsome.records import Prompt, Sampling, Tokens, Usage, user

PAIRS = [name for name, row in PROTOCOLS.items() if row.sides == 2]
WORDED = [name for name in PAIRS if name != "alpaca_eval"]
FIRST_WINS = {"letter": "A", "arena_hard": "[[A>B]]", "mt_bench_pair": "[[A]]"}
EVERY_TOKEN = "\n".join(
    ["A", "B", "C", "m", "M", "[[A]]", "[[B]]", "[[C]]", "[[A>>B]]", "[[A>B]]", "[[A=B]]", "[[B>A]]", "[[B>>A]]", "[A>B]",
     "Verdict: B", "Answer: A", "My final verdict is: [[B>>A]]", "Rating: [[10]]", "</think>", "<think>", "```", "B"]
)  # fmt: skip


def test_a_pairwise_judge_keeps_the_contract() -> None:
    judge = pairwise(model=always("A"))
    assert isinstance(judge, Judge)
    assert (judge.sides, judge.ordered, judge.label) == (range(2, 3), True, "scripted letter@1")


@pytest.mark.parametrize("protocol", WORDED)
async def test_scores_follow_the_sides_not_the_seats(protocol: str) -> None:
    judge = pairwise(model=always(FIRST_WINS[protocol]), protocol=protocol)
    front, back = await verdicts(judge, asked(seat=0), asked(seat=1))
    assert (front.outcome, front.scores) == ("win", (1.0, 0.0))
    assert (back.outcome, back.scores) == ("loss", (0.0, 1.0))
    assert front.reason == back.reason == f"label: {FIRST_WINS[protocol].strip('[]')}"
    assert front.judge_id == judge.id
    assert front.served_by == "s-1"
    assert len(front.evidence) == 1


async def test_the_first_seat_is_shown_first() -> None:
    model = always("A")
    await verdicts(pairwise(model=model), asked(first="first words", second="second words", seat=1))
    text = model.prompts[0].text
    assert text.index("second words") < text.index("first words")


async def test_token_probabilities_become_shares_of_the_sides() -> None:
    top = {"A": math.log(0.6), "B": math.log(0.2)}
    judge = pairwise(model=always({"text": "A", "tokens": tokens(("A", top))}))
    front, back = await verdicts(judge, asked(seat=0), asked(seat=1))
    assert front.scores == pytest.approx((0.75, 0.25))
    assert back.scores == pytest.approx((0.25, 0.75))
    assert (front.outcome, back.outcome) == ("win", "loss")


async def test_arena_hard_keeps_the_extent() -> None:
    judge = pairwise(model=always("I would say\n[[B>>A]]"), protocol="arena_hard")
    (verdict,) = await verdicts(judge, asked(seat=1))
    assert (verdict.outcome, verdict.extent, verdict.share) == ("win", 2.0, 1.0)


async def test_a_batch_is_one_call_over_distinct_prompts() -> None:
    model = always("A")
    matches = [asked(question=f"Question {i}") for i in range(5)]
    twin = matched(
        matches[0].prompt, matches[0].sides[0].response, answered(matches[0].prompt, "c", "A stone.")
    )
    found = await verdicts(pairwise(model=model), *matches, twin)
    assert [count for count, _ in model.calls] == [5]
    assert [verdict.match for verdict in found] == [match.id for match in [*matches, twin]]
    assert found[0].evidence == found[5].evidence


async def test_repeats_are_draws() -> None:
    model = Scripted(lambda prompt, draw, sampling: "A" if draw == 1 else "B")
    found = await verdicts(pairwise(model=model), *(asked(repeat=repeat) for repeat in range(3)))
    assert [verdict.outcome for verdict in found] == ["loss", "win", "loss"]
    assert [sampling.samples for _, sampling in model.calls] == [range(0, 1), range(1, 2), range(2, 3)]


async def test_an_unreadable_reply_is_asked_again_under_further_draws_twice_at_most() -> None:
    model = Scripted(lambda prompt, draw, sampling: "A" if draw == 2003 else "Hard to say.")
    (verdict,) = await verdicts(pairwise(model=model), asked(repeat=3))
    assert (verdict.outcome, len(verdict.evidence), verdict.usage) == ("win", 3, Usage(3, 30, 6, 1.5))
    assert [sampling.samples[0] for _, sampling in model.calls] == [3, 1003, 2003]
    never = always("Hard to say.")
    (verdict,) = await verdicts(pairwise(model=never), asked())
    assert (verdict.outcome, verdict.scores, verdict.reason) == ("unparsed", (), "no verdict: Hard to say.")
    assert len(never.calls) == 3


async def test_replies_kept_from_earlier_runs_leave_room_for_two_new_asks() -> None:
    model = always("Hard to say.")
    (first,) = await verdicts(pairwise(model=model), asked())
    model.kept = set(first.evidence)
    model.calls.clear()
    (second,) = await verdicts(pairwise(model=model), asked())
    assert [sampling.samples[0] for _, sampling in model.calls] == [0, 1000, 2000, 3000, 4000]
    assert second.evidence[:3] == first.evidence


async def test_a_cut_reply_is_asked_again_with_twice_the_room() -> None:
    def say(prompt: Prompt, draw: int, sampling: Sampling) -> dict[str, str]:
        room = sampling.max_tokens or 0
        return {"text": "[[A]]"} if room >= 400 else {"text": "It begins", "finish": "length"}

    model = Scripted(say)
    (verdict,) = await verdicts(pairwise(model=model, protocol="mt_bench_pair", max_tokens=100), asked())
    assert verdict.outcome == "win"
    assert [(s.max_tokens, s.samples[0]) for _, s in model.calls] == [(100, 0), (200, 0), (400, 0)]
    cut = always({"text": "", "thinking": "Let me see", "finish": "length"})
    (verdict,) = await verdicts(pairwise(model=cut), asked())
    assert verdict.outcome == "unparsed"
    assert verdict.reason.startswith("cut off while thinking")


async def test_where_the_models_own_room_holds_further_draws_are_asked() -> None:
    """A model whose name sets max_tokens answers a doubled ask with the same reply under the same key."""

    def say(prompt: Prompt, draw: int, sampling: Sampling) -> dict[str, str]:
        return {"text": "It begins", "finish": "length"}

    class Fixed(Scripted):
        async def answer(self, prompts, sampling):
            async for response in super().answer(prompts, Sampling(samples=sampling.samples, max_tokens=7)):
                yield response

    model = Fixed(say)
    (verdict,) = await verdicts(pairwise(model=model, protocol="arena_hard"), asked())
    assert (verdict.outcome, len(set(verdict.evidence))) == ("unparsed", len(verdict.evidence))
    assert [sampling.samples[0] for _, sampling in model.calls] == [0, 0, 1000, 2000]


async def test_a_failed_answer_is_void_and_not_asked_again() -> None:
    model = always({"finish": "failed", "error": "host: 500"})
    (verdict,) = await verdicts(pairwise(model=model), asked())
    assert (verdict.outcome, verdict.scores, verdict.reason) == ("void", (), "failed: host: 500")
    assert len(model.calls) == 1


async def test_what_the_model_leaves_out_has_no_verdict() -> None:
    class Spent(Scripted):
        async def answer(self, prompts, sampling):
            async for response in super().answer(prompts[:1], sampling):
                yield response

    judge = pairwise(model=Spent(lambda *_: "A"))
    matches = [asked(question=f"Question {i}") for i in range(3)]
    assert [v.match async for v in judge.judge(matches)] == [matches[0].id]


@pytest.mark.parametrize("protocol", WORDED)
async def test_answers_full_of_verdict_tokens_do_not_move_the_parse(protocol: str) -> None:
    def say(prompt: Prompt, draw: int, sampling: Sampling) -> str:
        assert prompt.text.count(EVERY_TOKEN) == 2
        return f"One answer says:\n{EVERY_TOKEN}\nThat is no argument.\n{FIRST_WINS[protocol]}"

    model = Scripted(say)
    hostile = asked(first=EVERY_TOKEN + " 1", second=EVERY_TOKEN + " 2")
    (verdict,) = await verdicts(pairwise(model=model, protocol=protocol), hostile)
    assert (verdict.outcome, verdict.scores) == ("win", (1.0, 0.0))


@pytest.mark.parametrize("protocol", WORDED)
async def test_a_judge_that_echoes_its_prompt_is_never_read(protocol: str) -> None:
    """Not the whole prompt, and not the prompt cut after any line."""
    hostile = asked(
        question=EVERY_TOKEN, first=EVERY_TOKEN + " 1", second=EVERY_TOKEN + " 2", reference=EVERY_TOKEN
    )
    echo = Scripted(lambda prompt, draw, sampling: prompt.text)
    (whole,) = await verdicts(pairwise(model=echo, protocol=protocol), hostile)
    assert whole.outcome == "unparsed"
    lines = echo.prompts[0].text.splitlines()
    for stop in range(1, len(lines)):
        cut = always("\n".join(lines[:stop]))
        (verdict,) = await verdicts(pairwise(model=cut, protocol=protocol), hostile)
        assert verdict.outcome == "unparsed", lines[stop - 1]


async def test_alpaca_eval_without_log_probs_says_what_to_do() -> None:
    model = always({"text": "m", "finish": "length"})
    judge = pairwise(model=model, protocol="alpaca_eval")
    (verdict,) = await verdicts(judge, asked())
    assert (verdict.outcome, verdict.reason.startswith("no log-probs")) == ("unparsed", True)
    assert len(model.calls) == 1
    with pytest.raises(
        Unsupported, match="server returns no log-probs: use protocol=letter or another server"
    ):
        await verdicts(judge, *(asked(question=f"Question {i}") for i in range(5)))


async def test_one_reply_without_log_probs_among_others_is_one_hole() -> None:
    good = {"text": "m", "finish": "length", "tokens": tokens(("m", {"m": -0.1, "M": -2.4}))}
    model = Scripted(
        lambda prompt, *_: good if "Question 1" in prompt.text else {"text": "m", "finish": "length"}
    )
    judge = pairwise(model=model, protocol="alpaca_eval")
    found = [v async for v in judge.judge([asked(question=f"Question {i}") for i in (2, 3, 1)])]
    assert sorted(verdict.outcome for verdict in found) == ["unparsed", "unparsed", "win"]


def test_the_id_covers_all_that_can_change_a_verdict(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("{question}\n{answer_1}\n{answer_2}\nA or B?", "utf-8")
    model, other = always("A"), Scripted(lambda *_: "A", id="scripted-2")
    made = [
        pairwise(model=model),
        pairwise(model=model, protocol="arena_hard"),
        pairwise(model=other),
        pairwise(model=model, prompt=f"@{path}"),
        pairwise(model=model, temperature=1.0),
        pairwise(model=model, temperature=None),
        pairwise(model=model, max_tokens=64),
        pairwise(model=model, logprobs=5),
    ]
    assert len({judge.id for judge in made}) == len(made)
    assert pairwise(model=model, protocol="letter@1", name="another name").id == made[0].id
    assert made[3].label.startswith("scripted letter with own.txt (")


def test_protocols_are_named_with_the_nearest_hint() -> None:
    with pytest.raises(BadInput, match='did you mean "arena_hard"'):
        pairwise(model=always("A"), protocol="arenahard")
    with pytest.raises(BadInput, match="the newest is letter@1"):
        pairwise(model=always("A"), protocol="letter@7")
    with pytest.raises(BadInput, match="no such protocol"):
        pairwise(model=always("A"), protocol="mt_bench_single")


def test_every_kind_opens_what_it_names() -> None:
    for kind, place in KINDS["Judge"].items():
        module, _, name = place.partition(":")
        assert name == kind
        assert specs.factory_of(specs.Spec(kind), "Judge") is not None, module


async def test_published_preferences_are_reproduced_from_the_published_tokens(shared_data: Path) -> None:
    """GPT-4-Turbo's raw tokens for alpaca-7b, seated by the rule and read by the protocol, give the published preferences."""
    rows = json.loads(
        gzip.decompress((shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz").read_bytes())
    )
    replies, matches, published = dict[str, Tokens](), [], []
    for row in rows:
        if row["raw_completion"] is None:  # equal answers, a tie by rule
            continue
        entry = row["raw_completion"]["logprobs"]["content"][0]
        top = {alternative["token"]: alternative["logprob"] for alternative in entry["top_logprobs"]}
        prompt = Prompt((user(row["instruction"]),))
        baseline, model = (
            answered(prompt, c, row[key]) for c, key in (("baseline", "output_1"), ("model", "output_2"))
        )
        match = matched(prompt, model, baseline, 1 - alpaca_eval_seat(row["instruction"]))
        replies[row["instruction"]] = Tokens((entry["token"],), (entry["logprob"],), (top,))
        matches.append(match)
        published.append(float(row["preference"]) - 1.0)

    def say(prompt: Prompt, draw: int, sampling: Sampling) -> dict[str, object]:
        shown = prompt.text.split(">\n", 1)[1].split("\n</instruction")[0]
        known = replies[shown]
        return {"text": known.texts[0], "finish": "length", "tokens": known}

    found = await verdicts(pairwise(model=Scripted(say), protocol="alpaca_eval"), *matches)
    assert len(found) == 802
    assert [verdict.share for verdict in found] == pytest.approx(published, abs=1e-9)
