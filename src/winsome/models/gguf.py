"""LLaMA weights out of a GGUF file: dequantised, renamed, saved once as a transformers folder.

Knows GGUF's LLaMA layout and nothing about where files come from. Needs the `gguf` and `transformers` packages;
transformers' own GGUF loader would also need `accelerate` and three times as long.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def parameter_name(name: str) -> str:
    """The transformers name of a GGUF tensor of a LLaMA model; KeyError for a tensor such a model does not have."""
    parts = name.removesuffix(".weight").split(".")
    if parts[0] == "blk":
        return f"model.layers.{int(parts[1])}.{_BLOCK[parts[2]]}.weight"
    return f"{_WHOLE[parts[0]]}.weight"


def rotary_halves(weight: np.ndarray, heads: int) -> np.ndarray:
    """Query or key weights [heads * d, width] with each head's rows in rotate-half order.

    GGUF stores rotary pairs interleaved (0, d/2, 1, d/2 + 1, ...), transformers expects the halves apart.
    """
    width = weight.shape[1]
    return weight.reshape(heads, -1, 2, width).swapaxes(1, 2).reshape(-1, width)


def llama_settings(fields: dict[str, Any]) -> dict[str, Any]:
    """Arguments of transformers' LlamaConfig from the metadata of a GGUF file."""
    heads = fields["llama.attention.head_count"]
    return {
        "vocab_size": fields["llama.vocab_size"],
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": fields.get("llama.attention.head_count_kv", heads),
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": round(fields["llama.attention.layer_norm_rms_epsilon"], 12),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": fields.get("llama.rope.freq_base", 10000.0),
        },
        "bos_token_id": fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": fields.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": fields.get("tokenizer.ggml.padding_token_id"),
    }


def llama_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """LlamaConfig arguments and the fp32 weights by their transformers names.

    Raises BadInput for a file of another architecture.
    """
    import numpy as np
    import torch
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(str(path))
    fields = {
        key: field.contents()
        for key, field in reader.fields.items()
        if key.startswith(("general.architecture", "llama."))
        or (key.startswith("tokenizer.ggml.") and key.endswith("token_id"))
    }
    if fields.get("general.architecture") != "llama":
        found = fields.get("general.architecture")
        raise BadInput(
            f"{path.name}: architecture {found!r} cannot be converted. Use a LLaMA-style GGUF file."
        )
    settings = llama_settings(fields)
    weights: dict[str, Tensor] = {}
    for tensor in reader.tensors:
        array = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        if tensor.name.endswith("attn_q.weight"):
            array = rotary_halves(array, settings["num_attention_heads"])
        elif tensor.name.endswith("attn_k.weight"):
            array = rotary_halves(array, settings["num_key_value_heads"])
        weights[parameter_name(tensor.name)] = torch.from_numpy(np.array(array))
    settings["tie_word_embeddings"] = "lm_head.weight" not in weights
    return settings, weights


def convert(source: Path, target: Path) -> None:
    """A transformers folder (config, fp32 safetensors, tokenizer with its chat template) in `target` from one GGUF file."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    settings, weights = llama_weights(source)
    model = LlamaForCausalLM(LlamaConfig(**settings))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise BadInput(
            f"{source.name}: tensors do not fit a LLaMA model: {(list(missing) + list(unexpected))[:3]}."
        )
    model.tie_weights()
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)
