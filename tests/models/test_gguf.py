"""A GGUF file written with the layout's own packer converts back to the weights it was written from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.tiny_models import byte_tokenizer, causal
from winsome.errors import BadInput
from winsome.models.fetch import present
from winsome.models.gguf import convert, llama_weights, parameter_name, rotary_halves


def written(path, network, architecture="llama"):
    """A GGUF file as llama.cpp's converter writes it: rotary rows interleaved, names of its own."""
    import gguf

    config = network.config
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_vocab_size(config.vocab_size)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_eos_token_id(257)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in network.state_dict().items():
        array = tensor.numpy()
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for projection, n in heads.items():
            if projection in name:
                array = array.reshape(n, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_converted_weights_are_those_written(tmp_path):
    network = causal()
    settings, weights = llama_weights(written(tmp_path / "tiny.gguf", network))
    expected = network.state_dict()
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)
    assert settings["num_key_value_heads"] == 2
    assert settings["eos_token_id"] == 257
    assert settings["rms_norm_eps"] == network.config.rms_norm_eps


def test_another_architecture_is_refused(tmp_path):
    with pytest.raises(BadInput, match="architecture 'bert' cannot be converted"):
        llama_weights(written(tmp_path / "other.gguf", causal(), "bert"))


def test_names_and_rows():
    assert parameter_name("blk.7.ffn_gate.weight") == "model.layers.7.mlp.gate_proj.weight"
    interleaved = np.array([[0], [4], [1], [5], [2], [6], [3], [7]])
    assert rotary_halves(interleaved, 1)[:, 0].tolist() == list(range(8))
    assert byte_tokenizer()("a", add_special_tokens=False)["input_ids"] != []


@pytest.mark.slow
def test_converting_says_nothing(tmp_path, capfd):
    place = present("smollm2-135m")
    if place is None:
        pytest.skip("weights missing; run: winsome models pull smollm2-135m")
    convert(next(place.rglob("*.gguf")), tmp_path / "converted")
    assert capfd.readouterr() == ("", "")
