"""The plan of a comparison, ask by ask: written before anything is asked, filled in as verdicts come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from winsome.matchmaking.rules import Answer
from winsome.records import Match, Prompt, Response, Side, Suite, Usage, Verdict, digest

if TYPE_CHECKING:
    import polars as pl

    from winsome.matchmaking.schedule import Pairing


@dataclass(slots=True)
class Ask:
    """One planned ask of the judge: a pairing in one order, asked for the `repeat`th time; `seat_a` is side a's seat.

    weight: how many contests it stands for, where only a random part of them was asked.
    """

    pairing: Pairing
    contest: str
    order: int
    repeat: int
    seat_a: int
    match: str = ""
    outcome: str = "not asked"
    share: float | None = None
    extent: float | None = None
    grades: tuple[float, ...] = ()
    reason: str = ""
    verdict: str = ""
    aspect: str = ""
    evidence: tuple[str, ...] = ()
    served_by: str = ""
    cached: bool = False
    usage: Usage = Usage()
    weight: float = 1.0


@dataclass
class Plan:
    """All asks so far, with the answers they compare (by contender number, then prompt number).

    The k-th `occurrence` (from 0) of one prompt in a suite is answered by draw k and makes contests of its own.
    """

    suite: Suite
    prompts: Sequence[Prompt]
    names: Sequence[str]
    orders: int
    repeats: int
    seed: int
    answers: list[dict[int, Answer]] = field(default_factory=list[dict[int, Answer]])
    asks: list[Ask] = field(default_factory=list[Ask])
    occurrence: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        seen: dict[str, int] = {}
        for prompt in self.prompts:
            seen[prompt.id] = seen.get(prompt.id, -1) + 1
            self.occurrence.append(seen[prompt.id])

    def add(self, pairings: Sequence[Pairing]) -> list[list[Ask]]:
        """The asks of each pairing, appended to the plan: every order `repeats` times, or one order drawn by the seed."""
        contests: list[list[Ask]] = []
        for pairing in pairings:
            prompt = self.prompts[pairing.prompt]
            again = self.occurrence[pairing.prompt]
            contest = digest(
                [prompt.id, self.names[pairing.a], self.names[pairing.b], *([again] if again else [])]
            )
            first = 0 if self.orders > 1 else self._seat(prompt, contest)
            asks = [
                Ask(pairing, contest, order, repeat, first if order == 0 else 1 - first)
                for order in range(self.orders)
                for repeat in range(self.repeats)
            ]
            contests.append(asks)
            self.asks += asks
        return contests

    def _seat(self, prompt: Prompt, contest: str) -> int:
        """Side a's seat where one order is asked: by the suite's published rule, else by the seed and the contest."""
        if self.suite.seats == "alpaca_eval":
            from winsome.judges.seats import alpaca_eval_seat

            # the published rule seats the baseline, which a schedule lists second
            return 1 - alpaca_eval_seat(prompt.text)
        return int(digest([self.seed, contest])[:8], 16) % 2

    def responses(self, asks: Sequence[Ask]) -> list[str]:
        """The ids of the answers that `asks` compare, each once."""
        sides = ((c, ask.pairing.prompt) for ask in asks for c in (ask.pairing.a, ask.pairing.b))
        return list(dict.fromkeys(self.answers[c][prompt].response for c, prompt in sides))

    def match(self, ask: Ask, responses: dict[str, Response]) -> Match:
        """The match of one ask, with its words."""
        prompt = self.prompts[ask.pairing.prompt]
        a, b = (self.answers[c][ask.pairing.prompt].response for c in (ask.pairing.a, ask.pairing.b))
        sides = (
            Side(self.names[ask.pairing.a], responses[a], ask.seat_a),
            Side(self.names[ask.pairing.b], responses[b], 1 - ask.seat_a),
        )
        return Match(prompt, sides, ask.order, ask.repeat, self.cluster(prompt), prompt.facets)

    def cluster(self, prompt: Prompt) -> str:
        """What rows that are not independent share: the prompt, or the suite's facet."""
        return (
            prompt.id if self.suite.cluster == "prompt" else prompt.facets.get(self.suite.cluster, prompt.id)
        )

    def frame(self, judge: str) -> pl.DataFrame:
        """A row an ask, plan order: the columns of asks.parquet."""
        import polars as pl

        asks, names, prompts = self.asks, self.names, self.prompts
        numbers = [ask.pairing.prompt for ask in asks]
        sides = [
            [
                self.answers[ask.pairing[place]].get(ask.pairing.prompt) if self.answers else None
                for ask in asks
            ]
            for place in (1, 2)
        ]
        clusters = [self.cluster(prompt) for prompt in prompts]
        categories, langs = (
            [prompt.facets.get(facet) for prompt in prompts] for facet in ("category", "lang")
        )

        def text(values: Iterable[str | None]) -> pl.Series:
            return pl.Series(list(values), dtype=pl.String)

        def number(values: Iterable[float | None], dtype: Any = pl.Float64) -> pl.Series:
            return pl.Series(list(values), dtype=dtype)

        return pl.DataFrame(
            {
                "position": pl.Series(range(len(asks)), dtype=pl.Int64),
                "contest": text(ask.contest for ask in asks),
                "prompt": text(prompts[i].id for i in numbers),
                "item": text(prompts[i].item for i in numbers),
                "cluster": text(clusters[i] for i in numbers),
                "category": text(categories[i] for i in numbers),
                "lang": text(langs[i] for i in numbers),
                "a": text(names[ask.pairing.a] for ask in asks),
                "b": text(names[ask.pairing.b] for ask in asks),
                "order": number((ask.order for ask in asks), pl.Int32),
                "repeat": number((ask.repeat for ask in asks), pl.Int32),
                "seat_a": number((ask.seat_a for ask in asks), pl.Int32),
                "match": text(ask.match or None for ask in asks),
                "response_a": text(side and side.response for side in sides[0]),
                "response_b": text(side and side.response for side in sides[1]),
                "length_a": number((side and side.characters for side in sides[0]), pl.Int64),
                "length_b": number((side and side.characters for side in sides[1]), pl.Int64),
                "outcome": text(ask.outcome for ask in asks),
                "share": number(ask.share for ask in asks),
                "extent": number(ask.extent for ask in asks),
                "grade_a": number(ask.grades[0] if ask.grades else None for ask in asks),
                "grade_b": number(ask.grades[1] if ask.grades else None for ask in asks),
                "reason": text(ask.reason for ask in asks),
                "verdict": text(ask.verdict or None for ask in asks),
                "aspect": text(ask.aspect for ask in asks),
                # by way of one text a row: of each list that Python gives it Polars keeps a Series of its own, 5 kB
                "evidence": text(" ".join(ask.evidence) for ask in asks).str.extract_all(r"\S+"),
                "judge": text(judge for _ in asks),
                "served_by": text(ask.served_by for ask in asks),
                "cached": pl.Series([ask.cached for ask in asks], dtype=pl.Boolean),
                "money": number(ask.usage.money for ask in asks),
                "seconds": number(ask.usage.seconds for ask in asks),
                **(
                    {"weight": number(ask.weight for ask in asks)}
                    if any(ask.weight != 1.0 for ask in asks)
                    else {}
                ),
            }
        )


