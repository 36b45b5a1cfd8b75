"""A method of online training by its name: what it makes of rollouts, and the objective that it lowers on that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from winsome import specs
from winsome.errors import BadInput, Fatal
from winsome.training.batch import Batch, Losses, Needs
from winsome.training.objective import Objective
from winsome.training.online.advantages import Estimator, dead, divergence
from winsome.training.online.rollouts import Rollouts
from winsome.training.references import Stored
from winsome.training.units import Units

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

ROLE = "OnlineMethod"
Table = Mapping[str, "NDArray[float64]"]
DeadGroups = Literal["keep", "drop", "resample"]
"""Groups whose rewards are all equal: kept, as in the papers, where they add nothing but to the divisor; left out; or left out and
made up for by answers to other prompts, as far as a few more rounds of asking give them (Yu et al. 2025, DAPO's dynamic sampling)."""


@dataclass(frozen=True)
class Learnt:
    """What is learnt from in a phase: units, fixed log-probabilities of their sequences, figures of their tokens."""

    units: Units
    references: Mapping[str, Stored]
    tokens: Mapping[str, Stored]


@dataclass(frozen=True)
class Method:
    """`made(rollouts)` are the units of a phase. `ratios`: answers must be drawn at temperature 1 with known log-probabilities.

    draws: answers a prompt where nobody says; least: fewer are no group. rounds: phases of the run, each over its share of all
    prompts and learnt from `epochs` times (0: phases of a batch, prompts visited `epochs` times). critic: values are learnt too.
    dead_groups: what becomes of groups whose rewards are all equal.
    """

    objective: Objective
    made: Callable[[Rollouts], Learnt]
    draws: int
    least: int = 1
    ratios: bool = True
    rounds: int = 0
    critic: bool = False
    dead_groups: DeadGroups = "keep"


def method(spec: str | Mapping[str, Any] | specs.Spec) -> Method:
    """The method that a spec such as `grpo?scale=none` names; BadInput for unknown names, settings and values."""
    parsed = specs.parse(spec)
    factory = specs.factory_of(parsed, ROLE)
    if factory is None:
        raise specs.unknown_kind(parsed, ROLE)
    found = specs.call(factory, parsed, None)
    if not isinstance(found, Method):
        raise BadInput(f"{parsed.kind}: gives no Method; return one, as winsome.training.online.rloo does")
    return found


def policy_gradient(
    name: str,
    settings: Mapping[str, Any],
    credit: Callable[[Rollouts], Table],
    losses: Callable[[Batch], Losses],
    *,
    draws: int,
    least: int,
    dead_groups: DeadGroups,
    critic: bool = False,
) -> Method:
    """A method whose units are groups of answers and whose token figures `credit` gives, flat over the answers that are left."""
    needs = Needs(
        roles=("response",), references=("reference", "behaviour"), groups=True, tokens=True
    )  # fmt: skip
    objective = Objective(name, settings, needs, losses, None)

    def made(rollouts: Rollouts) -> Learnt:
        kept = usable(rollouts, least, dead_groups)
        held = rollouts.only(kept)
        tables = {key: _stored(held, values) for key, values in credit(held).items()}
        references = {
            "reference": _stored(held, held.reference),
            "behaviour": _stored(held, held.behaviour),
        }
        return Learnt(groups_of(held), references, tables)

    return Method(objective, made, draws, least, critic=critic, dead_groups=dead_groups)


def usable(rollouts: Rollouts, least: int = 1, dead_groups: DeadGroups = "keep") -> NDArray[int64]:
    """The numbers of the answers that have a reward and stand in a group of at least `least` such answers."""
    known = rated(rollouts.reward, rollouts.groups, least, dead_groups)
    if not len(known):
        raise Fatal(
            f"no group of {least} or more rated answers is left to learn from; raise --draws, or look at the reward"
        )
    return known


def rated(
    reward: NDArray[float64], groups: NDArray[int64], least: int, dead_groups: DeadGroups
) -> NDArray[int64]:
    """The numbers of the answers that `usable` leaves, which may be none."""
    import numpy as np

    known = np.flatnonzero(np.isfinite(reward))
    held = groups[known]
    counts = np.bincount(held, minlength=int(held.max(initial=-1)) + 1)
    known = known[counts[held] >= least]
    if dead_groups != "keep" and len(known):
        known = known[~np.isin(groups[known], dead(reward[known], groups[known]))]
    return known


def groups_of(rollouts: Rollouts) -> Units:
    """A unit a prompt: the group of its answers, whose rewards are the column `reward`."""
    import numpy as np

    numbers, firsts = np.unique(rollouts.groups, return_index=True)
    starts = np.append(firsts, len(rollouts)).astype(np.int64)
    asked = np.diff(rollouts.sequences.prompt_starts)
    sizes = asked[firsts] + np.add.reduceat(rollouts.lengths, firsts)
    rows = {"response": np.arange(len(rollouts))}
    ids = [rollouts.prompts[int(n)] for n in numbers]
    return Units(ids, rollouts.sequences, rows, {"reward": rollouts.reward}, sizes, starts)


def chosen_units(rollouts: Rollouts, rows: Mapping[str, NDArray[int64]], columns: Table) -> Learnt:
    """A unit for each place in `rows`: an answer by role; with the log-probabilities that pair objectives may read."""
    import numpy as np

    first = next(iter(rows.values()))
    asked = np.diff(rollouts.sequences.prompt_starts)[first]
    sizes = asked + sum(rollouts.lengths[held] for held in rows.values())
    ids = [rollouts.prompts[int(rollouts.groups[i])] for i in first]
    units = Units(ids, rollouts.sequences, rows, columns, np.asarray(sizes, np.int64))
    last = _stored(rollouts, rollouts.behaviour)
    references = {"reference": _stored(rollouts, rollouts.reference), "last": last, "behaviour": last}
    return Learnt(units, references, {})


def penalty(rollouts: Rollouts, coefficient: float, estimator: Estimator) -> NDArray[float64]:
    """`coefficient` times the divergence of the weights that drew from the reference, at each token, [t]."""
    import numpy as np

    gone = rollouts.behaviour.astype(np.float64) - rollouts.reference.astype(np.float64)
    return coefficient * divergence(gone, estimator)


def _stored(rollouts: Rollouts, values: Any) -> Stored:
    import numpy as np

    return Stored(np.asarray(values), rollouts.sequences.answer_starts)
