"""The kinds of tasks that a language world can ask; one file a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from winsome.errors import BadInput
from winsome.sandbox.kinds import (
    counting,
    diagnosis,
    dialogues,
    facts,
    formats,
    lists,
    occupations,
    programs,
    requests,
    sorting,
    steps,
    stories,
)
from winsome.sandbox.kinds.kind import Kind, Task

TASKS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        lists.KIND, sorting.KIND, counting.KIND, formats.KIND, dialogues.KIND, facts.KIND, programs.KIND, steps.KIND,
        stories.KIND, occupations.KIND, requests.KIND, diagnosis.KIND,
    )
}  # fmt: skip


def kinds(names: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds of these names; BadInput for an unknown one."""
    for name in names:
        if name not in TASKS:
            raise BadInput(f'kinds: no kind of task "{name}" (known: {", ".join(TASKS)})')
    return tuple(TASKS[name] for name in names)


__all__ = ["TASKS", "Kind", "Task", "kinds"]
