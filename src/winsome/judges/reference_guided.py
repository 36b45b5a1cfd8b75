"""A judge that compares answers with a reference answer, which it writes itself first where a prompt has none.

Source: Zheng et al. 2023, reference-guided judging.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from winsome.judges import structured_replies, templates
from winsome.judges.pairwise import Pairwise
from winsome.judges.protocol import Protocol
from winsome.judges.verdict_slot import mt_bench_pair
from winsome.protocols import Contender
from winsome.records import Match, Prompt, Response, Sampling, Verdict, digest

VERSION = 1


@dataclass(frozen=True)
class ReferenceGuided:
    """`inner` compares; `writer` writes the references that prompts lack (None: a prompt without one is refused)."""

    name: str
    id: str
    label: str
    inner: Pairwise
    writer: Contender | None
    writing: Sampling
    sides: range = range(2, 3)
    ordered: bool = True

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        return ((self.inner.model, 1), *(((self.writer, 1),) if self.writer else ()))

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; void, with the reason, where no reference could be written."""
        lacking = [match for match in matches if not match.prompt.for_judges.get("reference_answer")]
        written = await self._written(list({match.prompt.id: match.prompt for match in lacking}.values()))
        shown: dict[str, tuple[Match, Response | None]] = {}
        asked: list[Match] = []
        for match in matches:
            response = written.get(match.prompt.id)
            if response is None or match.prompt.for_judges.get("reference_answer"):
                if not match.prompt.for_judges.get("reference_answer") and self.writer is not None:
                    continue  # left out by a spent budget
                shown[match.id] = (match, None)
                asked.append(match)
            elif response.finish in ("failed", "filtered") or not response.text.strip():
                reason = f"failed: no reference was written ({response.error or response.finish})"
                yield Verdict(match.id, self.name, self.id, "void", reason=reason, evidence=(response.id,))
            else:
                notes = dict(match.prompt.for_judges) | {"reference_answer": response.text}
                shown[match.id] = (match, response)
                asked.append(replace(match, prompt=replace(match.prompt, for_judges=notes)))
        async for verdict in self.inner.judge(asked):
            response = shown[verdict.match][1]
            proof = verdict.evidence if response is None else (response.id, *verdict.evidence)
            yield replace(verdict, judge=self.name, judge_id=self.id, evidence=proof)

    async def _written(self, prompts: Sequence[Prompt]) -> dict[str, Response]:
        """The writer's answer to each prompt; its cost is counted as the writer's own."""
        if self.writer is None or not prompts:
            return {}
        return {response.prompt: response async for response in self.writer.answer(prompts, self.writing)}


def reference_guided(
    *,
    model: Contender,
    writer: Contender | None = None,
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int = 2048,
    structured: bool = False,
    name: str = "reference_guided",
) -> ReferenceGuided:
    """`model` compares two answers with the prompt's reference answer: [[A]], [[B]] or [[C]] after reasoning.

    Where a prompt has none, `writer` writes it (model and writer may be one); without a writer such a prompt is BadInput.
    structured asks the server for the verdict as JSON by schema, where it has that.
    """
    row = Protocol("reference_pair", 1, 2, mt_bench_pair, max_tokens)
    template = templates.chosen("reference_pair@1", prompt, sides=2)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    if structured:
        row, sampling = structured_replies.labelled(row, sampling)
    inner_id = digest(["pairwise", VERSION, row.name, template.digest, model.id, sampling.asked()])
    label = f"{model.name} {template.name}"
    inner = Pairwise(name, inner_id, label, model, template, row, sampling)
    writing = Sampling(temperature=0.0, max_tokens=max_tokens)
    id = digest(["reference_guided", VERSION, inner_id, writer and writer.id, writing.asked()])
    return ReferenceGuided(name, id, label, inner, writer, writing)
