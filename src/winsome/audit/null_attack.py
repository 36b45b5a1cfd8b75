"""One answer for every prompt, made to win: a null contender derived from the judge's own prompt, searched on other prompts, and held
against honest answers with and without defences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from winsome.audit import null_model
from winsome.audit.asked_pairs import Asked, ask_pairs
from winsome.audit.judge_attacks import HONEST, answers_of, of_probes
from winsome.audit.null_page import null_record
from winsome.audit.null_plan import attack_plan, search_load
from winsome.audit.people import Pair, People, said
from winsome.audit.prefix_search import Searched, pieces_of, searchable, searched
from winsome.errors import BadInput
from winsome.judges.pairwise import Pairwise
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import Estimate
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Prompt
from winsome.specs import Spec, factory_of, parse

Attack = Literal["constant", "structured", "search"]
Defence = Literal["fence", "smooth", "perplexity"]


@dataclass(frozen=True)
class Plan:
    """What the attack is measured on. rivals: honest answers to held-out prompts; others: a second honest answer to each, or None.

    training: pairs (nothing, honest answer) of the prompts that are searched on, which are none of the held-out ones.
    """

    prompts: Sequence[Prompt]
    rivals: Sequence[str]
    others: Sequence[str] | None
    training: Sequence[Pair]


@dataclass(frozen=True, eq=False)
class Variant:
    """One judge's verdicts on the attacks: the judge as it is attacked, one with a defence, or one that the attack is carried over to."""

    name: str
    what: Literal["attacked", "defence", "transfer"]
    asked: Asked


