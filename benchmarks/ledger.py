"""How fast the ledger is: a table, or JSON with --json. Every figure is the median of --runs runs, each on a new ledger.

    python benchmarks/ledger.py [--verdicts 1000000] [--runs 3] [--postgres URL] [--json]

CPU is this process's seconds of user and system time; wall time depends on the disk and on whatever else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from winsome.ledger.store import Ledger
from winsome.records import Match, Prompt, Response, Sampling, Side, Verdict, assistant, response_key, user

Bundle = tuple[Prompt, Response, Response, Match, Verdict]


@dataclass(frozen=True)
class Figure:
    """One measurement: `n` things in `wall` and `cpu` seconds."""

    what: str
    n: int
    wall: float
    cpu: float
    target: str = ""

    @property
    def row(self) -> str:
        rates = (
            f"{self.n / self.wall:>11,.0f}/s {self.n / self.cpu:>11,.0f}/s {1e6 * self.cpu / self.n:>8.1f} us"
        )
        return f"{self.what:<58}{self.n:>10,} {self.wall:>8.2f} s {self.cpu:>8.2f} s {rates}   {self.target}"


def frame(n: int, prompts: int = 2_000, models: int = 20) -> pl.DataFrame:
    """n verdicts between `models` contenders on `prompts` prompts, with words of 0.5 kB and 0.8 kB."""
    random = np.random.default_rng(0)
    prompt, a = random.integers(prompts, size=n), random.integers(models, size=n)
    b = (a + 1 + random.integers(models - 1, size=n)) % models
    words = pl.Series([f"prompt {i} " + "words " * 80 for i in range(prompts)])
    names = pl.Series([f"model-{i}" for i in range(models)])
    answers = pl.Series([f"answer {i} " + "text " * 150 for i in range(prompts * models)])
    return pl.DataFrame(
        {
            "prompt": words.gather(prompt),
            "prompt_id": pl.Series(prompt).cast(pl.String),
            "model_a": names.gather(a),
            "model_b": names.gather(b),
            "answer_a": answers.gather(prompt * models + a),
            "answer_b": answers.gather(prompt * models + b),
            "share": random.choice([0.0, 0.5, 1.0], size=n),
            "order": random.integers(2, size=n),
        }
    )


def bundles(n: int, size: int = 3_000) -> list[Bundle]:
    """n contests as a runner meets them: a judge's prompt of `size` characters, its reply, the match, the verdict."""
    made: list[Bundle] = []
    asked = Prompt((user("question"),))
    left = Response(asked.id, "a", response_key(asked.id, "a", Sampling(), 0), messages=(assistant("yes"),))
    for i in range(n):
        prompt = Prompt((user(f"{i} " + "which of these is better? " * (size // 26)),))
        reply = Response(
            prompt.id, "judge", response_key(prompt.id, "judge", Sampling(), 0), messages=(assistant("A"),)
        )
        key = response_key(asked.id, "b", Sampling(), i)
        right = Response(asked.id, "b", key, sample=i, messages=(assistant(f"no {i}"),))
        match = Match(asked, (Side("a", left, 0), Side("b", right, 1)), cluster=asked.id)
        verdict = Verdict(match.id, "judge", "judge id", "win", (1.0, 0.0), reason="A", evidence=(reply.id,))
        made.append((prompt, reply, right, match, verdict))
    return made


def timed(what: str, n: int, target: str, work: Callable[[], object]) -> Figure:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Figure(what, n, time.perf_counter() - wall, time.process_time() - cpu, target)


async def put_at(ledger: Ledger, made: list[Bundle], concurrency: int) -> None:
    """Each contest in two steps, as a runner does: the judge's prompt and reply, then match and verdict."""
    todo = iter(made)

    async def work() -> None:
        for prompt, reply, _, match, verdict in todo:
            await ledger.put(prompt, reply)
            await ledger.put(match, verdict)

    await asyncio.gather(*(work() for _ in range(concurrency)))


def measure(where: Callable[[], str], verdicts: int, label: str) -> list[Figure]:
    figures: list[Figure] = []
    few = min(verdicts, 20_000)
    with Ledger.open(where()) as ledger:
        made = bundles(few)
        ledger.put_many([made[0][0]])  # imports are over
        figures.append(
            timed(
                f"{label}: put, 64 at once, prompt + reply + match + verdict",
                few,
                ">= 2,000/s, < 120 us",
                lambda: asyncio.run(put_at(ledger, made, 64)),
            )
        )
    with Ledger.open(where()) as ledger:
        made = bundles(few)
        ledger.put_many([made[0][0]])
        single = [record for bundle in made for record in bundle]
        figures.append(
            timed(
                f"{label}: put_many, records of all kinds", len(single), "", lambda: ledger.put_many(single)
            )
        )
        more = [Verdict(b[3].id, "j", f"j{k}", "win", (1.0, 0.0)) for k in range(5) for b in made]
        figures.append(
            timed(f"{label}: put_many, verdicts", len(more), ">= 20,000/s", lambda: ledger.put_many(more))
        )
    table = frame(verdicts)
    with Ledger.open(where()) as ledger:
        figures.append(
            timed(
                f"{label}: import_frame, verdicts",
                verdicts,
                ">= 50,000/s",
                lambda: ledger.import_frame(table, judge="j"),
            )
        )
        few_columns = ["match", "judge", "outcome", "share"]
        target = "< 5 s a million"
        figures.append(
            timed(
                f"{label}: 4 columns of verdicts",
                verdicts,
                target,
                lambda: ledger.frame("verdicts", few_columns),
            )
        )
        figures.append(
            timed(f"{label}: all 20 columns of verdicts", verdicts, target, lambda: ledger.frame("verdicts"))
        )
        asks = list(ledger.frame("matches", ["shown", "repeat"]).head(20_000).iter_rows())
        judge = ledger.frame("verdicts", ["judge_id"])["judge_id"][0]
        figures.append(
            timed(f"{label}: judged, look-ups in one call", len(asks), "", lambda: ledger.judged(judge, asks))
        )
        keys = ledger.frame("responses", ["key"])["key"].head(5_000).to_list()
        one = timed(
            f"{label}: answers, one key a call",
            len(keys),
            "",
            lambda: [ledger.answers([key]) for key in keys],
        )
        figures.append(one)
        figures.append(
            timed(f"{label}: answers, look-ups in one call", len(keys), "", lambda: ledger.answers(keys))
        )
    return figures


def places(folder: Path, url: str | None) -> dict[str, Callable[[], str]]:
    """Label -> function that names a new, empty ledger."""
    numbers = iter(range(1_000_000))
    found: dict[str, Callable[[], str]] = {"SQLite": lambda: str(folder / f"{next(numbers)}.sqlite")}
    if url is not None:
        import psycopg

        def database() -> str:
            name = f"winsome_benchmark_{os.getpid()}_{next(numbers)}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
            return f"{url.rpartition('/')[0]}/{name}"

        found["PostgreSQL"] = database
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--postgres", help="postgresql://user@host/postgres of a server where databases may be made"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    runs: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="winsome-ledger-") as folder:
        for label, where in places(Path(folder), arguments.postgres).items():
            for _ in range(arguments.runs):
                for figure in measure(where, arguments.verdicts, label):
                    runs.setdefault(figure.what, []).append(figure)
                for file in Path(folder).iterdir():
                    file.unlink()
    medians = [sorted(figures, key=lambda f: f.cpu)[len(figures) // 2] for figures in runs.values()]
    medians = [
        Figure(
            f.what,
            f.n,
            statistics.median(r.wall for r in figures),
            statistics.median(r.cpu for r in figures),
            f.target,
        )
        for f, figures in zip(medians, runs.values(), strict=True)
    ]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {arguments.runs} runs"
    if arguments.json:
        json.dump(
            {"machine": machine, "figures": [asdict(figure) for figure in medians]}, sys.stdout, indent=1
        )
        return
    print(
        f"{machine}\n{'':<58}{'n':>10} {'wall':>10} {'CPU':>10} {'by wall':>13} {'by CPU':>13} {'CPU each':>11}"
    )
    for figure in medians:
        print(figure.row)


if __name__ == "__main__":
    main()
