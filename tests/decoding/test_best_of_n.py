"""Best of n: which draws, which of them, what is kept, what fails, what a report is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matchmaking.conftest import Start
from tests.matchmaking.test_door import answers, session
from tests.servers.openai_server import Behaviour
from winsome.errors import BadInput
from winsome.matchmaking.compare import compare
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, Suite, user

PROMPTS = [Prompt((user(f"question {i}"),)) for i in range(3)]
COUNTING, FAVOURITE = "tests.matchmaking.counting:contender", "tests.matchmaking.counting:favourite"


def best(n: int, favours: str = "[]", fails: str = "[]", more: str = "") -> str:
    return f"best_of_n?n={n}&base=({COUNTING}?fails={fails})&scorer=({FAVOURITE}?favours={favours}{more})"


async def found(run: Session, spec: str, sampling: Sampling | None = None) -> list[Response]:
    responses = await answers(run, spec, PROMPTS, sampling)
    assert len(responses) == len(PROMPTS) * len((sampling or Sampling()).samples)
    return responses


@pytest.mark.parametrize(("favours", "draw"), [("[2]", 2), ("[]", 0), ("[1,3]", 1), ("[3]", 3)])
async def test_the_highest_rated_draft_wins_and_ties_go_to_the_earliest(
    tmp_path: Path, favours: str, draw: int
) -> None:
    run = session(tmp_path)
    for response in await found(run, best(4, favours)):
        assert response.text.startswith(f"draw {draw} of question")
        assert response.provenance == "best of 4"
        assert len(response.parents) == 4
        # the drafts are kept, in order, and are what the answer cost
        drafts = run.ledger.responses(response.parents)
        assert [drafts[id].sample for id in response.parents] == [0, 1, 2, 3]
        assert response.id not in response.parents
    await run.close()


async def test_draw_s_is_the_best_of_the_bases_draws_from_n_s_on(tmp_path: Path) -> None:
    run = session(tmp_path)
    sampling = Sampling(samples=range(1, 3))
    responses = await found(run, best(3, "[4,8]"), sampling)
    assert {(r.sample, r.text.split()[1]) for r in responses} == {(1, "4"), (2, "8")}
    inner = run.open(COUNTING + "?fails=[]", Contender).inner  # type: ignore[attr-defined]
    assert inner.worked == 6 * len(PROMPTS)
    # another n draws again only what it lacks: 0, 1 of draw 0 and of draw 1 only 2, 3 (3 is there)
    await found(run, best(2, "[0]"), Sampling(samples=range(2)))
    assert inner.worked == (6 + 3) * len(PROMPTS)
    await run.close()


async def test_drafts_are_drawn_at_temperature_one_unless_somebody_says(tmp_path: Path) -> None:
    run = session(tmp_path)
    await found(run, best(2))
    await found(run, best(2), Sampling(temperature=0.3))
    base = run.open(COUNTING + "?fails=[]", Contender)
    assert base.missing(PROMPTS, Sampling(range(2), temperature=1.0)) == 0  # type: ignore[attr-defined]
    assert base.missing(PROMPTS, Sampling(range(2), temperature=0.3)) == 0  # type: ignore[attr-defined]
    assert base.missing(PROMPTS, Sampling(range(2))) == 6  # type: ignore[attr-defined]
    await run.close()


async def test_failed_drafts_are_passed_over(tmp_path: Path) -> None:
    run = session(tmp_path)
    for response in await found(run, best(3, "[0,2]", fails="[0]")):
        assert response.finish == "stop"
        assert response.text.startswith("draw 2")
        assert len(response.parents) == 3
    await run.close()


@pytest.mark.parametrize(
    ("fails", "more", "error"),
    [("[0,1]", "", "best of 2: draw 0 failed"), ("[]", "&blind=true", "best of 2: nothing to rate")],
)
async def test_without_any_draft_to_choose_the_answer_fails(
    tmp_path: Path, fails: str, more: str, error: str
) -> None:
    run = session(tmp_path)
    for response in await found(run, best(2, fails=fails, more=more)):
        assert (response.finish, response.error, response.messages) == ("failed", error, ())
    await run.close()


async def test_it_can_stand_in_itself(tmp_path: Path) -> None:
    run = session(tmp_path)
    spec = f"best_of_n?n=2&base=({best(2, '[1,3]')})&scorer=({FAVOURITE}?favours=[1])"
    assert {r.text.split()[1] for r in await found(run, spec)} == {"3"}
    await run.close()


def test_n_below_one_and_unknown_settings_are_refused(tmp_path: Path) -> None:
    run = session(tmp_path)
    with pytest.raises(BadInput, match="n=0 draws nothing"):
        run.open(best(0), Contender)
    with pytest.raises(BadInput, match='setting "base" is missing'):
        run.open(f"best_of_n?scorer={FAVOURITE}", Contender)


def test_a_report_is_told_when_selector_and_judge_share_weights(start_server: Start, tmp_path: Path) -> None:
    def compared(judge: str) -> list[str]:
        found = compare(
            best(2, "[1]"),
            f"{COUNTING}?fails=[9]",
            judge=judge,
            suite=Suite("three", "1", PROMPTS),
            ledger=tmp_path / "ledger.sqlite",
            folder=tmp_path,
            quiet=True,
        )
        return list(found.record["notes"])

    (note,) = compared(f"({FAVOURITE}?favours=[5])"[1:-1])
    assert "selects with tiny-weights, which also serves the judge" in note
    server = start_server(Behaviour(answer=lambda body: "A"))
    assert compared(f"pairwise?model=({server.base}#test-model)&logprobs=0") == []
