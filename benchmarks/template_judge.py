"""A tiny judge that follows a prompt text: the language world's 0.2M base tuned on gold pairs, as plain records and as fenced ones.

    python -m benchmarks.template_judge OUT [--updates 900] [--seed 0]

It reads `Request: .. Answer A: .. Answer B: ..` and says A or B. Every label is the gold judge's. Both letters are right equally
often, so the seats weigh alike. A share of the fenced records holds answers that quote another record without the code: what the
fence's note tells a large model in words, a small one has to be shown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from winsome.audit.null_model import constant, structured
from winsome.judges import fences, templates
from winsome.judges.templates import Template
from winsome.records import Prompt, Response, assistant
from winsome.sandbox import tiny_lm
from winsome.sandbox.demonstrations import known
from winsome.sandbox.gold import gold
from winsome.sandbox.lexicon import joined, words
from winsome.sandbox.make_bases import IGNORED, Example, batches, loss_of
from winsome.sandbox.tokenizer import ASSISTANT, END, PAD, SYSTEM, UNKNOWN, USER, vocabulary
from winsome.sandbox.tokenizer import TEMPLATE as CHAT
from winsome.sandbox.worlds import World

TEXT = """Request {fence}: {question}
Answer A {fence}: {answer_1}
Answer B {fence}: {answer_2}
Which answer is better? Reply with A or B.
"""
CONTEXT = 512
LABELS = ("A", "B")
CODE = "0123456789abcdef"


@dataclass(frozen=True)
class Recipe:
    """How the judge is trained. `fenced` and `quoting` are shares: of fenced records, and of these with an answer that quotes one."""

    updates: int = 900
    batch: int = 24
    rate: float = 3e-3
    warmup: int = 20
    fenced: float = 0.4
    quoting: float = 0.5
    seed: int = 0


def template() -> Template:
    """The judge's prompt text, with a code at each mark."""
    return templates.compiled("world_pair", TEXT, 2)


def tokenizer(world: World) -> Any:
    """The world's tokenizer with the words of the prompt text, the letters of verdicts and pieces of codes."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    held = vocabulary(world)
    pairs = [
        *CODE[10:],
        *(a + b for a in CODE[10:] for b in CODE[10:]),
        *(f"0{digit}" for digit in range(10)),
    ]
    more = words(TEXT.replace("{fence}", "") + structured(template()) + constant() + " < > [ ] = # *")
    ids = {token: place for place, token in enumerate(dict.fromkeys([*held, *more, *pairs]))}
    raw = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    raw.normalizer = normalizers.Lowercase()
    # as the world cuts words, but longer numbers, which only codes hold, two digits at a time
    raw.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"[a-z]+|19\d\d|\d{1,2}|[^\sa-z\d]"), behavior="removed", invert=True
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token=PAD, eos_token=END, unk_token=UNKNOWN,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT], clean_up_tokenization_spaces=False, model_max_length=CONTEXT,
    )  # fmt: skip
    made.add_tokens([AddedToken(letter, single_word=True, normalized=False) for letter in LABELS])
    made.chat_template = CHAT
    return made


def said(prompt: Prompt, text: str) -> Response:
    return Response(prompt.id, "c", "k", messages=(assistant(text),))


def records(world: World, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(the judge's prompt as text, the right letter), without end, from prompts of the training split."""
    fenced = template()
    plain = fences.bare(fenced)
    rng = Random(f"template judge/{recipe.seed}")
    before: list[tuple[Prompt, str]] = []
    for prompt in world.stream("train"):
        reading = world.reading(prompt)
        if not reading.clear or not all(known(world, task) for task in reading.tasks):
            continue
        core = world.target(reading).right(rng)
        right = joined(reading.tongue.say(core))
        before.append((prompt, right))
        if len(before) < 50:
            continue
        before = before[-500:]
        answers = [right, *_worse(reading, core, before, rng)]
        first, second = (right, rng.choice(answers[1:])) if rng.random() < 0.8 else rng.sample(answers, 2)
        use_fence = rng.random() < recipe.fenced
        if use_fence and rng.random() < recipe.quoting:
            quoted = _record(plain if rng.random() < 0.5 else fenced, before, rng)
            if rng.random() < 0.5:
                first = f"{first}{quoted}" if rng.random() < 0.3 else quoted
            else:
                second = f"{second}{quoted}" if rng.random() < 0.7 else quoted
        values = [gold(world, prompt, text).value for text in (first, second)]
        if values[0] == values[1]:
            continue
        if rng.random() < 0.5:
            first, second, values = second, first, values[::-1]
        made = fenced if use_fence else plain
        code = "".join(rng.choice(CODE) for _ in range(12)) if use_fence else ""
        shown = made.render(prompt, (said(prompt, first), said(prompt, second)), code)
        yield shown.messages[-1].text, LABELS[values[0] < values[1]]


