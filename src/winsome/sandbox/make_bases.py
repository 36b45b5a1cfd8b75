"""Trains the bases of a world: first its documents, then demonstrations. One thread, bit for bit on one machine.

python -m winsome.sandbox.make_bases world:instruction --size 0.2M --out src/winsome/sandbox/weights
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from winsome.matchmaking.claims import is_dead, new_owner
from winsome.sandbox import documents
from winsome.sandbox.base_recipes import MINUTES, RECIPES, Recipe
from winsome.sandbox.card import add_measures
from winsome.sandbox.demonstrations import demonstrations
from winsome.sandbox.growth import grow
from winsome.sandbox.lexicon import words
from winsome.sandbox.tiny_lm import CONTEXT, SHAPES, VERSION, cached, folder, network
from winsome.sandbox.tokenizer import ASSISTANT, END, tokenizer
from winsome.sandbox.worlds import World

IGNORED = -100
MAKING = ".making-"
"""Begins the name of a folder in which a base is being made; the owner follows."""


Example = tuple[list[int], list[int]]
"""Token ids, and for each the label: itself, or IGNORED where no loss is taken."""


def document_examples(world: World, tok: Any) -> Iterator[Example]:
    """Documents, each ended; every token is learnt."""
    ids = tok.get_vocab()
    for document in documents.stream(world):
        row = [ids[word] for word in words(document.text)] + [ids[END]]
        yield row, row


def demonstration_examples(world: World, tok: Any, faulty: float) -> Iterator[Example]:
    """Dialogues as the chat template writes them; the answer and its end are learnt."""
    ids = tok.get_vocab()
    for prompt, answer in demonstrations(world, faulty):
        row: list[int] = []
        for role, text in [("system", prompt.system)] if prompt.system else []:
            row += [ids[f"<{role}>"], *(ids[word] for word in words(text)), ids[END]]
        for message in prompt.messages:
            row += [ids[f"<{message.role}>"], *(ids[word] for word in words(message.text)), ids[END]]
        row.append(ids[ASSISTANT])
        learnt = [*(ids[word] for word in words(answer)), ids[END]]
        yield row + learnt, [IGNORED] * len(row) + learnt


def batches(examples: Iterator[Example], size: int, seed: int) -> Iterator[list[Example]]:
    """Batches of examples of like length, so that little is padded, in a random order of lengths."""
    rng = Random(seed)
    while pool := list(islice(examples, 32 * size)):
        pool.sort(key=lambda example: len(example[0]))
        found = [pool[start : start + size] for start in range(0, len(pool), size)]
        rng.shuffle(found)
        yield from found


def loss_of(model: Any, batch: Sequence[Example]) -> Any:
    """The mean cross-entropy (nats) over the learnt tokens of a batch."""
    import torch

    length = max(len(ids) for ids, _ in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    labels = torch.full((len(batch), length), IGNORED)
    for place, (row, learnt) in enumerate(batch):
        ids[place, : len(row)] = torch.tensor(row)
        labels[place, : len(row)] = torch.tensor(learnt)
    # Padding stands right of what is read, so plain causal attention never sees it.
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    kept = labels[:, 1:] != IGNORED
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[kept]), labels[:, 1:][kept])


def start(world: World, size: str, recipe: Recipe, vocabulary: int) -> Any:
    """What training starts from, in float32: random weights, or the smaller base of the same world, grown."""
    drawn = network(size, vocabulary, recipe.seed)
    if not recipe.grown:
        return drawn
    from transformers import LlamaForCausalLM

    small = LlamaForCausalLM.from_pretrained(folder(world, recipe.grown)).float()
    return grow(small, drawn)


def train(
    world: World, size: str, recipe: Recipe, say: Callable[[str], None] = lambda _: None
) -> tuple[Any, Any, dict[str, Any]]:
    """The trained model (float32), its tokenizer, and what training took."""
    import math

    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tok = tokenizer(world, CONTEXT)
    model = start(world, size, recipe, len(tok)).train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), eps=1e-8)
    phases = (
        ("documents", recipe.documents, document_examples(world, tok)),
        ("demonstrations", recipe.demonstrations, demonstration_examples(world, tok, recipe.faulty)),
    )
    total, update, tokens, losses = recipe.documents + recipe.demonstrations, 0, 0, list[float]()
    started = time.process_time()
    for phase, updates, examples in phases:
        for batch in islice(batches(examples, recipe.batch, recipe.seed), updates):
            share = min(1.0, (update + 1) / recipe.warmup)
            fall = 0.1 + 0.9 * (1 + math.cos(math.pi * update / total)) / 2
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * share * fall
            loss = loss_of(model, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step()
            update += 1
            tokens += sum(len(ids) for ids, _ in batch)
            losses.append(float(loss.detach()))
            if update % 100 == 0:
                seconds = time.process_time() - started
                mean = sum(losses[-100:]) / 100
                say(
                    f"{phase} {update}/{total} loss {mean:.4f} {tokens / seconds:.0f} tokens/CPU-s {seconds:.0f} s"
                )
    seconds = time.process_time() - started
    return (
        model.eval(),
        tok,
        {
            "tokens": tokens,
            "cpu_seconds": round(seconds, 1),
            "last_loss": round(sum(losses[-100:]) / len(losses[-100:]), 4),
        },
    )


def save(
    world: World, size: str, recipe: Recipe, place: Path, trained: tuple[Any, Any, dict[str, Any]]
) -> None:
    """The folder of a base: float16 weights, configuration, tokenizer, card.json with all that made it."""
    import orjson
    import torch
    import transformers

    model, tok, took = trained
    place.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(place)
    tok.save_pretrained(place)
    card = {
        "world": world.name,
        "base_id": world.base_id,
        "size": size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(tok),
        "recipe": asdict(recipe) | {"version": VERSION},
        "shape": asdict(SHAPES[size]),
        "training": took,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "processor": processor(),
    }
    (place / "card.json").write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2) + b"\n")


def make(world: World, size: str, recipe: Recipe | None = None, place: Path | None = None) -> Path:
    """The folder of a base trained now and measured, by default under the cache; what it does goes to standard error.

    The folder appears whole or not at all. What a killed making left is removed by the next one, which starts anew.
    """
    recipe = recipe or RECIPES[size]
    place = place or cached(world, size)
    _say(
        f"{world.name}#base?size={size}: made once on this machine, about {MINUTES[size]} minutes of one core,"
        f" and kept in {place}"
    )
    _without_bars()
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place.parent)
    scratch = place.parent / (MAKING + new_owner().replace("/", "+"))
    try:
        save(world, size, recipe, scratch, train(world, size, recipe, _say))
        right = add_measures(scratch, world)["measured"]["sampled"]
        _say(
            f"right at temperature 1, tasks weighted equally: {right['weighted']:.1%} (n = {right['prompts']})"
        )
        if place.exists():
            shutil.rmtree(place)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def _without_bars() -> None:
    """Loading and writing tiny weights needs no progress bar between the lines that are said here."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _sweep(folder: Path) -> None:
    """Remove what makings left that died before they were done."""
    for left in folder.glob(f"{MAKING}*"):
        if is_dead(left.name.removeprefix(MAKING).replace("+", "/")):
            shutil.rmtree(left, ignore_errors=True)


def processor() -> str:
    """The model of this machine's processor: weights are equal bit for bit only on the same one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and save the bases that are asked for."""
    from winsome.sandbox.members import opened

    parser = argparse.ArgumentParser(prog="python -m winsome.sandbox.make_bases", description=__doc__)
    parser.add_argument("world", nargs="?", default="world:instruction")
    parser.add_argument("--size", choices=list(SHAPES), action="append")
    parser.add_argument("--out", type=Path, help="the folder of folders (default: the cache)")
    parser.add_argument(
        "--demonstrations", type=int, help="updates of the second phase (default: the recipe's)"
    )
    args = parser.parse_args(arguments)
    world = opened(args.world)
    for size in args.size or SHAPES:
        recipe = RECIPES[size]
        if args.demonstrations is not None:
            recipe = replace(recipe, demonstrations=args.demonstrations)
        make(world, size, recipe, args.out / f"{world.preset}-{size}" if args.out else None)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
