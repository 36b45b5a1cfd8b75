"""Temporal facts: a chronicle that tiny models learn by year or at three precisions, and SmolLM2-135M on the facts that ship.

    python -m benchmarks.system_013 [--seeds 2] [--part chronicle] [--out docs/results/013-timestress.json]

chronicle  the 0.2M shape trained from nothing on 300 invented facts told 1 to 16 times: by year alone, or every mention at all three
           precisions, for equally many updates; win and sweep rates of told facts and of 60 that were never told
real       SmolLM2-135M-Instruct on every so-manyth fact that ships, as plain text and as a chat, the same statements
blurred    what bfloat16 changes of its plain text
speed      statements a CPU-second: rows that share what statements begin with against Hugging Face's forward of padded batches and of
           one statement after the other, one process
tables     the tables of 521,000 stored log-probabilities

What is done is read from the file, so the table can be stopped at any moment and gone on with.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl

from benchmarks.system_013_chronicle import Chronicle, chronicle, rows, start
from benchmarks.system_013_page import page
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.models.prefixes import ROW_TOKENS, tries
from winsome.models.weights import Dtype, load
from winsome.suites.temporal_dates import PRECISIONS, Precision
from winsome.suites.temporal_facts import read_facts
from winsome.suites.temporal_scores import Floats, Groups, mean_over_groups
from winsome.suites.timestress import (
    Format,
    Statements,
    answer_logprobs,
    pairs_of,
    report,
    scored,
    statements_of,
)
from winsome.training.loops.supervised import sft

OUT = Path("docs/results/013-timestress.json")
SIZE, UPDATES, BATCH, RATE = "0.2M", 600, 128, 3e-3
ARMS: dict[str, tuple[Precision, ...]] = {"by year": ("Y",), "at three precisions": PRECISIONS}
PARTS = ("chronicle", "real", "blurred", "speed", "tables")
STORED, STORED_FACTS = 521_000, 2003
PIECE = 2000
"""Statements that are scored together and kept; what they begin with is shared within a piece."""
SPEED_EVERY: dict[Format, int] = {"raw": 49, "chat": 100}
"""Of the shipped facts: four, and two as a chat, whose statements are longer."""


def learnt(told: Chronicle, arm: str, seed: int, work: Path) -> tuple[str, float]:
    """The folder of the trained model, and CPU seconds."""
    began = time.process_time()
    place, data = work / f"start-{seed}", work / f"{arm.replace(' ', '-')}-{seed}.parquet"
    if not (place / "config.json").is_file():
        start(told, SIZE, seed, place)
    pl.DataFrame(rows(told, ARMS[arm], seed)).write_parquet(data)
    with Ledger.open(work / "ledger.sqlite") as store:
        session = Session(Door(store), seed, work / "runs")
        name = sft(
            f"hf:{place}?dtype=float32", data, run=session, format="text", batch=BATCH, updates=UPDATES, rate=RATE,
            schedule="cosine", warmup=0.05, decay=0.01, save_every=0, micro_tokens=65536,
        )  # fmt: skip
        finish(session.close())
    return name.removeprefix("hf:").partition("?")[0], time.process_time() - began


def of(groups: dict[str, Groups], pick: np.ndarray) -> dict[str, Any]:
    """W and R of some facts at every precision, and how much higher R and W by year are than by day, in points, paired by fact."""
    found: dict[str, Any] = {
        p: {"W": per_cent(groups[p].win_rate[pick]), "R": per_cent(groups[p].robust()[pick])}
        for p in PRECISIONS
    }
    found["R, year less day"] = gap(groups["Y"].robust()[pick] - groups["D"].robust()[pick])
    found["W, year less day"] = gap(groups["Y"].win_rate[pick] - groups["D"].win_rate[pick])
    return found


def per_cent(values: Floats) -> dict[str, Any]:
    told = mean_over_groups(values)
    return {k: None if told[k] is None else 100 * told[k] for k in ("estimate", "low", "high")} | {
        "n": told["n"]
    }


def gap(values: Floats) -> dict[str, float]:
    """The mean of paired differences in points, 95% interval over facts."""
    held = values[~np.isnan(values)]
    mean, error = 100 * float(held.mean()), 100 * float(held.std(ddof=1) / np.sqrt(len(held)))
    return {"estimate": mean, "low": mean - 1.96 * error, "high": mean + 1.96 * error, "n": len(held)}


def trend(values: Floats, times: Floats) -> dict[str, float]:
    """Points by which a fact told twice as often is higher: least squares on log2 of the mentions, sandwich interval over facts."""
    from benchmarks.system_038_figures import slope

    held = ~np.isnan(values)
    return slope(np.log2(times[held]), 100 * values[held])


def chronicle_row(seed: int, work: Path) -> dict[str, Any]:
    """Both arms of a seed on the same facts, and the difference of their gaps."""
    told = chronicle(seed)
    times = np.array(told.mentions, float)
    statements = statements_of(told.facts, seed)
    arms: dict[str, Any] = {}
    held: dict[str, dict[str, Groups]] = {}
    for arm in ARMS:
        folder, spent = learnt(told, arm, seed, work)
        groups = held[arm] = dict(scored(statements, _scores(folder, statements, work / f"{arm}-{seed}.npy")))
        arms[arm] = {
            "told": of(groups, times > 0),
            "never told": of(groups, times == 0),
            "by mentions": {
                str(int(k)): {p: {"W": per_cent(groups[p].win_rate[times == k]), "R": per_cent(groups[p].robust()[times == k])} for p in PRECISIONS}
                for k in sorted(set(times[times > 0].tolist()))
            },
            "trend of W": trend(groups["Y"].win_rate[times > 0], times[times > 0]),
            "trend of R": trend(groups["Y"].robust()[times > 0], times[times > 0]),
            "cpu_seconds": round(spent, 1),
        }  # fmt: skip

    def closed(figure: Callable[[Groups], Floats]) -> dict[str, float]:
        gaps = [figure(held[arm]["Y"]) - figure(held[arm]["D"]) for arm in ARMS]
        return gap((gaps[0] - gaps[1])[times > 0])

    return {
        "seed": seed, "facts": int((times > 0).sum()), "never_told": int((times == 0).sum()), "statements": len(statements), "arms": arms,
        "closed": {"R": closed(lambda g: g.robust()), "W": closed(lambda g: g.win_rate)},
        "by_chance": float(np.nanmean(held["by year"]["Y"].by_chance)),
    }  # fmt: skip


def _scores(folder: str, statements: Statements, file: Path) -> Floats:
    """The answers' log-probabilities, kept in a file."""
    if not file.is_file():
        np.save(file, answer_logprobs(load(folder, "float32"), statements.given, statements.answer))
    return np.load(file)


