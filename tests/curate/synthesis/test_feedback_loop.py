"""The feedback loop: the geometric law of mending, how threads end, what is kept, which pairs it leaves."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from winsome.curate.synthesis.feedback_loop import Wording, feedback_loop, remarks, wording
from winsome.curate.synthesis.loop_pairs import best_and_worst, critique_pairs, draft_to_draft
from winsome.errors import BadInput
from winsome.records import Prompt, Response, Sampling, Scores, Usage, assistant, user
from winsome.sandbox.actors import MEND_DRAFT, NAME_FAULTS, critic, oracle, reviser
from winsome.sandbox.gold import GoldScorer
from winsome.sandbox.worlds import World

WORDS = Wording(NAME_FAULTS, f"{MEND_DRAFT} <critique>")


@dataclass
class Says:
    """A contender whose words are a function of (prompt, draw); it counts what it is asked."""

    say: Callable[[Prompt, int], str]
    name: str = "says"
    id: str = "says"
    batch: int = 8
    asked: list[Prompt] = field(default_factory=list[Prompt])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            self.asked.append(prompt)
            for draw in sampling.samples:
                text = self.say(prompt, draw)
                yield Response(
                    prompt.id, self.name, f"{prompt.id}/{draw}", draw, (assistant(text),),
                    "failed" if text == "!" else "stop", usage=Usage(1, 0, len(text.split())),
                )  # fmt: skip


@dataclass
class Length:
    """More words are worth more."""

    id: str = "length"
    name: str = "length"

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        return Scores(tuple(float(len(response.text.split())) for response in responses))


def prompt(text: str = "Write.") -> Prompt:
    return Prompt((user(text),))


class Halves:
    """Draws an answer first, then acts on critiques, as one contender."""

    def __init__(self, first: object, then: object) -> None:
        self.first, self.then, self.name, self.id, self.batch = first, then, "halves", "halves", 8

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for one in prompts:
            actor = (
                self.then if len(one.messages) > 1 and one.messages[-2].role == "assistant" else self.first
            )
            async for response in actor.answer([one], sampling):  # type: ignore[attr-defined]
                yield response


@pytest.mark.parametrize("p", [0.3, 0.7])
async def test_revisions_and_best_drafts_follow_the_geometric_law(p: float) -> None:
    """Drafts all have a fault, each revision mends it with chance p and a critic that sees everything ends the thread: after k
    revisions 1 - (1 - p)^k are right, and (1 - (1 - p)^R) / p revisions are made on average, the one that mends counted."""
    world, rounds, n = World.of("instruction"), 4, 1200
    prompts = world.prompts(n, "train")
    able = oracle(world, quality=[0.0], manner="plain", over_refusal=0.0, name="o")
    mender = reviser(world, mends=p, damages=0.0, name="r")
    threads = await feedback_loop(
        prompts, generator=Halves(able, mender), reviewers=[critic(world, noise=0.0, name="c")],
        rounds=rounds, evaluator=GoldScorer(world, "g"), words=WORDS,
    )  # fmt: skip
    faulty = [t for t in threads if t.values[0] is not None and t.values[0] < 0.99]
    assert len(faulty) > 0.8 * n
    for k in range(1, rounds + 1):
        right = [max(v for v in t.values[: k + 1] if v is not None) > t.values[0] for t in faulty]  # type: ignore[operator]
        expected = 1 - (1 - p) ** k
        assert abs(sum(right) / len(right) - expected) < 3.5 * math.sqrt(
            expected * (1 - expected) / len(right)
        )
    revisions = [len(t.drafts) - 1 for t in faulty]
    mean = (1 - (1 - p) ** rounds) / p
    spread = math.sqrt(sum((r - mean) ** 2 for r in revisions) / len(revisions))
    assert abs(sum(revisions) / len(revisions) - mean) < 3.5 * spread / math.sqrt(len(revisions))
    assert {t.ended for t in faulty} <= {"rounds", "nothing to improve"}
    for thread in faulty:
        assert thread.best in thread.drafts
        assert thread.values[thread.drafts.index(thread.best)] == max(
            v for v in thread.values if v is not None
        )


async def test_every_word_is_kept_and_revisions_name_their_draft() -> None:
    generator = Says(lambda p, _: "one two" if len(p.messages) == 1 else f"{p.messages[-2].text} more")
    reviewers = [Says(lambda *_: "too short", "r1", "r1"), Says(lambda *_: "add a word", "r2", "r2")]
    (thread,) = await feedback_loop(
        [prompt()], generator=generator, reviewers=reviewers, rounds=2, words=WORDS
    )
    assert [draft.text for draft in thread.drafts] == ["one two", "one two more", "one two more more"]
    assert [draft.parents for draft in thread.drafts[1:]] == [(draft.id,) for draft in thread.drafts[:-1]]
    assert {draft.prompt for draft in thread.drafts} == {thread.prompt.id}
    assert thread.drafts[1].provenance == "revised"
    assert thread.ended == "rounds"
    assert thread.tokens == 2 + 3 + 4 + 2 * (2 + 3)
    assert generator.asked[1].messages[-1].text == f"{MEND_DRAFT} too short\nadd a word"
    assert reviewers[0].asked[1].messages[-2].text == "one two more"


@pytest.mark.parametrize("critique", ["", "  ", "one two"])
async def test_an_empty_critique_or_one_that_repeats_the_answer_counts_and_revises_nothing(
    critique: str,
) -> None:
    generator = Says(lambda p, _: "one two" if len(p.messages) == 1 else "new")
    reviewer = Says(lambda _, draw: critique if draw == 0 else "short", "r", "r")
    (thread,) = await feedback_loop(
        [prompt()], generator=generator, reviewers=[reviewer], rounds=2, words=WORDS
    )
    assert len(thread.critiques) == 2
    assert [draft.text for draft in thread.drafts] == ["one two", "new"]
    assert thread.revised_by == [1]


async def test_threads_end_where_nothing_is_found_where_nothing_is_gained_and_where_an_answer_failed() -> (
    None
):
    say = {"none": "None.", "gain": "short", "bad": "short"}
    reviewer = Says(lambda p, _: say[p.messages[0].text], "r", "r")
    revised = {"gain": "one", "bad": "!"}
    generator = Says(lambda p, _: "one two" if len(p.messages) == 1 else revised[p.messages[0].text])
    found = await feedback_loop(
        [prompt(text) for text in say], generator=generator, reviewers=[reviewer], rounds=3, stop="no_gain",
        evaluator=Length(), words=WORDS,
    )  # fmt: skip
    assert [thread.ended for thread in found] == ["nothing to improve", "no gain", "failed"]
    assert [len(thread.drafts) for thread in found] == [1, 2, 1]
    assert found[1].best.text == "one two"
    assert found[1].last.text == "one"


async def test_pairs_of_drafts_of_single_models_and_of_critiques() -> None:
    generator = Says(lambda p, _: "one two" if len(p.messages) == 1 else {"w more": "one two three", "w less": "one"}[
        " ".join(["w", p.messages[-1].text.split()[-1]])
    ])  # fmt: skip
    threads = []
    for word in ("more", "less"):
        reviewer = Says(lambda *_, word=word: word, word, word)
        threads += await feedback_loop(
            [prompt()], generator=generator, reviewers=[reviewer], rounds=1, evaluator=Length(), words=WORDS
        )
    more, less = draft_to_draft(threads)
    assert (more["chosen"], more["rejected"], more["margin"]) == ("one two three", "one two", 1.0)
    assert (less["chosen"], less["rejected"]) == ("one two", "one")
    (single,) = best_and_worst(threads)
    assert (single["chosen"], single["rejected"], single["margin"]) == ("one two three", "one", 2.0)
    (remark,) = critique_pairs(threads, WORDS)
    assert (remark["chosen"], remark["rejected"]) == ("more", "less")
    assert [one["role"] for one in remark["prompt"]] == ["user", "assistant", "user"]
    flat = [replace(thread, values=[1.0] * len(thread.values)) for thread in threads]
    assert draft_to_draft(flat) == best_and_worst(flat) == critique_pairs(flat, WORDS) == []


def test_remarks_tell_silence_from_approval() -> None:
    def said(*texts: str) -> list[Response]:
        return [Response("p", "r", str(k), k, (assistant(text),)) for k, text in enumerate(texts)]

    assert remarks(said("none"), "draft", "none") is None
    assert remarks(said("None.", "too long"), "draft", "none") == ["too long"]
    assert remarks(said("", "draft"), "draft", "none") == []


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"rounds": 0}, "rounds=0"),
        ({"reviewers": []}, "0 reviewers"),
        ({"stop": "no_gain"}, "needs an evaluator"),
    ],
)
async def test_a_loop_that_cannot_run_is_one_line(settings: dict[str, object], line: str) -> None:
    own: dict[str, object] = {
        "generator": Says(lambda *_: "x"),
        "reviewers": [Says(lambda *_: "y")],
    } | settings
    with pytest.raises(BadInput, match=line):
        await feedback_loop([prompt()], **own)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="<critique>"):
        Wording("a", "b")


def test_the_shipped_texts_ask_for_what_the_loop_reads() -> None:
    shipped = wording()
    assert "<critique>" in shipped.revise
    assert f"only: {shipped.nothing}" in shipped.critique
