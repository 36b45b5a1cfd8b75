"""winsome diff of two trained models: the settings in which they differ and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.small_run import prepared, trained
from winsome.cli import main
from winsome.training.difference import record_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("difference"))


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def fields_of(capsys) -> dict[str, tuple[str, str]]:
    return {row["field"]: (row["a"], row["b"]) for row in json.loads(capsys.readouterr().out)["unlike"]}


def test_two_runs_differ_in_what_was_set_otherwise(folder, capsys):
    first = trained(folder, {"updates": 4, "objective": "dpo?beta=0.1"}, runs="a")
    second = trained(folder, {"updates": 4, "objective": "dpo?beta=0.2", "rate": 2e-3}, runs="b", seed=1)
    assert main(["diff", f"hf:{first}?dtype=float32", str(second.parent), "--json"]) == 0
    found = fields_of(capsys)
    digests = {"made_for.objective", "made_for.plan", "made_for.seed"}
    assert found.keys() == {"settings.beta", "objective", "plan.rate"} | digests
    assert found["settings.beta"] == ("0.1", "0.2")
    assert found["plan.rate"] == ("0.001", "0.002")
    assert found["made_for.seed"] == ("0", "1")


def test_the_same_run_elsewhere_is_the_same(folder, capsys):
    places = [trained(folder, {"updates": 2}, runs=name) for name in ("c", "d")]
    assert main(["diff", *map(str, places)]) == 0
    assert "Both were trained alike" in capsys.readouterr().out
    assert record_of("nowhere") is None
    assert record_of(str(folder / "tiny")) is None


def test_another_package_is_named(folder, capsys):
    place = trained(folder, {"updates": 2}, runs="e")
    other = folder / "moved"
    other.mkdir()
    record = json.loads((place / "winsome.json").read_text())
    package = next(iter(record["versions"]))
    record["versions"][package] = "0.0.1"
    (other / "winsome.json").write_text(json.dumps(record))
    assert main(["diff", str(place), str(other), "--json"]) == 0
    assert list(fields_of(capsys)) == [f"versions.{package}"]
