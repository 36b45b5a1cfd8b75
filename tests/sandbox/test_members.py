"""Names of worlds: what they open, that they are the same everywhere, and what is said of wrong ones."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import winsome
from winsome import specs
from winsome.errors import BadInput, Unsupported, WinsomeError
from winsome.protocols import Contender, Judge, Scorer
from winsome.records import Sampling, Suite, assistant, user
from winsome.sandbox.actors import MEND_DRAFT, about
from winsome.sandbox.gold import gold
from winsome.sandbox.kinds.diagnosis import case
from winsome.sandbox.lexicon import FINDINGS, words
from winsome.sandbox.members import opened


class Plain:
    """A Run that opens specs without a door."""

    seed = 0
    folder = Path()

    def open(self, spec, role):
        return specs.open_spec(specs.parse(spec), role.__name__, self)


RUN = Plain()


async def answers(contender: str, prompts, **sampling) -> list[str]:
    found = {
        r.prompt: r.text async for r in RUN.open(contender, Contender).answer(prompts, Sampling(**sampling))
    }
    return [found[prompt.id] for prompt in prompts]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("world:labels?seed=1#annotator?k=2", "world:labels?seed=1#annotator?k=2"),
        (
            "world:labels?seed=1&k=3#annotators?spread=0&members=3",
            "world:labels?k=3&seed=1#annotators?members=3&spread=0",
        ),
        ("world:labels#gold", "world:labels#gold"),
        ("world:language?n=5&overlap=0.5", "world:language?n=5&overlap=0.5"),
    ],
)
def test_names_have_one_canonical_form(text, canonical):
    spec = specs.parse(text)
    assert str(spec) == canonical
    assert specs.parse(canonical) == spec


def test_a_member_may_stand_nested_in_any_name():
    spec = specs.parse("own:thing?n=2&scorer=(world:labels?seed=1#gold)&base=(world:labels#oracle)")
    assert (spec.kind, spec.address) == ("own", "thing")
    assert spec.settings["scorer"] == specs.parse("world:labels?seed=1#gold")
    assert specs.parse(str(spec)) == spec


def test_members_meet_the_frames_protocols():
    assert isinstance(RUN.open("world:instruction?n=5", Suite), Suite)
    for judge in ("gold", "annotator", "annotators?members=3"):
        assert isinstance(RUN.open(f"world:labels#{judge}", Judge), Judge)
    for scorer in ("gold", "scorer?sd=0.1"):
        assert isinstance(RUN.open(f"world:labels#{scorer}", Scorer), Scorer)
    for contender in ("oracle", "critic", "reviser", "translator", "patient"):
        assert isinstance(RUN.open(f"world:language#{contender}", Contender), Contender)


def test_ids_change_with_every_setting_that_changes_results():
    names = [
        "world:labels#annotator",
        "world:labels#annotator?k=2",
        "world:labels?seed=1#annotator",
        "world:labels#annotator?soft=true",
        "world:labels#annotator?seed=1",
        "world:labels#annotator?own=warm&self_preference=1",
        "world:labels#annotators",
        "world:labels#gold",
    ]
    ids = [RUN.open(name, Judge).id for name in names]
    assert len(set(ids)) == len(ids)
    assert RUN.open("world:labels#annotator?k=0.5", Judge).id == ids[0]


@pytest.mark.parametrize(
    ("name", "role", "says"),
    [
        ("world:labels?sed=1", Suite, 'did you mean "seed"'),
        ("world:labels#god", Judge, 'did you mean "world#gold"'),
        ("world:labels#orakel", Contender, 'did you mean "world#oracle"'),
        ("world:labels#gold?k=2", Judge, 'no setting "k"'),
        ("world:lables#gold", Judge, 'did you mean "labels"'),
        ("world:labels?k=-1#gold", Judge, "k=-1"),
        ("world:labels?split=dev", Suite, "train, validation, test"),
        ("world:labels?n=0", Suite, "n=0"),
        ("world:labels?start=-1", Suite, "start=-1 must be at least 0"),
        ("world:labels#oracle?quality=2", Contender, "quality=2"),
        ("world:labels#oracle?manner=rude", Contender, "rude"),
        ("world:labels#scorer?sd=-1", Scorer, "sd=-1"),
        ("world:language#translator?to=7", Contender, "to=7"),
        ("world:labels#base?size=7B", Contender, "7B"),
        ("world:labels#oracle", Scorer, "not a scorer"),
    ],
)
def test_wrong_names_get_one_short_line(name, role, says):
    with pytest.raises(WinsomeError, match=says) as raised:
        RUN.open(name, role)
    assert len(str(raised.value)) <= 200
    assert isinstance(raised.value, (BadInput, Unsupported))


def test_a_suite_may_start_anywhere_in_its_split():
    whole = RUN.open("world:instruction?split=train&n=30", Suite).prompts
    part = RUN.open("world:instruction?split=train&n=10&start=20", Suite).prompts
    assert list(part) == list(whole)[20:]


async def test_the_oracle_is_right_as_often_as_its_quality():
    world = opened("world:instruction?seed=4")
    prompts = world.prompts(1200)
    for quality in (1.0, 0.6):
        texts = await answers(f"world:instruction?seed=4#oracle?quality={quality}", prompts)
        right = sum(gold(world, p, t).correct for p, t in zip(prompts, texts, strict=True)) / 1200
        # Some one-word answers have no room for a fault; there are none of them in these kinds.
        assert abs(right - quality) <= 3 * math.sqrt(quality * (1 - quality) / 1200) + 0.04 * (quality < 1)


async def test_the_oracle_speaks_in_the_manner_asked_for():
    world = opened("world:attribute")
    prompts = world.prompts(200)
    best = await answers("world:attribute#oracle?manner=best", prompts)
    other = await answers("world:attribute#oracle?manner=random", prompts)
    liked = [gold(world, p, t).worth for p, t in zip(prompts, best, strict=True)]
    assert liked == pytest.approx([sum(world.reading(p).person.weights.values()) for p in prompts])
    assert sum(liked) > sum(gold(world, p, t).worth for p, t in zip(prompts, other, strict=True))
    [text] = await answers("world:attribute#oracle?manner=warm%2Bthanks", prompts[:1])
    assert text.startswith("dear friend, ")
    assert text.endswith("! thank you")


async def test_teachers_may_differ_by_language():
    world = opened("world:language")
    prompts = world.prompts(900)
    texts = await answers("world:language#oracle?quality=[1,0.5,0]", prompts)
    right = {lang: [] for lang in ("l0", "l1", "l2")}
    for prompt, text in zip(prompts, texts, strict=True):
        right[prompt.facets["lang"]].append(gold(world, prompt, text).correct)
    shares = [sum(found) / len(found) for found in right.values()]
    assert shares[0] == 1.0
    assert abs(shares[1] - 0.5) <= 3 * math.sqrt(0.25 / len(right["l1"])) + 0.04
    assert shares[2] < 0.1


async def test_over_refusal_is_a_rate():
    world = opened("world:safety?kinds=[facts]")
    texts = await answers("world:safety?kinds=[facts]#oracle?over_refusal=0.25", world.prompts(2000))
    share = sum(t.startswith("i can not") for t in texts) / 2000
    assert abs(share - 0.25) <= 3 * math.sqrt(0.25 * 0.75 / 2000)


async def test_the_critic_names_faults_and_the_reviser_mends_and_damages_at_their_rates():
    world = opened("world:fault?seed=2")
    prompts = world.prompts(1500)
    drafts = await answers("world:fault?seed=2#oracle?quality=0", prompts)
    faulty = [about(p, d) for p, d in zip(prompts, drafts, strict=True) if not gold(world, p, d).correct]
    assert len(faulty) > 1200
    said = await answers("world:fault?seed=2#critic?noise=0", faulty)
    assert "none" not in said
    right = [
        about(p, t)
        for p, t in zip(prompts, await answers("world:fault?seed=2#oracle?quality=1", prompts), strict=True)
    ]
    assert set(await answers("world:fault?seed=2#critic?noise=0", right)) == {"none"}
    alarms = await answers("world:fault?seed=2#critic?noise=0.2", right)
    rate = 1 - alarms.count("none") / len(right)
    assert abs(rate - 0.2) <= 3 * math.sqrt(0.2 * 0.8 / len(right))
    by_id = {p.id: p for p in prompts}
    mended = await answers("world:fault?seed=2#reviser?mends=0.7", faulty)
    share = sum(
        gold(world, by_id[p.parents[0]], t).correct for p, t in zip(faulty, mended, strict=True)
    ) / len(faulty)
    assert abs(share - 0.7) <= 3 * math.sqrt(0.7 * 0.3 / len(faulty))
    kept = await answers("world:fault?seed=2#reviser?damages=0", right)
    assert all(gold(world, by_id[p.parents[0]], t).correct for p, t in zip(right, kept, strict=True))


async def test_a_critic_needs_a_draft():
    prompts = opened("world:fault").prompts(1)
    with pytest.raises(BadInput, match="shows no draft"):
        await answers("world:fault#critic", prompts)
    with pytest.raises(BadInput, match="shows no draft"):
        await answers("world:fault#reviser", [winsome.Prompt((user(MEND_DRAFT),))])


async def test_the_translator_is_exact_but_for_its_noise():
    world = opened("world:language")
    prompts = [p for p in world.prompts(900) if len(p.messages) == 1 and p.facets["lang"] == "l0"]
    there = await answers("world:language#translator?to=1&noise=0", prompts)
    other = [winsome.Prompt((user(text),)) for text in there]
    for prompt, moved in zip(prompts, other, strict=True):
        assert world.reading(moved).tongue.name == "l1"
        assert dict(world.reading(moved).tasks[0].slots) == dict(world.reading(prompt).tasks[0].slots)
    noisy = await answers("world:language#translator?to=1&noise=0.1", prompts)
    pairs = [
        (a, b)
        for x, y in zip(there, noisy, strict=True)
        for a, b in zip(words(x), words(y), strict=True)
        if a.isalpha()
    ]
    # A word drawn in the place of another is now and then the same: one of the language's forms.
    expected = 0.1 * (1 - 1 / len(world.tongues[1].meanings))
    rate = sum(a != b for a, b in pairs) / len(pairs)
    assert abs(rate - expected) <= 3 * (expected * (1 - expected) / len(pairs)) ** 0.5


async def test_the_patient_tells_only_what_is_asked():
    world = opened("world:diagnosis")
    from random import Random

    _, findings = case(Random(1), world.ground)
    record = ", ".join(finding if findings[finding] else f"no {finding}" for finding in FINDINGS)
    prompts = [winsome.Prompt((user(f"Is there {finding}?"),), system=record) for finding in FINDINGS]
    expected = ["yes" if findings[finding] else "no" for finding in FINDINGS]
    assert await answers("world:diagnosis#patient", prompts) == expected
    vague = [
        winsome.Prompt((user("Tell me all."),), system=record),
        winsome.Prompt((user("Is there fever or cough?"),), system=record),
        winsome.Prompt((user("Is there fever?"), assistant("no"), user("And the rest?")), system=record),
    ]
    assert set(await answers("world:diagnosis#patient", vague)) == {"none"}


def test_two_oracles_compared_through_the_door(tmp_path):
    """By the gold judge the better oracle's win rate is known: it wins where it alone is right."""
    found = winsome.compare(
        "world:instruction#oracle?quality=1",
        "world:instruction#oracle?quality=0",
        suite="world:instruction?n=80",
        ledger=tmp_path / "ledger.sqlite",
        folder=tmp_path / "runs",
        quiet=True,
    )
    assert found.complete
    best = next(row for row in found.standings.rows if "quality=1" in row.contender)
    assert best.estimate > 95.0
    assert "gold" in found.standings.name
