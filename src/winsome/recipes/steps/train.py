"""A contender trained on rows."""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import threading
from collections.abc import Callable
from typing import Any, Literal

from winsome.errors import BadInput, Unsupported
from winsome.frames import Frames, Kept
from winsome.matchmaking.limits import GLANCE
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.made import Made, Unfinished
from winsome.recipes.rules import Rule, takes_run

VERSION = 1
RULES, RULE = "Trainer", "kind"
DEFAULT_RULE = "sft"
READS = ("prompts",)
CONTENDER = True


POLICIES = ("reference_model", "last_model", "behaviour_model")
"""Settings of trainers that name a contender."""

ONLINE = "online"
"""The trainer that answers prompts itself."""
LEARNT = {
    "pairs": ("prompts", "responses", "pairs"),
    "responses": ("prompts", "responses"),
    "ranked": ("prompts", "responses", "scores"),
    "prompts": ("prompts",),
}
"""What is learnt -> the frames that a trainer then gets."""


async def train(
    frames: Frames,
    *,
    kind: Rule,
    from_: Contender,
    data: Literal["pairs", "responses", "ranked", "prompts"] | None = None,
    run: Session,
) -> Made:
    """The checkpoint that the trainer `kind` makes of the contender `from` and the frames that reach it, as a contender's name.

    data: what is learnt: pairs, responses as they stand, all answers of a prompt ranked by their scores, or prompts alone, which
    online training answers itself (default: prompts for online, pairs where there are any, else responses). Every other key is one of the trainer's own settings. A training that was cut off goes on from its last
    checkpoint.
    """
    own = "prompts" if kind.name == ONLINE else "pairs" if "pairs" in frames else "responses"
    wanted = LEARNT[data or own]
    missing = [name for name in wanted if name not in frames]
    if missing:
        raise BadInput(f"train: no {missing[0]} reach this step; put a step that makes them before")
    learnt = {name: frames[name] for name in wanted}
    trainer = kind.found.function
    if kind.found.own:
        raise Unsupported(
            f"train: {kind.name}: trainers of one's own are not built yet; name one of winsome's"
        )
    settings = {**kind.settings, **({"run": run} if takes_run(trainer) else {})}
    if inspect.iscoroutinefunction(trainer):
        name = await trainer(from_.name, learnt, **settings)
    else:
        name = await _beside(run, lambda: trainer(from_.name, learnt, **settings))
    rows = {frame: table.height for frame, table in learnt.items()}
    return Made(
        Kept(planned=0), {"": str(name)}, {"trained_on": rows, "from": from_.name, "trainer": kind.name}
    )


def identity(settings: dict[str, Any], run: Session) -> Any:
    """What a cached checkpoint also depends on: the trainer's version, and the weights of the contenders that its settings name."""
    from winsome.training.runs import VERSION as TRAINER

    rule: Rule = settings["kind"]
    named = [rule.settings[key] for key in POLICIES if rule.settings.get(key)]
    found = [TRAINER, *(run.open(name, Contender).id for name in named)]
    if rule.name == ONLINE:
        from winsome.training.online.reward import opened

        found.append(opened(rule.settings["reward"], run)[1].id)
    return found


async def _beside(run: Session, work: Callable[[], str]) -> str:
    """What `work` gives, done in a thread that is interrupted once the run is (Ctrl-C, or its time is over)."""
    ident: list[int] = []

    def begin() -> str:
        ident.append(threading.get_ident())
        try:
            return work()
        except KeyboardInterrupt:
            raise Unfinished(
                "training was interrupted; the same command goes on from its last checkpoint"
            ) from None

    task = asyncio.ensure_future(asyncio.to_thread(begin))
    told = False
    while not task.done():
        await asyncio.wait({task}, timeout=GLANCE)
        run.door.closed()
        if run.door.halted and ident and not told and not task.done():
            told = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(ident[0]), ctypes.py_object(KeyboardInterrupt)
            )
    return task.result()


def check(settings: dict[str, Any], run: Any) -> None:
    """Raise Unsupported where torch is missing, before anything runs."""
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise Unsupported("train: torch is not installed; install it with: pip install 'winsome[local]'")
