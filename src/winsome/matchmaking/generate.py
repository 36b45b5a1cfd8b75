"""The stage before any match: one contender's answers to prompts, each kept in the ledger before it is handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import probe
from winsome.matchmaking.progress import Live
from winsome.matchmaking.session import Session
from winsome.records import Prompt, Response, Sampling, Suite, Usage, total, user

if TYPE_CHECKING:
    import polars as pl

Name = str | Path | Mapping[str, Any]


@dataclass(frozen=True)
class Generated:
    """Answers by prompt, then draw: pairs of prompt and response, failed ones included.

    planned: answers asked for. bought: what this call spent; kept: answers that were in the ledger already.
    """

    contender: str
    answers: tuple[tuple[Prompt, Response], ...]
    planned: int
    kept: int
    bought: Usage
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every answer asked for is there and none of them failed."""
        return len(self.answers) == self.planned and not self.failed

    @property
    def failed(self) -> int:
        return sum(response.finish == "failed" for _, response in self.answers)

    @property
    def texts(self) -> list[str]:
        """The answers' words alone; empty for a failed one."""
        return [response.text for _, response in self.answers]

    def rows(self) -> list[dict[str, Any]]:
        """A mapping an answer: id, prompt, output, model, sample, finish, error, tokens and money."""
        return [
            {
                "id": prompt.item if prompt.item is not None else prompt.id,
                "prompt": prompt.text,
                "output": None if response.finish == "failed" else response.text,
                "model": self.contender,
                "sample": response.sample,
                "finish": response.finish,
                "error": response.error,
                "tokens_in": response.usage.tokens_in,
                "tokens_out": response.usage.tokens_out,
                "money": response.usage.money,
            }
            for prompt, response in self.answers
        ]

    def to_frame(self) -> pl.DataFrame:
        """The rows as a Polars frame."""
        import polars as pl

        return pl.DataFrame(self.rows(), infer_schema_length=None)

    def write(self, path: str | Path, format: Literal["table", "alpaca_eval"] | None = None) -> int:
        """Write the answers to a file that `recorded:` reads back; how many were written (failed ones are left out).

        .jsonl, .json and .csv hold a table; format "alpaca_eval" (.json) holds AlpacaEval's model outputs.
        """
        from winsome.ledger.formats.alpaca_eval import write_outputs
        from winsome.ledger.formats.fields import Answer
        from winsome.ledger.formats.tables import write_answers

        rows = [
            Answer(
                record,
                tuple(m.text for m in response.messages),
                prompt,
                prompt.item,
                self.contender,
                response.sample,
            )
            for record, (prompt, response) in enumerate(self.answers, 1)
            if response.finish != "failed"
        ]
        if not rows:
            error = self.answers[0][1].error if self.answers else "nothing was asked"
            raise BadInput(f"{path}: no answer to write ({error}); see the ledger")
        return (write_outputs if format == "alpaca_eval" else write_answers)(path, rows)


def generate(
    contender: Name,
    prompts: Sequence[str | Prompt] | None = None,
    *,
    suite: Name | Suite | None = None,
    samples: int = 1,
    limit: int | None = None,
    sampling: Sampling | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Literal["local", "ray"] = "local",
    seed: int = 0,
    ledger: str | Path | None = None,
    quiet: bool = False,
) -> Generated:
    """The answers of `contender` to `prompts` (texts or Prompts), or to those of a suite; kept ones are not asked again.

    samples: draws a prompt. sampling: defaults where the contender's name does not say. budget: "5usd", "2000calls", "20min";
    what it leaves unasked is missing from the answers. Raises BadInput, Unsupported or Fatal with one line.
    """
    if (prompts is None) == (suite is None):
        raise BadInput(
            "generate needs prompts or a suite: give --prompt TEXT or --suite NAME, and only one of them"
        )
    if samples < 1:
        raise BadInput(f"samples={samples} draws nothing; give 1 or more")
    with Ledger.open(ledger) as store:
        session = Session(Door(store, Budget.of(budget), concurrency, rpm, tpm), seed, engine=engine)
        asked = (
            None if prompts is None else [p if isinstance(p, Prompt) else Prompt((user(p),)) for p in prompts]
        )
        drawing = Sampling(range(samples)) if sampling is None else replace(sampling, samples=range(samples))
        work = _generate(session, contender, asked, suite, limit, drawing, quiet)
        return finish(work, lambda: session.door.stop("interrupted"))


async def _generate(
    session: Session,
    name: Name,
    prompts: Sequence[Prompt] | None,
    suite: Name | Suite | None,
    limit: int | None,
    sampling: Sampling,
    quiet: bool,
) -> Generated:
    try:
        contender = session.asked(_spec(name))
        prompts = (_suite(session, suite).prompts if prompts is None else prompts)[:limit]
        if not prompts:
            raise BadInput("no prompts to answer; give at least one")
        missing = contender.missing(prompts, sampling)
        live = Live(session.door, quiet=quiet)
        found: dict[tuple[str, int], Response] = {}
        async with live.shown():
            warnings = await probe([contender], prompts, live.stage) if missing else []
            advance = live.stage(contender.name, len({p.id for p in prompts}) * len(sampling.samples))
            async for response in contender.answer(prompts, sampling):
                found[response.prompt, response.sample] = response
                advance(1)
        answers = tuple(
            (prompt, found[prompt.id, sample])
            for prompt in prompts
            for sample in sampling.samples
            if (prompt.id, sample) in found
        )
        if session.door.stopped:
            warnings.append(f"stopped early: {session.door.stopped}")
        planned = len(prompts) * len(sampling.samples)
        bought = total(tally.bought for tally in [contender.tally])
        return Generated(contender.name, answers, planned, contender.tally.kept, bought, tuple(warnings))
    finally:
        await session.close()


def _suite(session: Session, suite: Name | Suite | None) -> Suite:
    return suite if isinstance(suite, Suite) else session.open(_spec(suite or ""), Suite)


def _spec(name: Name) -> str | Mapping[str, Any]:
    return str(name) if isinstance(name, Path) else name
