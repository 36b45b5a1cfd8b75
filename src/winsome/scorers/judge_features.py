"""What the embedded judge reads of an answer: a vector from MiniLM, SmolLM2's middle layer and the surface.

It never reads SmolLM2's output distribution: nothing here is a likelihood (see `likelihood.FEATURES`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from winsome.models.encoders import WIDTH, SentenceEncoder
from winsome.models.hidden import answer_means, lower_layers
from winsome.models.render import rendered_ids, text_ids, turns
from winsome.models.weights import LocalModel, load
from winsome.records import Prompt
from winsome.scorers.surface import NAMES as SURFACE
from winsome.scorers.surface import surface

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

MODEL = "smollm2-135m"
ENCODER = "minilm"
LAYER = 16
HIDDEN = 576
PROMPT_TOKENS = 400
ANSWER_TOKENS = 256
FEATURES = (
    *(f"surface: {name}" for name in SURFACE),
    "minilm: cosine of prompt and answer",
    *(f"minilm: answer {i}" for i in range(WIDTH)),
    *(f"smollm2: layer {LAYER} answer mean {i}" for i in range(HIDDEN)),
    *(f"minilm: prompt {i}" for i in range(WIDTH)),
)
"""The name of each feature, in the order of the columns."""
BLOCKS = {
    "surface": slice(0, len(SURFACE)),
    "cosine": slice(len(SURFACE), len(SURFACE) + 1),
    "minilm": slice(len(SURFACE) + 1, len(SURFACE) + 1 + WIDTH),
    "smollm2": slice(len(SURFACE) + 1 + WIDTH, len(FEATURES) - WIDTH),
}
"""The columns that rate an answer, by where they come from."""
ANSWER = slice(0, len(FEATURES) - WIDTH)
PROMPT = slice(len(FEATURES) - WIDTH, len(FEATURES))
"""The columns of the prompt alone: equal for both answers, they only say which kind of prompt it is."""


class FeatureReader:
    """Both embedded models, loaded when first asked."""

    def __init__(self, dtype: Literal["float32", "bfloat16"]) -> None:
        self._dtype: Literal["float32", "bfloat16"] = dtype
        self._encoder = SentenceEncoder(ENCODER, f"embedded:{ENCODER}")
        self._lower: LocalModel | None = None

    def features(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> NDArray[float32]:
        """One row an answer, columns as FEATURES: [n, d]; a row depends on its own prompt and answer only.

        A prompt without messages stands for "no prompt known". Answers must not be empty.
        """
        import numpy as np

        lower = self._lower = self._lower or lower_layers(load(MODEL, self._dtype), LAYER)
        asked = [prompt.text if prompt.messages else "" for prompt in prompts]
        distinct = list(dict.fromkeys(asked))
        # One text a row: a verdict must not depend on what else is judged in the same batch.
        of_prompt = dict(zip(distinct, self._encoder.vectors(distinct, rows=1), strict=True))
        of_prompt[""] = np.zeros(WIDTH, np.float32)
        asked_vectors = np.array([of_prompt[p] for p in asked])
        of_answer = self._encoder.vectors(answers, rows=1)
        cosine = (asked_vectors * of_answer).sum(1)
        with lower.lock:
            means = answer_means(
                lower, [shown_ids(lower, p) for p in prompts], [read_ids(lower, answer) for answer in answers]
            )
        looks = np.array([surface(p, a) for p, a in zip(asked, answers, strict=True)], np.float32)
        return np.hstack(
            [looks.reshape(len(answers), len(SURFACE)), cosine[:, None], of_answer, means, asked_vectors]
        )


def read_ids(model: LocalModel, answer: str) -> list[int]:
    """The answer's first 256 tokens and the end of turn."""
    return [*text_ids(model, answer)[:ANSWER_TOKENS], int(model.tokenizer.eos_token_id)]


def shown_ids(model: LocalModel, prompt: Prompt) -> list[int]:
    """At most about 400 tokens of the dialogue: the oldest turns go first, then the middle of the last turn."""
    dialogue = turns(prompt)
    if not any(turn["role"] != "system" for turn in dialogue):
        return text_ids(model, "<|im_start|>assistant\n")
    ids = rendered_ids(model, dialogue)
    while len(ids) > PROMPT_TOKENS and len(dialogue) > 1:
        dialogue = dialogue[1:]
        ids = rendered_ids(model, dialogue)
    if len(ids) > PROMPT_TOKENS:
        words = text_ids(model, dialogue[0]["content"])
        half = (PROMPT_TOKENS - 40) // 2
        decode = model.tokenizer.decode
        shortened = f"{decode(words[:half])} ... {decode(words[-half:])}"
        ids = rendered_ids(model, [{**dialogue[0], "content": shortened}])
    return ids
