"""Fellowship: which judge a tournament picks, when a jury is worth its calls, and what a generator gains from a reviewer.

    python -m benchmarks.system_003 [--part judges] [--out docs/results/003-fellowship.json]
    python -m benchmarks.system_003 --part server --data FOLDER      MT-Bench's questions and GPT-4's reference answers

judges  five simulated judges of known accuracy, two of them biased alike: 50 tournaments, juries against their best member
loop    the 0.2M base of `world:instruction` tuned to answer, to mend by a critique and to criticise; a reviewer tuned to name faults;
        the loop against one answer and against best-of-n of at least as many written tokens, by gold; then DPO on pairs of its drafts
debates more of its debates, ended in scores and in a letter
server  SmolLM2-135M in three seats as jury and debaters behind a local chat server; goes on from its ledger where it was stopped

What is done is read from the file, so it can be stopped between parts and gone on with.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.system_003_debates import debates_row
from benchmarks.system_003_judges import pairs_of, tournaments
from benchmarks.system_003_models import WORDS, answers, critique, critiques, mends, tuned
from benchmarks.system_003_page import page
from benchmarks.system_003_server import server_row
from benchmarks.system_038_figures import Floats, share
from winsome.curate.synthesis.feedback_loop import Thread, feedback_loop
from winsome.curate.synthesis.loop_pairs import best_and_worst, draft_to_draft
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.generate import generate
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Scorer
from winsome.records import Prompt, Response, Sampling
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World
from winsome.training.loops.preference import preference

OUT = Path("docs/results/003-fellowship.json")
WORLD = "world:instruction"
BASE = f"{WORLD}#base?size=0.2M"
EVALUATOR = f"{WORLD}#scorer?sd=0.3"
DRAFTED, LOOPED, TESTED = 3000, 2500, 500
UPDATES, ROUNDS, DRAWS = 500, 2, 4


class Bench:
    """One run's ledger and folder."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.seed, self.world = work, seed, World.of("instruction")
        self.ledger = work / "ledger.sqlite"

    def drawn(self, name: str, prompts: Sequence[Prompt], n: int, seed: int) -> list[tuple[Prompt, Response]]:
        """`n` draws a prompt at temperature 1, by prompt."""
        found = generate(
            name, prompts, samples=n, sampling=Sampling(temperature=1.0, max_tokens=48, seed=seed), ledger=self.ledger, quiet=True
        )  # fmt: skip
        return [(prompt, response) for prompt, response in found.answers]

    def within(self, work: Callable[[Session], Any]) -> Any:
        with Ledger.open(self.ledger) as store:
            session = Session(Door(store), self.seed, self.work / "runs")
            try:
                return work(session)
            finally:
                finish(session.close())

    def asked(self, work: Callable[[Session], Awaitable[Any]]) -> Any:
        with Ledger.open(self.ledger) as store:
            session = Session(Door(store), self.seed, self.work / "runs")

            async def run() -> Any:
                try:
                    return await work(session)
                finally:
                    await session.close()

            return finish(run())

    def value(self, prompt: Prompt, text: str) -> float:
        return gold(self.world, prompt, text).value

    def values(self, said: Sequence[tuple[Prompt, Response]], n: int) -> Floats:
        return np.array([self.value(p, r.text) for p, r in said]).reshape(-1, n)


def won(mine: Floats, others: Floats) -> Floats:
    """Share of wins [prompts], all draws [prompts, k] of one side against all of the other."""
    a, b = mine[:, :, None], others[:, None, :]
    return (a > b).mean((1, 2)) + 0.5 * (a == b).mean((1, 2))


def judges_row(bench: Bench) -> dict[str, Any]:
    prompts = bench.world.prompts(TESTED * 4, "train")
    return tournaments(bench.world, pairs_of(bench.world, bench.drawn(BASE, prompts, 2, 7), 2000))