def battles_frame(asks: pl.DataFrame) -> pl.DataFrame:
    """The asks under the column names from which `standings.Battles` are read; lengths only where every side has one."""
    import polars as pl

    frame = asks.select(
        pl.col("a").alias("model_a"),
        pl.col("b").alias("model_b"),
        "share",
        "outcome",
        "order",
        "repeat",
        "contest",
        pl.col("cluster").alias("prompt_id"),
        "judge",
        "category",
        *([pl.col("aspect")] if asks["aspect"].n_unique() > 1 else []),
        *([_extent(asks).alias("extent")] if asks["extent"].null_count() < asks.height else []),
        pl.col("length_a").fill_null(0).cast(pl.Float64),
        pl.col("length_b").fill_null(0).cast(pl.Float64),
        *(["weight"] if "weight" in asks.columns else []),
    )
    return frame if frame["category"].null_count() < frame.height else frame.drop("category")


def _extent(asks: pl.DataFrame) -> pl.Series:
    """How large each win was; what a rule decided is a large win by forfeit or a tie, a plain win is a small one."""
    import polars as pl

    told = (
        pl.when(pl.col("outcome") == "forfeit")
        .then(2.0)
        .when(pl.col("share").fill_null(0.5) == 0.5)
        .then(0.0)
    )
    return asks.select(pl.col("extent").fill_null(told.otherwise(1.0))).to_series()


def fill(ask: Ask, match: str, verdict: Verdict, *, cached: bool) -> None:
    """Write a verdict into its ask."""
    ask.match, ask.verdict, ask.outcome = match, verdict.id, verdict.outcome
    ask.share, ask.extent, ask.reason = verdict.share, verdict.extent, verdict.reason
    ask.grades = verdict.scores if verdict.outcome == "graded" else ()
    ask.aspect, ask.evidence, ask.served_by = verdict.aspect, verdict.evidence, verdict.served_by
    ask.cached, ask.usage = cached, verdict.usage
