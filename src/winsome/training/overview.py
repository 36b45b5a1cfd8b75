"""What a run would learn from, in figures, before it is paid for: lost rows, doubles, lengths, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from winsome.records import digest
from winsome.training.examples import ROLES, Examples, Side
from winsome.training.tokens import Tokenised

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

FAULTS_SHOWN = 3


@dataclass(frozen=True)
class Lengths:
    """Of `n` texts, in tokens."""

    n: int
    mean: float
    median: float
    ninth: float
    most: int

    def line(self, name: str) -> str:
        return (
            f"{name}: {self.mean:.1f} tokens in the mean, median {self.median:.0f}, nine tenths at most {self.ninth:.0f}, "
            f"longest {self.most} (n = {self.n})"
        )


@dataclass(frozen=True)
class Overview:
    """Rows of `source`: `unreadable` with what is wrong with each, `counts` of the others as tokens (kept, dropped and cut, by reason).

    doubled: kept or dropped rows whose words stood in an earlier row already; turned: pairs whose sides an earlier row has the other
    way round; prompts: different ones. lengths: by name, of prompts and of what is learnt of each side. longer: the share of pairs
    whose chosen side is the longer one, ties a half, with its interval, clustered by prompt; None where there are no pairs.
    tokens: of all sides with their prompts; computed: those that pass through the model in an epoch, shared prompts once; learnt:
    those that a loss stands on. updates: of the run.
    """

    source: str
    form: str
    unreadable: tuple[str, ...]
    counts: Mapping[str, int]
    doubled: int
    turned: int
    prompts: int
    lengths: Mapping[str, Lengths]
    longer: float | None
    longer_interval: tuple[float, float] | None
    tokens: int
    computed: int
    learnt: int
    updates: int

    def lines(self) -> list[str]:
        """What a user is told."""
        told: list[str] = []
        if self.unreadable:
            told.append(f"unreadable: {len(self.unreadable)} records, at the first of which training stops")
        told += [f"  {fault}" for fault in self.unreadable[:FAULTS_SHOWN]]
        turned = f", {self.turned} contradict an earlier row" if self.form == "pairs" else ""
        told.append(
            f"doubles: {self.doubled} rows repeat an earlier one{turned} ({self.prompts} different prompts)"
        )
        told += [lengths.line(name) for name, lengths in self.lengths.items()]
        if self.longer is not None and self.longer_interval is not None:
            low, high = self.longer_interval
            told.append(
                f"the chosen answer is the longer one in {100 * self.longer:.1f}% ({100 * low:.1f} to {100 * high:.1f}%) of "
                f"{self.counts['kept']} pairs{_warned(low, high)}"
            )
        stands = f", a loss stands on {self.learnt:,}" if self.learnt else ""
        told.append(
            f"an epoch computes {self.computed:,} tokens of {self.tokens:,} (shared prompts once){stands}; {self.updates:,} updates in all"
        )
        return told


def _warned(low: float, high: float) -> str:
    if low > 0.5:
        return ": what is learnt may be length; compare with --objective rdpo, simpo or ln_dpo"
    return ": what is learnt may be brevity" if high < 0.5 else ""


def overview(
    examples: Examples, data: Tokenised, *, whole: bool, updates: int, unreadable: Sequence[str] = ()
) -> Overview:
    """The figures of `examples` and of what they are as tokens; `whole`: whole dialogues are rated and no token is learnt."""
    import numpy as np

    doubled, turned = _repeats(examples)
    asked, said, learnt = _sizes(data)
    roles = ROLES[data.form] or ("response",)
    lengths = {} if whole else {"prompt": _lengths(asked)}
    if data.form == "ranked":
        lengths["response"] = _lengths(learnt)
    else:
        sizes = asked + said if whole else learnt
        for number, role in enumerate(roles):
            lengths[role] = _lengths(sizes[number :: len(roles)])
    longer = interval = None
    if data.form == "pairs":
        longer, interval = _longer(examples, data, asked + said)
    return Overview(
        source=examples.source,
        form=data.form,
        unreadable=tuple(unreadable),
        counts=data.counts,
        doubled=doubled,
        turned=turned,
        prompts=len({side.prompt.id for row in examples.rows for side in row.sides}),
        lengths=lengths,
        longer=longer,
        longer_interval=interval,
        tokens=int((asked + said).sum()),
        computed=int(np.sum(data.sizes)),
        learnt=0 if whole else int(learnt.sum()),
        updates=updates,
    )


def _repeats(examples: Examples) -> tuple[int, int]:
    """How many rows repeat an earlier one, and how many pairs stand the other way round there."""
    seen: set[tuple[str, ...]] = set()
    doubled = turned = 0
    for row in examples.rows:
        words = tuple(map(_words, row.sides))
        doubled += words in seen
        turned += examples.form == "pairs" and words not in seen and words[::-1] in seen
        seen.add(words)
    return doubled, turned


def _words(side: Side) -> str:
    return digest([side.prompt.id, side.text])


def _sizes(data: Tokenised) -> tuple[NDArray[int64], NDArray[int64], NDArray[int64]]:
    """Of all sides in row order: tokens of the prompt, of the answer, and those of the answer that count."""
    import numpy as np

    found: list[NDArray[int64]] = [
        data.frame[name].explode().list.len().to_numpy().astype(np.int64) for name in ("prompts", "answers")
    ]
    counted = data.counted
    if counted is None:
        return found[0], found[1], found[1]
    starts = np.concatenate([[0], np.cumsum(found[1])[:-1]])
    return found[0], found[1], np.add.reduceat(counted.astype(np.int64), starts)


def _lengths(sizes: NDArray[int64]) -> Lengths:
    import numpy as np

    return Lengths(
        len(sizes),
        float(sizes.mean()),
        float(np.median(sizes)),
        float(np.quantile(sizes, 0.9)),
        int(sizes.max()),
    )


def _longer(
    examples: Examples, data: Tokenised, sizes: NDArray[int64]
) -> tuple[float, tuple[float, float] | None]:
    """The share of pairs whose first side is longer, ties a half, and its interval over prompts."""
    import numpy as np

    from winsome.standings.intervals import clustered_mean, score_interval

    asked = {row.id: row.sides[0].prompt.id for row in examples.rows}
    share = (np.sign(sizes[0::2] - sizes[1::2]) + 1.0) / 2.0
    cluster = np.unique([asked[id] for id in data.ids], return_inverse=True)[1].astype(np.int32)
    return float(share.mean()), score_interval(clustered_mean(share, np.ones(len(share)), cluster))
