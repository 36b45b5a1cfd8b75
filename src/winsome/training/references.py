"""Log-probabilities of a fixed model for every sequence of the data: computed once, kept by model and tokens.

They are never the current weights': what is missing is computed from the model named, before anything is trained.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.models.fetch import cache_folder
from winsome.models.logprobs import Logprobs, Want, logprobs
from winsome.records import digest

if TYPE_CHECKING:
    from numpy import float32, int64
    from numpy.typing import NDArray

    from winsome.models.logprobs import Sequences

VERSION = 1
BLOCK = 64
"""Sequences a call."""


@dataclass(frozen=True)
class Stored:
    """Per token in nats, flat in the order of the sequences; `starts` [m + 1]. Sums are made of them in float32."""

    tokens: NDArray[float32]
    starts: NDArray[int64]
    prompt_sums: NDArray[float32] | None = None
    prompt_counts: NDArray[int64] | None = None

    def of(self, sequences: Sequence[int], device: str = "cpu") -> Logprobs:
        """The log-probabilities of the numbered sequences."""
        import numpy as np
        import torch

        spans = [self.tokens[self.starts[i] : self.starts[i + 1]] for i in sequences]
        flat = torch.from_numpy(np.concatenate(spans) if spans else np.zeros(0, np.float32))
        sums = torch.stack([torch.from_numpy(np.array(span)).sum() for span in spans])
        counts = torch.tensor([len(span) for span in spans])
        found = Logprobs(sums.to(device), counts.to(device), flat.to(device))
        if self.prompt_sums is None or self.prompt_counts is None:
            return found
        chosen = np.asarray(sequences)
        return Logprobs(
            found.sums,
            found.counts,
            found.tokens,
            torch.from_numpy(self.prompt_sums[chosen]).to(device),
            torch.from_numpy(self.prompt_counts[chosen]).to(device),
        )


def stored(
    network: Any,
    model_id: str,
    sequences: Sequences,
    *,
    prompts: bool = False,
    row_tokens: int = 1024,
    compute: str = "own",
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Stored:
    """The log-probabilities of `sequences` under `network`, whose weights `model_id` names; from disk where they were kept.

    Raises BadInput where a value is not finite, naming the sequence.
    """
    import numpy as np
    import torch

    key = digest([VERSION, model_id, compute, prompts, _tokens_digest(sequences)])
    place = cache_folder() / "references" / f"{key}.npz"
    if place.is_file():
        with np.load(place) as kept:
            return Stored(**{name: kept[name] for name in kept.files})
    want = Want(tokens=True, prompts=prompts)
    pieces: list[Any] = []
    counts: list[int] = []
    prompt_sums: list[Any] = []
    prompt_counts: list[Any] = []
    with torch.no_grad():
        for start in range(0, len(sequences), BLOCK):
            found = logprobs(
                network,
                sequences[start : start + BLOCK],
                want,
                row_tokens=row_tokens,
                compute=compute,  # type: ignore[arg-type]
            )
            assert found.tokens is not None
            _check_finite(found, start)
            pieces.append(found.tokens.float().cpu().numpy())
            counts += found.counts.tolist()
            if found.prompt_sums is not None and found.prompt_counts is not None:
                prompt_sums.append(found.prompt_sums.float().cpu().numpy())
                prompt_counts.append(found.prompt_counts.cpu().numpy())
            progress(min(start + BLOCK, len(sequences)), len(sequences))
    made = Stored(
        np.concatenate(pieces),
        np.cumsum([0, *counts]),
        np.concatenate(prompt_sums) if prompt_sums else None,
        np.concatenate(prompt_counts) if prompt_counts else None,
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = place.with_name(f".{key}-{os.getpid()}.npz")
    np.savez(scratch, **{name: value for name, value in vars(made).items() if value is not None})
    scratch.replace(place)
    return made


def _tokens_digest(sequences: Sequences) -> str:
    """Digest of all ids, prompts apart from answers."""
    import hashlib

    import numpy as np

    state = hashlib.blake2b(digest_size=16)
    for prompt, answer in sequences:
        state.update(np.asarray([len(prompt), len(answer)], np.int64).tobytes())
        state.update(np.asarray([*prompt, *answer], np.int32).tobytes())
    return state.hexdigest()


def _check_finite(found: Logprobs, start: int) -> None:
    import torch

    bad = (~torch.isfinite(found.sums)).nonzero()
    if len(bad):
        raise BadInput(
            f"reference: the log-probability of sequence {start + int(bad[0])} is not finite; is the model whole?"
        )
