"""The one trainer: micro-batches, one division an update, invariants before the first, checkpoints that resume bit for bit.

The gradient of an update is the gradient of the total of its units' losses, divided once by the total of their counts over all
micro-batches and ranks. How the update was split changes nothing but rounding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import orjson

from winsome.errors import Fatal
from winsome.models.logprobs import casts_kept
from winsome.models.processor import keep_freed_memory
from winsome.training import checkpoints, invariants
from winsome.training.checkpoints import Checkpoint
from winsome.training.choice import FIGURE, Choice
from winsome.training.heartbeat import doing
from winsome.training.memory import fullest, room
from winsome.training.optimizer import Optimizer
from winsome.training.parallel import Ranks
from winsome.training.plan import Plan
from winsome.training.progress import Progress
from winsome.training.schedules import factor, range_test
from winsome.training.task import Sums, Task
from winsome.training.units import of_update, split

if TYPE_CHECKING:
    from torch import Tensor

Look = Callable[[int], Mapping[str, float]]
"""Looks at the policy after some updates and gives figures; raises Paused where they are bad."""


class Source(Protocol):
    """Where units come from while a run goes on: before each update it may put other ones into the task."""

    def total(self) -> int:
        """Updates of the run."""
        ...

    def begin(self, update: int) -> Mapping[str, float]:
        """Make ready what `update` learns from; figures of what was made for it."""
        ...

    def rows(self, update: int) -> Sequence[int]:
        """The units of an update, in order."""
        ...

    def state(self) -> Mapping[str, Any]: ...
    def load(self, state: Mapping[str, Any]) -> None: ...


@dataclass
class Trainer:
    """One run. `made_for` names what a checkpoint must have been made for; `looks` are (every so many updates, look).

    With a `source`, units change while the run goes on; with a `choice`, what is kept is a look's and the run may end early.
    """

    task: Task
    trainable: Sequence[tuple[str, Any]]
    plan: Plan
    ranks: Ranks
    folder: Path
    seed: int
    made_for: Mapping[str, str]
    progress: Progress
    starts_at_reference: bool = False
    looks: Sequence[tuple[int, Look]] = ()
    source: Source | None = None
    choice: Choice | None = None
    update: int = 0
    tokens: int = 0
    seconds: float = 0.0
    optimizer: Optimizer = field(init=False)

    def __post_init__(self) -> None:
        keep_freed_memory()
        self.optimizer = Optimizer(self.trainable, self.plan)

    @property
    def total(self) -> int:
        return self.plan.total(len(self.task.units)) if self.source is None else self.source.total()

    @property
    def over(self) -> bool:
        return self.update >= self.total or (self.choice is not None and self.choice.over)

    @property
    def root(self) -> Path:
        return self.folder / "checkpoints"

    def train(self) -> None:
        """All updates from where the newest whole checkpoint stands; the figures of each go to log.jsonl.

        Raises Fatal where a loss or gradient is not finite (the batch is saved, its units named), where a tensor does not move,
        and where a checkpoint cannot be written.
        """
        self.resume()
        told: Mapping[str, float] = self.begun()
        if self.update == 0:
            with doing(self.progress.say, "the checks before the first update"):
                rows = self.parts(0)[0][0]
                with room(self.plan, self.task.units.sizes, rows):
                    invariants.before(self.task, rows, self.starts_at_reference, self.progress.say)
                if self.source is None and self.ranks.kind == "one":
                    fullest(self.task, self.plan)
                    self.optimizer.clear()
        self.progress.begin(self.update, self.total)
        while not self.over:
            began = time.perf_counter()
            with doing(self.progress.say, f"update {self.update + 1}"):
                figures = {**told, **self.step()}
            self.seconds += time.perf_counter() - began
            self.progress.told(self.update, figures)
            # Only where looks choose may the last weights be among those that are kept.
            if self.update < self.total or self.choice is not None:
                self.look(figures)
            last = self.over
            if last or (self.plan.save_every and self.update % self.plan.save_every == 0):
                self.save()
            told = {} if last else self.begun()
        if self.choice is not None:
            self.progress.say(self.choice.line(self.update, self.total))

    def begun(self) -> Mapping[str, float]:
        """The source's figures of what it made ready for the next update; its seconds are the run's."""
        if self.source is None or self.over:
            return {}
        began = time.perf_counter()
        with doing(self.progress.say, f"drawing and rating answers for update {self.update + 1}"):
            told = self.source.begin(self.update)
        self.seconds += time.perf_counter() - began
        return told

    def look(self, figures: Mapping[str, float]) -> None:
        """Let those look whose turn it is; a pause is saved first, so that the run can go on from it."""
        for every, look in self.looks:
            final = self.choice is not None and self.update == self.total
            if every and (self.update % every == 0 or final):
                try:
                    with doing(self.progress.say, f"a look after update {self.update}"):
                        self.looked(look)
                except Paused:
                    self.save()
                    raise

    def looked(self, look: Look) -> None:
        """What `look` says of the weights that would be kept now."""
        own = self.optimizer.weights() if self.optimizer.average else {}
        if own:
            self.optimizer.load(self.optimizer.best(), self.optimizer.moments())
        try:
            found = look(self.update)
        finally:
            if own:
                self.optimizer.load(own, self.optimizer.moments())
        self.progress.told(self.update, found)
        if self.choice is not None and FIGURE in found:
            self.choice.seen(self.update, found, self.optimizer.best)

    def kept(self) -> Mapping[str, Tensor]:
        """The weights that a finished run keeps: those of the best look, the running average, or the last ones."""
        chosen = None if self.choice is None else self.choice.weights()
        return self.optimizer.best() if chosen is None else chosen

    def parts(self, update: int) -> tuple[list[list[int]], int]:
        """This rank's micro-batches of an update and how many of them count; others fill up so that ranks stay in step."""
        if self.source is None:
            rows = list(map(int, of_update(len(self.task.units), self.plan.batch, update, self.seed)))
        else:
            rows = list(self.source.rows(update))
        world = self.ranks.world
        mine = [split(rows[r::world], self.task.units.sizes, self.plan.micro_tokens) for r in range(world)]
        own = mine[self.ranks.rank]
        widest = max(len(parts) for parts in mine)
        spare = [[int(rows[0])]] * (widest - len(own))
        return own + spare, len(own)

    def range_test(self, rates: Sequence[float]) -> tuple[float, list[tuple[float, float]]]:
        """The best of rising rates and the curve of losses, see `schedules.range_test`; the weights are spent afterwards."""

        def loss(rate: float) -> float:
            try:
                return self.step(rate)["loss"]
            except Fatal:
                return math.nan

        return range_test(loss, rates)

    def scheduled(self) -> float:
        """The rate of the next update."""
        warmup, floor = round(self.plan.warmup * self.total), self.plan.floor
        return self.plan.rate * factor(
            self.plan.schedule, self.update, self.total, warmup=warmup, floor=floor
        )

    def step(self, rate: float | None = None) -> dict[str, float]:
        """One update, at the schedule's rate unless one is given; its figures: loss, gradient's norm, rate, metrics."""
        import torch

        parts, mine = self.parts(self.update)
        step_sums = self.task.sums_of_update(parts, mine)
        progress = self.update / self.total
        loss = count = None
        metrics: Sums = {}
        with casts_kept(self.ranks.accelerator.device.type, in_place=self.ranks.kind == "one"):
            for number, rows in enumerate(parts):
                with (
                    self.ranks.gradients(last=number == len(parts) - 1),
                    room(self.plan, self.task.units.sizes, rows),
                ):
                    found = self.task.losses(rows, step_sums, progress)
                    counted = float(number < mine)
                    self.check_finite(rows, found.values)
                    cast(Any, counted * found.values.sum()).backward()
                value, n = counted * found.values.detach().sum(), counted * found.counts.sum()
                loss, count = (value, n) if loss is None or count is None else (loss + value, count + n)
                for name, (a, b) in found.metrics.items():
                    x, y = metrics.get(name, (torch.zeros_like(a), torch.zeros_like(b)))
                    metrics[name] = (x + counted * a, y + counted * b)
                if counted:
                    self.tokens += int(sum(self.task.units.sizes[row] for row in rows))
        assert loss is not None
        assert count is not None
        loss, count = self.ranks.total(loss), self.ranks.total(count)
        told = self.ranks.added({name: (float(a), float(b)) for name, (a, b) in metrics.items()})
        norm = self.optimizer.scaled(self.ranks.world / float(count))
        if not math.isfinite(norm):
            self.stop_at([row for rows in parts for row in rows], "the gradient is not finite")
        rate = self.scheduled() if rate is None else rate
        # Answers that are all worth the same have no gradient, and that is no fault.
        watched = self.update < invariants.WATCHED and (norm > 0.0 or self.source is None)
        before = invariants.snapshot(self.trainable) if watched else {}
        self.optimizer.step(rate)
        if watched:
            invariants.after(self.trainable, before, rate, self.update)
        self.optimizer.clear()
        self.update += 1
        return {
            "loss": float(loss / count),
            "norm": norm,
            "rate": rate,
            "tokens": float(self.tokens),
            **{name: a / b for name, (a, b) in told.items() if b > 0},
        }

    def check_finite(self, rows: Sequence[int], values: Tensor) -> None:
        import torch

        if bool(torch.isfinite(values).all()):
            return
        bad = (~torch.isfinite(values)).nonzero().flatten().cpu().numpy()
        self.stop_at([rows[int(i)] for i in bad if i < len(rows)], "the loss is not finite")

    def stop_at(self, rows: Sequence[int], why: str) -> None:
        """Save the units of a bad batch and end the run; what was saved before stays."""
        units = self.task.units
        held = [
            {
                "id": units.ids[row],
                "sequences": [units.sequences[int(units.rows[role][row])] for role in units.rows]
                if units.starts is None
                else units.sequences[int(units.starts[row]) : int(units.starts[row + 1])],
            }
            for row in rows
        ]
        place = self.folder / f"bad-batch-{self.update:06d}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(orjson.dumps({"why": why, "units": held}, option=orjson.OPT_INDENT_2))
        named = ", ".join(units.ids[row] for row in rows[:3]) + (" .." if len(rows) > 3 else "")
        raise Fatal(
            f"update {self.update}: {why} (units {named}, saved in {place.name}); lower --rate or mend the data"
        )

    def save(self) -> None:
        """A checkpoint of this moment, written by the first rank."""
        weights, moments = self.optimizer.weights(), self.optimizer.moments()
        if self.ranks.main:
            state = {
                "update": self.update,
                "made_for": dict(self.made_for),
                "tokens": self.tokens,
                "seconds": self.seconds,
                "task": self.task.state(),
                "source": {} if self.source is None else dict(self.source.state()),
                **({} if self.choice is None else {"choice": self.choice.state()}),
            }
            checkpoints.save(self.root, Checkpoint(weights, moments, state), keep=self.plan.keep)
        self.ranks.accelerator.wait_for_everyone()

    def resume(self) -> None:
        """Take up the newest whole checkpoint, where there is one."""
        if self.ranks.main:
            checkpoints.discard_parts(self.root)
        self.ranks.accelerator.wait_for_everyone()
        held = checkpoints.load(self.root, self.made_for)
        if held is None:
            return
        self.optimizer.load(held.weights, held.moments)
        self.task.load(held.state["task"])
        if self.source is not None:
            self.source.load(held.state["source"])
        self.update, self.tokens = held.state["update"], held.state["tokens"]
        self.seconds = held.state["seconds"]
        if self.choice is not None:
            self.choice.load(held.state["choice"])
        self.progress.say(f"going on from the checkpoint after update {self.update} of {self.total}")


class Paused(Fatal):
    """A run that only looks fine was stopped; its checkpoint is whole and the same command goes on from it."""

    exit_code = 3
