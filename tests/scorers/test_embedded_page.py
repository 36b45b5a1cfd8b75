"""The embedded judge's page says what its figures say, and the weights that ship are those that were measured."""

from __future__ import annotations

import json
from pathlib import Path

from winsome.scorers.embedded import shipped_weights

DOCS = Path(__file__).resolve().parents[2] / "docs"


def shown(figure: dict[str, float]) -> str:
    return f"{100 * figure['estimate']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def test_the_page_shows_the_figures() -> None:
    figures = json.loads((DOCS / "results" / "embedded-judge.json").read_text("utf-8"))
    page = " ".join((DOCS / "embedded-judge.md").read_text("utf-8").split())
    found = figures["hh_rlhf"]
    wanted = [shown(found["judge"])]
    wanted += [shown(rule) for name, rule in found["rules"].items() if name != "coin"]
    wanted += [shown(difference) for difference in found["judge_minus_rule"].values()]
    near = found["near_equal_lengths"]
    wanted.append(f"{100 * near['estimate']:.1f}% ({100 * near['low']:.1f} to {100 * near['high']:.1f})")
    wanted.append(", ".join(f"{100 * part['said']:.0f}" for part in found["reliability"]) + "%")
    wanted.append(", ".join(f"{100 * part['right']:.0f}" for part in found["reliability"]) + "%")
    general = figures["llmfao"]["judge"]
    wanted.append(f"{100 * general['estimate']:.1f}% of cases")
    wanted.append(f"t interval of {100 * general['low']:.1f} to {100 * general['high']:.1f}")
    missing = [figure for figure in wanted if figure not in page]
    assert not missing


def test_the_weights_that_ship_are_those_that_were_measured() -> None:
    figures = json.loads((DOCS / "results" / "embedded-judge.json").read_text("utf-8"))
    assert shipped_weights().about == figures["fit"]
