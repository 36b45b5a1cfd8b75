"""Log-probabilities of a fixed model for every sequence of the data: computed once, kept by model and the sequence's tokens.

They are never the current weights': what is missing is computed from the model named, before anything is trained.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from winsome.errors import BadInput, Fatal
from winsome.models.fetch import cache_folder
from winsome.models.logprobs import Logprobs, Want, logprobs
from winsome.records import digest
from winsome.training.plan import Compute

if TYPE_CHECKING:
    from numpy import float32, int64
    from numpy.typing import NDArray

    from winsome.models.logprobs import Sequences

VERSION = 2
BLOCK = 64
"""Sequences a call."""
SEGMENT = 4096
"""Sequences a file: what a stopped run may lose."""


class Reference(Protocol):
    """Fixed log-probabilities of a run's sequences."""

    def of(self, sequences: Sequence[int], device: str = "cpu") -> Logprobs: ...


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
        flat = torch.as_tensor(np.concatenate(spans) if spans else np.zeros(0, np.float32))
        sums = torch.stack([torch.as_tensor(np.array(span)).sum() for span in spans])
        counts = torch.tensor([len(span) for span in spans])
        found = Logprobs(sums.to(device), counts.to(device), flat.to(device))
        if self.prompt_sums is None or self.prompt_counts is None:
            return found
        chosen = np.asarray(sequences)
        return Logprobs(
            found.sums,
            found.counts,
            found.tokens,
            torch.as_tensor(self.prompt_sums[chosen], device=device),
            torch.as_tensor(self.prompt_counts[chosen], device=device),
        )


def stored(
    network: Any,
    model_id: str,
    sequences: Sequences,
    *,
    prompts: bool = False,
    row_tokens: int = 1024,
    compute: Compute = "own",
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Stored:
    """The log-probabilities of `sequences` under `network`, whose weights `model_id` names; from disk where they were kept.

    Each sequence is kept by its own ids, so other data that share some compute only the rest, and a run that was stopped goes
    on where it was. Raises BadInput where a value is not finite, naming the sequence; Fatal where the disk is full.
    """
    import torch

    folder = cache_folder() / "references" / digest([VERSION, model_id, compute, prompts])
    keys = [_key(prompt, answer) for prompt, answer in sequences]
    held = _read(folder, set(keys))
    first = {key: i for i, key in reversed(list(enumerate(keys))) if key not in held}
    missing = sorted(first.values())
    want = Want(tokens=True, prompts=prompts)
    for at in range(0, len(missing), SEGMENT):
        made: dict[bytes, Kept] = {}
        for start in range(at, min(at + SEGMENT, len(missing)), BLOCK):
            numbers = missing[start : min(start + BLOCK, at + SEGMENT)]
            with torch.no_grad():
                found = logprobs(
                    network,
                    [sequences[i] for i in numbers],
                    want,
                    row_tokens=row_tokens,
                    compute=compute,
                )
            _check_finite(found, numbers)
            made |= zip((keys[i] for i in numbers), _split(found), strict=True)
            progress(len(sequences) - len(missing) + start + len(numbers), len(sequences))
        _write(folder, made)
        held |= made
    return _assembled([held[key] for key in keys], prompts)


Kept = tuple["NDArray[float32]", float, int]
"""Token log-probabilities of an answer; sum and count of its prompt's (0 where not wanted)."""


def _key(prompt: Sequence[int], answer: Sequence[int]) -> bytes:
    """Digest of a sequence's ids, the prompt apart from the answer."""
    import hashlib

    import numpy as np

    state = hashlib.blake2b(np.asarray([len(prompt)], np.int64).tobytes(), digest_size=16)
    state.update(np.asarray([*prompt, *answer], np.int32).tobytes())
    return state.digest()


def _split(found: Logprobs) -> list[Kept]:
    """What is kept of each sequence."""
    import numpy as np

    assert found.tokens is not None
    tokens = found.tokens.float().cpu().numpy()
    ends = np.cumsum(found.counts.cpu().numpy())[:-1]
    none = np.zeros(len(found.sums))
    sums = none if found.prompt_sums is None else found.prompt_sums.float().cpu().numpy()
    counts = none if found.prompt_counts is None else found.prompt_counts.cpu().numpy()
    return [
        (values, float(prompt), int(count))
        for values, prompt, count in zip(np.split(tokens, ends), sums, counts, strict=True)
    ]


def _assembled(kept: Sequence[Kept], prompts: bool) -> Stored:
    import numpy as np

    return Stored(
        np.concatenate([values for values, _, _ in kept]),
        np.cumsum([0, *(len(values) for values, _, _ in kept)]),
        np.asarray([prompt for _, prompt, _ in kept], np.float32) if prompts else None,
        np.asarray([count for _, _, count in kept], np.int64) if prompts else None,
    )


def _read(folder: Path, wanted: Collection[bytes]) -> dict[bytes, Kept]:
    """Those of the wanted sequences that are on disk."""
    import numpy as np

    held: dict[bytes, Kept] = {}
    for place in sorted(folder.glob("*.npz")):
        with np.load(place) as segment:
            keys, starts, tokens = segment["keys"], segment["starts"], segment["tokens"]
            sums, counts = segment["prompt_sums"], segment["prompt_counts"]
        for i, key in enumerate(map(bytes, keys)):
            if key in wanted:
                held[key] = (tokens[starts[i] : starts[i + 1]], float(sums[i]), int(counts[i]))
    return held


def _write(folder: Path, made: Mapping[bytes, Kept]) -> None:
    """One more file, whole or not at all."""
    import numpy as np

    whole = _assembled(list(made.values()), prompts=True)
    keys = np.frombuffer(b"".join(made), np.uint8).reshape(len(made), -1)
    name = digest([key.hex() for key in made])
    scratch = folder / f".{name}-{os.getpid()}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            scratch, keys=keys, **{field: value for field, value in vars(whole).items() if value is not None}
        )
        scratch.replace(folder / f"{name}.npz")
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise Fatal(
            f"{folder}: the references cannot be written ({error.strerror}); free some space"
        ) from None


def _check_finite(found: Logprobs, numbers: Sequence[int]) -> None:
    import torch

    bad = (~torch.isfinite(found.sums)).nonzero()
    if len(bad):
        raise BadInput(
            f"reference: the log-probability of sequence {numbers[int(bad[0])]} is not finite; is the model whole?"
        )
