"""What a judge beside people saves: on a published crowd by drawing labels anew, and from end to end through the page.

    python -m benchmarks.control_variates FOLDER [--part crowd|page] [--out docs/results/control-variates]

FOLDER holds the published data (llmfao/, hh_rlhf/). The page part serves `winsome compare --judge human --assist embedded:judge` on
400 pairs of HH-RLHF, whose published labels two scripted annotators type over HTTP, until the interval is +-5 points.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.embedded_judge_data import HH_TRAINING, hh_rlhf

SIZES = (25, 50, 100, 200, 400, 800)
DRAWS = 10_000
PAIRS = 400
HALF_WIDTH = 0.05
LONGEST = 600
"""Characters of a pair with its prompt, at most, so that the embedded judge reads 400 of them in minutes."""
MANY = 20_000
"""Scored pairs for which the labels are planned beside those at hand."""
PILOT = 100
"""Labels from which the number at the end is planned."""


def crowd(folder: Path) -> dict[str, Any]:
    """Curves over the pairs of LLMFAO: labels are the means of a pair's votes, scores the recorded verdicts."""
    import polars as pl

    from winsome.standings import control_variates
    from winsome.standings.control_curves import control_curves

    share = pl.col("winner").replace_strict({"left": 1.0, "tie": 0.5, "right": 0.0}).alias("share")
    votes = pl.read_csv(folder / "llmfao/crowd_votes.csv").with_columns(share)
    means = (
        votes.group_by("id").agg(pl.col("share").mean().alias("human"), pl.col("prompt").first()).sort("id")
    )
    found: dict[str, Any] = {"pairs": means.height, "votes": votes.height, "draws": DRAWS, "judges": {}}
    for name, file in (("GPT-4", "gpt4_votes.csv"), ("GPT-3.5", "gpt3_votes.csv")):
        verdicts = pl.read_csv(folder / "llmfao" / file).select("id", share.alias("score"))
        table, single = means.join(verdicts, on="id"), votes.join(verdicts, on="id")
        y, s = table["human"].to_numpy(), table["score"].to_numpy()
        curves = control_curves(y, s, SIZES, draws=DRAWS)
        whole = control_variates(y, s, s)
        by_prompt = table["prompt"].rank("dense").cast(pl.Int32).to_numpy() - 1
        clustered = control_variates(y, s, s, clusters=by_prompt, clusters_all=by_prompt)
        found["judges"][name] = {
            "rho2": whole.rho2, "rho2_low": whole.rho2_low, "rho2_high": whole.rho2_high,
            "prompts": clustered.clusters, "prompt_low": clustered.rho2_low, "prompt_high": clustered.rho2_high,
            "single": float(np.corrcoef(single["share"].to_numpy(), single["score"].to_numpy())[0, 1] ** 2),
            "bias": curves.synthetic_bias, "sizes": list(curves.sizes),
            "human_error": np.sqrt(curves.human_mse).tolist(), "assisted_error": np.sqrt(curves.assisted_mse).tolist(),
            "assisted_bias": curves.assisted_bias.tolist(), "saving": curves.saving.tolist(),
        }  # fmt: skip
    return found


