"""The answers of one phase with all that is known of them, as arrays, on disk before anything is learnt from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import Fatal
from winsome.training.units import Flat

if TYPE_CHECKING:
    from numpy import bool_, float32, float64, int64
    from numpy.typing import NDArray

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Rollouts:
    """`m` answers that one version of the weights gave.

    groups [m]: the number of each answer's prompt, rising; `prompts` names them. `sequences`: ids of prompt and answer, the token
    that ended it included; `ended` [m]: whether one did. reward [m]: nan where it failed, for the reason in `failures` [m] (else "").
    Per answer token, flat [t], nats: `sampled` as the sampler told (nan where it did not), `behaviour` the trainer's own forward
    pass of the weights that drew, `reference`, and `values` of a critic (empty where there is none).
    version: the weights that drew, by update and digest.
    """

    version: str
    prompts: tuple[str, ...]
    groups: NDArray[int64]
    sequences: Flat
    texts: tuple[str, ...]
    ended: NDArray[bool_]
    reward: NDArray[float64]
    failures: tuple[str, ...]
    sampled: NDArray[float32]
    behaviour: NDArray[float32]
    reference: NDArray[float32]
    values: NDArray[float32]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def lengths(self) -> NDArray[int64]:
        """Tokens of each answer, [m]."""
        import numpy as np

        return np.diff(self.sequences.answer_starts)

    @cached_property
    def owners(self) -> NDArray[int64]:
        """The answer of each token, [t]."""
        import numpy as np

        return np.repeat(np.arange(len(self)), self.lengths)

    def sums(self, tokens: NDArray[float32] | NDArray[float64]) -> NDArray[float64]:
        """Figures of tokens [t] summed by answer, [m]."""
        import numpy as np

        return np.bincount(self.owners, tokens.astype(np.float64), len(self)).astype(np.float64)

    def only(self, kept: NDArray[int64]) -> Rollouts:
        """The answers with these numbers, in this order; groups keep the numbers of their prompts."""
        import numpy as np

        starts: list[int] = self.sequences.answer_starts.tolist()
        numbers: list[int] = kept.tolist()
        spans: list[NDArray[int64]] = [np.arange(starts[i], starts[i + 1]) for i in numbers]
        tokens = np.concatenate(spans) if spans else np.zeros(0, np.int64)
        held = {
            name: getattr(self, name)[tokens] if len(getattr(self, name)) else getattr(self, name)
            for name in ("sampled", "behaviour", "reference", "values")
        }
        return replace(
            self,
            groups=self.groups[kept],
            sequences=flat([self.sequences[int(i)] for i in kept]),
            texts=tuple(self.texts[int(i)] for i in kept),
            ended=self.ended[kept],
            reward=self.reward[kept],
            failures=tuple(self.failures[int(i)] for i in kept),
            **held,
        )


def flat(sequences: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Flat:
    """(prompt ids, answer ids) of each sequence as flat arrays."""
    import numpy as np

    def joined(side: int) -> tuple[NDArray[np.int32], NDArray[int64]]:
        lists = [sequence[side] for sequence in sequences]
        ids = np.asarray([token for ids in lists for token in ids], np.int32)
        return ids, np.cumsum([0, *(len(ids) for ids in lists)], dtype=np.int64)

    return Flat(*joined(0), *joined(1))


def write(place: Path, rollouts: Rollouts) -> None:
    """The rollouts in one file, whole or not at all, durable on return; Fatal where the disk is full."""
    import numpy as np

    scratch = place.with_name(f".{place.stem}-{os.getpid()}.npz")
    own = {
        name: getattr(rollouts, name)
        for name in ("groups", "ended", "reward", "sampled", "behaviour", "reference", "values")
    }
    words = {name: np.asarray(getattr(rollouts, name), str) for name in ("texts", "failures")}
    names = np.asarray(rollouts.prompts, str)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            np.savez(
                file, format=FORMAT, version=rollouts.version, names=names, **own, **words,
                **vars(rollouts.sequences),
            )  # fmt: skip
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(place)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise Fatal(
            f"{place.name}: the rollouts cannot be written ({error.strerror}); free some space"
        ) from None


def read(place: Path) -> Rollouts | None:
    """The rollouts in a file; None where it is not there, or is no whole file of this format."""
    import zipfile

    import numpy as np

    try:
        with np.load(place) as held:
            if int(held["format"]) != FORMAT:
                return None
            named = ("prompts", "prompt_starts", "answers", "answer_starts")
            kept: dict[str, Any] = {name: tuple(held[name].tolist()) for name in ("texts", "failures")}
            kept |= {
                name: held[name]
                for name in ("groups", "ended", "reward", "sampled", "behaviour", "reference", "values")
            }
            asked = tuple(held["names"].tolist())
            return Rollouts(str(held["version"]), asked, sequences=Flat(*(held[n] for n in named)), **kept)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
