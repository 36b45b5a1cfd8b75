"""Log-probabilities of answers with gradient: prompts forwarded once, nothing padded, the head only where it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.models.attention import attend_by_blocks, attend_by_trees, block_mask, narrowed, pieces
from winsome.models.forward import body_states
from winsome.models.head import head_of, target_logprobs
from winsome.models.layers import reads_selected
from winsome.models.packing import Packed, Tree, pack, rows
from winsome.models.tables import looked_up, tables_kept
from winsome.models.trees import Piece
from winsome.models.weights import check_attention

if TYPE_CHECKING:
    from torch import Tensor

ROW_TOKENS = 1024
"""Tokens a row: a prompt and its answers stay together up to here."""

Sequences = Sequence[tuple[Sequence[int], Sequence[int]]]
"""(prompt ids, answer ids) of each sequence."""


@dataclass(frozen=True)
class Want:
    """What is wanted beside sums and counts: `tokens` one value a token, `prompts` the prompts' own log-probabilities."""

    tokens: bool = False
    prompts: bool = False


@dataclass(frozen=True)
class Logprobs:
    """Of `m` sequences: `sums` [m] in nats over the answer's tokens, `counts` [m] of these tokens (int64).

    `tokens`: the values themselves, flat in the order of the sequences, [sum of counts]. `prompt_sums`, `prompt_counts` [m]:
    the same over the prompt's tokens, of which the first has no prediction. None where not wanted.
    """

    sums: Tensor
    counts: Tensor
    tokens: Tensor | None = None
    prompt_sums: Tensor | None = None
    prompt_counts: Tensor | None = None


def logprobs(
    network: Any,
    sequences: Sequences,
    want: Want | None = None,
    *,
    row_tokens: int = ROW_TOKENS,
    compute: Literal["own", "bfloat16"] = "own",
) -> Logprobs:
    """Log-probabilities of every answer after its prompt under a transformers causal model, or a PEFT model of one.

    Gradient flows where autograd is on. Equal prompts are forwarded once for all their answers; the numbers are those of
    one padded forward pass. `compute`: the weights' own precision, or bfloat16 products under autocast; softmax and sums are
    in float32 (float64 for float64 weights). Dropout must be off: the caller puts the network in evaluation mode.
    Raises BadInput for an empty prompt or answer, and for a sequence that does not fit the context.
    """
    import torch

    want = want or Want()
    causal = unwrapped(network)
    trees, members = trees_of(causal, sequences)
    device = next(causal.parameters()).device
    states: list[Tensor] = []
    answers: list[slice] = [slice(0)] * len(sequences)
    prompts: dict[int, slice] = {}
    targets: list[int] = []
    with torch.autocast(device.type, torch.bfloat16, enabled=compute == "bfloat16"):
        for row in rows(trees, row_tokens):
            packed = row_of(causal, [tree for _, tree, _ in row], str(device))
            places: list[int] = []
            for (number, tree, branches), trunk, spans in zip(
                row, packed.trunks, packed.branches, strict=True
            ):
                for b, (start, end) in zip(branches, spans, strict=True):
                    # An answer's first token is predicted from the prompt's last position, the others from the one before.
                    places += [trunk[1] - 1, *range(start, end - 1)]
                    answers[members[number][b]] = slice(len(targets), len(targets) + end - start)
                    targets += trees[number].branches[b]
                if want.prompts and number not in prompts:
                    places += range(trunk[0], trunk[1] - 1)
                    prompts[number] = slice(len(targets), len(targets) + len(tree.trunk) - 1)
                    targets += tree.trunk[1:]
            states.append(states_at(causal, packed, places))
        values = target_logprobs(head_of(causal), torch.cat(states), torch.tensor(targets, device=device))
    tokens, sums, counts = in_order(values, answers)
    if not want.prompts:
        return Logprobs(sums, counts, tokens if want.tokens else None)
    _, prompt_sums, prompt_counts = in_order(values, [prompts[number] for number in range(len(trees))])
    tree_of = torch.empty(len(sequences), dtype=torch.long, device=device)
    for number, held in enumerate(members):
        tree_of[held] = number
    return Logprobs(
        sums, counts, tokens if want.tokens else None, prompt_sums[tree_of], prompt_counts[tree_of]
    )


