"""Judges made of judges: jury, samples, cascade, debate, references."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from tests.judges.scripted import Scripted, always, asked, tokens, verdicts
from winsome.errors import BadInput
from winsome.judges.cascade import cascade, sureness
from winsome.judges.debate import debate
from winsome.judges.jury import jury, pooled
from winsome.judges.pairwise import pairwise
from winsome.judges.reference_guided import reference_guided
from winsome.judges.self_consistency import majority, self_consistency
from winsome.records import Match, Usage, Verdict, shares


@dataclass
class Fixed:
    """A judge whose share of the first side is a function of the match; None is unparsed."""

    id: str
    say: Any
    name: str = "fixed"
    sides: range = range(2, 3)
    ordered: bool = False
    seen: list[Match] = field(default_factory=list[Match])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        self.seen += matches
        for match in matches:
            share = self.say(match)
            usage = Usage(1, 10, 1, 0.25)
            if share is None:
                yield Verdict(match.id, self.name, self.id, "unparsed", reason="no verdict: hm", usage=usage)
            else:
                outcome, split = shares(share)
                yield Verdict(match.id, self.name, self.id, outcome, split, usage=usage, evidence=(self.id,))


def fixed(id: str, share: float | None) -> Fixed:
    return Fixed(id, lambda _: share)


# Jury


@pytest.mark.parametrize(
    ("votes", "pool", "share"),
    [
        ((1.0, 1.0, 0.0), "vote", 1.0),
        ((1.0, 0.0, 0.5), "vote", 0.5),
        ((0.9, 0.8, 0.1), "vote", 1.0),
        ((0.5, 0.5, 1.0), "vote", 0.5),
        ((1.0, 0.0, 0.5), "mean", 0.5),
        ((0.9, 0.6, 0.3), "mean", 0.6),
    ],
)
async def test_votes_are_pooled(votes: tuple[float, ...], pool: Any, share: float) -> None:
    judge = jury(members=tuple(fixed(str(n), vote) for n, vote in enumerate(votes)), pool=pool)
    (verdict,) = await verdicts(judge, asked())
    assert verdict.share == pytest.approx(share)
    assert verdict.usage == Usage(3, 30, 3, 0.75)
    assert verdict.evidence == ("0", "1", "2")
    assert verdict.reason.startswith("votes: ")


def test_mean_pool_equals_vote_for_wins_and_losses() -> None:
    draw = Random(1)
    for _ in range(500):
        votes = [(float(draw.random() < 0.5), 1.0) for _ in range(5)]
        assert (pooled(votes, "mean") > 0.5) == (pooled(votes, "vote") > 0.5)


def test_weighted_votes_are_the_posterior_of_independent_members() -> None:
    """Two of reliability 0.8 and 0.6 that disagree: odds (0.8 * 0.4) / (0.2 * 0.6)."""
    odds = [math.log(0.8 / 0.2), math.log(0.6 / 0.4)]
    right = 0.8 * 0.4 / (0.8 * 0.4 + 0.2 * 0.6)
    assert pooled([(1.0, odds[0]), (0.0, odds[1])], "weighted") == pytest.approx(right)


def test_three_independent_judges_follow_condorcet_and_correlated_ones_fall_short() -> None:
    accuracy, n, draw = 0.7, 40_000, Random(2)
    independent = correlated = 0
    for _ in range(n):
        votes = [float(draw.random() < accuracy) for _ in range(3)]
        independent += pooled([(v, 1.0) for v in votes], "vote") == 1.0
        if draw.random() < 0.5:
            votes[1] = votes[2] = votes[0]
        correlated += pooled([(v, 1.0) for v in votes], "vote") == 1.0
    expected = accuracy**3 + 3 * accuracy**2 * (1 - accuracy)
    error = math.sqrt(expected * (1 - expected) / n)
    assert abs(independent / n - expected) < 3 * error
    assert correlated / n < expected - 5 * error


async def test_unread_votes_are_told_and_a_jury_without_half_its_votes_is_unparsed() -> None:
    two = jury(members=(fixed("a", 1.0), fixed("b", None), fixed("c", 1.0)))
    (verdict,) = await verdicts(two, asked())
    assert verdict.share == 1.0
    assert verdict.reason == "votes: win, unparsed, win"
    one = jury(members=(fixed("a", 1.0), fixed("b", None), fixed("c", None)))
    (verdict,) = await verdicts(one, asked())
    assert (verdict.outcome, verdict.share) == ("unparsed", None)


@pytest.mark.parametrize(
    ("members", "settings", "line"),
    [
        (("a", "b"), {"pool": "vote"}, "split their vote evenly"),
        (("a",), {}, "no jury"),
        (("a", "a", "b"), {}, "one and the same judge"),
        (("a", "b", "c"), {"pool": "weighted"}, "belong together"),
        (("a", "b", "c"), {"pool": "weighted", "reliability": (0.7, 0.8)}, "needs 3 shares"),
        (("a", "b", "c"), {"pool": "weighted", "reliability": (0.7, 0.8, 1.0)}, "between 0 and 1"),
    ],
)
def test_a_jury_that_cannot_decide_is_one_line(
    members: tuple[str, ...], settings: dict[str, Any], line: str
) -> None:
    with pytest.raises(BadInput, match=line):
        jury(members=tuple(fixed(id, 1.0) for id in members), **settings)


async def test_an_even_jury_ties_where_it_is_told_to() -> None:
    (verdict,) = await verdicts(
        jury(members=(fixed("a", 1.0), fixed("b", 0.0)), pool="vote", ties="tie"), asked()
    )
    assert verdict.outcome == "tie"


# Samples


def sampled(replies: Sequence[str]) -> Any:
    return pairwise(
        model=Scripted(lambda prompt, draw, sampling: replies[draw % len(replies)]), temperature=0.7
    )


async def test_samples_are_draws_of_their_own() -> None:
    judge = self_consistency(judge=sampled(["A", "A", "B"]), samples=3)
    first, second = await verdicts(judge, asked(), asked(repeat=1))
    assert first.share == second.share == pytest.approx(2 / 3)
    assert first.reason == "samples: win, win, loss"
    assert len(first.evidence) == 3
    assert not set(first.evidence) & set(second.evidence)
    (verdict,) = await verdicts(
        self_consistency(judge=sampled(["A", "A", "B"]), samples=3, rule="majority"), asked()
    )
    assert verdict.share == 1.0


def test_a_majority_that_is_not_alone_is_a_tie() -> None:
    assert majority([1.0, 0.0]) == 0.5
    assert majority([0.9, 0.2, 0.6]) == 1.0
    assert majority([0.5, 0.5, 0.0]) == 0.5


async def test_samples_that_cannot_be_read_are_left_out_and_told() -> None:
    judge = self_consistency(judge=sampled(["A", "who knows", "A"]), samples=3)
    (verdict,) = await verdicts(judge, asked())
    assert verdict.share == 1.0
    judge = self_consistency(judge=sampled(["who knows"]), samples=3)
    (verdict,) = await verdicts(judge, asked())
    assert (verdict.outcome, verdict.share) == ("unparsed", None)


def test_samples_of_a_greedy_judge_are_refused() -> None:
    with pytest.raises(BadInput, match=r"temperature=0\.7"):
        self_consistency(judge=pairwise(model=always("A")))
    with pytest.raises(BadInput, match="samples=1"):
        self_consistency(judge=sampled(["A"]), samples=1)


# Cascade


async def test_only_unsure_matches_go_to_the_dear_judge() -> None:
    by_question = {"sure": 0.95, "unsure": 0.55, "unread": None}
    cheap = Fixed("cheap", lambda match: by_question[match.prompt.text])
    dear = fixed("dear", 0.0)
    judge = cascade(cheap=cheap, dear=dear, sure=0.6, check=0.0)
    sure, unsure, unread = await verdicts(judge, *(asked(question) for question in by_question))
    assert (sure.share, unsure.share, unread.share) == (0.95, 0.0, 0.0)
    assert [match.prompt.text for match in dear.seen] == ["unsure", "unread"]
    assert sure.reason == "cheap: win 0.95"
    assert unsure.reason == "dear: win 0.55, then loss"
    assert (sure.usage.money, unsure.usage.money) == (0.25, 0.5)
    assert judge.tally.sent_on == 2


async def test_checked_matches_measure_how_often_the_two_differ() -> None:
    cheap, dear = fixed("cheap", 1.0), Fixed("dear", lambda match: float(int(match.prompt.text) % 4 > 0))
    judge = cascade(cheap=cheap, dear=dear, sure=0.5, check=0.25)
    found = await verdicts(judge, *(asked(str(n)) for n in range(2000)))
    checked = [verdict for verdict in found if verdict.reason.startswith("checked")]
    assert len(checked) == judge.tally.checked
    assert abs(len(checked) - 500) < 3 * math.sqrt(2000 * 0.25 * 0.75)
    assert abs(judge.tally.differed / len(checked) - 0.25) < 3 * math.sqrt(0.25 * 0.75 / len(checked))
    assert f"of {len(checked):,} sure ones checked" in judge.note
    again = await verdicts(
        cascade(cheap=cheap, dear=dear, sure=0.5, check=0.25), *(asked(str(n)) for n in range(50))
    )
    assert [v.reason for v in again] == [v.reason for v in found[:50]]


def test_sureness_is_the_distance_from_a_tie() -> None:
    verdict = Verdict("m", "j", "j", "win", (0.8, 0.2))
    assert sureness(verdict) == pytest.approx(0.6)
    assert sureness(Verdict("m", "j", "j", "graded", (10.0, 1.0))) == 1.0
    assert sureness(Verdict("m", "j", "j", "graded", (5.0, 5.0))) == 0.0
    assert sureness(Verdict("m", "j", "j", "unparsed")) == 0.0


def test_a_cascade_of_one_judge_or_without_a_share_is_refused() -> None:
    with pytest.raises(BadInput, match="name two"):
        cascade(cheap=fixed("a", 1.0), dear=fixed("a", 0.0))
    with pytest.raises(BadInput, match=r"sure=1\.5"):
        cascade(cheap=fixed("a", 1.0), dear=fixed("b", 0.0), sure=1.5)


# Debate


async def test_agents_hear_each_other_in_turns_and_score_at_the_end() -> None:
    def say(prompt: Any, draw: int, sampling: Any) -> str:
        last = prompt.messages[-1].text
        if "last line" in last:
            return "A is right.\nA: 8, B: 6" if "critic" in prompt.system else "A: 5, B: 5"
        return f"{'critic' if 'critic' in prompt.system else 'public'} speech {sum(m.role == 'assistant' for m in prompt.messages)}"

    model = Scripted(say)
    judge = debate(members=(model,), personas=("public", "critic"), rounds=2)
    front, back = await verdicts(judge, asked(seat=0), asked(seat=1))
    assert (front.share, back.share) == (1.0, 0.0)
    assert front.reason == "mean scores 6.5 to 5.5 of 2 agents"
    assert len(front.evidence) == 2 * (2 + 1)
    assert front.usage.calls == 6
    final = next(p for p in reversed(model.prompts) if "critic" in (p.system or ""))
    assert [m.role for m in final.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert "public said:\npublic speech 0" in final.messages[0].text
    assert final.messages[1].text == "critic speech 0"
    assert "public said:\npublic speech 1" in final.messages[2].text


async def test_an_overflowing_debate_is_void_and_says_its_length() -> None:
    def say(prompt: Any, draw: int, sampling: Any) -> Any:
        if len(prompt.messages) > 1:
            return {"finish": "failed", "error": "5,003 tokens with the prompt, the model holds 4,096"}
        return "speech"

    (verdict,) = await verdicts(debate(members=(Scripted(say),), rounds=2), asked())
    assert verdict.outcome == "void"
    assert "5,003 tokens" in verdict.reason
    assert "after 3 speeches" in verdict.reason


async def test_a_debate_may_end_in_a_letter_whose_mean_probability_is_the_share() -> None:
    """p(A) is 0.6 and 0.2 of what both letters have: the mean share of the first seat is 0.4, whatever the words are."""

    def say(prompt: Any, draw: int, sampling: Any) -> Any:
        if "one letter" not in prompt.messages[-1].text:
            return "speech"
        assert (sampling.max_tokens, sampling.logprobs) == (1, 20)
        chance = (0.3, 0.2) if "critic" in prompt.system else (0.1, 0.4)
        top = {"The": math.log(0.5), "A": math.log(chance[0]), " B": math.log(chance[1])}
        return {"text": "The", "finish": "length", "tokens": tokens(("The", top))}

    judge = debate(members=(Scripted(say),), personas=("public", "critic"), rounds=1, ending="letter")
    front, back = await verdicts(judge, asked(seat=0), asked(seat=1))
    assert (front.share, back.share) == (pytest.approx(0.4), pytest.approx(0.6))
    assert front.reason == "mean shares 0.4 to 0.6 of 2 agents"
    scored = debate(members=(Scripted(say),), personas=("public", "critic"), rounds=1)
    assert scored.id != judge.id
    (unread,) = await verdicts(debate(members=(always("The"),), rounds=1, ending="letter"), asked())
    assert (unread.outcome, unread.reason) == (
        "unparsed",
        "no verdict: 0 of 3 agents gave a letter that can be read",
    )


async def test_a_debate_without_scores_is_unparsed() -> None:
    (verdict,) = await verdicts(debate(members=(always("I would rather not say."),), rounds=1), asked())
    assert (verdict.outcome, verdict.share) == ("unparsed", None)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"personas": ("pirate",)}, "no persona pirate"),
        ({"rounds": 0}, "rounds=0"),
        ({"personas": ("public", "public")}, "unlike personas"),
        ({"structured": True, "ending": "letter"}, "leave one out"),
    ],
)
def test_a_debate_that_cannot_be_held_is_one_line(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(BadInput, match=line):
        debate(members=(always("x"),), **settings)
    with pytest.raises(BadInput, match="2 members for 3 personas"):
        debate(members=(always("x"), always("y")))


# References


async def test_a_missing_reference_is_written_once_and_shown() -> None:
    writer = Scripted(lambda prompt, *_: "Apples are fruit.", id="writer")
    model = always("So:\n[[A]]")
    judge = reference_guided(model=model, writer=writer)
    found = await verdicts(judge, asked(seat=0), asked(seat=1), asked("Another.", reference="Given."))
    assert [verdict.share for verdict in found] == [1.0, 0.0, 1.0]
    assert len(writer.prompts) == 1
    assert sum("Apples are fruit." in prompt.text for prompt in model.prompts) == 2
    assert sum("Given." in prompt.text for prompt in model.prompts) == 1
    assert len(found[0].evidence) == 2


async def test_without_a_writer_a_missing_reference_is_one_line() -> None:
    with pytest.raises(BadInput, match="reference"):
        await verdicts(reference_guided(model=always("[[A]]")), asked())


async def test_a_reference_that_could_not_be_written_is_void() -> None:
    writer = always({"finish": "failed", "error": "no answer"})
    (verdict,) = await verdicts(reference_guided(model=always("[[A]]"), writer=writer), asked())
    assert verdict.outcome == "void"
    assert "no reference was written" in verdict.reason


async def test_token_probabilities_make_the_cascade_unsure() -> None:
    model = always({"text": "A", "tokens": tokens(("A", {"A": math.log(0.55), "B": math.log(0.45)}))})
    judge = cascade(cheap=pairwise(model=model), dear=fixed("dear", 0.0), sure=0.3)
    (verdict,) = await verdicts(judge, asked())
    assert verdict.reason == "dear: win 0.55, then loss"
