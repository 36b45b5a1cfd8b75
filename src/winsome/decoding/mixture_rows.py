"""One draw of one prompt on its way through a mixture: what was answered so far, by whom, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from winsome.contenders.deception_map import Step, told
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, response_key, total
from winsome.text.options import Question


@dataclass(eq=False)
class Row:
    """layer: seat (from 0) and answer of those in the last layer that answered. steps: who gave each of `responses`, in order.

    unused: drafts that were bought and not sent on. problem: why there will be no answer. absent: the door was closed on the way.
    """

    prompt: Prompt
    question: Question | None
    promoted: int | None
    passages: Sequence[str]
    layer: list[tuple[int, Response]] = field(default_factory=list[tuple[int, Response]])
    steps: list[Step] = field(default_factory=list[Step])
    responses: list[Response] = field(default_factory=list[Response])
    unused: list[Response] = field(default_factory=list[Response])
    notes: list[str] = field(default_factory=list[str])
    final: Response | None = None
    problem: str = ""
    absent: bool = False

    @property
    def open(self) -> bool:
        return not self.problem and not self.absent

    @property
    def references(self) -> list[str]:
        return [words(response) for _, response in self.layer]

    def keep(self, step: Step, response: Response) -> None:
        self.steps.append(step)
        self.responses.append(response)

    def response(self, name: str, id: str, sampling: Sampling, sample: int) -> Response:
        """The mixture's answer: the aggregator's words, everything that was asked as parents; failed where there are none."""
        key = response_key(self.prompt.id, id, sampling, sample)
        usage = total(response.usage for response in (*self.responses, *self.unused))
        parents = tuple(response.id for response in self.responses)
        provenance = told(self.steps, self.notes)
        final = self.final
        error = self.problem or (final.error if final is not None and final.finish == "failed" else "")
        if final is None or error:
            return Response(
                self.prompt.id, name, key, sample, finish="failed", error=f"mixture: {error or 'no answer'}", usage=usage,
                provenance=provenance, parents=parents,
            )  # fmt: skip
        return Response(
            self.prompt.id, name, key, sample, final.messages, final.finish, usage=usage, served_by=final.served_by,
            fingerprint=final.fingerprint, provenance=provenance, parents=parents,
        )  # fmt: skip


def words(response: Response) -> str:
    """All turns of an answer, as the others read it."""
    return "\n\n".join(message.text for message in response.messages)


async def drawn(contender: Contender, prompts: Sequence[Prompt], sampling: Sampling) -> list[list[Response]]:
    """The draws of each prompt in their order; prompts may repeat, and those the door did not ask any more have none."""
    found: dict[str, list[Response]] = {}
    if prompts:
        async for response in contender.answer(list({p.id: p for p in prompts}.values()), sampling):
            found.setdefault(response.prompt, []).append(response)
    for draws in found.values():
        draws.sort(key=lambda response: response.sample)
    return [found.get(prompt.id, []) for prompt in prompts]