def loop_row(bench: Bench) -> dict[str, Any]:
    world, seed = bench.world, bench.seed
    prompts = world.prompts(DRAFTED + LOOPED, "train")
    drafts = [(p, r.text) for p, r in bench.drawn(BASE, prompts[:DRAFTED], 2, seed)]
    told, mended, own = critiques(world, drafts), mends(world, drafts, seed), answers(world, DRAFTED)
    generator = bench.within(
        lambda s: tuned(BASE, [*own, *mended, *told], UPDATES, f"generator-{seed}", s, bench.work)
    )
    reviewer = bench.within(lambda s: tuned(BASE, told, UPDATES, f"reviewer-{seed}", s, bench.work))
    tested = world.prompts(TESTED, "test")
    single = bench.drawn(generator, tested, DRAWS, 50 + seed)
    others = bench.values(single, DRAWS)
    found: dict[str, Any] = {
        "updates": UPDATES,
        "rounds": ROUNDS,
        "right": share((others[:, 0] > 0.99).astype(float)),
    }
    found["against the base"] = share(
        won(others, bench.values(bench.drawn(BASE, tested, DRAWS, 60 + seed), DRAWS))
    )
    arms: dict[str, Any] = {}
    for arm, who in (("another reviewer", reviewer), ("itself", generator)):
        threads = bench.asked(lambda s, who=who: _looped(s, tested, generator, who, 100 + seed))
        arms[arm] = looped(bench, generator, tested, threads, others)
    found["arms"] = arms
    found["cross less self"] = difference(arms["another reviewer"].pop("won"), arms["itself"].pop("won"))
    found["dpo"] = taught(bench, generator, reviewer, prompts[DRAFTED:], tested, others)
    return found


async def _looped(
    session: Session, prompts: Sequence[Prompt], generator: str, reviewer: str, seed: int
) -> list[Thread]:
    return await feedback_loop(
        prompts, generator=session.open(generator, Contender), reviewers=[session.open(reviewer, Contender)], rounds=ROUNDS,
        evaluator=session.open(EVALUATOR, Scorer), words=WORDS, sampling=Sampling(temperature=1.0, max_tokens=48, seed=seed),
    )  # fmt: skip


def looped(
    bench: Bench, generator: str, tested: Sequence[Prompt], threads: Sequence[Thread], others: Floats
) -> dict[str, Any]:
    """The loop's last draft and its best by the evaluator against one answer, and against best-of-n of as many written tokens."""
    last = np.array([[bench.value(t.prompt, t.last.text)] for t in threads])
    best = np.array([[bench.value(t.prompt, t.best.text)] for t in threads])
    tokens = float(np.mean([t.tokens for t in threads]))
    each = float(np.mean([t.drafts[0].usage.tokens_out for t in threads]))
    n = max(1, math.ceil(tokens / each))
    chosen, unchosen = best_of(bench, generator, tested, n)
    whole = [critique(bench.world, t.prompt, t.drafts[0].text) == WORDS.nothing for t in threads]
    passed = [t.ended == "nothing to improve" and len(t.drafts) == 1 for t in threads]
    seen = [[p for p, w in zip(passed, whole, strict=True) if w is good] for good in (True, False)]
    return {
        "last": share(won(last, others)), "best": share(won(best, others)), "won": won(last, others),
        "tokens": tokens, "answer_tokens": each, "n": n,
        "best_of_n": share(won(chosen, others)), "best_of_n_by_likelihood": share(won(unchosen, others)),
        "best_against_best_of_n": share(won(best, chosen)), "last_against_likelihood": share(won(last, unchosen)),
        "revisions": float(np.mean([len(t.drafts) - 1 for t in threads])),
        "passes_right": share(np.array(seen[0], float)), "passes_faulty": share(np.array(seen[1], float)),
        "mended": share(np.array([bench.value(t.prompt, t.last.text) > 0.99 for t, w in zip(threads, whole, strict=True) if not w], float)),
        "spoilt": share(np.array([bench.value(t.prompt, t.last.text) < 0.99 for t, w in zip(threads, whole, strict=True) if w], float)),
    }  # fmt: skip


