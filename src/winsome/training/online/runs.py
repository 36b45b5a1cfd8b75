"""A whole online run: the start, its prompts as ids, sampler, reward and reference, the trainer, the checkpoint read back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput, Unsupported
from winsome.models.logprobs import Want, logprobs
from winsome.models.render import prompt_ids
from winsome.models.weights import LocalModel
from winsome.protocols import Run
from winsome.records import Prompt, digest
from winsome.training import parallel
from winsome.training import start as starts
from winsome.training.choice import Choice, chosen_by
from winsome.training.heartbeat import doing, said_by, watched
from winsome.training.online.asking import Asking
from winsome.training.online.critic import Critic, critic
from winsome.training.online.method import Method
from winsome.training.online.phases import Phases
from winsome.training.online.reward import GROUP, Reward
from winsome.training.online.sampling import Asked, Sample, by_contender, by_transformers, own
from winsome.training.online.whole import reference_of, whole
from winsome.training.plan import Plan
from winsome.training.progress import Progress, to_stderr
from winsome.training.runs import (
    VERSION,
    adapted,
    keep,
    looks_at,
    precision,
    slug,
    tracked,
    write_model,
)
from winsome.training.start import Start
from winsome.training.task import TextTask
from winsome.training.trainer import Trainer
from winsome.training.units import Units

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    from winsome.models.logprobs import Sequences

BLOCK = 256
"""Sequences a forward pass without gradient."""


@dataclass(frozen=True)
class Drawing:
    """How answers are drawn: `draws` a prompt (0: the method's own number), `phase` prompts a phase (0: those of one update), passes
    over them, the most tokens of an answer. sampler: own, transformers, or a contender's name with {policy} in it."""

    draws: int = 0
    phase: int = 0
    passes: int = 1
    max_tokens: int = 256
    temperature: float = 1.0
    sampler: str = "own"

    def __post_init__(self) -> None:
        for name in ("draws", "phase"):
            if getattr(self, name) < 0:
                raise BadInput(f"{name}={getattr(self, name)} must be at least 0")
        for name in ("passes", "max_tokens"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}={getattr(self, name)} must be at least 1")
        if not 0.0 < self.temperature < math.inf:
            raise BadInput(f"temperature={self.temperature} must be above 0")


@watched
def trained(
    start: str,
    prompts: Sequence[Prompt],
    method: Method,
    plan: Plan,
    drawing: Drawing,
    *,
    run: Run,
    reward: str,
    against: str = GROUP,
    unended: float = math.nan,
    reference_model: str = "",
    judge: str = "",
    suite: str = "",
    source: str = "prompts",
    say: Callable[[str], None] = to_stderr,
) -> str:
    """The name of the contender that `start` becomes; the same call goes on where an earlier one was stopped.

    Raises BadInput, Unsupported or Fatal with one line.
    """
    _check(method, plan, drawing)
    draws = drawing.draws or method.draws
    if draws < method.least:
        raise BadInput(
            f"{method.objective.name} compares answers to one prompt; give --draws {method.least} or more"
        )
    if method.dead_groups != "keep" and draws < 2:
        raise BadInput(
            f"every group of one answer is dead: give --draws 2 or more, or --dead-groups keep (now {method.dead_groups})"
        )
    origin = starts.found(start, run)
    ranks = parallel.started(plan.parallel, plan.trackers, run.folder)
    say = said_by(say, ranks.rank)
    model = starts.load(origin)
    asked, dropped = _asked(model, prompts, drawing, source)
    say(f"prompts: {len(asked)} of {len(prompts)}" + (f" (too long {dropped})" if dropped else ""))
    fixed = starts.found(reference_model, run) if reference_model else origin
    asking = Asking(run)
    try:
        rate = Reward(reward, asking, against=against)
        key = _made_for(origin, asked, method, plan, drawing, draws, rate, unended, fixed, run.seed)
        key |= chosen_by(plan, judge, suite)
        folder = run.folder / f"{slug(method.objective.name)}-{digest(key)[:12]}"
        place = folder / "trained"
        if (place / "winsome.json").is_file():
            say(f"trained before: {place}")
            return origin.trained_name(str(place.resolve()))
        data = {
            "source": source,
            "key": key["prompts"],
            "counts": {"prompts": len(asked), "too long": dropped},
            "reward": rate.name,
            "reward_id": rate.id,
        }
        reference = reference_of(origin, fixed, model, plan)
        model = adapted(model, plan, run.seed)
        parallel.wrap(ranks, model.network)
        compute = precision(model, plan)
        trainable = [(name, p) for name, p in model.network.named_parameters() if p.requires_grad]
        drawn = whole(origin, model, trainable, plan, ranks, run.seed)
        task = TextTask(_none_yet(), method.objective, {}, ranks, compute, plan.micro_tokens)
        values = None
        if method.critic:
            judged = critic(origin, ranks, row_tokens=plan.micro_tokens, compute=compute, seed=run.seed)
            trainable += judged.trainable()
            task.critic = judged
            values = partial(known_values, judged)

        def forward(network: Any, sequences: Sequences) -> NDArray[float32]:
            return token_logprobs(network, sequences, plan.micro_tokens, compute)

        def of_reference(sequences: Sequences) -> NDArray[float32]:
            with reference(drawn.model.network) as network:
                return forward(network, sequences)

        each, parts, updates_each = _shape(method, plan, drawing, len(asked))
        phases = Phases(
            task, method, asked, _sampler(drawn.model, drawing, draws, method, run.seed, asking, folder, origin), rate,
            lambda sequences: forward(drawn.model.network, sequences), of_reference, values, drawn.gather, trainable, plan, ranks,
            folder / "rollouts", run.seed, each, parts, updates_each, unended,
        )  # fmt: skip
        progress = Progress(
            folder / "log.jsonl" if ranks.main else Path("/dev/null"), say, tracked(ranks, plan, folder)
        )
        trainer = Trainer(
            task, trainable, plan, ranks, folder, run.seed, key, progress, fixed.id == origin.id,
            looks_at(origin, model, [one.ids for one in asked[:BLOCK]], plan, ranks, folder, judge, suite, run),
            source=phases, choice=Choice(folder / "best", plan.patience, ranks.main) if plan.patience else None,
        )  # fmt: skip
        began = time.process_time()
        trainer.train()
        with doing(say, "keeping the trained model"):
            keep(place, origin, model, trainer, data, began)
        if plan.trackers:
            ranks.accelerator.end_training()
        return origin.trained_name(str(place.resolve()))
    finally:
        asking.close()


def token_logprobs(network: Any, sequences: Sequences, row_tokens: int, compute: Any) -> NDArray[float32]:
    """Log-probability of every answer token, flat, nats, without gradient, by the trainer's own forward pass."""
    import numpy as np
    import torch

    found: list[Any] = []
    with torch.no_grad():
        for i in range(0, len(sequences), BLOCK):
            held = logprobs(
                network, sequences[i : i + BLOCK], Want(tokens=True), row_tokens=row_tokens, compute=compute
            )
            assert held.tokens is not None
            found.append(held.tokens.float().cpu().numpy())
    return np.concatenate(found)


def known_values(judged: Critic, sequences: Sequences) -> NDArray[float32]:
    """What a critic says before every answer token, flat, without gradient."""
    import numpy as np
    import torch

    with torch.no_grad():
        parts = [judged(sequences[i : i + BLOCK]) for i in range(0, len(sequences), BLOCK)]
    return np.concatenate([part.cpu().numpy() for part in parts])


def _check(method: Method, plan: Plan, drawing: Drawing) -> None:
    if plan.format != "chat":
        raise BadInput("online training asks by the model's chat template; leave out --format text")
    if plan.assistant_turns != "last":
        raise BadInput("online training learns from single answers; leave out --assistant-turns")
    if plan.checkpointing:
        raise Unsupported("online training does not recompute activations yet; lower --micro-tokens instead")
    if method.ratios and drawing.temperature != 1.0:
        raise BadInput(
            f"{method.objective.name} reads ratios of the policy that drew: its answers come at temperature 1, not {drawing.temperature:g}"
        )


def _asked(
    model: LocalModel, prompts: Sequence[Prompt], drawing: Drawing, source: str
) -> tuple[list[Asked], int]:
    """The prompts as ids, each once, and how many leave no room for an answer."""
    limit = model.context
    held = {prompt.id: prompt for prompt in prompts}
    found = [Asked(prompt, tuple(prompt_ids(model, prompt))) for prompt in held.values()]
    kept = [one for one in found if len(one.ids) + min(drawing.max_tokens, limit // 2) <= limit]
    if not kept:
        raise BadInput(
            f"{source}: no prompt of {len(prompts)} leaves room for {drawing.max_tokens} tokens; lower --max-tokens"
        )
    if any(prompt.follow_ups for prompt in held.values()):
        raise Unsupported(
            f"{source}: has prompts with later user turns; online training answers single turns"
        )
    return kept, len(found) - len(kept)


def _made_for(
    origin: Start, asked: Sequence[Asked], method: Method, plan: Plan, drawing: Drawing, draws: int,
    reward: Reward, unended: float, fixed: Start, seed: int,
) -> dict[str, str]:  # fmt: skip
    return {
        "version": str(VERSION),
        "start": origin.id,
        "prompts": digest([one.prompt.id for one in asked]),
        "objective": digest(
            [method.objective.name, {k: str(v) for k, v in method.objective.settings.items()}]
        ),
        "plan": plan.id,
        "drawing": digest([str(drawing), draws]),
        "reward": digest([reward.id, str(unended)]),
        "reference": fixed.id,
        "seed": str(seed),
    }


def _shape(method: Method, plan: Plan, drawing: Drawing, n: int) -> tuple[int, int, int]:
    """Prompts a phase, updates a pass over it, updates a phase."""
    if method.rounds:
        each = -(-n // method.rounds)
        parts = -(-each // plan.batch)
        return each, parts, max(1, round(plan.epochs * parts))
    each = min(n, drawing.phase or plan.batch)
    parts = -(-each // plan.batch)
    return each, parts, parts * drawing.passes


def _sampler(
    model: LocalModel,
    drawing: Drawing,
    draws: int,
    method: Method,
    seed: int,
    asking: Asking,
    folder: Path,
    origin: Start,
) -> Sample:
    inner = starts.sampling(model)
    if drawing.sampler == "own":
        return own(
            inner, draws=draws, max_tokens=drawing.max_tokens, temperature=drawing.temperature, seed=seed
        )
    if drawing.sampler == "transformers":
        return by_transformers(
            inner, draws=draws, max_tokens=drawing.max_tokens, temperature=drawing.temperature, seed=seed
        )

    def write(place: Path) -> None:
        write_model(place, model.network, model.tokenizer, {"start": origin.name})

    return by_contender(
        drawing.sampler, model, asking, write, folder / "policies", draws=draws, max_tokens=drawing.max_tokens,
        temperature=drawing.temperature, seed=seed, told=method.ratios,
    )  # fmt: skip


def _none_yet() -> Units:
    """The units before the first phase."""
    import numpy as np

    from winsome.training.online.rollouts import flat

    return Units([], flat([]), {}, {}, np.zeros(0, np.int64))
