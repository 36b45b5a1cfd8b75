"""The terms that objectives are made of: log-ratios by role, the logistic loss, and the options that many rows share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses, Sums

if TYPE_CHECKING:
    from torch import Tensor

    from winsome.models.logprobs import Logprobs

Norm = Literal["sum", "mean"]
"""Over an answer's tokens: their sum, or their mean (each side by its own length)."""
Span = Literal["answer", "all"]
"""Which tokens count: the answer's, or the prompt's (but its first, which nothing predicts) and the answer's."""
Reference = Literal["reference", "last", "behaviour", "none"]
"""What ratios are taken against: the policy the run started from, the last iterate, the one that sampled; or nothing."""

METRICS = {
    "accuracy": "share of pairs whose chosen answer rose more than the rejected one, against the reference (a tie is a half)",
    "ranked": "share of pairs whose chosen answer is the likelier one, in sums over tokens (ranking accuracy, which accuracy is not)",
    "ranked_by_token": "the same in means over tokens",
    "turned_right": "share of the pairs that the reference ranks wrong which the policy ranks right",
    "turned_wrong": "share of the pairs that the reference ranks right which the policy ranks wrong",
    "gap": "nats a pair by which the log-ratio of the chosen answer exceeds that of the rejected one",
    "chosen_ratio": "nats an answer by which the policy likes the chosen one more than the reference does",
    "rejected_ratio": "nats an answer by which the policy likes the rejected one more than the reference does",
    "chosen_logprob": "nats a token of the chosen answers under the policy",
    "rejected_logprob": "nats a token of the rejected answers under the policy",
    "logprob": "nats a token of the answers under the policy",
    "ratio": "nats an answer by which the policy likes it more than the reference does",
    "desirable_ratio": "the same over desirable answers",
    "undesirable_ratio": "the same over undesirable answers",
    "kl": "nats: the estimate of how far the policy is from the reference that the loss compares with",
    "clipped": "share of answer tokens whose importance ratio left the clipping range on the side the advantage pulls to",
    "importance": "mean importance ratio of answer tokens: the policy against the weights that drew them",
    "value_error": "half the squared error of the critic, a token",
    "in_order": "share of the ranked answers, two by two, that the policy's mean log-probabilities put in the given order",
}
"""What each metric of an objective means."""


def logprob(batch: Batch, role: str, *, norm: Norm = "sum", span: Span = "answer") -> Tensor:
    """Log-probability of each unit's answer in `role` under the policy, [n], nats (a token, with norm mean)."""
    return _of(batch.policy, batch.rows[role], norm, span)


def reference_logprob(
    batch: Batch, role: str, *, reference: Reference = "reference", norm: Norm = "sum", span: Span = "answer"
) -> Tensor:
    """The same under a reference; zeros where `reference` is none."""
    if reference == "none":
        import torch

        return torch.zeros_like(batch.policy.sums[batch.rows[role]])
    return _of(batch.references[reference], batch.rows[role], norm, span)


def log_ratio(
    batch: Batch, role: str, *, reference: Reference = "reference", norm: Norm = "sum", span: Span = "answer"
) -> Tensor:
    """r = log pi - log pi_ref of each unit's answer in `role`, [n]."""
    return logprob(batch, role, norm=norm, span=span) - reference_logprob(
        batch, role, reference=reference, norm=norm, span=span
    )


def gap(
    batch: Batch, *, reference: Reference = "reference", norm: Norm = "sum", span: Span = "answer"
) -> Tensor:
    """D = r(chosen) - r(rejected), [n]."""
    return log_ratio(batch, "chosen", reference=reference, norm=norm, span=span) - log_ratio(
        batch, "rejected", reference=reference, norm=norm, span=span
    )


def reference_gap(batch: Batch, *, reference: Reference = "reference", norm: Norm = "sum") -> Tensor:
    """log pi_ref(chosen) - log pi_ref(rejected), [n]."""
    return reference_logprob(batch, "chosen", reference=reference, norm=norm) - reference_logprob(
        batch, "rejected", reference=reference, norm=norm
    )


def lengths(batch: Batch, role: str) -> Tensor:
    """Tokens of each unit's answer in `role`, [n], in the type of the log-probabilities."""
    return batch.policy.counts[batch.rows[role]].to(batch.policy.sums.dtype)


