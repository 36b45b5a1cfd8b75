"""Maps of deceivers: read and written back, sampled, held to shape and task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.contenders.deception_map import (
    Step,
    at,
    check,
    honest,
    layers_of,
    map_of,
    notes_of,
    places,
    sampled,
    steps_of,
    told,
    written,
    written_layers,
)
from winsome.errors import BadInput

rows = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=5)


@given(rows)
def test_a_map_is_read_as_it_was_written(lists: list[list[int]]) -> None:
    made = tuple(tuple(row) for row in lists)
    layers = tuple(len(row) for row in made)
    assert map_of(written(made), layers) == made
    assert layers_of(written_layers(layers)) == layers
    assert map_of("", layers) == honest(layers)


def test_the_published_map_is_the_third_agent_of_layer_two() -> None:
    assert map_of("000_001", (3, 3)) == at((3, 3), [(1, 2)], 1) == ((0, 0, 0), (0, 0, 1))


@given(st.integers(0, 6), st.sampled_from([1, 2, 3]), st.integers(0, 1000))
def test_k_agents_of_a_status_are_sampled_by_the_seed(k: int, status: int, seed: int) -> None:
    made = sampled((3, 3), k, status, seed)
    digits = [digit for row in made for digit in row]
    assert digits.count(status) == k
    assert digits.count(0) == 6 - k
    assert made == sampled((3, 3), k, status, seed)


def test_every_place_is_sampled_about_equally() -> None:
    counts = dict.fromkeys(places((3, 3)), 0)
    for seed in range(1200):
        made = sampled((3, 3), 1, 1, seed)
        (place,) = [(layer, seat) for layer, seat in counts if made[layer][seat]]
        counts[place] += 1
    assert all(150 < count < 250 for count in counts.values())


@pytest.mark.parametrize("text", ["3", "3-3-3", "3-0-1", "a-1", "", "3--1", "-1"])
def test_layers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="write agents by layer and 1 for the aggregator"):
        layers_of(text)


@pytest.mark.parametrize("text", ["000", "000_00", "000000", "000_000_000", "00a_000", "004_000"])
def test_maps_that_do_not_fit_the_layers_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"one digit an agent|no status"):
        map_of(text, (3, 3))


def test_too_many_deceivers_are_refused() -> None:
    with pytest.raises(BadInput, match="7 deceivers among 6 agents; give 0 to 6"):
        sampled((3, 3), 7, 1, 0)


def test_a_status_of_the_other_task_names_its_seat() -> None:
    check(((0, 1), (1, 0)), choice=False)
    check(((0, 2), (3, 0)), choice=True)
    with pytest.raises(BadInput, match="status 1 of seat 2 in layer 1 does not fit a question with options"):
        check(((0, 1), (0, 0)), choice=True)
    with pytest.raises(BadInput, match="status 3 of seat 1 in layer 2 does not fit an open task; use 1"):
        check(((0, 0), (3, 0)), choice=False)


def test_steps_are_read_as_they_were_told() -> None:
    steps = [Step(1, 1, 0), Step(1, 2, 3, failed=True), Step(2, 1, 0, used=True), Step(0, 0, 0, (1, 3)), Step(0, 0, 0)]  # fmt: skip
    text = told(steps, ["even", "silhouette 0.100"])
    assert list(steps_of(text)) == steps
    assert notes_of(text) == ["even", "silhouette 0.100"]
    assert list(steps_of("best of 4")) == []