@contextmanager
def casts_kept(device: str, *, in_place: bool = False) -> Iterator[None]:
    """Within, the bfloat16 copies of weights are made once for all calls of `logprobs`, forward and backward.

    No weight may change within, and no call may be without gradient: its copies would have none either. `in_place`: gradients
    of embedding and head are added to `.grad` at once; not where a wrapper (DDP, FSDP) waits for them.
    """
    import torch

    # Copies live until the outermost autocast ends, and this one casts nothing itself.
    with torch.autocast(device, enabled=False), tables_kept(in_place):
        yield


def unwrapped(network: Any) -> Any:
    """The transformers model inside a PEFT one (its adapted layers stay where they are), or the model itself."""
    return (
        network.get_base_model()
        if hasattr(network, "peft_config") and hasattr(network, "get_base_model")
        else network
    )


def row_of(network: Any, trees: Sequence[Tree], device: str) -> Packed:
    """The trees as a row, with the mask that the network's attention needs."""
    if attend_by_trees(network):
        return pack(trees, device, masked=False)
    if attend_by_blocks(network):
        packed = pack(trees, device, masked=False)
        return replace(packed, mask=block_mask(packed))
    return pack(trees, device)


def states_at(network: Any, packed: Packed, places: Sequence[int], trees: tuple[Piece, ...] = ()) -> Tensor:
    """The last hidden states [n, d] at the positions `places` of a row, in their order; one may be asked for more than once.

    `trees`: the products of its attention, where they do not follow from its trunks and branches.
    """
    import torch

    wanted = torch.tensor(places, device=packed.ids.device)
    if not attend_by_trees(network):
        return body_states(network, packed)[wanted]
    words = looked_up(network.get_input_embeddings(), packed.ids)
    trees = trees or pieces(packed)
    read = wanted.unique()
    selected = {"read": (read, narrowed(trees, read))} if reads_selected(network) else {}
    # A mask of one entry says that the row needs no other: attention goes by the pieces.
    output = network.base_model(
        input_ids=packed.ids if words is None else None,
        inputs_embeds=words,
        position_ids=packed.positions,
        attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool),
        use_cache=False,
        trees=trees,
        **selected,
    )
    return output.last_hidden_state[0][torch.searchsorted(read, wanted) if selected else wanted]


def in_order(values: Tensor, spans: Sequence[slice]) -> tuple[Tensor, Tensor, Tensor]:
    """Values [n] of the spans one after the other, their sums and their counts."""
    import torch

    counts = torch.tensor([span.stop - span.start for span in spans], device=values.device)
    order = torch.cat([torch.arange(span.start, span.stop) for span in spans]).to(values.device)
    tokens = values[order]
    owners = torch.repeat_interleave(torch.arange(len(spans), device=values.device), counts)
    sums = torch.zeros(len(spans), dtype=values.dtype, device=values.device).index_add(0, owners, tokens)
    return tokens, sums, counts


def trees_of(network: Any, sequences: Sequences) -> tuple[list[Tree], list[list[int]]]:
    """One tree a prompt, and the numbers of the sequences that are its branches."""
    check_sequences(network, sequences)
    by_prompt: dict[tuple[int, ...], list[int]] = {}
    for i, (prompt, _) in enumerate(sequences):
        by_prompt.setdefault(tuple(prompt), []).append(i)
    return [Tree(p, [sequences[i][1] for i in held]) for p, held in by_prompt.items()], list(
        by_prompt.values()
    )


def check_sequences(network: Any, sequences: Sequences) -> None:
    """BadInput without sequences, for an empty prompt or answer, and for what the network's context does not hold."""
    if not sequences:
        raise BadInput("no sequences to score; give at least one prompt with its answer")
    for i, (prompt, answer) in enumerate(sequences):
        if len(prompt) == 0 or len(answer) == 0:
            raise BadInput(
                f"sequence {i}: its {'answer' if len(prompt) else 'prompt'} has no tokens; drop it"
            )
    name = str(network.config.name_or_path) or type(network).__name__
    sizes = [len(prompt) + len(answer) for prompt, answer in sequences]
    context = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    if context is not None and max(sizes) > context:
        worst = sizes.index(max(sizes))
        raise BadInput(f"sequence {worst}: {max(sizes)} tokens, {name} holds {context}; shorten or drop it")
    check_attention(network, name, max(sizes))
