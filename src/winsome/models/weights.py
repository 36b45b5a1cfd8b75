"""A causal language model in memory: loaded once a process, shared by everything that reads it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

from winsome.errors import BadInput, Unsupported
from winsome.models.fetch import PACKAGES, cache_folder, folder, weights_digest
from winsome.models.prepack import prepack
from winsome.models.processor import bfloat16_pays, idle_cores
from winsome.records import digest

Dtype = Literal["auto", "float32", "bfloat16"]
_READ = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True, eq=False)
class LocalModel:
    """Weights with their tokenizer. `network` is in evaluation mode; `context` is the most tokens it can read.

    Whoever computes holds `lock`, so that two users of one model take turns instead of fighting for the cores.
    """

    name: str
    network: Any
    tokenizer: Any
    context: int
    device: str
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ends(self) -> frozenset[int]:
        """Token ids that end an answer."""
        found: set[int] = set()
        for ids in (self.network.generation_config.eos_token_id, self.tokenizer.eos_token_id):
            found.update(ids if isinstance(ids, list) else [] if ids is None else [ids])  # pyright: ignore[reportUnknownArgumentType]
        return frozenset(found)


_loaded: WeakValueDictionary[tuple[str, str], LocalModel] = WeakValueDictionary()
_loading = threading.Lock()


def resolved_dtype(dtype: Dtype) -> Literal["float32", "bfloat16"]:
    """bfloat16 where the processor multiplies it faster than float32, else float32; anything but auto stays."""
    if dtype == "auto":
        return "bfloat16" if bfloat16_pays() else "float32"
    return dtype


def identity(name: str) -> str:
    """Digest of a model's weights, tokenizer and template without loading them.

    An embedded name: the digest it ships with. A folder: its files' content, kept by path, size and time.
    A hub name: the commit. Raises BadInput where `name` is none of them.
    """
    if name in PACKAGES:
        return weights_digest(name)
    place = Path(name).expanduser()
    if place.is_dir():
        files = sorted({file for pattern in _READ for file in place.glob(pattern)})
        if not any(file.suffix in (".safetensors", ".bin") for file in files):
            raise BadInput(
                f"{name}: no *.safetensors in this folder; give the folder that save_pretrained wrote"
            )
        base = adapter_base(name)
        return digest(
            [[file.name, _content(file)] for file in files] + ([["base", identity(base)]] if base else [])
        )
    from transformers import AutoConfig

    try:
        return str(AutoConfig.from_pretrained(name)._commit_hash)
    except (OSError, ValueError) as error:
        raise absent(f"hf:{name}", error) from None


def load(name: str, dtype: Dtype = "auto") -> LocalModel:
    """The model of an embedded name, a folder or a hub name, on the GPU where there is one.

    Loaded once: while anybody holds it, equal arguments give the same object. Code from the hub never runs.
    Raises Unsupported for missing weights, BadInput for an unknown name.
    """
    key = (name, resolved_dtype(dtype))
    with _loading:
        model = _loaded.get(key)
        if model is None:
            model = _loaded[key] = _read(name, key[1])
        return model


def _read(name: str, dtype: str) -> LocalModel:
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = str(folder(name)) if name in PACKAGES else name
    local = name in PACKAGES or Path(name).is_dir()
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=local)
        network = causal_network(place, getattr(torch, dtype), local=local)
    except (OSError, ValueError) as error:
        raise absent(f"hf:{name}", error) from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # An adapter stays apart from its base: merged in bfloat16 it would lose most of its digits.
    network = network.get_base_model() if adapter_base(place) else network
    network = network.to(device).eval().requires_grad_(False)
    if device == "cpu":
        torch.set_num_threads(idle_cores())
        prepack(network)
    config = network.config.get_text_config()
    context = getattr(config, "max_position_embeddings", None) or 2048
    return LocalModel(name, network, tokenizer, int(context), device)


def adapter_base(place: str) -> str | None:
    """The base that a folder of a PEFT adapter names; None where `place` is no such folder."""
    file = Path(place).expanduser() / "adapter_config.json"
    if not file.is_file():
        return None
    return str(json.loads(file.read_text("utf-8"))["base_model_name_or_path"])


def causal_network(place: str, dtype: Any, *, local: bool) -> Any:
    """The transformers causal model of a folder or hub name; of a folder with an adapter the PEFT model over its base.

    Raises OSError or ValueError as transformers does, Unsupported where an adapter needs peft and it is not installed, BadInput
    where weights of the model are not there: transformers would draw them.
    """
    from transformers import AutoModelForCausalLM

    base = adapter_base(place)
    network, told = AutoModelForCausalLM.from_pretrained(
        base or place,
        dtype=dtype,
        local_files_only=local,
        attn_implementation="sdpa",
        output_loading_info=True,
    )
    if "score.weight" in told["unexpected_keys"]:
        raise BadInput(
            f"{_end(base or place)}: is a reward model, which does not answer; name it reward_model:"
        )
    if missing := sorted(told["missing_keys"]):
        raise BadInput(
            f"{_end(base or place)}: has no weights for {missing[0]}, so it would answer at random; save the whole model"
        )
    if base is None:
        return network
    try:
        # Not through transformers: its reader leaves out the magnitudes of DoRA.
        from peft import PeftModel
    except ModuleNotFoundError:
        raise Unsupported(f"{place} is an adapter, which needs peft: pip install 'winsome[train]'") from None
    return PeftModel.from_pretrained(network, place, is_trainable=True, autocast_adapter_dtype=False)


def _end(place: str) -> str:
    """The end of a path that may be long."""
    return place if len(place) <= 80 else f"..{place[-78:]}"


def check_plain_attention(model: LocalModel, tokens: int) -> None:
    """Raises Unsupported where an answer of `tokens` tokens needs more than full attention over a key-value cache."""
    check_attention(model.network, f"hf:{model.name}", tokens)


def check_attention(network: Any, name: str, tokens: int) -> None:
    """The same for a transformers model that goes by `name`."""
    config = network.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if kinds - {"full_attention", "sliding_attention"} or not hasattr(config, "num_attention_heads"):
        raise Unsupported(
            f"{name}: recurrent or hybrid layers cannot be run here; serve it and use http://.."
        )
    if window is not None and tokens > window:
        raise Unsupported(
            f"{name}: {tokens} tokens do not fit its attention window of {window}; serve it and use http://.."
        )


def absent(spec: str, error: Exception) -> BadInput:
    """The error for a name that is neither a folder here nor could be loaded from a hub."""
    first = " ".join(str(error).split())[:80]
    return BadInput(
        f"{spec}: neither a model folder here nor one that could be loaded ({first}). Check the name."
    )


def _content(path: Path) -> str:
    """SHA-256 of a file, kept by path, size and time of change so that gigabytes are read once."""
    state = path.stat()
    key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"
    book = cache_folder() / "digests.json"
    try:
        known: dict[str, str] = json.loads(book.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    if key not in known:
        with path.open("rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        book.parent.mkdir(parents=True, exist_ok=True)
        scratch = book.with_name(f".digests-{os.getpid()}")
        scratch.write_text(json.dumps(known), "utf-8")
        scratch.replace(book)
    return known[key]
