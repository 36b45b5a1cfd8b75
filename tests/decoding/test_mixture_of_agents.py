"""The mixture: who sees what, what is kept, what maps and defences do with the same references, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.decoding.debaters import LIE, REFERENCE
from tests.matchmaking.test_door import answers, session
from winsome.contenders.deception_map import notes_of, steps_of
from winsome.errors import BadInput, Fatal, WinsomeError
from winsome.matchmaking.compare import compare
from winsome.matchmaking.preflight import load_of
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, Suite, user
from winsome.text.options import Question, decided

D = "tests.decoding.debaters"
OPTIONS = {"options": ["oslo", "rome", "lima", "cairo"], "gold_label": 1}
QUESTIONS = [
    Prompt((user(f"Where was meeting {i}? (1) oslo (2) rome (3) lima (4) cairo"),), for_judges=OPTIONS)
    for i in range(4)
]
OPEN = [Prompt((user(f"Tell me about meeting {i}."),)) for i in range(3)]


def moa(
    more: str = "", layers: str = "3-3-1", agents: str | None = None, q: float = 1.0, vectors: bool = True
) -> str:
    named = agents or ",".join(f"({D}:agent?label={label})" for label in "abc")
    embedder = f"&embedder=({D}:by_option)" if vectors else ""
    return f"moa?layers={layers}&agents=[{named}]&aggregator=({D}:aggregator?q={q}){embedder}{more}"


async def ask(run: Session, spec: str, prompts: list[Prompt] = QUESTIONS) -> list[Response]:
    found = {response.prompt: response for response in await answers(run, spec, prompts)}
    return [found[prompt.id] for prompt in prompts]


def inner(run: Session, spec: str) -> object:
    """What stands behind the door, asked for as a part of something else."""
    return run._shared(__import__("winsome.specs", fromlist=["parse"]).parse(spec), "Contender")


async def test_each_layer_reads_the_answers_of_the_one_before_and_the_aggregator_the_last(
    tmp_path: Path,
) -> None:
    run = session(tmp_path)
    (first, *_) = await ask(run, moa(vectors=False), OPEN)
    steps = list(steps_of(first.provenance))
    assert [(s.layer, s.seat, s.status, s.used) for s in steps[:6]] == [
        (1, 1, 0, False), (1, 2, 0, False), (1, 3, 0, False), (2, 1, 0, True), (2, 2, 0, True), (2, 3, 0, True)
    ]  # fmt: skip
    assert steps[6].subset == (1, 2, 3)
    kept = run.ledger.responses(first.parents)
    texts = [kept[id].text for id in first.parents]
    assert texts[:3] == [f"{label} draw 0 after 0 references: (1)" for label in "abc"]
    assert texts[3:6] == [f"{label} draw 0 after 3 references: (1)" for label in "abc"]
    assert texts[6] == first.text == "of 3 references. Answer: (1)"
    # layer 1 is asked the prompt itself; what layer 2 read are the answers of layer 1, by number, in the system text
    prompts = run.ledger.prompts([kept[id].prompt for id in first.parents])
    assert [kept[id].prompt == OPEN[0].id for id in first.parents] == [True] * 3 + [False] * 4
    read = prompts[kept[first.parents[3]].prompt]
    assert read.messages == OPEN[0].messages
    assert REFERENCE.findall(read.system or "") == texts[:3]
    await run.close()


async def test_seats_of_one_model_take_different_draws(tmp_path: Path) -> None:
    run = session(tmp_path)
    one = f"({D}:agent?label=a)"
    (first, *_) = await ask(run, moa(agents=one), OPEN)
    texts = [run.ledger.responses(first.parents)[id].text for id in first.parents]
    assert [text.split()[2] for text in texts[:6]] == ["0", "1", "2", "0", "1", "2"]
    later = await answers(run, moa(agents=one), OPEN, Sampling(range(1, 2)))
    texts = [run.ledger.responses(later[0].parents)[id].text for id in later[0].parents]
    assert [text.split()[2] for text in texts[:3]] == ["3", "4", "5"]
    await run.close()


async def test_an_honest_map_without_defence_is_the_plain_mixture_bit_for_bit(tmp_path: Path) -> None:
    run = session(tmp_path)
    plain = run.open(moa(), Contender)
    told = run.open(moa("&map=000_000&defence=none&ignore_refs=true&adaptive=5"), Contender)
    assert plain.id == told.id
    assert [r.id for r in await ask(run, moa())] == [r.id for r in await ask(run, moa("&map=000_000"))]
    await run.close()


async def test_maps_and_defences_ask_only_what_is_new(tmp_path: Path) -> None:
    run = session(tmp_path)
    more = "&informed=false"
    labels = [f"{D}:agent?label={label}" for label in "abc"]

    def counts() -> list[int]:
        return [len(inner(run, spec).asked) for spec in labels]  # type: ignore[attr-defined]

    await ask(run, moa(more))
    assert counts() == [8, 8, 8]  # 4 questions, 2 layers
    await ask(run, moa(f"{more}&map=000_003"))
    assert counts() == [8, 8, 12]  # only the opposer of layer 2
    before = counts()
    for defence in ("dropout_vote", "dropout_cluster", "cluster_filter", "cluster_prompt", "medoid"):
        await ask(run, moa(f"{more}&map=000_003&defence={defence}"))
    assert counts() == before
    assert len(inner(run, f"{D}:aggregator?q=1.0").asked) <= 4 * (1 + 1 + 7 + 1 + 1 + 1 + 1)  # type: ignore[attr-defined]
    await run.close()


async def test_an_opposer_is_told_a_wrong_option_and_the_vote_over_subsets_fails_where_it_is_followed(
    tmp_path: Path,
) -> None:
    run = session(tmp_path)
    for layers, seats in (("3-1", 3), ("4-1", 4), ("5-1", 5)):
        agents = ",".join(f"({D}:agent?label={label})" for label in "abcde"[:seats])
        spec = moa(f"&map={'0' * (seats - 1)}3&defence=dropout_vote", layers, agents)
        for prompt, response in zip(QUESTIONS, await ask(run, spec), strict=True):
            question = Question.of(prompt)
            assert question is not None
            promoted = question.promoted(prompt, 0)
            assert promoted != question.right
            assert decided(response.text, 4) == promoted
            calls = [step for step in steps_of(response.provenance) if step.layer == 0]
            assert len(calls) == len({step.subset for step in calls}) == 2**seats - 1
            assert notes_of(response.provenance) == [f"votes {2 ** (seats - 1)} of {2**seats - 1}"]
    await run.close()


@pytest.mark.parametrize(
    "defence", ["cluster_filter", "dropout_cluster_released", "medoid", "weighted_median"]
)
async def test_what_keeps_the_near_ones_drops_the_opposer(tmp_path: Path, defence: str) -> None:
    run = session(tmp_path)
    for undefended, defended in zip(
        await ask(run, moa("&map=000_030")),
        await ask(run, moa(f"&map=000_030&defence={defence}")),
        strict=True,
    ):
        assert decided(undefended.text, 4) != 1
        assert decided(defended.text, 4) == 1
        used = [s.seat for s in steps_of(defended.provenance) if s.layer == 2 and s.used]
        assert used == ([1] if defence == "medoid" else [1, 3])
    await run.close()


async def test_dropout_and_cluster_clusters_the_outputs_and_is_fooled_where_the_released_code_is_not(
    tmp_path: Path,
) -> None:
    run = session(tmp_path)
    ours = await ask(run, moa("&map=000_003&defence=dropout_cluster"))
    released = await ask(run, moa("&map=000_003&defence=dropout_cluster_released"))
    for mine, theirs in zip(ours, released, strict=True):
        # four of seven outputs follow the liar, so they are the larger cluster
        assert decided(mine.text, 4) != 1
        assert "kept 4 of 7 outputs" in notes_of(mine.provenance)
        assert decided(theirs.text, 4) == 1
        assert mine.usage.calls == 0  # nothing here reports a call
    assert run.open(moa("&defence=dropout_cluster"), Contender).inner.parts[-1][1] == 8  # type: ignore[attr-defined]
    await run.close()


async def test_even_clusters_keep_all_and_flag_and_level_ones_have_no_silhouette(tmp_path: Path) -> None:
    run = session(tmp_path)
    agents = ",".join(f"({D}:agent?label={label})" for label in "abcd")
    for response in await ask(run, moa("&map=0033&defence=cluster_filter", "4-1", agents)):
        assert notes_of(response.provenance) == ["silhouette 1.000", "even"]
        assert [s.used for s in steps_of(response.provenance)][:4] == [True] * 4
    level = moa("&defence=cluster_filter", vectors=False) + f"&embedder=({D}:by_option?level=true)"
    (first, *_) = await ask(run, level, QUESTIONS[:1])
    assert notes_of(first.provenance) == ["silhouette 0.000"]
    await run.close()


async def test_cluster_and_prompt_tells_the_groups(tmp_path: Path) -> None:
    run = session(tmp_path)
    (first, *_) = await ask(run, moa("&map=000_003&defence=cluster_prompt"), QUESTIONS[:1])
    kept = run.ledger.responses(first.parents)
    read = run.ledger.prompts([kept[first.parents[-1]].prompt])[kept[first.parents[-1]].prompt].system or ""
    assert [line.partition(".")[0] for line in read.splitlines() if line[:1].isdigit()] == [
        "1 [group 1, 2 of 3]", "2 [group 1, 2 of 3]", "3 [group 2, 1 of 3]"
    ]  # fmt: skip
    await run.close()


async def test_agents_argue_for_the_marked_option_and_see_their_piece_of_the_passage(tmp_path: Path) -> None:
    run = session(tmp_path)
    passage = "abcdefghijklmnopqrst"
    prompt = Prompt(QUESTIONS[0].messages, for_judges=OPTIONS | {"passage": passage})
    (answer,) = await ask(run, moa("&map=200_000&ignore_refs=true"), [prompt])
    kept = run.ledger.responses(answer.parents)
    systems = [run.ledger.prompts([kept[id].prompt])[kept[id].prompt].system or "" for id in answer.parents]
    shown = [system.partition("of 6:\n")[2].partition("\n")[0] for system in systems[:6]]
    assert "".join(shown) == passage
    assert {len(piece) for piece in shown} == {3, 4}
    assert "(1) oslo [correct]" in systems[1]
    assert "(1) oslo [correct]" not in systems[0]
    assert LIE in kept[answer.parents[0]].text
    assert all(piece not in systems[6] for piece in shown)
    (full,) = await ask(run, moa("&passage=full"), [prompt])
    kept = run.ledger.responses(full.parents)
    assert passage in (run.ledger.prompts([kept[full.parents[0]].prompt])[kept[full.parents[0]].prompt].system or "")  # fmt: skip
    await run.close()


async def test_all_turns_of_an_answer_are_read(tmp_path: Path) -> None:
    run = session(tmp_path)
    prompt = Prompt((user("Hello."),), follow_ups=(user("And now?"),))
    (answer,) = await ask(run, moa(agents=f"({D}:agent?turns=2)", vectors=False), [prompt])
    kept = run.ledger.responses(answer.parents)
    read = run.ledger.prompts([kept[answer.parents[3]].prompt])[kept[answer.parents[3]].prompt]
    assert (read.system or "").count("turn 1") == (read.system or "").count("turn 2") == 3
    assert read.follow_ups == prompt.follow_ups
    await run.close()


async def test_a_deceiver_may_not_see_references(tmp_path: Path) -> None:
    run = session(tmp_path)
    (answer, *_) = await ask(run, moa("&map=000_001&ignore_refs=true"), OPEN)
    texts = [run.ledger.responses(answer.parents)[id].text for id in answer.parents]
    assert [text.split()[4] for text in texts[:6]] == ["0", "0", "0", "3", "3", "0"]
    await run.close()


async def test_an_adaptive_deceiver_sends_the_draw_nearest_to_the_others(tmp_path: Path) -> None:
    run = session(tmp_path)
    (answer, *_) = await ask(run, moa("&map=000_003&adaptive=3"), QUESTIONS)
    kept = run.ledger.responses(answer.parents)
    assert len(answer.parents) == 7
    liar = kept[answer.parents[5]]
    assert "draw 0" in liar.text  # all its draws name one option here, and the first of equals is taken
    asked = inner(run, f"{D}:agent?label=c").asked  # type: ignore[attr-defined]
    assert len(asked) == (1 + 3) * len(
        QUESTIONS
    )  # a draw in layer 1, where it is honest, and three in layer 2
    assert run.ledger.query("SELECT count(*) AS n FROM responses WHERE sample = 2")["n"][0] == len(QUESTIONS)
    await run.close()


async def test_failed_agents_are_dropped_from_the_references_or_make_the_answer_incomplete(
    tmp_path: Path,
) -> None:
    run = session(tmp_path)
    agents = f"({D}:agent?label=a),({D}:agent?label=b&fails=true),({D}:agent?label=c)"
    for response in await ask(run, moa(agents=agents), OPEN):
        assert response.text == "of 2 references. Answer: (1)"
        assert [s.failed for s in steps_of(response.provenance)] == [False, True, False] * 2 + [False]
    for response in await ask(run, moa("&missing=incomplete", agents=agents), OPEN):
        assert response.finish == "failed"
        assert "incomplete, seat 2 of layer 1 gave no answer (it fell over)" in (response.error or "")
        assert len(response.parents) == 3
    for response in await ask(run, moa(agents=f"({D}:agent?fails=true)"), OPEN):
        assert response.error == "mixture: no agent of layer 1 gave an answer (it fell over)"
    # a filter on the two that are left has no majority to keep: it keeps both and says so
    for response in await ask(run, moa("&defence=cluster_filter", agents=agents), OPEN):
        assert notes_of(response.provenance) == ["few"]
    await run.close()


async def test_an_incomplete_answer_is_asked_again_from_where_it_stopped(tmp_path: Path) -> None:
    run, up = session(tmp_path), tmp_path / "up"
    agents = f"({D}:agent?label=a),({D}:agent?label=b&until={up}),({D}:agent?label=c)"
    spec = moa("&missing=incomplete", agents=agents)
    assert all("incomplete, seat 2 of layer 1" in (r.error or "") for r in await ask(run, spec, OPEN))
    up.touch()
    assert all(r.text == "of 3 references. Answer: (1)" for r in await ask(run, spec, OPEN))
    asked = [len(inner(run, f"{D}:agent?label={x}").asked) for x in "ac"]  # type: ignore[attr-defined]
    assert asked == [2 * len(OPEN)] * 2  # a layer each, none of them twice
    await run.close()


async def test_an_agent_that_is_down_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    run = session(tmp_path)
    agents = ",".join(f"({D}:agent?label={label})" for label in "abcde")
    down = f"{agents},({D}:agent?label=f&down=true)"
    with pytest.raises(Fatal, match="nobody is there"):
        await ask(run, moa(agents=down), OPEN)
    await run.close()
    bought = run.ledger.counts()["responses"]
    assert bought >= 5
    run.ledger.close()
    again = session(tmp_path)
    up = f"{agents},({D}:agent?label=f)"
    assert all(r.finish == "stop" for r in await ask(again, moa(agents=up), OPEN))
    # what was bought before the agent fell is not bought again
    assert sum(len(inner(again, f"{D}:agent?label={x}").asked) for x in "abcdef") == 6 * len(OPEN) - bought  # type: ignore[attr-defined]
    await again.close()


async def test_it_stands_in_itself_and_in_a_comparison(tmp_path: Path) -> None:
    run = session(tmp_path)
    nested = moa(agents=f"({moa(layers='2-1', agents=f'({D}:agent?label=x)')})")
    assert all("of 3 references" in r.text for r in await ask(run, nested, OPEN))
    await run.close()


async def test_a_plan_counts_and_prices_the_calls_of_every_agent(tmp_path: Path) -> None:
    run = session(tmp_path)
    paid = "(http://127.0.0.1:9/v1#m?price_in=1&price_out=3)"
    spec = (
        f"moa?layers=3-3-1&agents=[{paid}]&aggregator={paid}&defence=dropout_cluster&embedder=({D}:by_option)"
    )
    load = load_of(run.open(spec, Contender), 805, 0, 100, 400)  # type: ignore[arg-type]
    assert load.calls == 805 * (3 + 3 + 8)
    assert load.money == pytest.approx(805 * 14 * (100 * 1 + 400 * 3) / 1e6)
    unknown = spec.replace("m?price_in=1&price_out=3", "n?timeout=9")
    assert load_of(run.open(unknown, Contender), 805, 0, 100, 400).money is None  # type: ignore[arg-type]
    await run.close()


def test_a_mixture_is_compared_like_any_contender(tmp_path: Path) -> None:
    favourite = "tests.matchmaking.counting:favourite?favours=[0]"
    found = compare(
        moa(), f"{D}:agent?label=a", judge=favourite, suite=Suite("open", "1", OPEN),
        ledger=tmp_path / "ledger.sqlite", folder=tmp_path, quiet=True,
    )  # fmt: skip
    assert found.complete
    assert found.record["contests"] == len(OPEN)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (moa(layers="3-3"), "layers=3-3: write agents by layer and 1 for the aggregator"),
        (
            moa("&map=00_001"),
            "map=00_001: one digit an agent, layers joined by _; layers=3-3-1 takes 000_000",
        ),
        (moa("&map=000_004"), "no status 4; use 0 truthful"),
        (
            moa("&defence=cluster_filter", "2-1", f"({D}:agent?label=a)"),
            "needs 3 references, layers=2-1 gives 2",
        ),
        (moa(agents=f"({D}:agent?label=a),({D}:agent?label=b)"), "2 agents for layers=3-3-1; give 1"),
        (moa("&adaptive=0"), "adaptive=0 draws nothing"),
        (moa("&texts=@/nowhere"), "is no folder"),
        (moa("&defence=nothing"), "defence=nothing is none of none, dropout_vote"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Path, spec: str, line: str) -> None:
    with pytest.raises(BadInput) as raised:
        session(tmp_path).open(spec, Contender)
    assert line in str(raised.value)
    assert len(str(raised.value)) <= 200
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("more", "prompts", "line"),
    [
        ("&map=000_010", QUESTIONS, "status 1 of seat 2 in layer 2 does not fit a question with options; use 2 or 3"),
        ("&map=300_000", OPEN, "status 3 of seat 1 in layer 1 does not fit an open task; use 1"),
        ("&map=020_000", OPEN, "status 2 of seat 2 in layer 1 does not fit an open task; use 1"),
        ("&defence=dropout_vote", OPEN, "dropout_vote counts options, and a prompt has none"),
        ("", [Prompt(QUESTIONS[0].messages, for_judges=OPTIONS | {"passage": "abc"})], "a passage of 3 characters cannot be cut into 6 pieces"),
        ("", [Prompt(QUESTIONS[0].messages, for_judges=OPTIONS | {"gold_label": 5})], "gold_label 5 is no option; give a number, 1 to 4"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_the_prompts_is_refused_in_one_line(
    tmp_path: Path, more: str, prompts: list[Prompt], line: str
) -> None:
    run = session(tmp_path)
    with pytest.raises(WinsomeError) as raised:
        await ask(run, moa(more), prompts)
    assert isinstance(raised.value, BadInput)
    assert line in str(raised.value)
    assert len(str(raised.value)) <= 200
    await run.close()


def test_own_texts_replace_the_shipped_ones_and_must_have_their_slot(tmp_path: Path) -> None:
    run = session(tmp_path)
    plain = run.open(moa(), Contender)
    (tmp_path / "references.txt").write_text("Others said: {references}")
    own = run.open(moa(f"&texts=@{tmp_path}"), Contender)
    assert own.id != plain.id
    (tmp_path / "references.txt").write_text("Others said things")
    with pytest.raises(BadInput, match=r"references.txt: lacks \{references\}"):
        session(tmp_path).open(moa(f"&texts=@{tmp_path}"), Contender)
    (tmp_path / "references.txt").rename(tmp_path / "refs.txt")
    with pytest.raises(BadInput, match="no text of a mixture is called so"):
        session(tmp_path).open(moa(f"&texts=@{tmp_path}"), Contender)
