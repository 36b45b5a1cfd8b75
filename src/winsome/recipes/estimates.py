"""What a recipe may cost on this machine, before it runs.

Rows are upper bounds, since nobody knows before what a filter keeps. All of it is an estimate by the constants below, and is called so.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from winsome.errors import BadInput
from winsome.given import is_listed
from winsome.ledger.store import Ledger, engine_of
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.preflight import ANSWER_TOKENS, CHARACTERS_A_TOKEN, load_of
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.plan import ENTRY, Planned, planned
from winsome.recipes.read import Recipe
from winsome.recipes.references import references, with_names
from winsome.records import Sampling, Suite

FLOPS_HERE = 2e10
"""Multiplications and additions a second of one CPU thread, in float32, on small matrices."""
FASTEST_HERE = 8_000.0
"""Tokens a second of one CPU thread that even the smallest model does not exceed."""
TRAINING_BYTES = 16
"""Bytes a parameter while training: weights, gradient and Adam's two moments in float32."""
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """One step: rows made at most, calls, tokens, peak memory in GiB, US dollars (None: unknown), minutes."""

    step: str
    makes: str = ""
    rows: int = 0
    calls: int = 0
    tokens: int = 0
    memory: float = 0.0
    money: float | None = 0.0
    minutes: float = 0.0

    def cells(self) -> tuple[str, ...]:
        """The row as a table shows it."""
        made = f"at most {self.rows:,} {self.makes}" if self.makes else ""
        memory = f"{self.memory:.1f} GiB" if self.memory >= 0.1 else ""
        usd = "unknown" if self.money is None else f"{self.money:.2f} usd" if self.money else "no charge"
        minutes = f"{self.minutes:,.1f}" if self.minutes >= 0.05 else "below 0.1"
        return self.step, made, f"{self.calls:,}", f"{self.tokens:,}", memory, usd, minutes


@dataclass(frozen=True)
class Estimate:
    """A recipe's rows, where they hold, and what a reader must know of them."""

    name: str
    where: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def payload(self) -> dict[str, Any]:
        """As JSON-like values."""
        return {
            "name": self.name,
            "where": self.where,
            "steps": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }


def with_total(name: str, where: str, rows: Sequence[Row], notes: Sequence[str]) -> Estimate:
    """The estimate with its sum as the last row; memory is the largest, money unknown where any part is."""
    money = None if any(row.money is None for row in rows) else sum(row.money or 0.0 for row in rows)
    total = Row(
        "all", "", 0, sum(r.calls for r in rows), sum(r.tokens for r in rows), max((r.memory for r in rows), default=0.0),
        money, sum(r.minutes for r in rows),
    )  # fmt: skip
    return Estimate(name, where, (*rows, total), tuple(notes))


def estimate_here(recipe: Recipe, ledger: str | Path | None = None) -> Estimate:
    """What the steps of `recipe` come to on this machine; everything is checked as before a run, and nothing is asked or made."""
    with tempfile.TemporaryDirectory() as folder:
        engine_of(ledger)
        with Ledger.open(Path(folder) / "ledger.sqlite") as store:
            session = Session(Door(store), recipe.seed, Path(folder))
            counter = _Counter(session, recipe)
            counter.steps(planned(recipe, session), {}, "")
    notes = [
        "checked: every step, key, name, file, frame and column; an estimate, nothing was asked",
        f"tokens: characters / {CHARACTERS_A_TOKEN}, answers as long as max_tokens allows, else {ANSWER_TOKENS}; rows: at most",
    ]
    return with_total(recipe.name, "here, one thread", counter.rows, notes)


