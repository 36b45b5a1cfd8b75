"""Juries and a debate of small real models behind a chat server, over MT-Bench's questions (part `server` of system_003).

Truth without people: where GPT-4's reference answer is recorded it is the better one; elsewhere the model's answer to the question is
better than its answer to the next question of the same category. Both orders are asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.chat_server import serving_chat
from winsome.api import compare
from winsome.audit.asked_pairs import ask_pairs
from winsome.audit.judge_tournament import Entrant, Gold, difference, entrant_of, gold_of, juries, row
from winsome.audit.people import read_people
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.generate import generate
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Prompt, Sampling, user

PORT = 8971
"""Fixed: an endpoint's address is part of its id, and a run that is gone on with must find what it bought."""
AT_ONCE = 48
ANSWER, SPEECH = 64, 40
"""Tokens of an answer and of a speech, at most."""
OTHERS, DEBATED = 10, 2
"""Questions without a reference that are taken, and pairs that are debated, drawn by the seed."""
PERSONAS = {
    "careful": "You are a careful judge.",
    "friendly": "You are a friendly teacher who marks homework.",
    "terse": "You are a terse expert.",
}
TEXTS = {
    "friendly": "Question: {question}\n\nAnswer m: {output_1}\n\nAnswer M: {output_2}\n\nWhich answer is right and answers the question? Reply with its letter alone, m or M.",
    "terse": "m: {output_1}\n\nM: {output_2}\n\nOne of these, m or M, answers this: {question}\n\nWhich one? Reply with m or M and nothing else.",
}
"""Prompt texts of two jurors; the first has the one that ships with alpaca_eval."""


def server_row(work: Path, data: Path, seed: int) -> dict[str, Any]:
    """Every figure of the part; what was asked before lies in the ledger of `work`."""
    began, ledger = time.perf_counter(), work / "server.sqlite"
    asked: dict[str, Any] = {"ledger": ledger, "quiet": True, "concurrency": AT_ONCE}
    with serving_chat(PORT) as base:
        pairs = pairs_of(data, f"{base}#smollm2?timeout=3600", seed, asked)
        jurors = members(work, base)
        jury = f"jury?members=[{','.join(f'({name})' for name in jurors.values())}]&pool=mean"
        gold = gold_of(read_people(sheet(work / "all.json", pairs)))
        single = entrants(jurors, gold, ledger, seed)
        pooled = entrants({"jury through one judge": jury}, gold, ledger, seed) + juries(single, gold, seed)
        found: dict[str, Any] = {}
        for name in ("all", "reference", "misplaced"):
            here = within(gold, [name in ("all", one["from"]) for one in pairs])
            best = max(single, key=lambda one, here=here: row(one, here)["all"]["agreement"]["estimate"])
            found[name] = {
                "judges": [row(one, here) for one in [*single, *pooled]],
                "best": best.name,
                "lead": {one.name: difference(one, best, here) for one in pooled},
            }
        some = Random(seed).sample([one for one in pairs if one["from"] == "reference"], DEBATED)
        few = gold_of(read_people(sheet(work / "debated.json", some)))
        seats = {who: f"{base}#smollm2?timeout=3600&system={text}" for who, text in PERSONAS.items()}
        spoken = {
            "debate of three": f"debate?rounds=1&max_tokens={SPEECH}&members=[{','.join(f'({name})' for name in seats.values())}]",
            "one judge, both scored out of 10": f"scored?max_tokens={SPEECH}&model=({seats['careful']})",
            "one judge, a letter": f"pairwise?protocol=letter&model=({seats['careful']})",
        }
        told = entrants(spoken, few, ledger, seed) + entrants(jurors, few, ledger, seed)
        found["debated"] = {"judges": [row(one, few) for one in told]}
        won = compare(
            answers_file(work, pairs), f"{base}#smollm2?timeout=3600", suite=str(prompts_file(work, pairs)), judge=jury, seed=seed,
            sampling=drawing(seed), folder=work / "runs", **asked,
        )  # fmt: skip
    return {
        "answer_tokens": ANSWER, "speech_tokens": SPEECH, "tables": found, "won": won_rows(won),
        "spent": spent(ledger), "wall_seconds": round(time.perf_counter() - began),
    }  # fmt: skip


def members(work: Path, base: str) -> dict[str, str]:
    """The jurors: three system texts, each with another prompt text, all read by the probabilities of the two labels."""
    found: dict[str, str] = {}
    for who, persona in PERSONAS.items():
        text = ""
        if who in TEXTS:
            file = work / f"{who}.txt"
            file.write_text(f"<|im_start|>user\n{TEXTS[who]}\n<|im_end|>\n", "utf-8")
            text = f"&prompt=@{file}"
        found[who] = f"pairwise?protocol=alpaca_eval&logprobs=20{text}&model=({base}#smollm2?timeout=3600&system={persona})"  # fmt: skip
    return found