def picked(every: int) -> Statements:
    return statements_of(read_facts()[0][::every], 0)


def kept_scores(every: int, form: Format, dtype: Dtype, work: Path) -> Floats:
    """SmolLM2's log-probabilities of every so-manyth shipped fact, in pieces that are kept."""
    statements, model = picked(every), load("smollm2-135m", dtype)
    parts: list[Floats] = []
    for begin in range(0, len(statements), PIECE):
        file = work / f"{form}-{dtype}-{every}-{begin}.npy"
        if not file.is_file():
            part = slice(begin, begin + PIECE)
            np.save(file, answer_logprobs(model, statements.given[part], statements.answer[part], form))
        parts.append(np.load(file))
    return np.concatenate(parts)


def paired(statements: Statements, first: Floats, second: Floats) -> dict[str, Any]:
    """How much higher W and R are under the first scores than under the second, in points, paired by fact."""
    return {
        name: gap(np.mean([figure(scored(statements, first)[p]) - figure(scored(statements, second)[p]) for p in PRECISIONS], axis=0))
        for name, figure in (("W", lambda g: g.win_rate), ("R", lambda g: g.robust()))
    }  # fmt: skip


def blurred_row(every: int, work: Path) -> dict[str, Any]:
    """What bfloat16 changes, of plain text."""
    statements = picked(every)
    half, full = (kept_scores(every, "raw", dtype, work) for dtype in ("bfloat16", "float32"))
    apart = np.abs(half - full)
    by_fact = [
        np.nanmean(np.abs(scored(statements, half)[p].win_rate - scored(statements, full)[p].win_rate))
        for p in PRECISIONS
    ]
    return {
        "every": every, "statements": len(statements), "nats": {"mean": float(apart.mean()), "most": float(apart.max())},
        "half_less_full": paired(statements, half, full), "of_a_fact": 100 * float(np.mean(by_fact)),
    }  # fmt: skip


def real_row(every: int, work: Path) -> dict[str, Any]:
    """SmolLM2 on every so-manyth shipped fact, raw and chat."""
    statements = picked(every)
    scores = {form: kept_scores(every, form, "float32", work) for form in get_args(Format)}
    return {
        "every": every, "statements": len(statements),
        "reports": {form: report(statements, score) for form, score in scores.items()},
        "raw_less_chat": paired(statements, scores["raw"], scores["chat"]),
    }  # fmt: skip


