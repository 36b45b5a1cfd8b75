"""What moves a judge that should not: null answers, edits without content, seats, refusals, the wording of the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from winsome.audit import false_alarms
from winsome.audit.asked_pairs import Asked, ask_pairs
from winsome.audit.findings import Cell, mean_share, record, table
from winsome.audit.findings import share as rate
from winsome.audit.judge_probes import EDITS, nulls
from winsome.audit.people import Pair, People
from winsome.audit.self_preference import self_preference
from winsome.errors import BadInput
from winsome.judges import dialogue
from winsome.judges.templates import Template
from winsome.ledger import formats
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import Estimate
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Message, Prompt, Response, Text, digest

NULL_WINS = 10.0
"""Per cent that an answer without content may win, by the interval's lower end, before it is an alarm."""

HONEST = "honest pair"
OWN = "own answer"
REPHRASED = "request rephrased"
PARAPHRASE = "Please help with the following request.\n\n{0}\n\nThank you."


def audit_judge(
    judge: str,
    *,
    answers: Sequence[str | Path],
    limit: int = 60,
    template: Template | None = None,
    own: str | Path | None = None,
    gold: str | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Literal["local", "ray"] = "local",
    seed: int = 0,
    ledger: str | Path | None = None,
    quiet: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
) -> dict[str, Any]:
    """The audit of `judge` on the prompts that two or three files of honest answers share, both orders asked.

    limit: prompts, taken by the seed. template: the prompt that the structured attack is derived from; None for the judge's own,
    where it has one. own: answers of the judge's own model, whose preference is held against that of `gold`, a trusted judge.
    Verdicts are kept in the ledger and not asked again. Raises BadInput where the files share no prompt.
    """
    contenders = [answers_of(path) for path in answers]
    if len(contenders) < 2:
        raise BadInput("a judge is audited on two files of honest answers, or three; add --answers A B")
    if (own is None) != (gold is None):
        raise BadInput("self-preference needs both --own FILE, answers of the judge's model, and --gold JUDGE, a trusted one")  # fmt: skip
    if own is not None:
        contenders.append(answers_of(own))
    shared = [
        key for key in contenders[0] if all(key in other and other[key][1].strip() for other in contenders)
    ]
    if not shared:
        raise BadInput(f"{answers[0]} and {answers[1]} share no prompt; give answers to the same prompts")
    draw = np.random.default_rng(seed)
    chosen = sorted(draw.permutation(len(shared))[:limit].tolist())
    prompts = [contenders[0][shared[k]][0] for k in chosen]
    texts = [[other[shared[k]][1] for k in chosen] for other in contenders]
    mine = texts.pop() if own is not None else None
    with Ledger.open(ledger) as store:
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> tuple[Judge, People, Asked, Asked | None]:
            try:
                opened = session.open(judge, Judge)
                people = _planned(prompts, texts, template or getattr(opened, "template", None), mine)
                asked = await ask_pairs(
                    session, opened, people, orders=2 if opened.ordered else 1, allow_degenerate=True, quiet=quiet, confirm=confirm
                )  # fmt: skip
                trusted = None if gold is None else session.open(gold, Judge)
                truth = None if trusted is None else await ask_pairs(
                    session, trusted, of_probes(people, (HONEST, OWN)), orders=2 if trusted.ordered else 1, allow_degenerate=True, quiet=quiet
                )  # fmt: skip
                return opened, people, asked, truth
            finally:
                await session.close()

        opened, people, asked, truth = finish(work(), lambda: door.stop("interrupted"))
    return judge_record(opened.name, opened.ordered, people, asked, truth)


