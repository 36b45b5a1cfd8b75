"""A whole run of a reward model: the start with its head, dialogues as tokens, the one trainer, the model read back and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome import specs
from winsome.errors import BadInput, Fatal
from winsome.matchmaking.run_folder import now, versions
from winsome.models.render import template_of
from winsome.models.scores import scores
from winsome.models.weights import LocalModel
from winsome.protocols import Run
from winsome.records import digest
from winsome.scorers.trained_on import keep_pairs, pair_key
from winsome.training import parallel
from winsome.training import start as starts
from winsome.training.examples import Examples
from winsome.training.heartbeat import doing, said_by, watched
from winsome.training.objective import Objective
from winsome.training.plan import Plan
from winsome.training.progress import Progress, to_stderr
from winsome.training.rewards import start as heads
from winsome.training.rewards.outcome import measured
from winsome.training.rewards.task import RewardTask, forward
from winsome.training.runs import APART, RELOADED, VERSION, made_for, precision, slug, tracked, write_model
from winsome.training.start import Start
from winsome.training.tokens import Tokenised, tokenised
from winsome.training.trainer import Trainer
from winsome.training.units import placed, units

if TYPE_CHECKING:
    from winsome.training.parallel import Ranks

SCORER = {"general_preference": "preference_model"}
"""Objective -> the kind that opens what it made; all others are ratings."""


@dataclass(frozen=True)
class _Made:
    """What a start becomes: its body with a head of `outputs` outputs, whole or with an adapter."""

    origin: Start
    objective: Objective
    outputs: int
    plan: Plan
    seed: int

    def bare(self) -> LocalModel:
        return heads.load(self.origin, self.objective, self.outputs, self.seed)

    def adapted(self, model: LocalModel) -> LocalModel:
        plan = self.plan
        return starts.adapt(
            model, plan.adapter, rank=plan.lora_rank, alpha=plan.lora_alpha, targets=plan.lora_targets,
            seed=self.seed, beside=("score",),
        )  # fmt: skip


@watched
def trained(
    start: str,
    examples: Examples,
    held: Examples,
    objective: Objective,
    plan: Plan,
    *,
    run: Run,
    say: Callable[[str], None] = to_stderr,
) -> str:
    """The name of the scorer (of the judge, where pairs are compared) that `start` becomes.

    The same call goes on where an earlier one was stopped. What was kept is read back and measured on `held`; the figures are the
    entry `held_out` of its winsome.json. Raises BadInput, Unsupported or Fatal.
    """
    if plan.format != "chat":
        raise BadInput("reward models rate whole dialogues; leave out --format text")
    if plan.assistant_turns != "last":
        raise BadInput("reward models rate whole dialogues; leave out --assistant-turns")
    if plan.canary_every:
        raise BadInput("a reward model says nothing; leave out --canary-every")
    if plan.patience:
        raise BadInput(
            "a reward model keeps its last weights, so that what is held out measures them; leave out --patience"
        )
    origin = starts.found(start, run)
    ranks = parallel.started(plan.parallel, plan.trackers, run.folder)
    say = said_by(say, ranks.rank)
    made = _Made(origin, objective, outputs_of(objective), plan, run.seed)
    model = made.bare()
    with doing(say, "turning the data into tokens"), ranks.accelerator.main_process_first():
        data = _data(model, examples, plan)
        apart = _data(model, held, plan) if plan.evaluate_every else None
    for line in data.lines():
        say(line)
    key = made_for(origin, data, objective, plan, {}, run.seed) | {"version": f"{VERSION}, reward"}
    folder = run.folder / f"reward-{slug(objective.name)}-{digest(key)[:12]}"
    place = folder / "trained"
    name = _name(place, origin, objective)
    if not (place / "winsome.json").is_file():
        learnt = units(data, objective.needs, objective=objective.name)
        _check_targets(learnt.columns, objective, examples.source)
        model = made.adapted(model)
        if plan.checkpointing:
            model.network.train()
            model.network.gradient_checkpointing_enable({"use_reentrant": False})
        parallel.wrap(ranks, model.network, forward)
        trainable = [(name, p) for name, p in model.network.named_parameters() if p.requires_grad]
        task = RewardTask(learnt, objective, ranks, precision(model, plan), plan.micro_tokens)
        log = folder / "log.jsonl" if ranks.main else Path("/dev/null")
        progress = Progress(log, say, tracked(ranks, plan, folder))
        trainer = Trainer(
            task, trainable, plan, ranks, folder, run.seed, key, progress,
            looks=_looks(task, apart, plan, ranks),
        )  # fmt: skip
        began = time.process_time()
        trainer.train()
        with doing(say, "keeping the trained model"):
            _keep(place, made, model, trainer, task, data, began)
        if plan.trackers:
            ranks.accelerator.end_training()
    else:
        say(f"trained before: {place}")
    if ranks.main:
        keep_pairs(
            place,
            (pair_key(one.sides[0].prompt.id, (side.text for side in one.sides)) for one in examples.rows),
        )
        with doing(say, "measuring it on what is held out"):
            _measure(place, name, objective, held, run, say)
    ranks.accelerator.wait_for_everyone()
    return name


def outputs_of(objective: Objective) -> int:
    """How many outputs an objective needs: `size(settings)` of its module, else 1. Raises BadInput for less than one."""
    import importlib

    module = importlib.import_module(getattr(objective.losses, "func", objective.losses).__module__)
    of: Any = getattr(module, "size", None)
    size = 1 if of is None else int(of(objective.settings))
    if size < 1:
        raise BadInput(f"{objective.name}: no output; name at least one attribute")
    return size


def _name(place: Path, origin: Start, objective: Objective) -> str:
    kind = SCORER.get(objective.name.partition("?")[0], "reward_model")
    settings = {"dtype": "float32"} if origin.dtype == "float32" else {}
    return str(specs.Spec(kind, str(place.resolve()), settings))


def _data(model: LocalModel, examples: Examples, plan: Plan) -> Tokenised:
    return tokenised(model, examples, max_length=plan.max_length or None, too_long=plan.too_long, whole=True)


def _check_targets(columns: Mapping[str, Any], objective: Objective, source: str) -> None:
    """Raises BadInput where ratings to be learnt are all alike."""
    for name in objective.settings.get("attributes", ()):
        values = columns[name]
        if len(values) and values.min() == values.max():
            raise BadInput(
                f"{source}: every answer has {name} {values[0]:g}; give answers that were rated differently"
            )


def _looks(
    task: RewardTask, apart: Tokenised | None, plan: Plan, ranks: Ranks
) -> list[tuple[int, Callable[[int], Mapping[str, float]]]]:
    """Loss and metrics on what is held out, every `evaluate_every` updates; ranks share the rows."""
    if apart is None:
        return []
    held = units(apart, task.objective.needs, objective=task.objective.name)
    other = RewardTask(held, task.objective, ranks, task.compute, task.row_tokens)

    def look(update: int) -> Mapping[str, float]:
        import torch

        sums: dict[str, tuple[float, float]] = {}
        with torch.no_grad():
            for first in range(0, len(held), ranks.world):
                row = first + ranks.rank
                # Ranks whose rows are done go through one again, as all must make as many forward passes.
                found = other.losses([min(row, len(held) - 1)], {}, 1.0)
                if row >= len(held):
                    continue
                parts = {"loss": (found.values.sum(), found.counts.sum()), **found.metrics}
                for name, (value, count) in parts.items():
                    a, b = sums.get(name, (0.0, 0.0))
                    sums[name] = (a + float(value), b + float(count))
        total = ranks.added(sums)
        return {f"held_out_{name}": value / count for name, (value, count) in total.items()}

    return [(plan.evaluate_every, look)]


def _keep(
    place: Path, made: _Made, model: LocalModel, trainer: Trainer, task: RewardTask, data: Tokenised, began: float,
) -> None:  # fmt: skip
    """Write the folder that `AutoModelForSequenceClassification` opens, an adapter merged into it; read it back and compare."""
    import torch

    ranks, plan = trainer.ranks, made.plan
    best = trainer.optimizer.best()
    rows = list(range(min(RELOADED, len(task.units))))
    if trainer.optimizer.average:
        trainer.optimizer.load(best, trainer.optimizer.moments())
    with torch.no_grad():
        seen = task.batch(rows, task.objective.needs.roles, {}, 1.0).scores
    if not ranks.main:
        return
    network = model.network
    if ranks.kind == "fsdp":
        network = made.adapted(made.bare()).network
        with torch.no_grad():
            for name, p in network.named_parameters():
                if name in best:
                    p.copy_(best[name])
    # The head is no part of an adapter's file: merged, nothing can be forgotten at the next load.
    network = network.merge_and_unload() if hasattr(network, "merge_and_unload") else network
    record = {
        "start": made.origin.name,
        "start_id": made.origin.id,
        "template": digest(template_of(model)),
        "objective": task.objective.name,
        "settings": {k: str(v) for k, v in task.objective.settings.items()},
        "plan": asdict(plan),
        "data": {"source": data.source, "key": data.key, "counts": dict(data.counts)},
        "made_for": dict(trainer.made_for),
        "updates": trainer.update,
        "tokens": trainer.tokens,
        "seconds": round(trainer.seconds, 2),
        "cpu_seconds": round(time.process_time() - began, 2),
        "time": now(),
        "versions": versions(),
    }
    write_model(place, network, model.tokenizer, record)
    again = heads.load(
        Start(str(place), str(place), "", made.origin.dtype), made.objective, made.outputs, made.seed
    )
    sequences, _, _ = placed(task.units, rows, task.objective.needs.roles)
    with torch.no_grad():
        found = scores(
            again.network, [task.units.sequences[i] for i in sequences],
            row_tokens=task.row_tokens, compute=task.compute,
        )  # fmt: skip
    apart = float((found - seen).abs().max())
    if not apart <= APART[task.compute] * (1.0 + float(seen.abs().max())):
        raise Fatal(f"{place}: read back, its ratings are {apart:.2g} off; the save went wrong")


def _measure(
    place: Path, name: str, objective: Objective, held: Examples, run: Run, say: Callable[[str], None]
) -> None:
    """Add the held-out figures of the model read back to its record, once for what is held out."""
    file = place / "winsome.json"
    record = orjson.loads(file.read_bytes())
    if "held_out" in record and record.get("held_out_id", held.id) == held.id:
        return
    found = measured(name, objective, held, run)
    record |= {"held_out": asdict(found), "held_out_id": held.id}
    part = file.with_suffix(".part")
    part.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
    part.replace(file)
    for line in found.lines():
        say(line)
