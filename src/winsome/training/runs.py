"""A whole run: the start, its data as tokens, references before anything is wrapped, the trainer, the checkpoint read back."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import orjson

from winsome.errors import Fatal, Unsupported
from winsome.matchmaking.run_folder import now, versions
from winsome.models.processor import bfloat16_pays
from winsome.models.render import template_of
from winsome.models.weights import LocalModel
from winsome.protocols import Run
from winsome.records import digest
from winsome.training import advice, behaviour, checkpoints, parallel
from winsome.training import start as starts
from winsome.training.behaviour import BEHAVIOUR
from winsome.training.choice import Choice, chosen_by
from winsome.training.examples import Examples
from winsome.training.heartbeat import doing, said_by, watched
from winsome.training.objective import Objective
from winsome.training.parallel import Ranks
from winsome.training.plan import Compute, Plan
from winsome.training.policies import policies, references
from winsome.training.progress import Progress, to_stderr
from winsome.training.start import Start
from winsome.training.task import TextTask
from winsome.training.together import by_first
from winsome.training.tokens import Tokenised, tokenised
from winsome.training.trainer import Trainer
from winsome.training.turns import only_counted
from winsome.training.units import placed, units

VERSION = 1
LARGE = 20_000_000
"""Parameters from which bfloat16 products are worth their rounding."""
RELOADED = 8
"""Units whose log-probabilities are compared after a checkpoint is read back."""
LOOKED_AT = 128
"""Sequences from whose prompts the canary takes its own."""
APART = {"own": 1e-4, "bfloat16": 0.1}
"""Nats a token that they may then differ by."""


@watched
def trained(
    start: str,
    examples: Examples,
    objective: Objective,
    plan: Plan,
    *,
    run: Run,
    reference_model: str = "",
    last_model: str = "",
    behaviour_model: str = "",
    judge: str = "",
    suite: str = "",
    say: Callable[[str], None] = to_stderr,
) -> str:
    """The name of the contender that `start` becomes; the same call goes on where an earlier one was stopped.

    `reference_model`: the fixed policy of ratios (default the start); `last_model`: the last iterate, for objectives that read one;
    `behaviour_model`: the policy that drew the answers, where the data do not tell (see `behaviour`). Every run lies in a folder of its
    own below run.folder, named by all that changes it. Raises BadInput, Unsupported or Fatal.
    """
    origin = starts.found(start, run)
    ranks = parallel.started(plan.parallel, plan.trackers, run.folder)
    say = said_by(say, ranks.rank)
    model = starts.load(origin)
    drawn = behaviour.source(examples, objective, behaviour_model)
    with doing(say, "turning the data into tokens"), ranks.accelerator.main_process_first():
        data = _data(model, examples, plan, policies=drawn == "policies")
    for line in data.lines():
        say(line)
    given = {"reference": reference_model or start, "last": last_model, BEHAVIOUR: behaviour_model}
    named = policies(given, drawn, data, objective, run)
    key = made_for(origin, data, objective, plan, named.ids, run.seed) | chosen_by(plan, judge, suite)
    folder = run.folder / f"{slug(objective.name)}-{digest(key)[:12]}"
    place = folder / "trained"
    if (place / "winsome.json").is_file():
        say(f"trained before: {place}")
        return origin.trained_name(str(place.resolve()))
    held = units(data, objective.needs, objective=objective.name)
    for line in advice.of_data(held, objective.settings):
        say(line)
    compute = precision(model, plan)
    with doing(say, "the reference's log-probabilities"):
        fixed = references(
            named, held, data, objective, origin, model, ranks, compute, plan.micro_tokens, say
        )
    model = adapted(model, plan, run.seed)
    if plan.checkpointing:
        model.network.train()
        model.network.gradient_checkpointing_enable({"use_reentrant": False})
    parallel.wrap(ranks, model.network)
    trainable = [(name, p) for name, p in model.network.named_parameters() if p.requires_grad]
    task = TextTask(held, objective, fixed, ranks, compute, plan.micro_tokens)
    progress = Progress(
        folder / "log.jsonl" if ranks.main else Path("/dev/null"), say, tracked(ranks, plan, folder)
    )
    trainer = Trainer(
        task, trainable, plan, ranks, folder, run.seed, key, progress, named.are(origin),
        looks_at(origin, model, [p for p, _ in held.sequences[:LOOKED_AT]], plan, ranks, folder, judge, suite, run),
        choice=Choice(folder / "best", plan.patience, ranks.main) if plan.patience else None,
    )  # fmt: skip
    began = time.process_time()
    trainer.train()
    told = {"source": data.source, "key": data.key, "counts": dict(data.counts)}
    with doing(say, "keeping the trained model"):
        keep(place, origin, model, trainer, told, began)
    if plan.trackers:
        ranks.accelerator.end_training()
    return origin.trained_name(str(place.resolve()))


def slug(name: str) -> str:
    """An objective's name as part of a folder's."""
    return re.sub(r"[^a-z0-9_]+", "-", name.partition("?")[0].rpartition(":")[2].lower())


def adapted(model: LocalModel, plan: Plan, seed: int) -> LocalModel:
    return starts.adapt(
        model, plan.adapter, rank=plan.lora_rank, alpha=plan.lora_alpha, targets=plan.lora_targets, seed=seed
    )


def _data(model: LocalModel, examples: Examples, plan: Plan, policies: bool) -> Tokenised:
    return tokenised(
        model, examples, format=plan.format, max_length=plan.max_length or None, too_long=plan.too_long,
        assistant_turns=plan.assistant_turns, policies=policies,
    )  # fmt: skip


def precision(model: LocalModel, plan: Plan) -> Compute:
    """How products are computed: "own" (float32) or "bfloat16"."""
    large = sum(p.numel() for p in model.network.parameters()) >= LARGE
    wanted = plan.precision == "bfloat16" or (plan.precision == "auto" and large and bfloat16_pays())
    return "bfloat16" if wanted else "own"


def made_for(
    origin: Start, data: Tokenised, objective: Objective, plan: Plan, references: Mapping[str, str], seed: int
) -> dict[str, str]:
    return {
        "version": str(VERSION),
        "start": origin.id,
        "data": data.key,
        "objective": digest([objective.name, {k: str(v) for k, v in objective.settings.items()}]),
        "plan": plan.id,
        "reference": digest(dict(references)),
        "seed": str(seed),
    }


def tracked(ranks: Ranks, plan: Plan, folder: Path) -> Callable[[Mapping[str, float], int], None] | None:
    """Hands figures to the plan's trackers, which keep them in the run's folder unless the environment names a server."""
    if not plan.trackers:
        return None
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ranks.accelerator.project_configuration.logging_dir = str(folder)
    if "mlflow" in plan.trackers and "MLFLOW_TRACKING_URI" not in os.environ:
        import mlflow

        cast(Any, mlflow).set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    settings = {k: v if isinstance(v, (str, int, float)) else str(v) for k, v in asdict(plan).items()}
    ranks.accelerator.init_trackers(
        "winsome", config=settings, init_kwargs={"wandb": {"dir": str(folder)}, "mlflow": {}}
    )
    return lambda figures, update: ranks.accelerator.log(dict(figures), step=update)


def looks_at(
    origin: Start, model: LocalModel, prompts: Sequence[Sequence[int]], plan: Plan, ranks: Ranks, folder: Path,
    judge: str, suite: str, run: Run,
) -> list[tuple[int, Callable[[int], Mapping[str, float]]]]:  # fmt: skip
    """What looks at the policy meanwhile: the canary at answers to some of `prompts`, a match against the start.

    Of several processes the first looks. Raises Unsupported where each holds a part of the weights.
    """
    looks: list[tuple[int, Callable[[int], Mapping[str, float]]]] = []
    if (plan.canary_every or plan.evaluate_every) and ranks.kind == "fsdp":
        raise Unsupported(
            "looks at sampled answers need whole weights; use --parallel ddp, or leave out --canary-every and --evaluate-every"
        )
    if plan.canary_every:
        from winsome.training.canary import Canary

        def sampled() -> Canary:
            first = starts.sampling(starts.load(origin))
            return Canary(starts.sampling(model), first, prompts, plan.max_kl, folder)

        looks.append((plan.canary_every, by_first(ranks, sampled)))
    if plan.evaluate_every:
        from winsome.training.evaluation import WinRate

        def played() -> WinRate:
            return WinRate(
                origin, model, folder / "evaluation", judge, suite, run, choosing=plan.patience > 0
            )

        looks.append((plan.evaluate_every, by_first(ranks, played)))
    return looks


def keep(
    place: Path, origin: Start, model: LocalModel, trainer: Trainer, data: Mapping[str, Any], began: float
) -> None:
    """Write the folder that `hf:` opens, read it back and compare; its record last, so a folder that has one is whole."""
    import torch

    ranks, task = trainer.ranks, trainer.task
    best = trainer.kept()
    rows = list(range(min(RELOADED, len(task.units))))
    plan = trainer.plan
    if trainer.optimizer.average or trainer.choice is not None:
        trainer.optimizer.load(best, trainer.optimizer.moments())
    with torch.no_grad():
        policy = task.batch(rows, task.objective.needs.roles, {}, 1.0).policy
    if not ranks.main:
        ranks.accelerator.wait_for_everyone()
        return
    network = model.network
    if ranks.kind == "fsdp":
        network = adapted(starts.load(origin), plan, trainer.seed).network
        with torch.no_grad():
            for name, p in network.named_parameters():
                if name in best:
                    p.copy_(best[name])
    record = {
        "start": origin.name,
        "start_id": origin.id,
        "template": None if plan.format == "text" else digest(template_of(model)),
        "objective": task.objective.name,
        "settings": {k: str(v) for k, v in task.objective.settings.items()},
        "plan": asdict(plan),
        "data": dict(data),
        "made_for": dict(trainer.made_for),
        "updates": trainer.update,
        "kept_update": trainer.choice.update if trainer.choice is not None else trainer.update,
        "tokens": trainer.tokens,
        "seconds": round(trainer.seconds, 2),
        "cpu_seconds": round(time.process_time() - began, 2),
        "time": now(),
        "versions": versions(),
    }
    write_model(place, network, model.tokenizer, record)
    assert isinstance(task, TextTask)
    _check_reloaded(place, origin, task, rows, policy.sums, policy.counts)
    ranks.accelerator.wait_for_everyone()


def write_model(place: Path, network: Any, tokenizer: Any, record: Mapping[str, Any]) -> None:
    """The folder that `hf:` opens, whole or not at all; Fatal where the disk is full."""
    part = place.with_name(f".part-{place.name}")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        network.save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / "winsome.json").write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
        checkpoints.settle(part, place)
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        raise checkpoints.failed(error, place, checkpoints.newest(place.parent / "checkpoints")) from error


def _check_reloaded(
    place: Path, origin: Start, task: TextTask, rows: Sequence[int], sums: Any, counts: Any
) -> None:
    """Raises Fatal where the model read back does not give the log-probabilities of the one in memory."""
    import torch

    from winsome.models.logprobs import logprobs

    again = starts.load(Start(str(place), str(place), "", origin.dtype))
    sequences, _, _ = placed(task.units, rows, task.objective.needs.roles)
    with torch.no_grad():
        found = logprobs(
            again.network, [task.units.sequences[i] for i in sequences], task.want,
            row_tokens=task.row_tokens, compute=task.compute,
        )  # fmt: skip
    if (counted := task.units.counts(sequences)) is not None:
        found = only_counted(found, torch.as_tensor(counted, device=found.sums.device))
    apart = float(((found.sums - sums).abs() / counts).max())
    if not apart <= APART[task.compute]:
        raise Fatal(
            f"{place}: read back, its log-probabilities are {apart:.2g} nats a token off; the save went wrong"
        )
