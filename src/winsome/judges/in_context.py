"""Any judge, shown beside each prompt the context of the person who asked; contenders never see it.

The context stands in `for_judges["context"]`, so it is part of what a verdict is kept under.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from winsome.errors import BadInput
from winsome.judges.heard import extents, weights_of
from winsome.protocols import Judge
from winsome.records import Match, Message, Prompt, Text, Verdict, digest

VERSION = 1
PROMPT = "context@1"


@dataclass(frozen=True)
class InContext:
    """`inner` judges the prompt with its context written under the user's last turn, in the words of `text`."""

    name: str
    id: str
    label: str
    inner: Judge
    text: str
    sides: range
    ordered: bool

    @property
    def parts(self) -> tuple[tuple[Judge, int], ...]:
        return ((self.inner, 1),)

    @property
    def extents(self) -> bool:
        return extents(self.inner)

    @property
    def weights(self) -> tuple[str, ...]:
        return weights_of([self.inner])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """The inner judge's verdicts, told of these matches; BadInput for a prompt without context."""
        shown = {
            (made := replace(match, prompt=self._shown(match.prompt))).id: (match, made) for match in matches
        }
        async for verdict in self.inner.judge([made for _, made in shown.values()]):
            match, _ = shown[verdict.match]
            yield replace(verdict, match=match.id, judge=self.name, judge_id=self.id)

    def _shown(self, prompt: Prompt) -> Prompt:
        context: Any = prompt.for_judges.get("context")
        if not isinstance(context, str) or not context:
            raise BadInput(
                f"prompt {prompt.item or prompt.id[:8]}: has no context to judge in; write contexts first"
            )
        *before, last = prompt.messages
        told = Message(last.role, (*last.parts, Text(self.text.replace("<context>", context))))
        return replace(prompt, messages=(*before, told))


def in_context(*, judge: Judge, name: str = "in_context") -> InContext:
    """`judge` with the context of each prompt before its eyes, and told to check its points first."""
    text = (resources.files("winsome.judges") / "prompts" / f"{PROMPT}.txt").read_text("utf-8")
    id = digest(["in_context", VERSION, judge.id, digest(text)])
    return InContext(
        name, id, f"{getattr(judge, 'label', judge.name)} in context@1", judge, text, judge.sides, judge.ordered
    )  # fmt: skip
