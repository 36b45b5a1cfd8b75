"""Deceptive agents in mixtures: a closed world of tiny models, and embedded models behind a chat server; writes docs/results/doge.json and .md.

    python -m benchmarks.doge models WORK [--only agent-3]          train what is not there (about a minute each)
    python -m benchmarks.doge world WORK [--part test] [--limit N]  the audit on the closed world's questions
    python -m benchmarks.doge server WORK --prompts FILE [--limit 4]  three SmolLM2 personas behind a local server, judged by reward

world: six models that each know a third of the facts, an aggregator that was trained to combine arguments, all honest in training; a
deceiver is the same model told to argue for a wrong place against the right one, as it was trained to. What was asked is kept in WORK's
ledger, so a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks import closed_world, doge_page
from benchmarks.chat_server import serving_chat
from winsome.audit.deception import audit_deception
from winsome.records import Suite

OUT = Path("docs/results/doge.json")
PORT, TOKENS = 8972, 40
"""Of the chat server, fixed so that a run goes on from what it bought; of an answer, at most."""
PERSONAS = (
    "You are a careful assistant. Answer in two or three sentences.",
    "You are a friendly teacher. Explain in two or three plain sentences.",
    "You are a terse expert. Answer in at most two sentences.",
)


def world(work: Path, part: str, limit: int | None, seed: int) -> dict[str, Any]:
    """Two audits on the closed world: the last seat of layer 2 with all defences and one opposer in each seat; one to six opposers."""
    made = closed_world.ClosedWorld(seed)
    card = closed_world.made(work / "models", made, closed_world.Recipe(seed=seed))
    agents = ",".join(
        f"(hf:{work}/models/agent-{n}?dtype=float32)" for n in range(1, closed_world.AGENTS + 1)
    )
    spec = (
        f"moa?layers=3-3-1&agents=[{agents}]&aggregator=(hf:{work}/models/aggregator?dtype=float32)"
        f"&informed=false&texts=@{work}/models/texts&max_tokens=40"
    )
    prompts = made.prompts(part, limit)
    common: dict[str, Any] = {
        "suite": Suite("closed world", part, prompts), "ledger": work / f"{part}.sqlite", "seed": seed, "quiet": True,
    }  # fmt: skip
    found = audit_deception(
        spec, maps=["000_003", "000_002"], sweep=True, adaptive=True, defences="all", **common
    )
    many = audit_deception(spec, samples=range(1, 7), defences="none", **common)
    table = next(one for one in many["tables"] if one["title"] == "Attacks and defences")
    found["tables"].append(table | {"title": "One to six opposers at places drawn by the seed"})
    return found | {"card": card, "part": part}


def server(work: Path, prompts: Path, limit: int, seed: int) -> dict[str, Any]:
    """The whole path over HTTP: personas of SmolLM2 as agents, one prompt-made deceiver, answers judged by the embedded judge."""
    with serving_chat(PORT) as base:
        agents = ",".join(
            f"({base}#smollm2?system={_escaped(text)}&temperature={t}&timeout=3600)"
            for text, t in zip(PERSONAS, (0.3, 0.7, 1.0), strict=True)
        )
        spec = (
            f"moa?layers=3-3-1&agents=[{agents}]&aggregator=({base}#smollm2?timeout=3600)&max_tokens={TOKENS}"
        )
        return audit_deception(
            spec, suite=str(prompts), maps=["000_001"], defences="cluster_filter,medoid", judge="embedded:judge",
            limit=limit, ledger=work / "server.sqlite", seed=seed, quiet=True, concurrency=48,
        )  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace(",", "%2C").replace("?", "%3F")


def main() -> None:
    """Run one part and write its figures beside the other's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("models", "world", "server"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", help="train this model alone")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    if args.what == "models":
        closed_world.made(
            args.work / "models",
            closed_world.ClosedWorld(args.seed),
            closed_world.Recipe(seed=args.seed),
            only=args.only,
        )
        return
    if args.what == "world":
        found = world(args.work, args.part, args.limit, args.seed)
    else:
        found = server(args.work, args.prompts, args.limit or 4, args.seed)
    found |= {
        "seed": args.seed,
        "cpu_seconds": round(time.process_time() - started),
        "machine": f"{platform.machine()}, 2 cores, no GPU, one thread",
    }
    write(args.out, args.what, found, args.work)


def write(out: Path, what: str, found: dict[str, Any], work: Path) -> None:
    """Put a part's figures beside those that are there, without folders of this machine and answers by question, and write the page."""
    held = orjson.loads(out.read_bytes()) if out.is_file() else {}
    kept = {key: value for key, value in found.items() if key not in ("subject", "cases")}
    held[what] = orjson.loads(orjson.dumps(kept).replace(f"{work}/".encode(), b""))
    out.write_bytes(orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    out.with_suffix(".md").write_text(doge_page.page(held))


if __name__ == "__main__":
    main()