def through_the_page(folder: Path) -> dict[str, Any]:
    """One run with people: labels used until the interval is narrow enough, beside the plan made from the first labels."""
    from winsome.standings.control_variates import control_variates
    from winsome.standings.label_plan import of_pilot

    data = hh_rlhf(folder, slice(HH_TRAINING, None), "hh")
    draw = np.random.default_rng(0)
    better: dict[tuple[str, str], int] = {}
    rows: dict[str, list[str]] = {"suite": [], "a": [], "b": []}
    used = 0
    for chosen, rejected, _, _ in data.pairs:
        texts = [data.answers[chosen], data.answers[rejected]]
        words = sum(len(text) for text in texts) + sum(
            len(turn.text) for turn in data.prompts[chosen].messages
        )
        if used == PAIRS or words > LONGEST or not all(texts) or tuple(sorted(texts)) in better:
            continue
        better[tuple(sorted(texts))] = sorted(texts).index(texts[0])
        turned = bool(draw.random() < 0.5)
        messages = [{"role": turn.role, "content": turn.text} for turn in data.prompts[chosen].messages]
        rows["suite"].append(json.dumps({"id": str(used), "messages": messages}))
        for name, text in zip("ab", texts[::-1] if turned else texts, strict=True):
            rows[name].append(json.dumps({"id": str(used), "output": text}))
        used += 1
    started, cpu = time.monotonic(), os.times()
    with tempfile.TemporaryDirectory() as place:
        for name, lines in rows.items():
            (Path(place) / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
        record = _run(Path(place), better)
    people = record["people"]
    y, s = (np.array([row[name] for row in people["drawn"]], float) for name in ("label", "score"))
    first = control_variates(y[:PILOT], s[:PILOT], s)
    plan = of_pilot(first, HALF_WIDTH)
    spent = os.times()
    return {
        "pairs": len(y), "labelled": people["labelled"], "annotators": people["annotators"],
        "alpha": people["alpha"], "figure": people["control_variates"], "half_width": HALF_WIDTH, "pilot": PILOT,
        "planned": plan.labels, "planned_alone": people["plan"]["human_only"], "plan_at_the_end": people["plan"]["labels"],
        "seconds": time.monotonic() - started, "cpu": sum(spent[:4]) - sum(cpu[:4]),
    }  # fmt: skip


def _run(place: Path, better: dict[tuple[str, str], int]) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "winsome", "compare", "a.jsonl", "b.jsonl", "--suite", "suite.jsonl", "--judge", "human", "--assist", "embedded:judge",
        "--half-width", f"{100 * HALF_WIDTH:g}%", "--port", "0", "--json", "--quiet",
    ]  # fmt: skip
    with (place / "told").open("w") as err, (place / "out").open("w") as out:
        process = subprocess.Popen(command, cwd=place, stdout=out, stderr=err)
    while not (link := re.search(r"(http://\S+/)#token=(\S+)", (place / "told").read_text())):
        if process.poll() is not None:
            raise SystemExit((place / "told").read_text())
        time.sleep(0.1)
    people = [
        threading.Thread(target=_annotate, args=(name, *link.groups(), better)) for name in ("ann", "bob")
    ]
    for one in people:
        one.start()
    process.wait()
    for one in people:
        one.join()
    printed = json.loads((place / "out").read_text())
    return json.loads((place / printed["folder"] / "run.json").read_bytes())


