"""Memory that ran out: how it is told from other errors, and what may be lowered."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from winsome.errors import Fatal
from winsome.training.plan import Plan
from winsome.training.units import split

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

    from winsome.training.task import Task

SAID = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
"""What errors of torch, of the processor's allocator and of the operating system say."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is one: torch has a class for a GPU's alone."""
    return isinstance(error, MemoryError) or any(said in str(error).lower() for said in SAID)


@contextmanager
def room(plan: Plan, sizes: NDArray[int64], rows: Sequence[int]) -> Generator[None]:
    """Raises Fatal with what to lower where the memory does not hold a micro-batch of the units `rows`; `sizes` of all, in tokens."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise Fatal(way_out(plan, int(sum(sizes[row] for row in rows)), int(sizes.max()))) from error


def fullest(task: Task, plan: Plan) -> None:
    """One pass with gradient over the largest micro-batch that a run can meet, so that memory runs out now and not late.

    The gradient is left for the caller to clear.
    """
    sizes = task.units.sizes
    largest: list[int] = (-sizes).argsort(kind="stable")[: plan.batch].tolist()
    rows = split(largest, sizes, plan.micro_tokens)[0]
    with room(plan, sizes, rows):
        found = task.losses(rows, task.sums_of_update([rows], 1), 0.0)
        cast(Any, found.values.sum()).backward()
    task.run_sums.clear()


def way_out(plan: Plan, tokens: int, longest: int) -> str:
    """What a user can lower, where a micro-batch of `tokens` tokens does not fit and the longest unit has `longest`."""
    ways: list[str] = []
    if tokens > longest:
        ways.append(f"lower --micro-tokens to {max(longest, tokens // 2)}")
    else:
        ways.append(f"cut rows with --max-length (the longest unit has {longest} tokens)")
    if not plan.checkpointing:
        ways.append("take --checkpointing")
    if plan.adapter == "none":
        ways.append("take --adapter lora")
    return f"out of memory in a micro-batch of {tokens} tokens; {', or '.join(ways)}"
