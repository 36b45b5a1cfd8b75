"""Log-probabilities of given answers, without gradient: prompts forwarded once, the head only where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.models.packing import Packed, Tree, pack, rows
from winsome.models.weights import LocalModel, check_plain_attention

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray
    from torch import Tensor

ROW_TOKENS = 512
"""Tokens a row: long enough for full matrix products, short enough that masked attention stays small beside them."""
HEAD_ROWS = 256
"""Positions a slice of the head: bounds the logits held at once."""


def hidden_states(model: LocalModel, packed: Packed, cache: Any = None) -> Tensor:
    """Last hidden states of a packed row, [T, d]; call under torch.inference_mode."""
    return body_states(model.network, packed, cache)


def body_states(network: Any, packed: Packed, cache: Any = None) -> Tensor:
    """Last hidden states of a packed row, [T, d], of a transformers causal model; gradient where autograd is on."""
    output = network.base_model(
        input_ids=packed.ids,
        position_ids=packed.positions,
        attention_mask=packed.mask,
        past_key_values=cache,
        use_cache=cache is not None,
    )
    return output.last_hidden_state[0]


def logits(model: LocalModel, hidden: Tensor) -> Tensor:
    """Logits in float32, [n, vocabulary], of last hidden states [n, d], with the scalings that some families apply."""
    config = model.network.config.get_text_config()
    scores = model.network.get_output_embeddings()(hidden).float()
    if (scale := getattr(config, "logit_scale", None)) is not None:
        scores = scores * scale
    if (divisor := getattr(config, "logits_scaling", None)) is not None:
        scores = scores / divisor
    if (cap := getattr(config, "final_logit_softcapping", None)) is not None:
        scores = (scores / cap).tanh() * cap
    return scores


def token_logprobs(
    model: LocalModel,
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
    *,
    row_tokens: int = ROW_TOKENS,
) -> list[NDArray[float32]]:
    """Log-probability in nats of every token of each response after its prompt: arrays of [len(response)].

    Equal prompts are forwarded once for all their responses. A response without tokens gives an empty array.
    Raises BadInput for an empty prompt or one that does not fit the model's context, Unsupported for attention that cannot
    be packed.
    """
    import numpy as np
    import torch

    if len(prompts) != len(responses):
        raise BadInput(f"{len(prompts)} prompts for {len(responses)} responses; give one prompt a response")
    trees, places = _trees(model, prompts, responses)
    found: list[NDArray[float32]] = [np.zeros(0, np.float32) for _ in responses]
    with torch.inference_mode():
        for row in rows(trees, row_tokens):
            packed = pack([tree for _, tree, _ in row], model.device)
            hidden = hidden_states(model, packed)
            for (number, _, branches), trunk, spans in zip(row, packed.trunks, packed.branches, strict=True):
                for b, (start, end) in zip(branches, spans, strict=True):
                    found[places[number][b]] = _span_logprobs(
                        model, hidden, packed.ids[0], trunk[1] - 1, start, end
                    )
    return found


def _trees(
    model: LocalModel, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]]
) -> tuple[list[Tree], list[list[int]]]:
    by_prompt: dict[tuple[int, ...], list[int]] = {}
    for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        if not prompt:
            raise BadInput(f"prompt {i} has no tokens; give at least one")
        if len(prompt) + len(response) > model.context:
            size = len(prompt) + len(response)
            raise BadInput(
                f"response {i}: {size} tokens with its prompt, {model.name} holds {model.context}; shorten it"
            )
        if len(response) > 0:
            by_prompt.setdefault(tuple(prompt), []).append(i)
    longest = max((len(p) + len(r) for p, r in zip(prompts, responses, strict=True)), default=0)
    check_plain_attention(model, longest)
    places = list(by_prompt.values())
    return [Tree(p, [responses[i] for i in held]) for p, held in by_prompt.items()], places


def _span_logprobs(
    model: LocalModel, hidden: Tensor, ids: Tensor, before: int, start: int, end: int
) -> NDArray[float32]:
    import torch

    # The token at `start` is predicted from the trunk's last position, the others from the one before them.
    sources = torch.cat([hidden[before : before + 1], hidden[start : end - 1]])
    parts: list[Tensor] = []
    for i in range(0, end - start, HEAD_ROWS):
        scores = logits(model, sources[i : i + HEAD_ROWS])
        picked = scores.gather(1, ids[start + i : min(end, start + i + HEAD_ROWS), None])[:, 0]
        parts.append(picked - scores.logsumexp(1))
    return torch.cat(parts).cpu().numpy()
