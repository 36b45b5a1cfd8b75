"""CPU seconds a verdict: kept answers judged through a local server that answers at once, HTTP, parsing and commits included.

    python -m benchmarks.runner [--verdicts 20000] [--concurrency 64] [--json]
    python -m benchmarks.runner --peer PYTHON [--pairs 2000]        the same pairs annotated by alpaca_eval, installed for PYTHON

The server is a process of its own and is not counted. Beside the figure stands a bare aiohttp loop (the same number of posts of equal
size, replies parsed, nothing kept) run before and after it: on a busy machine the ratio says more than the milliseconds. Target: below
0.5 ms a verdict at concurrency 64 with prompts of 3 kB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILLER = "The quick brown fox jumps over the lazy dog near the river bank at dawn. "


def main() -> None:
    options = _options()
    if options.side:
        sides = {"ours": _ours, "bare": _bare, "files": _files}
        print(json.dumps(sides[options.side](options)))
        return
    result = _against_peer(options) if options.peer else _alone(options)
    if options.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:>36}: {value:,.4g}" if isinstance(value, float) else f"{key:>36}: {value}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verdicts", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--protocol", default="alpaca_eval")
    parser.add_argument("--peer", metavar="PYTHON", help="a Python with alpaca_eval installed")
    parser.add_argument("--pairs", type=int, default=2_000, help="pairs annotated by both with --peer")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=("ours", "bare", "files"), help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _alone(options: argparse.Namespace) -> dict[str, Any]:
    with server("instant") as base:
        shared = [
            "--verdicts",
            options.verdicts,
            "--concurrency",
            options.concurrency,
            "--protocol",
            options.protocol,
        ]
        before = _side("bare", base, shared)
        ours = _side("ours", base, shared)
        after = _side("bare", base, shared)
    bare = (before["cpu"] + after["cpu"]) / 2 / options.verdicts
    return {
        "verdicts": options.verdicts,
        "concurrency": options.concurrency,
        "protocol": options.protocol,
        "cpu_ms_a_verdict": 1000 * ours["cpu"] / options.verdicts,
        "cpu_ms_a_post_of_a_bare_loop": 1000 * bare,
        "times_a_bare_loop": ours["cpu"] / options.verdicts / bare,
        "cpu_ms_an_answer_without_server": 1000 * ours["answers"] / options.verdicts,
        "verdicts_a_second": options.verdicts / ours["wall"],
        "cpu_seconds_again_all_kept": ours["again"],
        "peak_memory_mb": ours["peak_mb"],
        "ledger_bytes_a_verdict": ours["ledger_bytes"] / options.verdicts,
        "python": platform.python_version(),
    }


def _against_peer(options: argparse.Namespace) -> dict[str, Any]:
    """Both annotate the same files in processes of their own: first 200 pairs whose shares must agree, then the race."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "prompt.txt").write_text(_published_prompt(options.peer), "utf-8")
        with server(
            "openai_server", "--answer", "letter", "--models", "test-model,gpt-4-1106-preview"
        ) as base:
            _write_pairs(folder, 200)
            theirs, ours = (
                _theirs(options, base, folder / "check"),
                _side("files", base, ["--folder", folder]),
            )
            apart = max(abs(theirs["shares"][key] - share) for key, share in ours["shares"].items())
            if apart > 1e-9 or ours["shares"].keys() != theirs["shares"].keys():
                raise SystemExit(f"the two sides disagree by {apart:.3g} on the same pairs")
        with server("instant") as base:
            _write_pairs(folder, options.pairs)
            theirs, ours = _theirs(options, base, folder / "race"), _side("files", base, ["--folder", folder])
    n = options.pairs
    return {
        "pairs": n,
        "largest_difference_of_shares": apart,
        "winsome_cpu_ms_a_pair": 1000 * ours["cpu"] / n,
        "alpaca_eval_cpu_ms_a_pair": 1000 * theirs["cpu"] / n,
        "alpaca_eval_times_winsome": theirs["cpu"] / ours["cpu"],
        "winsome_wall_seconds": ours["wall"],
        "alpaca_eval_wall_seconds": theirs["wall"],
        "alpaca_eval_import_cpu_seconds_left_out": theirs["imports"],
        "versions": " ".join(f"{key} {value}" for key, value in theirs["versions"].items()),
        "python": platform.python_version(),
    }


@contextmanager
def server(module: str, *flags: str) -> Iterator[str]:
    """One of the test servers as a process; its base address."""
    command = [sys.executable, "-m", f"tests.servers.{module}", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline().split()[-1])}/v1"
    finally:
        process.terminate()
        process.wait()


