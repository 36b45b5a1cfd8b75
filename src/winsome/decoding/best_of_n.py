"""Best of n: draw n answers, give the one that a scorer rates highest.

best_of_n?n=4&base=(embedded:smollm2-135m)&scorer=embedded:likelihood
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from winsome.errors import BadInput
from winsome.protocols import Contender, Scorer
from winsome.records import Prompt, Response, Sampling, digest, response_key, total

VERSION = 1
AT_ONCE = 64
"""Prompts in one call where the base takes them singly: its own limits say how many drafts are under way."""


def best_of_n(*, base: Contender, scorer: Scorer, n: int = 4, name: str) -> BestOfN:
    """The contender that answers with the best of `n` draws of `base` by `scorer`; BadInput where n < 1."""
    if n < 1:
        raise BadInput(f'"{name}": n={n} draws nothing; give n=1 or more')
    return BestOfN(base, scorer, n, name)


class BestOfN:
    """Draw s of a prompt is the best of the base's draws n s .. n s + n - 1; equal scores go to the earlier draw.

    The drafts are Responses of the base (kept, and this answer's parents). Where nothing says a temperature, drafts are
    drawn at 1.0. `selected_by` names the weights that chose, so that a report can say when they also judge.
    """

    composed = True

    def __init__(self, base: Contender, scorer: Scorer, n: int, name: str) -> None:
        self.base, self.scorer, self.draws, self.name = base, scorer, n, name
        self.batch = max(AT_ONCE, base.batch)
        self.selected_by: tuple[str, ...] = getattr(scorer, "weights", ())
        self.id = digest(["best_of_n", VERSION, base.id, scorer.id, n])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Each answer as soon as its last draft is there; a prompt without any draft that succeeded has a failed one."""
        n, wanted = self.draws, sampling.samples
        drawing = replace(
            sampling.over(Sampling(temperature=1.0)), samples=range(n * wanted.start, n * wanted.stop)
        )
        asked = {prompt.id: prompt for prompt in prompts}
        drafts: dict[tuple[str, int], list[Response]] = {}
        async for draft in self.base.answer(list(asked.values()), drawing):
            group = drafts.setdefault((draft.prompt, draft.sample // n), [])
            group.append(draft)
            if len(group) == n:
                yield await self._best(asked[draft.prompt], group, draft.sample // n, sampling)

    async def _best(
        self, prompt: Prompt, drafts: list[Response], sample: int, sampling: Sampling
    ) -> Response:
        drafts.sort(key=lambda draft: draft.sample)
        key = response_key(prompt.id, self.id, sampling, sample)
        usage = total(draft.usage for draft in drafts)
        parents = tuple(draft.id for draft in drafts)
        rated = [draft for draft in drafts if draft.finish != "failed"]
        scores = await self.scorer.score([prompt] * len(rated), rated) if rated else None
        known = [i for i, value in enumerate(scores.values) if not math.isnan(value)] if scores else []
        if scores is None or not known:
            error = (
                drafts[0].error if not rated else scores and next(iter(scores.reasons.values()), None)
            ) or "no draft"
            return Response(
                prompt.id, self.name, key, sample, finish="failed", error=f"best of {self.draws}: {error}",
                usage=usage, parents=parents,
            )  # fmt: skip
        best = rated[max(known, key=lambda i: (scores.values[i], -i))]
        return Response(
            prompt.id, self.name, key, sample, best.messages, best.finish, usage=usage, served_by=best.served_by,
            fingerprint=best.fingerprint, provenance=f"best of {self.draws}", parents=parents,
        )  # fmt: skip
