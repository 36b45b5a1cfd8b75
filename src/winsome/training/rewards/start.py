"""A causal model as the start of a reward model: its body with a new head, or a reward model that goes on being trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.models.fetch import PACKAGES, folder
from winsome.models.weights import LocalModel, absent
from winsome.training.objective import Objective
from winsome.training.start import Start, without_dropout

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = "winsome_reward"
"""The entry of config.json that says what the outputs are."""


def load(start: Start, objective: Objective, outputs: int, seed: int) -> LocalModel:
    """The start's body in float32 with `outputs` outputs, dropout off. A new head is drawn by `seed`, as transformers would.

    Raises BadInput where the start is a reward model with other outputs, or has fewer embeddings than its tokenizer has tokens.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = str(folder(start.weights)) if start.weights in PACKAGES else start.weights
    rates = _rates(place)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # a new head is what is asked for
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
        more: dict[str, Any] = {} if rates else {"num_labels": outputs}
        network = AutoModelForSequenceClassification.from_pretrained(
            place, dtype=torch.float32, local_files_only=Path(place).is_dir(), attn_implementation="sdpa", **more
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise absent(start.name, error) from None
    finally:
        logging.set_verbosity(level)
    if not hasattr(network, "score"):
        raise BadInput(
            f"{start.name}: a {type(network).__name__} has no score head here; start from a causal model"
        )
    if network.config.num_labels != outputs:
        raise BadInput(
            f"{start.name}: rates with {network.config.num_labels} outputs, {objective.name} needs {outputs}; start from a causal model"
        )
    check_vocabulary(start.name, network, tokenizer)
    if not rates:
        spread = float(getattr(network.config.get_text_config(), "initializer_range", 0.02))
        drawn = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            network.score.weight.copy_(torch.randn(network.score.weight.shape, generator=drawn) * spread)
    settle(network, tokenizer, objective)
    without_dropout(network)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    context = int(getattr(network.config.get_text_config(), "max_position_embeddings", None) or 2048)
    return LocalModel(start.name, network.to(device).eval(), tokenizer, context, device)


def _rates(place: str) -> bool:
    """Whether the folder holds a reward model already."""
    try:
        config = json.loads((Path(place).expanduser() / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return any("SequenceClassification" in name for name in config.get("architectures") or ())


def settle(network: Any, tokenizer: Any, objective: Objective) -> None:
    """Write into the configuration what the outputs are, and a padding token that ends no dialogue.

    transformers rates a padded dialogue at its last token that is not padding: where the end of a turn pads, it would be passed
    over.
    """
    config = network.config
    ends = {tokenizer.eos_token_id, config.get_text_config().eos_token_id}
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id in ends:
        spare = (t for t in tokenizer.all_special_ids if t not in ends)
        pad = next(spare, tokenizer.eos_token_id)
        if pad is None:
            raise BadInput(f"{config.name_or_path}: its tokenizer has no special token to pad with; add one")
        tokenizer.pad_token_id = pad
    config.pad_token_id = config.get_text_config().pad_token_id = tokenizer.pad_token_id
    kind = objective.name.partition("?")[0]
    settings: Mapping[str, Any] = objective.settings
    held: dict[str, Any] = {"objective": objective.name, "kind": kind}
    if kind == "general_preference":
        held["temperature"] = settings["temperature"]
        config.problem_type = None
    else:
        config.problem_type = "regression"
    if kind == "regression":
        held |= {
            "attributes": list(settings["attributes"]),
            "weights": list(settings["attribute_weights"]),
        }
        config.id2label = dict(enumerate(settings["attributes"]))
        config.label2id = {name: i for i, name in config.id2label.items()}
    setattr(config, SETTINGS, held)


def check_vocabulary(name: str, network: Any, tokenizer: Any) -> None:
    """Raises BadInput where the tokenizer has tokens that the model does not know."""
    known, wanted = network.get_input_embeddings().num_embeddings, len(tokenizer)
    if wanted > known:
        raise BadInput(
            f"{name}: its tokenizer has {wanted} tokens, the model {known}; give the tokenizer that it was trained with"
        )