def tail_weighted_ratio(
    batch: Batch, role: str, other: str, *, alpha: float, reference: Reference = "reference"
) -> Tensor:
    """Log-ratio of each unit's answer in `role`, its tokens beyond the length of the answer in `other` weighed by alpha."""
    import torch

    share("alpha", alpha, 1.0 + 1e-9)
    policy = batch.policy
    if policy.tokens is None:
        raise BadInput("this objective reads single tokens; make the batch with Want(tokens=True)")
    limits = policy.counts.clone()
    limits[batch.rows[role]] = torch.minimum(
        policy.counts[batch.rows[role]], policy.counts[batch.rows[other]]
    )
    owners = torch.repeat_interleave(torch.arange(len(limits), device=limits.device), policy.counts)
    places = (
        torch.arange(len(owners), device=limits.device) - (policy.counts.cumsum(0) - policy.counts)[owners]
    )
    weights = torch.ones_like(policy.tokens).masked_fill(places >= limits[owners], alpha)
    ratios = policy.tokens
    if reference != "none":
        known = batch.references[reference].tokens
        if known is None:
            raise BadInput(
                "this objective reads single tokens of the reference; make it with Want(tokens=True)"
            )
        ratios = ratios - known
    sums = torch.zeros_like(policy.sums).index_add(0, owners, ratios * weights)
    return sums[batch.rows[role]]


def log_odds(mean_logprob: Tensor) -> Tensor:
    """log(p / (1 - p)) of p = exp(mean_logprob); a probability of 1 counts as 1 - 1e-7."""
    import torch

    x = mean_logprob.clamp(max=-1e-7)
    # log(1 - exp(x)) loses digits in one form near 0 and in the other far from it.
    near = x > -0.6931471805599453
    return x - torch.where(
        near,
        torch.log(-torch.expm1(torch.where(near, x, -1.0))),
        torch.log1p(-torch.exp(torch.where(near, -1.0, x))),
    )


def log_sigmoid(z: Tensor) -> Tensor:
    """log sigmoid(z)."""
    from torch.nn.functional import logsigmoid

    return logsigmoid(z)