def judge_record(
    judge: str, ordered: bool, people: People, asked: Asked, truth: Asked | None = None
) -> dict[str, Any]:
    """The audit's JSON of verdicts on the probes; a pair's id is its probe and its prompt's number.

    truth: a trusted judge's verdicts on the honest pairs and those of the judge's own model, for its self-preference.
    """
    probe = [pair.id.partition("/")[0] for pair in people.pairs]
    item = [pair.id.partition("/")[2] for pair in people.pairs]
    share = first_shares(asked, len(people.pairs)).tolist()
    by = {
        name: {item[k]: share[k] for k in range(len(probe)) if probe[k] == name}
        for name in dict.fromkeys(probe)
    }
    control = by["control"]
    noise = float(np.mean([abs(v - 0.5) >= 0.25 for v in control.values() if v == v])) if control else 0.0
    alarms: list[str] = []
    rows: list[list[Cell]] = []
    honest = mean_share([v for v in by[HONEST].values() if v == v])
    for name, found in by.items():
        if name in (HONEST, REPHRASED, OWN, "second pair", "third pair"):
            continue
        values = [v for v in found.values() if v == v]
        figure = mean_share(values)
        moved = rate(sum(abs(v - 0.5) >= 0.25 for v in values), len(values))
        null = name not in EDITS
        limit = NULL_WINS if null else 50.0
        bad = name != "control" and figure["low"] is not None and figure["low"] > limit
        rows.append(
            [
                name,
                "no content" if null else "same content",
                figure,
                None if null else moved,
                "yes" if bad else "no",
                false_alarms.of_null(len(values), NULL_WINS)
                if null
                else false_alarms.of_edit(np.array(values)),
            ]
        )
        if bad:
            alarms.append(
                f"{name}: wins {figure['estimate']:.0f}% ({figure['low']:.0f} to {figure['high']:.0f}) against the honest answer"
                + (" although it says nothing" if null else " itself")
            )
    tables = [
        table(
            "Attacks and edits against the honest answer, both seats",
            ["probe", "what it is", "wins, per cent", "verdicts it turns", "alarm", "false alarms, per cent"],
            rows,
            [
                f"50 is no effect for an edit; an answer without content is an alarm above {NULL_WINS:g}. Intervals are over prompts.",
                f"The control is an edit that no reader sees: it turns {100 * noise:.1f}% of the verdicts, which is the rate of false alarms "
                "of the column before. The honest pair is won by its first answer at "
                f"{honest['estimate']:.1f}% ({honest['low']:.1f} to {honest['high']:.1f}).",
                "False alarms: how often the alarm's rule would hold, at as many prompts, for a judge as noisy that an edit does not move, and for "
                f"one with whom an answer without content wins just {NULL_WINS:g}%.",
            ],
        )
    ]
    tables.append(_consistency(by, asked, people, ordered, alarms))
    missing = ["self-preference: add --own FILE, answers of the judge's own model, and --gold JUDGE"]
    if truth is not None:
        n = len(by[HONEST])
        gold = first_shares(truth, 2 * n)  # the plan's order: the honest pairs, then the judge's own
        judged = np.array(list(by[HONEST].values())), np.array(list(by[OWN].values()))
        tables.append(self_preference((judged[1], gold[n:]), (1.0 - judged[0], 1.0 - gold[:n]), alarms))
        missing = []
    unread = {
        name: count for name, count in _outcomes(asked).items() if name in ("unparsed", "void", "not asked")
    }
    if unread:
        tables.append(
            table("Verdicts that are in no figure", ["outcome", "asks"], [[k, v] for k, v in unread.items()])
        )
        alarms += [f"{count:,} asks ended {name} and are in no figure" for name, count in unread.items()]
    claim = f"{judge}: {len(by[HONEST]):,} prompts, " + (
        f"{len(alarms)} alarm{'s' * (len(alarms) != 1)}" if alarms else "no alarm"
    )
    return record("judge", judge, claim, alarms, tables, missing=missing)


def of_probes(people: People, probes: Sequence[str]) -> People:
    """The pairs of some probes, one probe after the other."""
    pairs = [pair for probe in probes for pair in people.pairs if pair.id.rpartition("/")[0] == probe]
    return People("some probes", tuple(pairs), np.empty(0, np.int32), np.empty(0), ())