def best_of(bench: Bench, generator: str, tested: Sequence[Prompt], n: int) -> tuple[Floats, Floats]:
    """Gold values [prompts, 1] of the best of `n` draws by the evaluator, and by the generator's own mean log-probability."""
    said = bench.drawn(generator, tested, n, 900 + bench.seed)

    async def rated(session: Session) -> list[Floats]:
        likely = f"likelihood:{generator.removeprefix('hf:').partition('?')[0]}"
        found: list[Floats] = []
        for name in (EVALUATOR, likely):
            scores = await session.open(name, Scorer).score([p for p, _ in said], [r for _, r in said])
            found.append(np.array([-np.inf if v is None else v for v in scores.values], float).reshape(-1, n))
        return found

    values = bench.values(said, n)
    by = bench.asked(rated)
    rows = np.arange(len(values))
    return values[rows, by[0].argmax(1)][:, None], values[rows, by[1].argmax(1)][:, None]


def difference(first: Floats, second: Floats) -> dict[str, float]:
    """Points between two shares of the same prompts, with the interval of paired differences."""
    gap = 100 * (first - second)
    reach = 1.96 * float(gap.std(ddof=1)) / math.sqrt(len(gap))
    return {
        "estimate": float(gap.mean()),
        "low": float(gap.mean()) - reach,
        "high": float(gap.mean()) + reach,
    }


def taught(
    bench: Bench,
    generator: str,
    reviewer: str,
    prompts: Sequence[Prompt],
    tested: Sequence[Prompt],
    others: Floats,
) -> dict[str, Any]:
    """DPO of the generator on what the loop left of other prompts: every draft against the next, and the best against the worst."""
    threads = bench.asked(lambda s: _looped(s, prompts, generator, reviewer, 300 + bench.seed))
    found: dict[str, Any] = {}
    for rule, rows in (
        ("draft to draft", draft_to_draft(threads)),
        ("best against worst", best_and_worst(threads)),
    ):
        file = bench.work / f"{rule.replace(' ', '-')}-{bench.seed}.parquet"
        pl.DataFrame(rows).write_parquet(file)
        name = bench.within(
            lambda s, file=file: preference(
                generator,
                file,
                run=s,
                objective="dpo?beta=0.1",
                batch=32,
                epochs=2.0,
                rate=5e-4,
                schedule="cosine",
                save_every=0,
            )
        )
        mine = bench.values(bench.drawn(name, tested, DRAWS, 70 + bench.seed), DRAWS)
        right = [
            bench.value(t.prompt, r["chosen"]) > bench.value(t.prompt, r["rejected"])
            for t, r in _of(threads, rows)
        ]
        found[rule] = {
            "pairs": len(rows),
            "true": share(np.array(right, float)),
            "won": share(won(mine, others)),
        }
    return found


def _of(threads: Sequence[Thread], rows: Sequence[dict[str, Any]]) -> list[tuple[Thread, dict[str, Any]]]:
    """Each pair with a thread of its prompt."""
    held = {json.dumps([m.payload() for m in t.prompt.messages]): t for t in threads}
    return [(held[json.dumps(row["prompt"])], row) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.system_003", description=__doc__)
    parser.add_argument("--part", action="append", choices=("judges", "loop", "server", "debates"))
    parser.add_argument("--data", type=Path, help="folder of mt_bench_question.jsonl, for the part server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/system-003"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    bench = Bench(options.work, options.seed)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "judges": lambda: judges_row(bench),
        "loop": lambda: loop_row(bench),
        "server": lambda: server_row(options.work, options.data, options.seed),
        "debates": lambda: debates_row(options.work, options.data, options.seed),
    }
    if {"server", "debates"} & set(options.part or ()) and options.data is None:
        parser.error("the parts server and debates need --data FOLDER")
    for part in options.part or ("judges", "loop"):
        if any(row["part"] == part and row["seed"] == options.seed for row in kept):
            continue
        began = time.process_time()
        found = parts[part]()
        spent = round(time.process_time() - began, 1)
        kept.append(
            {"part": part, "seed": options.seed, "date": time.strftime("%Y-%m-%d"), "seconds": spent, **found}
        )
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(page(kept), "utf-8")
        print(part, spent, flush=True)


if __name__ == "__main__":
    main()