@dataclass
class _Counter:
    """Walks the steps with the most rows that each frame can have."""

    session: Session
    recipe: Recipe
    rows: list[Row] = field(default_factory=list[Row])
    tokens_a_prompt: float = 30.0
    tokens_an_answer: float = 0.0

    def steps(
        self, steps: Sequence[Planned], there: Mapping[str, dict[str, int]], path: str
    ) -> dict[str, dict[str, int]]:
        """Step -> frame -> rows at most, after `steps`."""
        known = {name: dict(frames) for name, frames in there.items()}
        for step in steps:
            frames: dict[str, int] = {}
            for source in step.sources:
                for name, n in known.get(source, {}).items():
                    mixes = step.kind == "mix" and name in frames
                    frames[name] = frames[name] + n if mixes else n
            known[step.id] = self.step(step, frames, path)
        return known

    def step(self, step: Planned, frames: dict[str, int], path: str) -> dict[str, int]:
        """Frame -> rows at most after one step; its row is kept."""
        if step.variants:
            last = frames
            for label, body in step.variants.items():
                after = self.steps(body, {ENTRY: frames}, f"{path}{step.id}/{label}/")
                last = after[body[-1].id]
            return {**frames, **last}
        row, made = self._row(step, frames)
        self.rows.append(replace(row, step=f"{path}{step.id}"))
        after = {**frames, **made}
        if step.limit is not None:
            after |= {name: min(n, step.limit) for name, n in made.items() if not step.reads}
        return after

    def _row(self, step: Planned, frames: Mapping[str, int]) -> tuple[Row, dict[str, int]]:
        given = with_names(step.given, self.recipe.names)
        measured = {
            "load": self._load,
            "generate": self._generate,
            "critique": self._critique,
            "revise": self._revise,
            "train": self._train,
            "match": self._match,
        }
        if step.kind in measured:
            return measured[step.kind](step, given, frames)
        made = {name: _most(name, step, frames) for name in step.makes} | _chosen(step, frames)
        first = next(iter(made), "")
        asks = made.get("scores", 0) * int(given.get("n", 1)) if step.kind in ("score", "judge") else 0
        return Row("", first, made.get(first, 0), asks), made

    def _load(
        self, step: Planned, given: Mapping[str, Any], frames: Mapping[str, int]
    ) -> tuple[Row, dict[str, int]]:
        from winsome.recipes.steps.load import load

        known = {k: v for k, v in given.items() if k in ("source", "kind", "rows", "rename")}
        tables = load({}, **known, run=self.session).frames
        made = {name: table.height for name, table in tables.items()}
        if "prompts" in tables and tables["prompts"].height:
            size = tables["prompts"]["messages"].list.eval(_length()).list.sum().mean()
            self.tokens_a_prompt = (size if isinstance(size, float) else 0.0) / CHARACTERS_A_TOKEN
        if step.limit is not None:
            made = {name: min(n, step.limit) for name, n in made.items()}
        first = next(iter(made))
        return Row("", first, made[first]), made

    def _generate(
        self, step: Planned, given: Mapping[str, Any], frames: Mapping[str, int]
    ) -> tuple[Row, dict[str, int]]:
        names = given["by"] if is_listed(given["by"]) else [given["by"]]
        prompts = min(frames.get("prompts", 0), step.limit or frames.get("prompts", 0))
        new = given.get("what") == "prompts"
        answers = (1 if new else prompts) * int(given.get("n", 1))
        long = _longest(given) or ANSWER_TOKENS
        self.tokens_an_answer = long if not new else self.tokens_an_answer
        rows = [self._asked(self._opened(name), answers, long) for name in names]
        whole = with_total("", "", rows, ()).rows[-1]
        n, made = answers * len(names), "prompts" if new else "responses"
        before = frames.get(made, 0) if given.get("keep", True) else 0
        return replace(whole, makes=made, rows=n), {made: n + before}

    def _critique(
        self, step: Planned, given: Mapping[str, Any], frames: Mapping[str, int]
    ) -> tuple[Row, dict[str, int]]:
        answers = frames.get("responses", 0)
        asked = self._asked(self._opened(given["by"]), answers * int(given.get("n", 1)), _longest(given) or ANSWER_TOKENS)  # fmt: skip
        n = answers + (frames.get("scores", 0) if given.get("keep", True) else 0)
        return replace(asked, makes="scores", rows=n), {"scores": n}

    def _revise(
        self, step: Planned, given: Mapping[str, Any], frames: Mapping[str, int]
    ) -> tuple[Row, dict[str, int]]:
        answers, rounds = frames.get("responses", 0), int(given.get("rounds", 1))
        reviewers = given.get("reviewers", ())
        names = [given["by"], *(reviewers if is_listed(reviewers) else [reviewers])]
        long = _longest(given) or ANSWER_TOKENS
        rows = [self._asked(self._opened(name), answers * rounds, long) for name in names]
        n = answers * (1 + (rounds if given.get("keep") == "all" else 1))
        return replace(with_total("", "", rows, ()).rows[-1], makes="responses", rows=n), {"responses": n}

    def _opened(self, name: Any) -> Asked | None:
        """The contender of a name; None for one that a step of the recipe makes."""
        if any(True for _ in references(name)):
            return None
        # the door is what a session opens a contender as
        return cast("Asked", self.session.open(name, Contender))

    def _asked(self, asked: Asked | None, answers: int, long: float) -> Row:
        if asked is None:
            size = self._parameters(None)
            tokens = int(answers * (self.tokens_a_prompt + long))
            return Row("", "", 0, answers, tokens, 4 * size / GIB, 0.0, _minutes(2 * size, tokens))
        load = load_of(asked, answers, 0, self.tokens_a_prompt, asked.resolved(Sampling()).max_tokens or long)
        tokens = load.tokens_in + load.tokens_out
        if asked.host:
            return Row("", "", 0, load.calls, tokens, 0.0, load.money, load.calls / 600)
        size = self._parameters(asked)
        return Row("", "", 0, load.calls, tokens, 4 * size / GIB, load.money, _minutes(2 * size, tokens))

    def _parameters(self, asked: Asked | None) -> float:
        """Parameters of a contender with weights here; what the recipe trains is as large as the first of its names."""
        inner: Any = asked
        while inner is not None and hasattr(inner, "inner"):
            inner = getattr(inner.inner, "base", None) or inner.inner
        place = getattr(inner, "weights", None)
        if place is None and asked is None:
            first = next((n for n in self.recipe.names.values() if _is_contender(n)), None)
            return self._parameters(self._opened(first)) if first else 1e6
        return _size(place) if place else 1e6

    def _train(
        self, step: Planned, given: Mapping[str, Any], frames: Mapping[str, int]
    ) -> tuple[Row, dict[str, int]]:
        name = given["from"]
        size = self._parameters(self._opened(name))
        examples = frames.get("pairs") or frames.get("responses", 0)
        sides = 2 if frames.get("pairs") else 1
        epochs = float(step.rule_given.get("epochs", 1))
        tokens = int(examples * sides * epochs * (self.tokens_a_prompt + self.tokens_an_answer))
        return Row("", "", 0, 0, tokens, TRAINING_BYTES * size / GIB, 0.0, _minutes(6 * size, tokens)), {}

    def _match(
        self, step: Planned, given: Mapping[str, Any], frames: Mapping[str, int]
    ) -> tuple[Row, dict[str, int]]:
        prompts = (
            len(self.session.open(given["suite"], Suite).prompts)
            if given.get("suite")
            else frames.get("prompts", 0)
        )
        prompts = min(prompts, int(given.get("prompts") or prompts))
        names = given["a"] if is_listed(given["a"]) else [given["a"]]
        long = _longest(given) or self.tokens_an_answer or ANSWER_TOKENS
        rows = [self._asked(self._opened(name), prompts, long) for name in (*names, given["b"])]
        whole = with_total("", "", rows, ()).rows[-1]
        return replace(whole, makes="contests", rows=prompts * len(names)), {}


