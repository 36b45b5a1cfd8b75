"""Models of one family made into one: their mean, a weighted sum, or the way between two along the sphere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from winsome.errors import BadInput, Fatal
from winsome.matchmaking.run_folder import now, versions
from winsome.models.logprobs import unwrapped
from winsome.models.weights import LocalModel
from winsome.protocols import Run
from winsome.records import digest
from winsome.training import start as starts
from winsome.training.runs import write_model
from winsome.training.tokens import vocabulary_digest

if TYPE_CHECKING:
    from torch import Tensor

Method = Literal["average", "linear", "slerp"]

NEARLY = 1e-6
"""Angle in radians below which two tensors are taken as parallel, and mixed in a line."""
APART = 1e-3
"""Logits that may differ, at most, once an adapter lies in its base."""
PROBE = 64
"""Tokens on which that is looked at."""


def merge(
    models: Sequence[str],
    *,
    run: Run,
    method: Method = "average",
    weights: tuple[float, ...] = (),
    share: float = 0.5,
) -> str:
    """The name of the contender that `models` are merged into, in a folder below run.folder; an equal call finds it again.

    average: every model alike; linear: `weights`, which sum to 1; slerp: two models, at `share` of the way from the first to the
    second. An adapter is put into its base first; one model alone gives just that. Raises BadInput for models of other shapes
    or vocabularies, Fatal where an adapter's model changes by being put in.
    """
    origins = [starts.found(name, run) for name in models]
    _check(models, method, weights, share)
    shares = tuple(weights) or (1.0 / len(origins),) * len(origins)
    key = digest([[origin.id for origin in origins], method, list(shares), share])
    place = run.folder / f"merged-{key[:12]}" / "trained"
    if (place / "winsome.json").is_file():
        return origins[0].trained_name(str(place.resolve()))
    first = whole(starts.load(origins[0]))
    mixed = dict(first.network.named_parameters())
    import torch

    with torch.no_grad():
        if method != "slerp":
            for p in mixed.values():
                p.mul_(shares[0])
        for number, origin in enumerate(origins[1:], 1):
            other = whole(starts.load(origin))
            _check_alike(first, other)
            for name, q in other.network.named_parameters():
                p = mixed[name]
                p.copy_(slerp(p, q, share)) if method == "slerp" else p.add_(q, alpha=shares[number])
    record = {
        "merged": [origin.name for origin in origins],
        "ids": [origin.id for origin in origins],
        "method": method,
        "weights": list(shares),
        "share": share,
        "time": now(),
        "versions": versions(),
    }
    write_model(place, first.network, first.tokenizer, record)
    return origins[0].trained_name(str(Path(place).resolve()))


def slerp(first: Tensor, second: Tensor, share: float) -> Tensor:
    """The tensor at `share` of the way from `first` to `second` along the great circle of their directions.

    sin((1 - t) a) / sin(a) first + sin(t a) / sin(a) second, a the angle between them as flat vectors. Parallel or empty ones are
    mixed in a line. Source: Shoemake 1985, section 3.3.
    """
    import torch

    u, v = first.flatten().double(), second.flatten().double()
    norms = float(cast(Any, u).norm() * cast(Any, v).norm())
    cosine = float(torch.dot(u, v)) / norms if norms else 1.0
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if angle < NEARLY or math.pi - angle < NEARLY:
        mixed = (1.0 - share) * u + share * v
    else:
        mixed = (math.sin((1.0 - share) * angle) * u + math.sin(share * angle) * v) / math.sin(angle)
    return mixed.view_as(first).to(first.dtype)


def whole(model: LocalModel) -> LocalModel:
    """The model with its adapter, if it has one, put into its weights; Fatal where that changes what it computes."""
    from dataclasses import replace

    import torch

    if model.network is unwrapped(model.network):
        return model
    with torch.no_grad():
        ids = torch.arange(PROBE)[None] % model.network.config.get_text_config().vocab_size
        ids = ids.to(model.device)
        before = model.network(input_ids=ids).logits
        network: Any = model.network.merge_and_unload()
        apart = float((network(input_ids=ids).logits - before).abs().max())
    if not apart <= APART * (1.0 + float(before.abs().max())):
        raise Fatal(
            f"{model.name}: with its adapter put in, logits differ by {apart:.2g}; keep the adapter apart"
        )
    return replace(model, network=network)


def _check(models: Sequence[str], method: Method, weights: Sequence[float], share: float) -> None:
    if not models:
        raise BadInput("merge: no models; name two or more, or one adapter to put into its base")
    if method == "linear":
        if len(weights) != len(models):
            raise BadInput(
                f"merge linear: {len(models)} models and {len(weights)} weights; give --weights, one a model"
            )
        if not math.isclose(sum(weights), 1.0, abs_tol=1e-6):
            raise BadInput(f"merge linear: weights sum to {sum(weights):g}; give weights that sum to 1")
    elif weights:
        raise BadInput(f"merge {method} takes no weights; use --method linear")
    if method == "slerp" and len(models) != 2:
        raise BadInput(f"merge slerp: {len(models)} models; name exactly two")
    if not 0.0 <= share <= 1.0:
        raise BadInput(f"merge slerp: share={share} must lie in [0, 1]")


def _check_alike(first: LocalModel, other: LocalModel) -> None:
    shapes = [{name: tuple(p.shape) for name, p in m.network.named_parameters()} for m in (first, other)]
    if shapes[0] != shapes[1]:
        name = next(n for n in [*shapes[0], *shapes[1]] if shapes[0].get(n) != shapes[1].get(n))
        raise BadInput(
            f"merge: {other.name} differs from {first.name} in {name}; merge models of one architecture"
        )
    if vocabulary_digest(first) != vocabulary_digest(other):
        raise BadInput(
            f"merge: {other.name} and {first.name} have different vocabularies; merge models of one family"
        )
