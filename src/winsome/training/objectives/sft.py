"""Maximum likelihood of given answers: supervised fine-tuning."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import lengths, logprob, ones, token_mean

NEEDS = Needs(roles=("response",), references=())


def sft(
    batch: Batch,
    *,
    mean: Literal["token", "example"] = "token",
    span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """SFT: -log pi(y|x).

    `mean` token: the update's mean over all its tokens (long answers weigh more; the peers' default); example: the mean over
    answers of each answer's mean over its tokens. `span` all: the prompt's tokens are learnt as well.
    @ref: -log pi_ref(y|x).
    Minimiser: the demonstrations' own distribution.
    Source: Ouyang et al. 2022.
    """
    counts = lengths(batch, "response")
    if span == "all":
        assert batch.policy.prompt_counts is not None
        counts = counts + batch.policy.prompt_counts[batch.rows["response"]]
    values = -logprob(batch, "response", span=span, norm="sum" if mean == "token" else "mean")
    if weighted:
        values = values * batch.columns["weight"]
    counts = counts if mean == "token" else ones(values)
    return Losses(values, counts, {"logprob": token_mean(batch, "response")})