def _longest(given: Mapping[str, Any]) -> float:
    """The tokens that answers may have; 0 where a step does not say."""
    drawing: Mapping[str, Any] = given.get("sampling") or {}
    return float(drawing.get("max_tokens") or 0)


def _chosen(step: Planned, frames: Mapping[str, int]) -> dict[str, int]:
    """Rows that a select step with a budget leaves."""
    budget, name = float(step.rule_given.get("budget", 0.0)), str(step.given.get("frame") or "responses")
    if step.kind != "select" or not budget or name not in frames:
        return {}
    per_prompt = (
        step.rule_given.get("scope", "per_prompt" if step.rule and step.rule.name == "topk" else "global")
        == "per_prompt"
    )
    most = budget * (frames.get("prompts", 1) if per_prompt else 1) if budget >= 1 else budget * frames[name]
    return {name: min(frames[name], int(most))}


def _most(name: str, step: Planned, frames: Mapping[str, int]) -> int:
    if name == "scores":
        return frames.get("responses", 0) + frames.get("scores", 0)
    if name == "pairs":
        given = step.rule_given
        many = (
            len(given.get("chosen", [1])) * len(given.get("rejected", [1]))
            if step.rule and step.rule.name == "rank"
            else 1
        )
        return frames.get("prompts", frames.get("responses", 0)) * many
    return frames.get(name, 0)


def _minutes(flops: float, tokens: float) -> float:
    return tokens / min(FASTEST_HERE, FLOPS_HERE / max(1.0, flops)) / 60


def _length() -> Any:
    import polars as pl

    return pl.element().struct.field("content").str.len_chars()


def _is_contender(name: str) -> bool:
    from winsome import specs

    try:
        return specs.factory_of(specs.parse(name), "Contender") is not None
    except BadInput:
        return False


def _size(weights: str) -> float:
    """Numbers in a folder of safetensors; of other files half the bytes; a name that lies nowhere here counts as small."""
    from safetensors import safe_open

    place = Path(weights)
    count = 0
    for file in place.glob("*.safetensors"):
        with cast(Any, safe_open)(file, "np") as held:
            count += sum(math.prod(held.get_slice(name).get_shape()) for name in held.keys())  # noqa: SIM118
    files = [place] if place.is_file() else list(place.glob("*.gguf"))
    return float(count) or sum(file.stat().st_size for file in files) / 2 or 1.35e8