def entrants(named: Mapping[str, str], gold: Gold, ledger: Path, seed: int) -> list[Entrant]:
    """What each judge says of the pairs, asked once."""
    with Ledger.open(ledger) as store:
        session = Session(Door(store, concurrency=AT_ONCE), seed, ledger.parent)

        async def work() -> list[Entrant]:
            try:
                found: list[Entrant] = []
                for who, spec in named.items():
                    judge = session.open(spec, Judge)
                    heard = await ask_pairs(session, judge, gold.people, allow_degenerate=True, quiet=True)
                    found.append(replace(entrant_of(judge.name, heard), name=who))
                return found
            finally:
                await session.close()

        return finish(work())


def within(gold: Gold, kept: Sequence[bool]) -> Gold:
    """The truth of some of the pairs."""
    return replace(gold, label=np.where(np.array(kept), gold.label, -1).astype(np.int32))


def drawing(seed: int) -> Sampling:
    """How the contender's answers are drawn."""
    return Sampling(temperature=0.7, max_tokens=ANSWER, seed=seed)


def pairs_of(data: Path, model: str, seed: int, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a question: its words, the better and the worse answer, and where the pair comes from."""
    lines = (data / "mt_bench_question.jsonl").read_text("utf-8").splitlines()
    questions = {one["question_id"]: one for one in map(json.loads, lines)}
    recorded = map(json.loads, (data / "mt_bench_reference_gpt-4.jsonl").read_text("utf-8").splitlines())
    reference = {one["question_id"]: one["choices"][0]["turns"][0] for one in recorded}
    others = sorted(Random(seed).sample([id for id in questions if id not in reference], OTHERS))
    elsewhere = {id: _next(id, questions) for id in others}
    prompts = {id: Prompt((user(questions[id]["turns"][0]),)) for id in sorted({*reference, *others, *elsewhere.values()})}  # fmt: skip
    found = generate(model, list(prompts.values()), sampling=drawing(seed), **asked)
    said = {prompt.id: answer.text for prompt, answer in found.answers}
    own = {id: said[prompt.id] for id, prompt in prompts.items()}
    rows = [("reference", id, reference[id], own[id]) for id in sorted(reference)]
    rows += [("misplaced", id, own[id], own[elsewhere[id]]) for id in others]
    return [
        {"from": kind, "prompt": questions[id]["turns"][0], "better": better, "worse": worse}
        for kind, id, better, worse in rows
    ]


def _next(id: int, questions: Mapping[int, Mapping[str, Any]]) -> int:
    """The next question of the same category, the first after the last."""
    same = [other for other, one in questions.items() if one["category"] == questions[id]["category"]]
    return same[(same.index(id) + 1) % len(same)]


def sheet(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """The pairs as people's votes are written, the better answer first in every other one."""
    told: list[dict[str, str]] = []
    for n, one in enumerate(rows):
        first, second = ("worse", "better") if n % 2 else ("better", "worse")
        told.append({"prompt": one["prompt"], "answer_a": one[first], "answer_b": one[second], "winner": "BA"[first == "better"]})  # fmt: skip
    file.write_text(json.dumps(told), "utf-8")
    return file


def answers_file(work: Path, pairs: Sequence[Mapping[str, Any]]) -> str:
    """GPT-4's recorded answers as a contender."""
    file = work / "gpt-4.json"
    rows = [
        {"instruction": one["prompt"], "output": one["better"], "generator": "gpt-4"}
        for one in pairs
        if one["from"] == "reference"
    ]
    file.write_text(json.dumps(rows), "utf-8")
    return str(file)


def prompts_file(work: Path, pairs: Sequence[Mapping[str, Any]]) -> Path:
    """The questions that have a recorded answer."""
    file = work / "questions.jsonl"
    rows = (json.dumps({"prompt": one["prompt"]}) for one in pairs if one["from"] == "reference")
    file.write_text("\n".join(rows) + "\n", "utf-8")
    return file


def won_rows(found: Any) -> list[dict[str, Any]]:
    """The two figures of the comparison, by what answered."""
    return [
        {
            "contender": "gpt-4" if "gpt-4" in row.contender else "smollm2",
            "estimate": row.estimate, "low": row.low, "high": row.high, "n": row.n,
        }
        for row in found.standings.rows
    ]  # fmt: skip


def spent(ledger: Path) -> dict[str, int]:
    """Calls and tokens of all that was asked of the server."""
    with Ledger.open(ledger) as store:
        frame = store.query(
            "SELECT sum(calls) AS calls, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out FROM responses WHERE contender LIKE 'http%'"
        )
    return {name: int(value) for name, value in frame.row(0, named=True).items()}