def logistic(z: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """-(1 - e) log sigmoid(z) - e log sigmoid(-z), with e the share of labels taken to be wrong."""
    if label_smoothing == 0.0:
        return -log_sigmoid(z)
    share("label_smoothing", label_smoothing, 0.5)
    return -(1.0 - label_smoothing) * log_sigmoid(z) - label_smoothing * log_sigmoid(-z)


def nll(batch: Batch, role: str, *, norm: Norm = "mean", span: Span = "answer") -> Tensor:
    """-log pi of each unit's answer in `role`, [n]; a token with norm mean."""
    return -logprob(batch, role, norm=norm, span=span)


def sigmoid_losses(
    batch: Batch,
    z: Tensor,
    *,
    reference: Reference,
    label_smoothing: float = 0.0,
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Span = "answer",
    nll_norm: Norm = "mean",
    weighted: bool = False,
) -> Losses:
    """The logistic loss of z [n] with the options that all its rows share: z less `margin` times the pairs' own, smoothed
    labels, and what `pair_losses` adds."""
    if margin != 0.0:
        z = z - margin * batch.columns["margin"]
    return pair_losses(
        batch,
        logistic(z, label_smoothing),
        reference=reference,
        nll_weight=nll_weight,
        nll_span=nll_span,
        nll_norm=nll_norm,
        weighted=weighted,
    )


def pair_losses(
    batch: Batch,
    values: Tensor,
    *,
    reference: Reference,
    nll_weight: float = 0.0,
    nll_span: Span = "answer",
    nll_norm: Norm = "mean",
    weighted: bool = False,
) -> Losses:
    """One value a pair, plus `nll_weight` times the chosen answer's NLL, times the pair's weight; with the metrics.

    A weight scales its pair's loss; pairs are counted as one each, so weights that should not change the step's size must
    have mean 1.
    """
    if nll_weight != 0.0:
        values = values + nll_weight * nll(batch, "chosen", norm=nll_norm, span=nll_span)
    if weighted:
        values = values * batch.columns["weight"]
    return Losses(values, ones(values), pair_metrics(batch, reference))


def pair_metrics(batch: Batch, reference: Reference) -> Sums:
    """Accuracy, ratios and log-probabilities of pairs, without gradient."""
    import torch

    with torch.no_grad():
        chosen = log_ratio(batch, "chosen", reference=reference)
        rejected = log_ratio(batch, "rejected", reference=reference)
        above = (chosen > rejected).to(chosen.dtype) + 0.5 * (chosen == rejected).to(chosen.dtype)
        pairs = above.new_tensor(float(len(above)))
        found = {
            "accuracy": (above.sum(), pairs),
            **ranking(batch, reference),
            "gap": ((chosen - rejected).sum(), pairs),
            "chosen_logprob": token_mean(batch, "chosen"),
            "rejected_logprob": token_mean(batch, "rejected"),
        }
        if reference != "none":
            found["chosen_ratio"] = (chosen.sum(), pairs)
            found["rejected_ratio"] = (rejected.sum(), pairs)
        return found


def ranking(batch: Batch, reference: Reference) -> Sums:
    """Whether the chosen answer is the likelier one (a tie is a half), and how many pairs changed sides against the reference."""

    def right(role: str, other: str, norm: Norm) -> Tensor:
        one, two = logprob(batch, role, norm=norm), logprob(batch, other, norm=norm)
        return (one > two).to(one.dtype) + 0.5 * (one == two).to(one.dtype)

    now = right("chosen", "rejected", "sum")
    pairs = now.new_tensor(float(len(now)))
    found = {
        "ranked": (now.sum(), pairs),
        "ranked_by_token": (right("chosen", "rejected", "mean").sum(), pairs),
    }
    if reference != "none":
        was = (reference_gap(batch, reference=reference) > 0.0).to(now.dtype)
        is_right = (now == 1.0).to(now.dtype)
        found["turned_right"] = ((is_right * (1.0 - was)).sum(), (1.0 - was).sum())
        found["turned_wrong"] = (((1.0 - is_right) * was).sum(), was.sum())
    return found


def label_metrics(batch: Batch, ratios: Tensor) -> Sums:
    """Of single answers: their log-ratios, apart by label, and their log-probability a token."""
    desirable = (batch.columns["label"] > 0.5).to(ratios.dtype)
    held = ratios.detach()
    return {
        "ratio": (held.sum(), ones(held).sum()),
        "desirable_ratio": ((held * desirable).sum(), desirable.sum()),
        "undesirable_ratio": ((held * (1.0 - desirable)).sum(), (1.0 - desirable).sum()),
        "logprob": token_mean(batch, "response"),
    }


def per_group(batch: Batch) -> tuple[Tensor, Tensor]:
    """`above` [rows, rows]: row i is of the same group as row j and has the higher score; the row of each group's best, [n]."""
    import torch

    if batch.groups is None:
        raise BadInput("this objective reads ranked lists; give data with responses and scores")
    scores, groups = batch.columns["score"], batch.groups
    above = (groups[:, None] == groups[None, :]) & (scores[:, None] > scores[None, :])
    n = int(groups.max()) + 1
    bests = [int(rows[scores[rows].argmax()]) for rows in ((groups == g).nonzero()[:, 0] for g in range(n))]
    return above, torch.tensor(bests, device=groups.device)


def list_metrics(batch: Batch, above: Tensor) -> Sums:
    """How many of the ranked answers, two by two, the policy orders alike by mean log-probability."""
    means = logprob(batch, "response", norm="mean").detach()
    agreed = (above & (means[:, None] > means[None, :])).sum()
    return {"in_order": (agreed, above.sum()), "logprob": token_mean(batch, "response")}


def quotient(sums: tuple[Tensor, Tensor]) -> Tensor:
    """Sum over count."""
    return sums[0] / sums[1]


def token_mean(batch: Batch, role: str) -> tuple[Tensor, Tensor]:
    """Total log-probability and total tokens of a role's answers."""
    return logprob(batch, role).detach().sum(), lengths(batch, role).sum()


def ones(values: Tensor) -> Tensor:
    """A count of one for each value."""
    import torch

    return torch.ones_like(values, requires_grad=False)


def positive(name: str, value: float) -> None:
    """BadInput unless `value` is above 0."""
    if not value > 0.0:
        raise BadInput(f"{name}={value} must be above 0")


def at_least(name: str, value: float, least: float) -> None:
    """BadInput unless `value` is at least `least`."""
    if not value >= least:
        raise BadInput(f"{name}={value} must be at least {least:g}")


def share(name: str, value: float, below: float = 1.0) -> None:
    """BadInput unless 0 <= value < below."""
    if not 0.0 <= value < below:
        raise BadInput(f"{name}={value} must be at least 0 and below {below}")


def _of(held: Logprobs, rows: Tensor, norm: Norm, span: Span) -> Tensor:
    sums, counts = held.sums, held.counts
    if span == "all":
        if held.prompt_sums is None or held.prompt_counts is None:
            raise BadInput("span=all reads the prompts' tokens; make the batch with Want(prompts=True)")
        sums, counts = sums + held.prompt_sums, counts + held.prompt_counts
    return sums[rows] / counts[rows] if norm == "mean" else sums[rows]