def speed_row(form: Format, every: int) -> dict[str, Any]:
    """CPU seconds a statement each way, ABBA, equal first, of all statements of some facts.

    What a statement costs when it shares its beginning depends on the others, so ours scores all of them; the plain ways cost the same
    wherever a statement stands, so they score every fifth (in batches) and every twentieth (alone).
    """
    import torch

    torch.set_num_threads(1)
    statements, model = picked(every), load("smollm2-135m", "float32")
    pairs = pairs_of(model, statements.given, statements.answer, form)
    ways: dict[str, tuple[int, Callable[[], Floats]]] = {
        "shared": (1, lambda: answer_logprobs(model, statements.given, statements.answer, form)),
        "padded": (5, lambda: padded(model, pairs_of(model, statements.given[::5], statements.answer[::5], form), 32)),
        "alone": (20, lambda: padded(model, pairs_of(model, statements.given[::20], statements.answer[::20], form), 1)),
    }  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in ways}
    values: dict[str, Floats] = {}
    for name in (*ways, *reversed(ways)):
        began = time.process_time()
        values[name] = ways[name][1]()
        spent[name].append(time.process_time() - began)
    apart = max(
        float(np.abs(values["shared"][::step] - values[name]).max()) for name, (step, _) in ways.items()
    )
    if apart > 1e-3:
        raise SystemExit(f"{form}: the ways differ by {apart:.2g} nats")
    return {
        "form": form, "facts": len(statements.facts), "cpu": spent, "apart": apart,
        "count": {name: len(values[name]) for name in ways},
        "tokens": sum(len(g) + len(a) for g, a in pairs),
        "forwarded": sum(len(trie.ids) for trie in tries([(g + a)[:-1] for g, a in pairs], ROW_TOKENS)),
    }  # fmt: skip


def tables_row() -> dict[str, Any]:
    """CPU seconds of all tables of stored log-probabilities."""
    draw = np.random.default_rng(0)
    stored = Statements(
        tuple(f"f{i}" for i in range(STORED_FACTS)), ("",) * STORED, ("",) * STORED,
        draw.integers(0, STORED_FACTS, STORED).astype(np.int32), draw.choice(PRECISIONS, STORED),
        draw.choice(["Correct", "Incorrect"], STORED, p=[0.1, 0.9]), draw.uniform(-5, 5, STORED),
    )  # fmt: skip
    score = draw.normal(size=STORED)
    began = time.process_time()
    report(stored, score)
    return {"stored": STORED, "tables_seconds": round(time.process_time() - began, 2)}


def padded(model: Any, pairs: Sequence[tuple[list[int], list[int]]], batch: int) -> Floats:
    """The plain way: batches padded on the right, logits of every position, log_softmax, the answer's tokens picked."""
    import torch

    found: list[float] = []
    for begin in range(0, len(pairs), batch):
        part = pairs[begin : begin + batch]
        longest = max(len(g) + len(a) for g, a in part)
        ids = torch.tensor([[*g, *a, *[0] * (longest - len(g) - len(a))] for g, a in part])
        mask = torch.tensor([[k < len(g) + len(a) for k in range(longest)] for g, a in part]).long()
        with torch.inference_mode():
            logs = model.network(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
        picked_ = logs.gather(-1, ids[:, 1:, None])[..., 0].double()
        found += [
            float(row[len(g) - 1 : len(g) + len(a) - 1].sum())
            for row, (g, a) in zip(picked_, part, strict=True)
        ]
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.system_013", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--every", type=int, default=8, help="of the shipped facts")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/system-013"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    wanted = options.part or PARTS
    jobs: list[tuple[str, dict[str, Any], Callable[[], dict[str, Any]]]] = []
    if "chronicle" in wanted:
        jobs += [
            ("chronicle", {"seed": s}, lambda s=s: chronicle_row(s, options.work))
            for s in range(options.seeds)
        ]
    if "real" in wanted:
        jobs.append(("real", {"every": options.every}, lambda: real_row(options.every, options.work)))
    if "blurred" in wanted:
        jobs.append(("blurred", {"every": options.every}, lambda: blurred_row(options.every, options.work)))
    if "speed" in wanted:
        jobs += [
            ("speed", {"form": form}, lambda form=form: speed_row(form, SPEED_EVERY[form]))
            for form in get_args(Format)
        ]
    if "tables" in wanted:
        jobs.append(("tables", {}, tables_row))
    for part, key, job in jobs:
        if any(row["part"] == part and all(row.get(k) == v for k, v in key.items()) for row in kept):
            continue
        began = time.process_time()
        found = job()
        kept.append(
            {
                "part": part,
                "date": time.strftime("%Y-%m-%d"),
                "seconds": round(time.process_time() - began, 1),
                **found,
            }
        )
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(page(kept), "utf-8")
        print(part, key, kept[-1]["seconds"], flush=True)


if __name__ == "__main__":
    main()
