"""Whatever is wrong with a recipe is said in one line before anything runs, with the nearest name and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.recipes.conftest import ANSWER, BEST, GOLD, HALF, LOAD, RATE, TEST, recipe
from winsome.errors import BadInput, Unsupported, WinsomeError
from winsome.recipes.run import run

BETTER = "world:instruction#oracle?quality=0.9"

CASES: dict[str, tuple[Any, type[WinsomeError], str]] = {
    "unknown step": (recipe(LOAD, {"generat": {}}), BadInput, 'step generat: no step "generat"; did you mean "generate"?'),
    "unknown key": (recipe(LOAD, {"generate": {"by": HALF, "samples": 4}}), BadInput, 'no key "samples"'),
    "nearest key": (recipe(LOAD, {"generate": {"by": HALF, "stop_string": "x"}}), BadInput, 'did you mean "stop_strings"?'),
    "nested key": (recipe(LOAD, {"generate": {"by": HALF, "sampling": {"temprature": 1}}}), BadInput, 'did you mean "temperature"?'),
    "missing key": (recipe(LOAD, {"generate": {}}), BadInput, 'key "by" is missing'),
    "wrong type": (recipe(LOAD, {"generate": {"by": HALF, "n": "many"}}), BadInput, 'n: "many" is not a whole number'),
    "half a number": (recipe(LOAD, {"generate": {"by": HALF, "n": 2.5}}), BadInput, 'n: "2.5" is not a whole number'),
    "unknown word": (recipe(LOAD, ANSWER, {"judge": {"by": GOLD, "output": "scores"}}), BadInput, 'did you mean "score"?'),
    "unknown rule": (recipe(LOAD, ANSWER, RATE, {"pair": {"rule": "best_wurst"}}), BadInput, 'did you mean "best_worst"?'),
    "unknown rule key": (recipe(LOAD, ANSWER, RATE, {"pair": {"rule": "best_worst", "margn": 1}}), BadInput, 'did you mean "margin"?'),
    "unknown frame": (recipe(LOAD, {"filter": {"rule": "length", "frame": "prompt"}}), BadInput, 'no frame "prompt"; did you mean "prompts"?'),
    "frame not there": (recipe(LOAD, {"filter": {"rule": "length", "frame": "pairs"}}), BadInput, "no frame pairs reaches this step"),
    "needed frame": (recipe(LOAD, BEST), BadInput, "needs the frame responses"),
    "unknown column": (recipe(LOAD, {"generate": {"by": HALF, "for_each": "langs"}}), BadInput, 'no column "langs"; did you mean "lang"?'),
    "unknown column of mix": (recipe(LOAD, {"mix": {"by": "nodes"}}), BadInput, 'no column "nodes"; did you mean "node"?'),
    "unknown source": (recipe(LOAD, {"filter": {"rule": "length", "from": "laod"}}), BadInput, 'no step "laod"; did you mean "load"?'),
    "cycle": (
        recipe(LOAD, {"mix": {"id": "a", "from": ["load", "b"]}}, {"filter": {"id": "b", "from": "a", "rule": "length"}}),
        BadInput, "steps wait for each other (a <- b <- a)",
    ),
    "own source": (recipe({"filter": {"id": "a", "from": "a", "rule": "length"}}), BadInput, "steps wait for each other (a <- a)"),
    "missing file": (recipe({"load": {"source": "absent.jsonl"}}), BadInput, "absent.jsonl: not there"),
    "unknown suite": (recipe({"load": {"source": "worl:instruction"}}), BadInput, 'no suite kind "worl"; did you mean "world"?'),
    "unknown preset": (recipe({"load": {"source": "world:instructions"}}), BadInput, 'did you mean "instruction"?'),
    "unknown contender": (recipe(LOAD, {"generate": {"by": "world:instruction#oracel"}}), BadInput, "oracel"),
    "not a scorer": (recipe(LOAD, ANSWER, {"score": {"by": HALF}}), Unsupported, "is a contender"),
    "unknown reference": (recipe(LOAD, {"generate": {"by": "@bas"}}, names={"base": HALF}), BadInput, '@bas names nothing that answers; did you mean "base"?'),
    "reference to no contender": (recipe(LOAD, ANSWER, {"generate": {"id": "again", "by": "@score"}}), BadInput, "@score names nothing that answers"),
    "newer version": ({"winsome": 2, "steps": [LOAD]}, BadInput, "is of version 2, this winsome reads up to 1; update winsome"),
    "no version": ({"name": "x", "steps": [LOAD]}, BadInput, "its version is missing"),
    "no steps": ({"winsome": 1}, BadInput, "no recipe"),
    "empty steps": ({"winsome": 1, "steps": []}, BadInput, "steps: holds no list"),
    "unknown top key": (recipe(LOAD, name="x", sede=1), BadInput, 'no key "sede"; did you mean "seed"?'),
    "two kinds a step": (recipe({"load": {}, "filter": {}}), BadInput, "write one kind a step"),
    "same id twice": (recipe(LOAD, {"filter": {"id": "load", "rule": "length"}}), BadInput, 'id "load" is taken'),
    "seed below 0": (recipe(LOAD, seed=-1), BadInput, "seed: -1"),
    "limit of nothing": (recipe({"load": {"source": TEST, "limit": 0}}), BadInput, "limit: 0 leaves nothing"),
    "loop without body": (recipe(LOAD, {"loop": {"rounds": 2, "policy": HALF}}), BadInput, "has no body"),
    "body where none goes": (recipe({"load": {"source": TEST, "body": [LOAD]}}), BadInput, "load takes no body"),
    "loop of no rounds": (recipe(LOAD, {"loop": {"rounds": 0, "policy": HALF, "body": [{"generate": {"by": "@policy"}}]}}), BadInput, "rounds: 0 does nothing"),
    "schedule too short": (
        recipe(LOAD, {"loop": {"rounds": 2, "policy": HALF, "schedule": {"g.n": [1]}, "body": [{"generate": {"id": "g", "by": "@policy"}}]}}),
        BadInput, "schedule: g.n needs a list of 2 values",
    ),
    "arm of no step": (recipe(LOAD, {"sweep": {"arms": {"gen.n": [1, 2]}, "body": [ANSWER]}}), BadInput, 'no step "gen" in the body'),
    "error within an arm": (recipe(LOAD, {"sweep": {"arms": {"generate.n": [1, "x"]}, "body": [ANSWER]}}), BadInput, 'n: "x" is not a whole number'),
    "baseline is no arm": (recipe(LOAD, {"sweep": {"arms": {"generate.n": [1]}, "baseline": "n=2", "body": [ANSWER]}}), BadInput, 'no arm "n=2"; did you mean "n=1"?'),
    "same judge": (
        recipe(LOAD, ANSWER, {"score": {"by": GOLD}}, {"match": {"a": HALF, "b": "world:instruction#oracle?quality=0.9", "judge": GOLD, "suite": TEST}}),
        BadInput, "also selected (step score)",
    ),
    "a judge that flips": (
        recipe(LOAD, ANSWER, {"match": {"a": HALF, "b": BETTER, "judge": "world:instruction#annotators?members=13&flip=0.25", "suite": TEST}}),
        BadInput, "turns a share 0.25 of its labels round, which only those that teach may be; drop flip",
    ),
    "a pool that flips most": (
        recipe(LOAD, ANSWER, {"judge": {"by": "world:instruction#annotators?flip=0.75", "output": "choice"}}), BadInput, "flip=0.75 in [0, 0.5]",
    ),
    "the suite's own judge": (
        recipe(LOAD, ANSWER, {"score": {"by": GOLD}}, {"match": {"a": HALF, "b": "world:instruction#oracle?quality=0.9", "suite": TEST}}),
        BadInput, "allow_same_judge: true",
    ),
    "common key that a match does not take": (
        recipe({"match": {"a": HALF, "b": BETTER, "judge": GOLD, "suite": TEST, "limit": 3}}), BadInput, 'no key of match "limit"',
    ),
    "threshold that is none": (recipe(LOAD, ANSWER, RATE, BEST, {"filter": {"rule": "rip", "tau": {"gap": "p500"}}}), BadInput, "gap: p500 is no percentile"),
    "planned step": (recipe(LOAD, ANSWER, {"translate": {"by": HALF}}), Unsupported, "translate steps are not built yet"),
    "planned rule": (recipe(LOAD, ANSWER, RATE, {"filter": {"rule": "licence"}}), Unsupported, 'filter rule "licence" is not built yet'),
    "planned key": (recipe(LOAD, ANSWER, RATE, {"pair": {"rule": "best_worst", "veto": 1}}), Unsupported, "key veto of pair is not built yet"),
    "planned output": (recipe(LOAD, ANSWER, {"judge": {"by": GOLD, "output": "critique"}}), (BadInput, Unsupported), "critique"),
    "hub": (recipe({"load": {"source": "hub:some/set"}}), Unsupported, "hub"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_before_anything_runs(case: str, here: Path) -> None:
    written, kind, said = CASES[case]
    with pytest.raises(kind) as raised:
        run(written)
    line = str(raised.value)
    assert said in line
    assert len(line) <= 200
    assert "\n" not in line
    assert raised.value.exit_code == 2
    assert not (here / ".winsome" / "runs").exists(), "something ran"


def test_a_filter_that_keeps_too_few_rows_ends_the_run_with_the_count(here: Path) -> None:
    rule = {"rule": "length", "min": 1000, "frame": "responses", "min_keep": 3}
    with pytest.raises(
        BadInput, match=r"filter length keeps 0 of \d+ responses, fewer than min_keep=3; give it"
    ) as raised:
        run(recipe(LOAD, ANSWER, {"filter": rule}))
    assert len(str(raised.value)) <= 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("winsome: 1\nsteps: [a: b: c]", "is not YAML"),
        ("- a\n- b", "no recipe"),
        ("winsome: 1\nsteps:\n  - load: [1]", "its keys are no mapping"),
        ("winsome: 1\nsteps:\n  - pair: {on: pairs}", "a key is no text; quote it"),
        ("winsome: yes\nsteps:\n  - load: {}", "its version is missing"),
    ],
)
def test_a_file_that_is_no_recipe_is_named_with_its_line(text: str, said: str, here: Path) -> None:
    (here / "bad.yaml").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=said) as raised:
        run("bad.yaml")
    assert str(raised.value).startswith("bad.yaml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("generat.n=2", 'no step "generat"; did you mean "generate"?'),
        ("generate.n", "write STEP.KEY=VALUE"),
        ("generate.m=2", 'no key "m"'),
        ("generate.n=x", '"x" is not a whole number'),
    ],
)
def test_changes_are_checked_like_what_is_written(change: str, said: str, here: Path) -> None:
    with pytest.raises(BadInput, match=said.replace("?", r"\?")):
        run(recipe(LOAD, ANSWER), set=[change])


def test_a_recipe_that_does_not_ship_is_named_with_the_nearest_that_does(here: Path) -> None:
    with pytest.raises(BadInput, match='did you mean "best-of-n-sft"'):
        run("best-of-sft")
    with pytest.raises(BadInput, match=r"absent\.yaml: cannot be read"):
        run("absent.yaml")
