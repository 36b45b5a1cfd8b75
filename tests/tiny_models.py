"""Tiny random models with a byte-level tokenizer and a chat template, made on the spot: seconds, no weights needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = {"model_type": "llama", "intermediate_size": 64, "num_key_value_heads": 2}


def byte_tokenizer(template: str | None = TEMPLATE) -> Any:
    """256 byte tokens, <|im_start|> (256) and <|im_end|> (257: end of turn and padding)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = template
    return tokenizer


def causal(seed: int = 0, **config: Any) -> Any:
    """A random causal model in fp32 with sharp enough logits that answers differ; LLaMA unless `model_type` says otherwise."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {
        **LLAMA,
        "vocab_size": 258,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        "bos_token_id": 256,
        "eos_token_id": 257,
        "pad_token_id": 257,
        **config,
    }
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**settings), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6.0)
    return model.eval().requires_grad_(False)


def local_model(network: Any, *, context: int = 512, template: str | None = TEMPLATE) -> Any:
    from winsome.models.weights import LocalModel

    return LocalModel("tiny", network, byte_tokenizer(template), context, "cpu")


def saved(folder: Path, network: Any, template: str | None = TEMPLATE) -> Path:
    """The folder that `hf:` opens."""
    network.save_pretrained(folder)
    byte_tokenizer(template).save_pretrained(folder)
    return folder