def audit_null(
    judge: str,
    *,
    answers: Sequence[str | Path],
    attack: Attack = "search",
    search_answers: str | Path | None = None,
    search_prompts: int = 8,
    steps: int = 128,
    prefix: int = 128,
    limit: int = 60,
    defences: Sequence[Defence] | None = None,
    transfer: Sequence[str] = (),
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
    """The audit's JSON of a null contender against the first file's answers, both seats, on `limit` prompts it was not searched on.

    answers: one file of honest answers, or a second to measure what a defence costs. attack: the strongest that is tried; the
    weaker ones stand beside it. search_answers: answers whose prompts are searched on (default: others of the first file), in
    `steps` trials of `prefix` tokens. defences: None for a fence where the judge takes one. transfer: further judges that the same texts are tried on. gold: a judge that is trusted,
    against which the honest pairs' verdicts are held. Raises BadInput where search and held-out prompts overlap or are too few,
    Unsupported where a judge has no log-probabilities to search on.
    """
    plan = planned(answers, search_answers, search_prompts if attack == "search" else 0, limit, seed)
    with Ledger.open(ledger) as store:
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> dict[str, Any]:
            try:
                plain = session.open(str(_with(judge, "none")), Judge)
                texts, search = {"constant": null_model.constant()}, None
                template = getattr(plain, "template", None)
                if attack != "constant":
                    if template is None:
                        raise BadInput(f"{judge[:60]}: has no prompt text of its own to derive an attack from; take --attack constant")  # fmt: skip
                    texts["structured"] = null_model.structured(template)
                    texts["structured, turned"] = null_model.structured(template, turned=True)
                specs = _specs(judge, defences, transfer, template)
                judges = [session.open(spec, Judge) for _, _, spec in specs]
                load = None
                to_come = dict(texts)
                if attack == "search":
                    load = search_load(searchable(plain), plan.training, prefix, steps)
                    to_come["structured and searched"] = texts["structured"]
                whole = attack_plan(judges, _people(plan, to_come).pairs, load)
                if confirm is not None and not confirm(whole):
                    raise BadInput(
                        "nothing was asked: the plan was not confirmed; --yes goes on without asking"
                    )
                if attack == "search":
                    # what needs no search is asked first, so that a judge that does not compare is found before it is searched on
                    await ask_pairs(session, plain, _people(plan, texts), orders=2 if plain.ordered else 1, allow_degenerate=True, quiet=quiet)  # fmt: skip
                    search = await _searched(searchable(plain), plan, prefix, steps, seed)
                    texts["structured and searched"] = search.text
                people = _people(plan, texts)
                variants: list[Variant] = []
                for (name, what, _), opened in zip(specs, judges, strict=True):
                    asked = await ask_pairs(session, opened, people, orders=2 if opened.ordered else 1, allow_degenerate=True, quiet=quiet)  # fmt: skip
                    variants.append(Variant(name, what, asked))
                truth = None
                if gold is not None and plan.others is not None:
                    honest = of_probes(people, (HONEST,))
                    trusted = session.open(gold, Judge)
                    truth = await ask_pairs(session, trusted, honest, orders=2 if trusted.ordered else 1, allow_degenerate=True, quiet=quiet)  # fmt: skip
                return null_record(
                    judge,
                    plan,
                    texts,
                    search,
                    people,
                    variants,
                    truth,
                    plain.ordered,
                    "perplexity" in (defences or ()),
                )
            finally:
                await session.close()

        return finish(work(), lambda: door.stop("interrupted"))


def planned(
    answers: Sequence[str | Path],
    search_answers: str | Path | None,
    search_prompts: int,
    limit: int,
    seed: int,
) -> Plan:
    """The held-out prompts and those that are searched on, drawn by the seed; BadInput where they overlap or are too few."""
    files = [answers_of(path) for path in answers]
    held = [
        key for key, (_, text) in files[0].items()
        if text.strip() and all(key in other and other[key][1].strip() for other in files[1:])
    ]  # fmt: skip
    if not held:
        raise BadInput(f"{answers[0]}: shares no answered prompt with the other file; give answers to the same prompts")  # fmt: skip
    order = [held[k] for k in np.random.default_rng(seed).permutation(len(held))]
    pool = files[0]
    if search_answers is not None:
        pool = answers_of(search_answers)
        overlap = [prompt.text for key, (prompt, _) in pool.items() if key in files[0]]
        if overlap:
            shown = "; ".join(repr(text[:30]) for text in overlap[:2])
            raise BadInput(f"{search_answers}: {len(overlap)} prompts to search on are held-out ones too ({shown}); give other prompts")  # fmt: skip
        training = [key for key, (_, text) in pool.items() if text.strip()][:search_prompts]
    else:
        training, order = order[:search_prompts], order[search_prompts:]
    chosen = order[:limit]
    if len(training) < search_prompts or not chosen:
        raise BadInput(f"{answers[0]}: {len(held)} prompts do not suffice for {search_prompts} to search on and others to test; give more")  # fmt: skip
    return Plan(
        [files[0][key][0] for key in chosen],
        [files[0][key][1] for key in chosen],
        [files[1][key][1] for key in chosen] if len(files) > 1 else None,
        [Pair(pool[key][0], (said(pool[key][0], "attack", ""), said(pool[key][0], "honest", pool[key][1]))) for key in training],
    )  # fmt: skip


async def _searched(judge: Pairwise, plan: Plan, prefix: int, steps: int, seed: int) -> Searched:
    return await searched(judge, plan.training, pieces_of(judge), length=prefix, steps=steps, seed=seed)


def _people(plan: Plan, texts: Mapping[str, str]) -> People:
    pairs = [
        Pair(prompt, (said(prompt, name, text), said(prompt, "honest", rival)), f"{name}/{k}")
        for name, text in texts.items()
        for k, (prompt, rival) in enumerate(zip(plan.prompts, plan.rivals, strict=True))
    ]
    if plan.others is not None:
        pairs += [
            Pair(prompt, (said(prompt, "other", other), said(prompt, "honest", rival)), f"{HONEST}/{k}")
            for k, (prompt, rival, other) in enumerate(zip(plan.prompts, plan.rivals, plan.others, strict=True))
        ]  # fmt: skip
    return People("null contender", tuple(pairs), np.empty(0, np.int32), np.empty(0), ())


def _specs(
    judge: str, defences: Sequence[Defence] | None, transfer: Sequence[str], template: Any
) -> list[tuple[str, Literal["attacked", "defence", "transfer"], str]]:
    """The judges that are asked, each with its name in the tables; BadInput for a defence that the judge's kind lacks."""
    plain = _with(judge, "none")
    if defences is None:
        defences = ("fence",) if template is not None and plain.kind == "pairwise" else ()
    found: list[tuple[str, Literal["attacked", "defence", "transfer"], str]] = [("no defence", "attacked", str(plain))]  # fmt: skip
    for defence in defences:
        if defence == "fence":
            if template is None or plain.kind != "pairwise":
                raise BadInput(f"{judge[:60]}: takes no fence, which is a setting of pairwise; leave --defence fence away")  # fmt: skip
            found.append(("fence", "defence", str(_with(judge, "nonce"))))
        elif defence == "smooth":
            found.append(("smooth", "defence", str(Spec("smoothed", "", {"judge": plain}))))
    return found + [(name, "transfer", name) for name in transfer]


def _with(judge: str, fence: str) -> Spec:
    """The judge's name with its fence set; a contender as a judge is `pairwise?model=..`; another kind as it is."""
    spec = parse(judge)
    # `embedded:judge` judges without a prompt text; another embedded model is asked by one, like any contender
    if spec != Spec("embedded", "judge") and factory_of(spec, "Contender") is not None:
        spec = Spec("pairwise", "", {"model": spec})
    if spec.kind != "pairwise":
        return spec
    return Spec(spec.kind, spec.address, {**spec.settings, "fence": fence})
