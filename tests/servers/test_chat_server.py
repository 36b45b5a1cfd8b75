"""The chat server of real small models: what an endpoint asks of it, answered in batches, by a model that a test knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.chat_server import MODEL, serving_chat
from winsome.errors import Fatal
from winsome.matchmaking.generate import generate
from winsome.records import Prompt, Response, Sampling, Tokens, Usage, assistant, user


@dataclass
class Echo:
    """Says how it was asked; it counts its batches."""

    name: str = "echo"
    id: str = "echo"
    batch: int = 64
    batches: list[int] = field(default_factory=list[int])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        self.batches.append(len(prompts))
        for prompt in prompts:
            if prompt.text == "too long":
                yield Response(
                    prompt.id, self.name, prompt.id, finish="failed", error="the prompt has 9,000 tokens"
                )
                continue
            told = f"{prompt.system}|{prompt.text}|{sampling.temperature}|{sampling.max_tokens}"
            tokens = Tokens(("m", "!"), (-0.5, -1.0), ({"m": -0.5, "M": -1.5}, {"!": -1.0}))
            yield Response(
                prompt.id, self.name, prompt.id, messages=(assistant(told),), finish="length", usage=Usage(1, 7, 2),
                tokens=tokens if sampling.logprobs else None,
            )  # fmt: skip


def prompts(n: int) -> list[Prompt]:
    return [Prompt((user(f"question {k}"),), "Be brief.") for k in range(n)]


def test_questions_asked_together_are_answered_together_each_its_own(tmp_path: Path) -> None:
    echo = Echo()
    drawing = Sampling(temperature=0.5, max_tokens=9, seed=1, logprobs=2)
    with serving_chat(contender=echo) as base:
        found = generate(f"{base}#{MODEL}", prompts(40), sampling=drawing, ledger=tmp_path / "l.sqlite", concurrency=40, quiet=True)  # fmt: skip
    assert found.complete
    assert {p.text: r.text for p, r in found.answers} == {
        f"question {k}": f"Be brief.|question {k}|0.5|9" for k in range(40)
    }
    assert {(r.finish, r.usage.tokens_in, r.usage.tokens_out) for _, r in found.answers} == {("length", 7, 2)}
    first = found.answers[0][1].tokens
    assert first is not None
    assert first.top[0] == {"m": -0.5, "M": -1.5}
    assert sum(echo.batches) >= 40
    assert max(echo.batches) >= 10


def test_what_fails_and_who_is_unknown_is_said(tmp_path: Path) -> None:
    with serving_chat(contender=Echo()) as base:
        with pytest.raises(Fatal, match="other"):
            generate(f"{base}#other", prompts(1), ledger=tmp_path / "l.sqlite", quiet=True)
        with pytest.raises(Fatal, match="9,000 tokens"):
            generate(
                f"{base}#{MODEL}", [Prompt((user("too long"),))], ledger=tmp_path / "l.sqlite", quiet=True
            )
