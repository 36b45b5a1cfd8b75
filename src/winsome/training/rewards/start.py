"""A causal model as the start of a reward model: its body with a new head, or a reward model that goes on being trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from winsome.errors import BadInput
from winsome.models.fetch import PACKAGES, folder
from winsome.models.render import dialogue_ids
from winsome.models.weights import LocalModel, absent, adapter_base
from winsome.records import Prompt, Response, assistant, user
from winsome.training.objective import Objective
from winsome.training.start import Start, without_dropout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS = "winsome_reward"
"""The entry of config.json that says what the outputs are."""


def load(start: Start, objective: Objective, outputs: int, seed: int) -> LocalModel:
    """The start's body in float32 with `outputs` outputs, dropout off. A new head is drawn by `seed`, as transformers would.

    Raises BadInput where the start is an adapter, a reward model with other outputs, or has fewer embeddings than its tokenizer has tokens.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = str(folder(start.weights)) if start.weights in PACKAGES else start.weights
    if adapter_base(place) is not None:
        raise BadInput(
            f"{start.name}: is an adapter, which takes no new head; make it whole by winsome merge"
        )
    rates = _rates(place)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # a new head is what is asked for
    try:
        tokenizer: Any = cast(Any, AutoTokenizer).from_pretrained(place)
        more: dict[str, Any] = {} if rates else {"num_labels": outputs}
        network: Any = cast(Any, AutoModelForSequenceClassification).from_pretrained(
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
    without_dropout(network)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    context = int(getattr(network.config.get_text_config(), "max_position_embeddings", None) or 2048)
    model = LocalModel(start.name, network.to(device).eval(), tokenizer, context, device)
    settle_padding(model)
    describe(network.config, objective)
    return model


def _rates(place: str) -> bool:
    """Whether the folder holds a reward model already."""
    try:
        config = json.loads((Path(place).expanduser() / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return any("SequenceClassification" in name for name in config.get("architectures") or ())


def settle_padding(model: LocalModel) -> None:
    """Give tokenizer and model one padding token, and not the one with which the template closes a dialogue.

    transformers rates a padded dialogue at its last token that is no padding: where a dialogue ends with that token, another one
    would be read. Raises BadInput where the tokenizer has no other special token.
    """
    tokenizer, config = model.tokenizer, model.network.config
    asked = Prompt((user("a"),))
    closed = dialogue_ids(model, asked, Response(asked.id, "", "", messages=(assistant("b"),)))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    if pad is None or pad == closed[-1]:
        others = [t for t in tokenizer.all_special_ids if t != closed[-1]]
        pad = next((t for t in others if t not in closed), others[0] if others else None)
    if pad is None:
        raise BadInput(
            f"{model.name}: its tokenizer pads with the token that ends a dialogue; add a token that only pads"
        )
    tokenizer.pad_token_id = pad
    config.pad_token_id = config.get_text_config().pad_token_id = pad


def describe(config: Any, objective: Objective) -> None:
    """Write into the configuration what the outputs are."""
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
        names: Sequence[str] = settings["attributes"]
        config.id2label = dict(enumerate(names))
        config.label2id = {name: i for i, name in enumerate(names)}
    setattr(config, SETTINGS, held)


def check_vocabulary(name: str, network: Any, tokenizer: Any) -> None:
    """Raises BadInput where the tokenizer has tokens that the model does not know."""
    known, wanted = network.get_input_embeddings().num_embeddings, len(tokenizer)
    if wanted > known:
        raise BadInput(
            f"{name}: its tokenizer has {wanted} tokens, the model {known}; give the tokenizer that it was trained with"
        )