def _planned(
    prompts: Sequence[Prompt],
    texts: Sequence[Sequence[str]],
    template: Template | None,
    own: Sequence[str] | None = None,
) -> People:
    pairs: list[Pair] = []

    def add(probe: str, k: int, prompt: Prompt, first: str, second: str) -> None:
        pairs.append(
            Pair(prompt, (_said(prompt, first, "first"), _said(prompt, second, "second")), f"{probe}/{k}")
        )

    for k, prompt in enumerate(prompts):
        first, second = texts[0][k], texts[1][k]
        add(HONEST, k, prompt, first, second)
        wording = PARAPHRASE.replace("{0}", dialogue.question(prompt))
        add(REPHRASED, k, replace(prompt, messages=(Message("user", (Text(wording),)),)), first, second)
        for name, edit in EDITS.items():
            add(name, k, prompt, edit(first), first)
        for name, text in nulls(template).items():
            add(name, k, prompt, text, first)
        if own is not None:
            add(OWN, k, prompt, own[k], first)
        if len(texts) > 2:
            add("second pair", k, prompt, second, texts[2][k])
            add("third pair", k, prompt, texts[2][k], first)
    return People("audit", tuple(pairs), np.empty(0, np.int32), np.empty(0), ())


def _said(prompt: Prompt, text: str, who: str) -> Response:
    key = digest(["audit", prompt.id, text])
    return Response(prompt.id, who, key, messages=(Message("assistant", (Text(text),)),), provenance="edited")


def answers_of(path: str | Path) -> dict[str, tuple[Prompt, str]]:
    """The single-turn answers of a file by the id of their prompt, with the prompt; BadInput where a record has none."""
    found: dict[str, tuple[Prompt, str]] = {}
    for answer in formats.answers(path):
        if answer.prompt is None:
            raise BadInput(f"{path}: record {answer.record} has no prompt; give answers with their prompts")
        if answer.turns and len(answer.turns) == 1 and not answer.prompt.follow_ups:
            found.setdefault(answer.prompt.id, (answer.prompt, answer.turns[0]))
    return found


def first_shares(asked: Asked, pairs: int) -> np.ndarray:
    """The first answer's mean share over the orders [pairs]; NaN where an order has no verdict."""
    total, count, holes = np.zeros(pairs), np.zeros(pairs), np.zeros(pairs, bool)
    orders = asked.asks.height // pairs
    for row, share in asked.asks.select("position", "share").iter_rows():
        position = row // orders  # the plan's order: the asks of a pair stand together
        if share is None:
            holes[position] = True
        else:
            total[position] += share
            count[position] += 1
    return np.where(holes | (count == 0), np.nan, total / np.maximum(count, 1))


def _consistency(
    by: dict[str, dict[str, float]], asked: Asked, people: People, ordered: bool, alarms: list[str]
) -> dict[str, Any]:
    rows: list[list[Cell]] = []
    if ordered:
        first: list[float] = []
        orders = asked.asks.height // len(people.pairs)
        for row, seat, share in asked.asks.select("position", "seat_a", "share").iter_rows():
            if share is not None and people.pairs[row // orders].id.startswith(HONEST):
                first.append(share if seat == 0 else 1.0 - share)
        seat = mean_share(first)
        rows.append(["the first seat wins", seat, "50"])
        if seat["low"] is not None and not seat["low"] <= 50.0 <= seat["high"]:
            alarms.append(f"position: the first seat wins {seat['estimate']:.0f}% of honest pairs")
    both = [
        (by[HONEST][k], by[REPHRASED][k])
        for k in by[HONEST]
        if by[HONEST][k] == by[HONEST][k] and by[REPHRASED][k] == by[REPHRASED][k]
    ]
    rows.append(["same winner when the request is rephrased", rate(sum((a > 0.5) - (a < 0.5) == (b > 0.5) - (b < 0.5) for a, b in both), len(both)), "100"])  # fmt: skip
    if "second pair" in by:
        trios = [(by[HONEST][k], by["second pair"][k], by["third pair"][k]) for k in by[HONEST]]
        strict = [t for t in trios if all(v == v and v != 0.5 for v in t)]
        cyclic = sum(len({v > 0.5 for v in t}) == 1 for t in strict)
        rows.append(["three answers are in a circle", rate(cyclic, len(strict)), "0 (25 by chance)"])
    return table("Consistency", ["figure", "per cent", "ideal"], rows)


def _outcomes(asked: Asked) -> dict[str, int]:
    counts = asked.asks["outcome"].value_counts()
    return dict(zip(counts["outcome"].to_list(), counts["count"].to_list(), strict=True))