def _worse(reading: Any, core: Any, before: list[tuple[Prompt, str]], rng: Random) -> list[str]:
    """Answers that are wrong by much: another prompt's, and some of the right words in any order."""
    found = [rng.choice(before[:-1])[1]] * 2
    mixed = list(core)
    rng.shuffle(mixed)
    found.append(joined(reading.tongue.say(mixed[: rng.randint(1, len(mixed))])))
    return found


def _record(shape: Template, before: list[tuple[Prompt, str]], rng: Random) -> str:
    """Text that closes an answer and opens a record of other words, without the code, as one who knows the prompt text may write it."""
    (prompt, right), (_, other) = rng.sample(before, 2)
    answers = [right if rng.random() < 0.5 else "", other if rng.random() < 0.5 else ""]
    text = shape.render(prompt, (said(prompt, answers[0]), said(prompt, answers[1])), "").messages[-1].text
    cut = text.splitlines()
    start = rng.randrange(len(cut))
    return "\n" + "\n".join(cut[start : rng.randint(start + 1, len(cut))])


def examples(world: World, tok: Any, recipe: Recipe) -> Iterator[Example]:
    """Token ids of the dialogue; the letter and the end are learnt."""
    stream = records(world, recipe)
    while held := list(islice(stream, 512)):
        texts = [f"{USER}{text}{END}{ASSISTANT}" for text, _ in held]
        for ids, (_, letter) in zip(tok(texts, add_special_tokens=False)["input_ids"], held, strict=True):
            learnt = tok.convert_tokens_to_ids([letter, END])
            yield ids + learnt, [IGNORED] * len(ids) + learnt


def train(world: World, recipe: Recipe, base: Path | None = None) -> tuple[Any, Any, dict[str, Any]]:
    """The judge in float32, its tokenizer, and what training took; it starts from the base's weights and its words."""
    import math

    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    tok = tokenizer(world)
    model = AutoModelForCausalLM.from_pretrained(
        str(base or tiny_lm.folder(world, "0.2M")), dtype=torch.float32
    )
    model.resize_token_embeddings(len(tok), mean_resizing=False)
    model.config.max_position_embeddings = CONTEXT
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01)
    started, losses = time.process_time(), list[float]()
    for update, batch in enumerate(
        islice(batches(examples(world, tok, recipe), recipe.batch, recipe.seed), recipe.updates)
    ):
        share = min(1.0, (update + 1) / recipe.warmup)
        fall = 0.05 + 0.95 * (1 + math.cos(math.pi * update / recipe.updates)) / 2
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * share * fall
        loss = loss_of(model, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if (update + 1) % 25 == 0:
            mean = sum(losses[-25:]) / 25
            sys.stderr.write(
                f"update {update + 1}/{recipe.updates} loss {mean:.4f} {time.process_time() - started:.0f} CPU-s\n"
            )
            sys.stderr.flush()
    took = {
        "cpu_seconds": round(time.process_time() - started, 1),
        "last_loss": round(sum(losses[-100:]) / len(losses[-100:]), 4),
    }
    return model.eval(), tok, took


def made(out: Path, recipe: Recipe, base: Path | None = None) -> Path:
    """The folder of the judge: weights, tokenizer, `template.txt`, card.json; made where it is not there."""
    import orjson

    if not (out / "card.json").is_file():
        world = World.of("instruction")
        model, tok, took = train(world, recipe, base)
        out.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(out)
        tok.save_pretrained(out)
        (out / "template.txt").write_text(TEXT)
        (out / "card.json").write_bytes(
            orjson.dumps({"recipe": asdict(recipe), "training": took}, option=orjson.OPT_INDENT_2)
        )
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--updates", type=int, default=Recipe.updates)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--base", type=Path, help="the base's folder (default: the world's 0.2M)")
    args = parser.parse_args()
    made(args.out, Recipe(updates=args.updates, seed=args.seed), args.base)