def _side(side: str, base: str, flags: Sequence[object]) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.runner",
        "--side",
        side,
        "--endpoint",
        base,
        *map(str, flags),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _theirs(options: argparse.Namespace, base: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    script, files = (
        Path(__file__).with_name("alpaca_eval_peer.py"),
        (folder.parent / f"{i}.json" for i in (1, 2)),
    )
    command = [options.peer, script, *files, base, folder]
    done = subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _published_prompt(python: str) -> str:
    """The text that alpaca_eval asks with, so that both sides ask the same, letter for letter."""
    where = "import alpaca_eval, pathlib; print(pathlib.Path(alpaca_eval.__file__).parent)"
    found = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    return (Path(found) / "evaluators_configs/alpaca_eval_clf_gpt4_turbo/alpaca_eval_clf.txt").read_text(
        "utf-8"
    )


def _write_pairs(folder: Path, pairs: int) -> None:
    """Model outputs of two sides, 1,100 characters an answer, in AlpacaEval's format."""
    for side in (1, 2):
        rows = [
            {
                "instruction": f"{i:07d} {FILLER * 10}",
                "output": f"side {side} on {i:07d}: {FILLER * 15}",
                "generator": f"side-{side}",
            }
            for i in range(pairs)
        ]
        (folder / f"{side}.json").write_text(json.dumps(rows))


def _files(options: argparse.Namespace) -> dict[str, Any]:
    """Winsome's annotation of the two files: one order, seats by AlpacaEval's published rule, its prompt text."""
    import polars as pl

    from winsome.matchmaking.compare import compare
    from winsome.records import Prompt, Suite, user

    folder = Path(options.folder)
    cpu, wall = time.process_time(), time.perf_counter()
    rows = json.loads((folder / "1.json").read_text())
    suite = Suite(
        "pairs", "1", [Prompt((user(row["instruction"]),)) for row in rows], seats="alpaca_eval", orders=1
    )
    with tempfile.TemporaryDirectory() as place:
        found = compare(
            folder / "2.json",
            folder / "1.json",
            judge=f"pairwise?protocol=alpaca_eval&prompt=@{folder}/prompt.txt&model=({options.endpoint}#test-model)",
            suite=suite,
            ledger=Path(place) / "ledger.sqlite",
            folder=Path(place),
            quiet=True,
            allow_degenerate=True,
        )
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        asks = pl.read_parquet(found.folder / "asks.parquet")
    texts = {prompt.id: prompt.text for prompt in suite.prompts}
    return used | {"shares": {texts[id]: share for id, share in asks.select("prompt", "share").iter_rows()}}


class Canned:
    """A contender whose answers cost nothing: 1,100 characters that differ by prompt and side."""

    batch = 1000

    def __init__(self, side: str) -> None:
        from winsome.records import digest

        self.name, self.id = f"benchmarks.runner:{side}", digest(["canned", side])

    async def answer(self, prompts: Sequence[Any], sampling: Any) -> AsyncIterator[Any]:
        from winsome.records import Response, assistant, response_key

        for prompt in prompts:
            words = (assistant(f"{self.name} on {prompt.text[:20]}: {FILLER * 15}"),)
            yield Response(
                prompt.id, self.name, response_key(prompt.id, self.id, sampling, 0), messages=words
            )


def first() -> Canned:
    """One side."""
    return Canned("first")


def second() -> Canned:
    """The other side."""
    return Canned("second")


def _ours(options: argparse.Namespace) -> dict[str, Any]:
    """CPU and wall seconds of a comparison in both orders over answers that are kept, and of the same with all kept."""
    import resource

    # imports are over on both sides before a clock starts
    import aiohttp  # noqa: F401
    import polars  # noqa: F401

    from winsome.matchmaking.compare import compare
    from winsome.matchmaking.generate import generate
    from winsome.records import Prompt, Suite, user

    prompts = [Prompt((user(f"{i:07d} {FILLER * 10}"),)) for i in range(options.verdicts // 2)]
    with tempfile.TemporaryDirectory() as folder:
        settings: Mapping[str, Any] = {
            "judge": f"pairwise?protocol={options.protocol}&model=({options.endpoint}#test-model)",
            "suite": Suite("speed", "1", prompts),
            "concurrency": options.concurrency,
            "ledger": Path(folder) / "ledger.sqlite",
            "folder": Path(folder) / "runs",
            "quiet": True,
            "allow_degenerate": True,
        }
        sides = ("benchmarks.runner:first", "benchmarks.runner:second")
        cpu = time.process_time()
        for side in sides:
            generate(side, suite=settings["suite"], ledger=settings["ledger"], quiet=True)
        answers = time.process_time() - cpu
        cpu, wall = time.process_time(), time.perf_counter()
        compare(*sides, **settings)
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cpu = time.process_time()
        compare(*sides, **settings)
        size = os.path.getsize(Path(folder) / "ledger.sqlite")
    return used | {
        "answers": answers,
        "again": time.process_time() - cpu,
        "peak_mb": peak,
        "ledger_bytes": size,
    }


def _bare(options: argparse.Namespace) -> dict[str, Any]:
    """CPU and wall seconds of as many posts of 3 kB, each reply read and parsed."""
    import aiohttp
    import orjson

    text = FILLER * 42
    numbers = iter(range(options.verdicts))

    async def posts(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = {
                "model": "test-model",
                "messages": [{"role": "user", "content": f"{number} {text}"}],
                "max_tokens": 1,
            }
            async with session.post(f"{options.endpoint}/chat/completions", data=orjson.dumps(body)) as reply:
                orjson.loads(await reply.read())

    async def all_posts() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(posts(session) for _ in range(options.concurrency)))

    cpu, wall = time.process_time(), time.perf_counter()
    asyncio.run(all_posts())
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


if __name__ == "__main__":
    main()
