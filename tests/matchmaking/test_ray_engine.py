"""Two Ray nodes on this machine: equal answers, work on both, a lost worker's share asked again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from winsome.errors import BadInput, Fatal
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Scorer
from winsome.records import Prompt, Response, Sampling, Scores, assistant, digest, response_key, user

PROMPTS = [Prompt((user(f"number {i}"),)) for i in range(80)]


def die_once(grave: Path) -> None:
    """End this process at once, unless one has done so before."""
    if not grave.exists():
        grave.touch()
        os._exit(1)


class Reverser:
    """Answers with the prompt's letters reversed and the process that did it; dies once where told to."""

    batch = 40

    def __init__(self, name: str, grave: str) -> None:
        self.name, self.id, self.grave = name, digest(["reverser", name]), grave

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            if self.grave and prompt.text == "number 33":
                die_once(Path(self.grave))
            await asyncio.sleep(0.01)
            key = response_key(prompt.id, self.id, sampling, 0)
            words = (assistant(prompt.text[::-1]),)
            yield Response(prompt.id, self.name, key, messages=words, served_by=str(os.getpid()))

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        values = tuple(float(len(response.text)) for response in responses)
        return Scores(values, {i: "long" for i, value in enumerate(values) if value > 9})

    partial = True


def reverser(*, grave: str = "", name: str) -> Reverser:
    """A contender and scorer without weights."""
    return Reverser(name, grave)


def broken(*, name: str) -> Any:
    """A kind that cannot be opened."""
    raise BadInput(f"{name}: no such weights; run: winsome models pull")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    started.add_node(num_cpus=1)
    ray.init(address=started.address, logging_level="error", log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


def session(path: Path) -> Session:
    return Session(Door(Ledger.open(path / "l.sqlite"), first_delay=0.01), engine="ray")


async def answers(run: Session, spec: str) -> list[Response]:
    contender = run.open(spec, Contender)
    return [response async for response in contender.answer(PROMPTS, Sampling())]


async def test_both_nodes_answer_and_the_ledger_keeps(cluster: Any, tmp_path: Path) -> None:
    run = session(tmp_path)
    found = await answers(run, "tests.matchmaking.test_ray_engine:reverser")
    again = await answers(run, "tests.matchmaking.test_ray_engine:reverser")
    await run.close()
    assert {r.prompt: r.text for r in found} == {p.id: p.text[::-1] for p in PROMPTS}
    assert len({r.served_by for r in found}) == 2
    assert str(os.getpid()) not in {r.served_by for r in found}
    assert {r.id for r in again} == {r.id for r in found}
    assert run.ledger.counts()["responses"] == 80


async def test_a_lost_worker_costs_nothing_but_time(cluster: Any, tmp_path: Path) -> None:
    run, grave = session(tmp_path), tmp_path / "grave"
    found = await answers(run, f"tests.matchmaking.test_ray_engine:reverser?grave={grave}")
    await run.close()
    assert grave.exists()
    assert {r.prompt: r.text for r in found} == {p.id: p.text[::-1] for p in PROMPTS}


async def test_scores_come_back_in_order(cluster: Any, tmp_path: Path) -> None:
    run = session(tmp_path)
    scorer = run.open("tests.matchmaking.test_ray_engine:reverser", Scorer)
    responses = [
        Response(p.id, "x", p.id, messages=(assistant("y" * (i % 12)),)) for i, p in enumerate(PROMPTS)
    ]
    found = await scorer.score(PROMPTS, responses)
    await run.close()
    assert found.values == tuple(float(i % 12) for i in range(80))
    assert sorted(found.reasons) == [i for i in range(80) if i % 12 > 9]


async def test_what_a_worker_refuses_is_told_in_one_line(cluster: Any, tmp_path: Path) -> None:
    run = session(tmp_path)
    with pytest.raises((BadInput, Fatal), match="winsome models pull"):
        await answers(run, "tests.matchmaking.test_ray_engine:broken")
    await run.close()
