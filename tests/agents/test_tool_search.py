"""The order in which places are visited, by hand, on a tree of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from winsome.agents.tool_search import OBSERVED, Action, Observed, Step, chain, depth_first

TREE = {
    "": ["a", "b"], "a": ["aa", "ab"], "aa": ["x", "x"], "ab": ["aba", "abb"], "aba": ["x", "x"], "abb": ["!found", "abc"],
    "b": ["!late", "bb"],
}  # fmt: skip
"""Path of tools -> what is proposed there, first and second; x gives up, ! finishes."""


class Walk:
    def __init__(self, tree: Mapping[str, list[str]]) -> None:
        self.tree, self.seen, self.used = tree, list[tuple[str, int]](), list[str]()

    async def propose(self, steps: Sequence[Step], child: int) -> Action:
        path = steps[-1].action.tool if steps else ""
        self.seen.append((path, child))
        said = self.tree[path][child]
        return (
            Action(said, answer=said[1:])
            if said.startswith("!")
            else Action(said, "" if said == "x" else said)
        )

    async def use(self, tool: str, arguments: Mapping[str, Any]) -> Observed:
        self.used.append(tool)
        return Observed(f"{tool} said")


async def test_depth_first_visits_the_order_worked_out_by_hand() -> None:
    """a, aa (gives up), ab, aba (gives up), abb (finishes): b is never tried."""
    walk = Walk(TREE)
    found = await depth_first(walk.propose, walk.use)
    assert walk.seen == [("", 0), ("a", 0), ("aa", 0), ("a", 1), ("ab", 0), ("aba", 0), ("ab", 1), ("abb", 0)]
    assert walk.used == ["a", "aa", "ab", "aba", "abb"]
    assert (found.answer, found.asked, found.calls) == ("found", 8, 5)
    assert [step.action.tool for step in found.steps] == ["a", "ab", "abb"]


async def test_a_chain_takes_the_first_proposals_alone() -> None:
    walk = Walk(TREE)
    found = await chain(walk.propose, walk.use)
    assert walk.seen == [("", 0), ("a", 0), ("aa", 0)]
    assert (found.answer, found.asked, found.calls) == (None, 3, 2)


async def test_searches_end_at_their_limits() -> None:
    deep = {"": ["a", "a"], "a": ["a", "a"]}
    walk = Walk(deep)
    assert (await chain(walk.propose, walk.use, longest=4)).calls == 4
    walk = Walk(deep)
    # depth 2, width 2: the root twice and below each of its children twice
    found = await depth_first(walk.propose, walk.use, longest=2)
    assert (found.answer, found.asked, found.calls) == (None, 6, 6)
    walk = Walk(deep)
    assert (await depth_first(walk.propose, walk.use, longest=9, most=5)).asked == 5


async def test_observations_are_cut() -> None:
    async def use(tool: str, arguments: Mapping[str, Any]) -> Observed:
        return Observed({"response": "y" * 5000}, "real")

    found = await chain(Walk({"": ["a"], "a": ["!done"]}).propose, use)
    assert len(found.steps[0].observation) == OBSERVED
    assert found.steps[0].origin == "real"
    assert found.answer == "done"


@pytest.mark.parametrize("search", [chain, depth_first])
async def test_a_finish_without_a_call_is_an_answer(search: Any) -> None:
    found = await search(Walk({"": ["!at once"]}).propose, Walk({}).use)
    assert (found.answer, found.calls, found.steps) == ("at once", 0, ())
