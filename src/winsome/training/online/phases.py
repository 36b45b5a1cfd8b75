"""The phases of an online run: answers are drawn, rated, kept on disk, then learnt from; a source of units for the trainer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import Fatal
from winsome.training.online import rollouts as files
from winsome.training.online.advantages import dead
from winsome.training.online.method import Method, rated
from winsome.training.online.reward import Draft, Reward
from winsome.training.online.rollouts import Rollouts, flat
from winsome.training.online.sampling import Answer, Asked, Sample
from winsome.training.parallel import Ranks
from winsome.training.plan import Plan
from winsome.training.task import TextTask
from winsome.training.units import of_update, order

if TYPE_CHECKING:
    from numpy import float32, float64
    from numpy.typing import NDArray

    from winsome.models.logprobs import Sequences

    Forward = Callable[[Sequences], NDArray[float32]]

APART = 1.1
"""Importance ratios between sampler and trainer above this, or below its inverse, are counted."""
MISMATCH = {"own": 0.05, "bfloat16": 0.2}
"""Mean nats a token by which they may differ before a run is stopped: it would learn from another policy's answers."""

RESAMPLED = 3
"""Further rounds of asking in a phase, at most, where dead groups are made up for."""
BEYOND = 1 << 40
"""Added to a phase's number in the order of the prompts that are asked in the place of dead groups."""