def _annotate(name: str, address: str, token: str, better: dict[tuple[str, str], int]) -> None:
    """Types the published label of every pair shown, until the run has enough."""

    def ask(path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address + path, data, {"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())

    try:
        state = ask(f"api/pair?annotator={name}")
        while state["pair"] is not None:
            texts = [state["pair"][side][0] for side in ("left", "right")]
            winner = sorted(texts)[better[tuple(sorted(texts))]]
            label = "left" if texts[0] == winner else "right"
            state = ask("api/labels", {"annotator": name, "pair": state["pair"]["id"], "label": label})
    except OSError:
        return  # the run has ended


def page(found: dict[str, Any]) -> str:
    """docs/results/control-variates.md, from its figures."""
    whole, run = found["crowd"], found["page"]
    lines = [
        "# A judge beside people", "",
        "How many human labels a synthetic judge saves when it scores every pair and people label a random part (control variates). Made",
        f"on {found['date']} with seed 0 on a machine with 2 shared cores by `python -m benchmarks.control_variates FOLDER`.", "",
        "## A published crowd", "",
        f"LLMFAO (D. Ustalov, CC BY 4.0): {whole['pairs']:,} pairs, {whole['votes']:,} votes; a label is the mean of a pair's votes, a score a recorded",
        f"verdict. {whole['draws']:,} draws of labels with replacement at each size; errors are root mean squares in points of win rate.", "",
    ]  # fmt: skip
    for name, one in whole["judges"].items():
        lines += [
            f"**{name}**: rho^2 {one['rho2']:.3f} ({one['rho2_low']:.3f} to {one['rho2_high']:.3f} over pairs; {one['prompt_low']:.3f} to "
            f"{one['prompt_high']:.3f} with the {one['prompts']} prompts as clusters), {one['single']:.3f} with single votes. Alone it is off by "
            f"{100 * one['bias']:+.1f} points, however many pairs it scores.", "",
            "| labels | people alone | with the judge | bias | saved | people alone at labels / (1 - rho^2) |", "|---|---|---|---|---|---|",
        ]  # fmt: skip
        for k, n in enumerate(one["sizes"]):
            human, helped = one["human_error"][k], one["assisted_error"][k]
            shifted = human * (1 - one["rho2"]) ** 0.5
            lines.append(
                f"| {n} | {100 * human:.2f} | {100 * helped:.2f} | {100 * one['assisted_bias'][k]:+.3f} | {100 * one['saving'][k]:.1f}% | {100 * shifted:.2f} |"
            )
        lines.append("")
    from winsome.standings import label_plan

    figure = run["figure"]
    many = label_plan(figure["variance"], figure["rho2"], MANY, run["half_width"])
    alpha = (
        "none" if run["alpha"] is None else f"{run['alpha']['estimate']:.2f} on {run['alpha']['items']} pairs"
    )
    names = " and ".join(f"{name} {count}" for name, count in run["annotators"].items())
    lines += [
        "Single votes are noisy, and noise in the labels limits what any judge can save. These are pairs of many models pooled: the saving",
        "for one pair of models differs. At few labels the price of estimating the coefficient, a factor (n - 2) / (n - 3), eats the gain.", "",
        "## From end to end", "",
        f"`winsome compare a.jsonl b.jsonl --judge human --assist embedded:judge --half-width {100 * run['half_width']:g}%` on {run['pairs']} pairs of HH-RLHF's",
        "test half that the embedded judge was not fitted to (Anthropic, MIT; of at most 600 characters; sides drawn by seed 0). Two scripted annotators typed the published",
        f"labels over HTTP ({names}; agreement alpha {alpha}).", "",
        "| | |", "|---|---|",
        f"| labels when the interval was +-{100 * run['half_width']:g} points | {run['labelled']} |",
        f"| planned from the first {run['pilot']} labels | {run['planned']} |",
        f"| planned at the end | {run['plan_at_the_end']} |",
        f"| people alone would need, planned at the end | {run['planned_alone']} |",
        f"| with {MANY:,} scored pairs, planned at the end | {many.labels} |",
        f"| people alone | {_rate(figure['human'])}, n = {figure['labels']} |",
        f"| with the judge | {_rate(figure)}, n = {figure['labels']} of {figure['pairs']} |",
        f"| the judge alone | {100 * figure['synthetic'][0]:.1f}% |",
        f"| rho^2 | {figure['rho2']:.3f} ({figure['rho2_low']:.3f} to {figure['rho2_high']:.3f}) |",
        f"| saved | {100 * figure['saving']:.1f}% of the labels |",
        f"| CPU | {run['cpu']:.0f} s, the judge's scores included |", "",
        f"With {run['labelled']} of {run['pairs']} pairs labelled the scores have next to nothing left to add, as the formula says: what is saved comes from",
        "pairs that nobody labels.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _rate(one: dict[str, Any]) -> str:
    return f"{100 * one['estimate']:.1f}% ({100 * one['low']:.1f} to {100 * one['high']:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="control_variates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--part", choices=("crowd", "page"), help="this part alone; the other's figures stay (default both)"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/control-variates"))
    given = parser.parse_args()
    figures = given.out.with_suffix(".json")
    found = json.loads(figures.read_text("utf-8")) if figures.is_file() else {}
    found["date"] = date.today().isoformat()
    if given.part in (None, "crowd"):
        found["crowd"] = crowd(given.folder)
    if given.part in (None, "page"):
        found["page"] = through_the_page(given.folder)
    figures.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if {"crowd", "page"} <= found.keys():
        given.out.with_suffix(".md").write_text(page(found), "utf-8")


if __name__ == "__main__":
    main()
