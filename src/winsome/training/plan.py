"""How a run trains, whatever it lowers: one dataclass whose fields are the flags of `winsome train` and the keys of a recipe."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from winsome.errors import BadInput
from winsome.records import digest

Compute = Literal["own", "bfloat16"]
"""How products are computed: in the weights' own precision, or in bfloat16."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Units are pairs, labelled answers, groups or demonstrations; `batch` counts them over all processes.

    epochs: passes over the data; updates: their number instead (0: by epochs). batch: units an update. micro_tokens: tokens of
    a micro-batch, which changes memory and speed but no result. rate: the highest learning rate. schedule: how it moves; warmup:
    the share of updates over which it rises; floor: the factor it ends at. clip: the gradient's norm at most (0: no limit).
    decay: weight decay of matrices. ema: decay of the running average of the weights, which is then what is kept (0: none).
    adapter, lora_rank, lora_alpha, lora_targets: a low-rank adapter on these linear layers; without targets those of attention and
    feed-forward.
    precision: bfloat16 products over float32 weights, or float32; auto takes bfloat16 from 20M parameters where it pays.
    max_length: of a side (0: what the model reads); too_long: what happens to longer rows. format: chat renders prompts by the
    model's template, text takes them as they are. assistant_turns: which of a dialogue's are learnt: the last, or all that follow the
    row's prompt (assistant_only_loss elsewhere). checkpointing: recompute activations in the backward pass, for memory.
    save_every, keep: updates between checkpoints (0: only the end), and how many stay. canary_every: updates between looks at
    sampled answers (0: none); max_kl: nats an answer above which it pauses. evaluate_every: updates between matches against the start (0: none); patience:
    such matches in a row without a higher win rate after which the run ends, and of which the best one's weights are kept (0: all
    updates, and the last weights). parallel: ddp or fsdp under a launcher. trackers:
    tensorboard, wandb (offline), mlflow.
    """

    epochs: float = 1.0
    updates: int = 0
    batch: int = 32
    micro_tokens: int = 4096
    rate: float = 1e-5
    schedule: Literal["constant", "linear", "cosine", "one_cycle"] = "linear"
    warmup: float = 0.1
    floor: float = 0.0
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    clip: float = 1.0
    decay: float = 0.0
    ema: float = 0.0
    adapter: Literal["none", "lora", "dora"] = "none"
    lora_rank: int = 16
    lora_alpha: float = 32.0
    lora_targets: tuple[str, ...] = ()
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    max_length: int = 0
    too_long: Literal["drop", "cut_prompt", "cut_answer"] = "drop"
    format: Literal["chat", "text"] = "chat"
    assistant_turns: Literal["last", "all"] = "last"
    checkpointing: bool = False
    save_every: int = 100
    keep: int = 2
    canary_every: int = 0
    max_kl: float = 100.0
    evaluate_every: int = 0
    patience: int = 0
    parallel: Literal["auto", "ddp", "fsdp"] = "auto"
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("batch", "micro_tokens", "lora_rank", "keep"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}={getattr(self, name)} must be at least 1")
        for name in ("epochs", "rate", "lora_alpha", "max_kl"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name}={getattr(self, name)} must be above 0")
        for name in (
            "updates",
            "clip",
            "decay",
            "max_length",
            "save_every",
            "canary_every",
            "evaluate_every",
            "patience",
        ):
            if getattr(self, name) < 0:
                raise BadInput(f"{name}={getattr(self, name)} must be at least 0")
        for name in ("warmup", "floor", "ema"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise BadInput(f"{name}={getattr(self, name)} must be at least 0 and below 1")
        if self.patience and not self.evaluate_every:
            raise BadInput(
                f"patience={self.patience} counts matches during training; give --evaluate-every N too"
            )

    @property
    def id(self) -> str:
        """Digest of the settings that change what is learnt."""
        left_out = (*UNLEARNT, *IN_DATA, *(() if self.patience else ("patience",)))
        return digest({k: v for k, v in asdict(self).items() if k not in left_out})

    def total(self, units: int) -> int:
        """Updates of the run over `units` units."""
        each = -(-units // self.batch)
        return self.updates or max(1, round(self.epochs * each))


UNLEARNT = (
    "micro_tokens", "checkpointing", "save_every", "keep", "canary_every", "max_kl", "evaluate_every", "parallel", "trackers",
)  # fmt: skip
"""Fields that change speed, memory or what is kept, and never what is learnt."""


IN_DATA = ("assistant_turns",)
"""Fields that the digest of the data holds already."""


def with_plan(trainer: Callable[..., Any]) -> Callable[..., Any]:
    """`trainer` whose signature names every field of the plan in the place of `**plan`, so that they are its settings."""
    own = [p for p in inspect.signature(trainer).parameters.values() if p.kind is not p.VAR_KEYWORD]
    taken = {p.name for p in own}
    fields = [p for p in inspect.signature(Plan).parameters.values() if p.name not in taken]
    cast(Any, trainer).__signature__ = inspect.Signature([*own, *fields])
    return trainer


def plan_of(given: Mapping[str, Any]) -> Plan:
    """The plan with these fields; BadInput for a field that it does not have."""
    unknown = [name for name in given if name not in Plan.__dataclass_fields__]
    if unknown:
        raise BadInput(
            f'training: no setting "{unknown[0]}" (known: {", ".join(Plan.__dataclass_fields__)[:120]})'
        )
    fields: dict[str, Any] = {
        name: tuple(cast("list[Any]", value)) if isinstance(value, list) else value
        for name, value in given.items()
    }
    return Plan(**fields)