@dataclass
class Phases:
    """`forward` gives the policy's, `reference` the reference's log-probabilities of answer tokens, flat; `values` a critic's;
    `gather` is called by every rank before answers are drawn.

    each: prompts a phase; updates_each: updates learnt from it, `parts` of them a pass. penalty_unended: the reward of an answer
    that was cut at the limit, in the place of its own (nan: its own).
    """

    task: TextTask
    method: Method
    asked: Sequence[Asked]
    sample: Sample
    reward: Reward
    forward: Forward
    reference: Forward
    values: Forward | None
    gather: Callable[[], None]
    weights: Sequence[tuple[str, Any]]
    plan: Plan
    ranks: Ranks
    folder: Path
    seed: int
    each: int
    parts: int
    updates_each: int
    unended: float = math.nan
    phase: int = -1
    digest: str = ""
    _expected: tuple[int, str] = field(default=(-1, ""))

    def total(self) -> int:
        """Updates of the run."""
        if self.method.rounds:
            return self.plan.updates or self.method.rounds * self.updates_each
        phases = -(-round(self.plan.epochs * len(self.asked)) // self.each)
        return self.plan.updates or max(1, phases) * self.updates_each

    def rows(self, update: int) -> Sequence[int]:
        """The units of an update: each pass visits all units of the phase, in an order of its own."""
        phase, place = divmod(update, self.updates_each)
        n = len(self.task.units)
        passed, part = divmod(place, self.parts)
        found = order(n, phase * 1000 + passed, self.seed)
        # A phase that lost nearly all its units still gives every update one.
        return (
            found[part * n // self.parts : (part + 1) * n // self.parts].tolist()
            or found[part % n : part % n + 1].tolist()
        )

    def begin(self, update: int) -> Mapping[str, float]:
        """Rollouts of the update's phase, made now unless they are in use or on disk; their figures where they are new."""
        phase, place = divmod(update, self.updates_each)
        if phase == self.phase:
            return {}
        file = self.folder / f"{phase:06d}.npz"
        version = ""
        if place == 0:
            self.gather()
            version = _version(update, self.weights)
        told: dict[str, float] = {}
        if self.ranks.main:
            held = files.read(file)
            if place and held is None:
                raise Fatal(
                    f"{file.name}: the rollouts of this phase are gone; start again with another --out"
                )
            # A file that other weights have drawn is of a run that went otherwise.
            if held is None or (version and held.version != version):
                made, told = self._made(phase, version)
                files.write(file, made)
        self.ranks.accelerator.wait_for_everyone()
        rollouts = files.read(file)
        if rollouts is None:
            raise Fatal(f"{file.name}: cannot be read back; is the folder shared by all processes?")
        self.digest = blake2b(file.read_bytes(), digest_size=16).hexdigest()
        if self._expected[0] == phase and self._expected[1] != self.digest:
            raise Fatal(
                f"{file.name}: is not what the checkpoint was learning from; start again with another --out"
            )
        self.phase = phase
        learnt = self.method.made(rollouts)
        self.task.units, self.task.references = learnt.units, learnt.references
        self.task.tokens = learnt.tokens
        return {**self._figures(rollouts), **told}

    def _made(self, phase: int, version: str) -> tuple[Rollouts, dict[str, float]]:
        """Answers of the current weights to the phase's prompts, rated, with all log-probabilities; seconds by kind."""
        import numpy as np

        chosen: list[int] = of_update(len(self.asked), self.each, phase, self.seed).tolist()
        wanted, spent = len(chosen), [0.0, 0.0]
        said, reward, failures = self._answered(chosen, 0, phase, spent)
        for _ in range(RESAMPLED if self.method.dead_groups == "resample" else 0):
            groups = np.asarray([n for n, _, _ in said], np.int64)
            live = rated(reward, groups, self.method.least, "drop")
            more = self._others(chosen, phase)[: wanted - len(np.unique(groups[live]))]
            if not more:
                break
            told = self._answered(more, len(chosen), phase, spent)
            chosen += more
            said, reward, failures = said + told[0], np.concatenate([reward, told[1]]), failures + told[2]
        began = time.perf_counter()
        # A draw that failed has no tokens; one stands for it, so that arrays stay whole. Its reward is nan, so nothing learns from it.
        sequences = [(one.ids, a.ids or one.ids[-1:]) for _, one, a in said]
        behaviour, reference = self.forward(sequences), self.reference(sequences)
        values = self.values(sequences) if self.values is not None else np.zeros(0, np.float32)
        made = Rollouts(
            version,
            tuple(self.asked[i].prompt.id for i in chosen),
            np.asarray([n for n, _, _ in said], np.int64),
            flat(sequences),
            tuple(a.text for _, _, a in said),
            np.asarray([a.ended for _, _, a in said]),
            reward,
            failures,
            np.asarray([v for _, _, a in said for v in _told(a)], np.float32),
            behaviour,
            reference,
            values,
        )
        self._check_mismatch(made)
        sample, rate = spent
        took = {
            "sample_seconds": sample,
            "reward_seconds": rate,
            "forward_seconds": time.perf_counter() - began,
        }
        return made, took

    def _answered(
        self, chosen: Sequence[int], first: int, phase: int, spent: list[float]
    ) -> tuple[list[tuple[int, Asked, Answer]], NDArray[float64], tuple[str, ...]]:
        """Answers to the numbered prompts, whose groups are numbered from `first`, their rewards and why some have none."""
        import numpy as np

        asked = [self.asked[i] for i in chosen]
        began = time.perf_counter()
        drawn = self.sample(asked, phase)
        between = time.perf_counter()
        said = [
            (n, one, answer)
            for n, (one, answers) in enumerate(zip(asked, drawn, strict=True), first)
            for answer in answers
        ]
        drafts = [Draft(one.prompt, a.text, a.ended, a.error) for _, one, a in said]
        found = self.reward.rated(drafts, few=first > 0)
        reward = np.asarray(found.values, np.float64)
        if math.isfinite(self.unended):
            cut = np.asarray([not a.ended and not a.error for _, _, a in said])
            reward = np.where(cut & np.isfinite(reward), self.unended, reward)
        spent[0] += between - began
        spent[1] += time.perf_counter() - between
        return said, reward, found.failures

    def _others(self, chosen: Sequence[int], phase: int) -> list[int]:
        """The prompts that a phase has not asked, in an order of its own."""
        taken = set(chosen)
        return [i for i in order(len(self.asked), BEYOND + phase, self.seed).tolist() if i not in taken]

    def _figures(self, rollouts: Rollouts) -> dict[str, float]:
        """What is seen of a phase; failed rewards are counted and stand in no mean."""
        import numpy as np

        known = np.flatnonzero(np.isfinite(rollouts.reward))
        reward, groups = rollouts.reward[known], rollouts.groups[known]
        drift = rollouts.sums(rollouts.behaviour - rollouts.reference)[known]
        n = len(known)
        return {
            "phase": float(self.phase),
            "reward": float(reward.mean()) if n else math.nan,
            "reward_sd": float(reward.std(ddof=1)) if n > 1 else 0.0,
            "rated": float(n),
            "failed": float(len(rollouts) - n),
            "dead_groups": len(dead(reward, groups)) / max(1, len(np.unique(groups))),
            **self._resampled(rollouts),
            "answer_tokens": float(rollouts.lengths[known].mean()) if n else 0.0,
            "ended": float(rollouts.ended[known].mean()) if n else 0.0,
            "drift": float(drift.mean()) if n else 0.0,
            "drift_error": float(drift.std(ddof=1) / math.sqrt(n)) if n > 1 else 0.0,
            **mismatch(rollouts),
        }

    def _resampled(self, rollouts: Rollouts) -> dict[str, float]:
        """How many prompts were asked in the place of dead groups."""
        if self.method.dead_groups != "resample":
            return {}
        wanted = len(of_update(len(self.asked), self.each, self.phase, self.seed))
        return {"resampled": float(len(rollouts.prompts) - wanted)}

    def _check_mismatch(self, rollouts: Rollouts) -> None:
        apart = mismatch(rollouts).get("mismatch_mean", 0.0)
        if self.method.ratios and apart > MISMATCH[self.task.compute]:
            raise Fatal(
                f"sampler and trainer differ by {apart:.2g} nats a token (allowed {MISMATCH[self.task.compute]}); use another --sampler"
            )

    def state(self) -> Mapping[str, Any]:
        return {"phase": self.phase, "digest": self.digest}

    def load(self, state: Mapping[str, Any]) -> None:
        """The phase that a checkpoint was in is read from disk again, and must be what it was."""
        self.phase, self._expected = -1, (int(state["phase"]), str(state["digest"]))


def mismatch(rollouts: Rollouts) -> dict[str, float]:
    """How far the sampler's log-probabilities are from the trainer's for the same weights, raw: mean and most, nats a token, and
    the share of tokens whose ratio is beyond 1.1. Empty where the sampler told none."""
    import numpy as np

    known = np.isfinite(rollouts.sampled)
    if not known.any():
        return {}
    apart = np.abs(rollouts.sampled[known] - rollouts.behaviour[known]).astype(np.float64)
    return {
        "mismatch_mean": float(apart.mean()),
        "mismatch_most": float(apart.max()),
        "mismatch_share": float((apart > math.log(APART)).mean()),
    }


def _told(answer: Answer) -> Sequence[float]:
    return answer.logprobs if answer.ids else (math.nan,)


def _version(update: int, weights: Sequence[tuple[str, Any]]) -> str:
    """The number of updates done and a digest of the trained tensors' bits."""
    state = blake2b(digest_size=16)
    for name, tensor in weights:
        state.update(name.encode())
        whole = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        state.update(whole.detach().cpu().contiguous().numpy().tobytes())
    return f"{update}/{state.hexdigest()}"
