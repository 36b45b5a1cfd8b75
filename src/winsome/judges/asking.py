"""Ask a judge's model, read its replies, and ask again where a reply cannot be read.

The reply to repeat r is draw r; one that cannot be read is asked again under draw r + 1000 t (t = 1, 2, ..), one that was cut off
under the same draw with twice the tokens. At most 2 new asks are bought a run; replies kept from earlier runs are read for free.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from winsome.judges.verdict_slot import Read, Reading, reading_of
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, Usage, total

NEW_ASKS = 2
"""Times that an unreadable reply is asked again in one run."""
_STRIDE = 1000
_MOST = 100


@dataclass(frozen=True)
class Ask:
    """One question to a judge's model. `fence` marks where answers are quoted in it; `of` is the asker's own note."""

    prompt: Prompt
    repeat: int
    fence: str = ""
    of: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an ask: the reading of the last reply, and all replies in the order in which they were asked for."""

    ask: Ask
    reading: Reading
    responses: tuple[Response, ...]

    @property
    def evidence(self) -> tuple[str, ...]:
        return tuple(response.id for response in self.responses)

    @property
    def usage(self) -> Usage:
        return self.responses[0].usage if len(self.responses) == 1 else total(r.usage for r in self.responses)

    @property
    def served_by(self) -> str:
        return self.responses[-1].served_by


@dataclass
class _Open:
    """An ask without a readable reply yet. `doubled`: how often its room was doubled; `bought`: new asks of this run."""

    ask: Ask
    draw: int
    doubled: int = 0
    roomy: bool = True
    bought: int = 0
    responses: list[Response] = field(default_factory=list[Response])

    def move_on(self, reading: Reading) -> bool:
        """Turn to more room or to the next draw; False where enough has been asked."""
        if self.bought >= NEW_ASKS or len(self.responses) >= _MOST:
            return False
        if self.roomy and reading.problem.startswith("cut off") and self.doubled < NEW_ASKS:
            self.doubled += 1
        else:
            self.draw += _STRIDE
        return True


async def replies(
    model: Contender, asks: Iterable[Ask], sampling: Sampling, read: Read
) -> AsyncIterator[Reply]:
    """One Reply an ask, as they come; an ask that the model leaves out (a spent budget) has none.

    Asks of one repeat go out as one call over distinct prompts. `model.kept`, where there is one, holds the ids of the
    responses that were kept from earlier runs; `model.tally`, where there is one, counts the replies that cannot be read.
    """
    tally = getattr(model, "tally", None)
    waiting = [_Open(ask, ask.repeat) for ask in asks]
    while waiting:
        calls: dict[tuple[int, int], dict[str, list[_Open]]] = {}
        for item in waiting:
            calls.setdefault((item.draw, item.doubled), {}).setdefault(item.ask.prompt.id, []).append(item)
        waiting = list[_Open]()
        for (draw, doubled), by_prompt in calls.items():
            room = sampling.max_tokens * 2**doubled if sampling.max_tokens else None
            asked = replace(sampling, samples=range(draw, draw + 1), max_tokens=room)
            prompts = [items[0].ask.prompt for items in by_prompt.values()]
            async for response in model.answer(prompts, asked):
                for item in by_prompt.pop(response.prompt, ()):
                    reading = reading_of(response, read, item.ask.fence)
                    if any(response.key == earlier.key for earlier in item.responses):
                        item.roomy = (
                            False  # the model's own max_tokens holds, so doubling asked the same again
                        )
                    else:
                        item.bought += bool(item.responses) and response.id not in getattr(model, "kept", ())
                        item.responses.append(response)
                    if tally is not None:
                        tally.hear(again=reading.again)
                    if reading.again and item.move_on(reading):
                        waiting.append(item)
                    else:
                        yield Reply(item.ask, reading, tuple(item.responses))
