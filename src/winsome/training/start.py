"""The model that a run starts from: found by a contender's name, loaded for training in float32, with an adapter or whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

from winsome import specs
from winsome.errors import BadInput, Unsupported
from winsome.matchmaking.session import COMMON
from winsome.models.adapters import fuse_adapters
from winsome.models.fetch import PACKAGES, folder
from winsome.models.logprobs import unwrapped
from winsome.models.render import check_template
from winsome.models.weights import LocalModel, absent, adapter_base, causal_network, identity
from winsome.protocols import Contender, Run

Adapter = Literal["none", "lora", "dora"]

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers that get an adapter where a model has them; else every linear layer but the head."""


@dataclass(frozen=True)
class Start:
    """`name` opens it as a contender, `weights` is its folder or hub name, `id` the digest of its weights and tokenizer."""

    name: str
    weights: str
    id: str
    dtype: str

    def trained_name(self, place: str) -> str:
        """The name of what was trained from it: the folder, with the settings of the start that say how it is asked."""
        kept = ("template", "slots", *COMMON)
        settings = {k: v for k, v in specs.parse(self.name).settings.items() if k in kept}
        if self.dtype == "float32":
            settings["dtype"] = "float32"
        return str(specs.Spec("hf", place, settings))


def found(name: str, run: Run) -> Start:
    """The start that `name` names: hf:.., embedded:.., a world's base. Raises Unsupported for what has no weights here."""
    contender: Any = run.open(name, Contender)
    local = getattr(contender, "inner", contender)
    weights = getattr(local, "weights", None)
    if not isinstance(weights, str):
        raise Unsupported(
            f'"{specs.masked(str(name))}" has no weights here to train; use hf:FOLDER or embedded:smollm2-135m'
        )
    return Start(contender.name, weights, identity(weights), local.dtype)


def load(start: Start) -> LocalModel:
    """Weights of one's own in float32, nothing frozen and no layer reordered; dropout is off. It is never shared."""
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = str(folder(start.weights)) if start.weights in PACKAGES else start.weights
    try:
        tokenizer: Any = cast(Any, AutoTokenizer).from_pretrained(place)
        network = causal_network(place, torch.float32, local=Path(place).is_dir())
    except (OSError, ValueError) as error:
        raise absent(start.name, error) from None
    without_dropout(network)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = network.config.get_text_config()
    context = int(getattr(config, "max_position_embeddings", None) or 2048)
    model = LocalModel(start.name, network.to(device).eval(), tokenizer, context, device)
    check_template(model, start.weights, start.name)
    return model


def reader(start: Start) -> LocalModel:
    """What of a start turns text into ids: its tokenizer, template, context and ends, without its weights."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    place = str(folder(start.weights)) if start.weights in PACKAGES else start.weights
    body = adapter_base(place) or place
    try:
        tokenizer: Any = cast(Any, AutoTokenizer).from_pretrained(place)
        config: Any = cast(Any, AutoConfig).from_pretrained(body)
    except (OSError, ValueError) as error:
        raise absent(start.name, error) from None
    try:
        ends: Any = cast(Any, GenerationConfig).from_pretrained(body)
    except OSError:
        ends = cast(Any, GenerationConfig).from_model_config(config)
    context = int(getattr(config.get_text_config(), "max_position_embeddings", None) or 2048)
    bare = SimpleNamespace(config=config, generation_config=ends)
    model = LocalModel(start.name, bare, tokenizer, context, "cpu")
    check_template(model, start.weights, start.name)
    return model


def without_dropout(network: Any) -> None:
    """Set every dropout of modules and configuration to 0, so that training mode computes what evaluation does."""
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    config: Any = network.config.get_text_config()
    held: Mapping[str, Any] = config.__dict__
    for name in list(held):
        if name.endswith(("dropout", "_pdrop")) and isinstance(getattr(config, name), float):
            setattr(config, name, 0.0)


def adapt(
    model: LocalModel,
    adapter: Adapter,
    *,
    rank: int,
    alpha: float,
    targets: Sequence[str],
    seed: int,
    beside: Sequence[str] = (),
) -> LocalModel:
    """The model ready to be trained: all of it, or a low-rank adapter in its linear layers over frozen weights.

    `beside`: modules that are trained whole beside the adapter, as a new head must be.

    With the adapter off (`network.disable_adapter()`) the network computes what it did before. A start that is an adapter itself
    goes on training that adapter. Raises Unsupported where peft is not installed, BadInput where no layer has a target's name.
    """
    import torch

    network = model.network
    if network is not unwrapped(network):
        if adapter == "none":
            raise BadInput(
                f"{model.name} is an adapter; go on with it by --adapter lora, or make it whole by winsome merge"
            )
    elif adapter == "none":
        network.requires_grad_(True)
        return model
    else:
        network = _with_adapter(network, adapter, rank, alpha, targets, seed, beside)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("lora_" in name or ".modules_to_save." in name)
    if not any(isinstance(p, torch.nn.Parameter) and p.requires_grad for p in network.parameters()):
        raise BadInput(f"{model.name}: nothing would be trained; name linear layers with --lora-targets")
    fuse_adapters(network)
    return replace(model, network=network)


def _with_adapter(
    network: Any,
    adapter: Adapter,
    rank: int,
    alpha: float,
    targets: Sequence[str],
    seed: int,
    beside: Sequence[str],
) -> Any:
    import torch

    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError:
        raise Unsupported("adapters need peft; install it with: pip install 'winsome[train]'") from None
    linear = {
        name.rpartition(".")[2] for name, m in network.named_modules() if isinstance(m, torch.nn.Linear)
    }
    chosen = list(targets) or [name for name in TARGETS if name in linear]
    unknown = [name for name in chosen if name not in linear]
    if unknown:
        raise BadInput(f'adapter: no linear layer "{unknown[0]}" (found: {", ".join(sorted(linear))})')
    cast(Any, torch).manual_seed(seed)
    config = cast(Any, LoraConfig)(
        r=rank, lora_alpha=alpha, lora_dropout=0.0, use_dora=adapter == "dora",
        target_modules=chosen or "all-linear", task_type="SEQ_CLS" if beside else "CAUSAL_LM",
        modules_to_save=list(beside) or None,
    )  # fmt: skip
    return cast(Any, get_peft_model)(network, config, autocast_adapter_dtype=False)


def sampling(model: LocalModel) -> LocalModel:
    """The same weights as a model that answers: what an adapter lies in, not what is around it."""
    return replace(model, network=unwrapped(model.network))
