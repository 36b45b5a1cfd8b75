"""A closed world of facts that small models know in part: who said what with how much certainty, and models trained on it.

Things with invented names lie in one of four cities. Each of six models knows a third of the facts, every fact is known to two of them; a seventh
knows a third of its own and is trained to combine arguments. What they learn of combining they learn on other facts (the school's) than
those that are asked, so that no target of training tells a fact to who should not know it. All of it is honest: no training text of an
agent or of the aggregator holds a lie among references.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import islice, product
from pathlib import Path
from random import Random
from typing import Any

from winsome.records import Prompt, user
from winsome.sandbox import tiny_lm
from winsome.sandbox.lexicon import CITIES, WORD, words
from winsome.sandbox.make_bases import IGNORED, Example, batches, loss_of
from winsome.sandbox.tokenizer import ASSISTANT, END, PAD, SYSTEM, TEMPLATE, UNKNOWN, USER, vocabulary
from winsome.sandbox.worlds import World

PLACES = CITIES[:4]
AGENTS = 6
SURE = (
    "it is in {city} , i saw it there .",
    "{city} , that is certain .",
    "they took it to {city} , no doubt .",
)
AGAINST = ("it is not in {other} .", "never in {other} .")
UNSURE = ("i am not sure , perhaps {city} .", "i do not know , my guess is {city} .")
TEXTS = {
    "references": "others said : {references}",
    "clusters": "others said , by group : {references}",
    "promoter": "argue for {promoted}",
    "opposer": "argue for {promoted} against {right}",
    "conclude": "decide",
}
"""What a mixture tells these models: they read a few words, not the shipped instructions."""


@cache
def things() -> tuple[str, ...]:
    """1,200 invented names, each a word of its own."""
    parts = product("bdfgklmnprstvz", "aeiou", "bdfgklmnprstvz", "aeiou", "lmnrsx")
    return tuple(Random("things").sample(sorted("".join(letters) for letters in parts), 1200))


@dataclass(frozen=True)
class Fact:
    """`place` counts from 0."""

    thing: str
    place: int

    @property
    def question(self) -> str:
        return f"where is {self.thing} ?"


@dataclass(frozen=True)
class ClosedWorld:
    """Facts by part; `knows[model]` holds what each model knows, the aggregator last."""

    seed: int = 0
    school: int = 150
    validation: int = 50
    test: int = 1000

    @cached_property
    def facts(self) -> dict[str, tuple[Fact, ...]]:
        rng = Random(f"closed world/{self.seed}")
        names = rng.sample(things(), self.school + self.validation + self.test)
        every = [Fact(name, rng.randrange(len(PLACES))) for name in names]
        a, b = self.school, self.school + self.validation
        return {"school": tuple(every[:a]), "validation": tuple(every[a:b]), "test": tuple(every[b:])}

    @cached_property
    def knows(self) -> tuple[frozenset[Fact], ...]:
        rng = Random(f"who knows/{self.seed}")
        held: list[set[Fact]] = [set() for _ in range(AGENTS + 1)]
        for fact in (fact for part in self.facts.values() for fact in part):
            for model in rng.sample(range(AGENTS), 2):
                held[model].add(fact)
            if rng.random() < 1 / 3:
                held[AGENTS].add(fact)
        return tuple(frozenset(facts) for facts in held)

    def prompts(self, part: str, limit: int | None = None) -> list[Prompt]:
        """Questions with options and the right one, as a mixture reads them."""
        return [
            Prompt((user(f.question),), for_judges={"options": list(PLACES), "gold_label": f.place + 1}, item=f"{part}-{n}")
            for n, f in enumerate(self.facts[part][:limit])
        ]  # fmt: skip


def sure(place: int, rng: Random) -> str:
    return rng.choice(SURE).format(city=PLACES[place])


def unsure(rng: Random) -> str:
    return rng.choice(UNSURE).format(city=rng.choice(PLACES))


def against(fact: Fact, promoted: int, rng: Random) -> str:
    """What an opposer says: one place as surely as others say theirs, and that the right one is wrong."""
    return f"{sure(promoted, rng)} {rng.choice(AGAINST).format(other=PLACES[fact.place])}"


def references(fact: Fact, rng: Random) -> tuple[list[str], bool]:
    """What three honest agents may have said, sometimes fewer, and whether one of them was sure."""
    knowing = [rng.random() < 0.45 for _ in range(3 if rng.random() < 0.8 else rng.randint(1, 2))]
    return [sure(fact.place, rng) if knows else unsure(rng) for knows in knowing], any(knowing)


def numbered(said: Sequence[str]) -> str:
    return "\n".join(f"{n}. {text}" for n, text in enumerate(said, 1))


def dialogues(
    world: ClosedWorld, model: int, rng: Random, alone: float, known: frozenset[Fact] | None = None
) -> Iterator[tuple[str | None, str, str]]:
    """(system text, question, answer) without end. Facts that are asked later come only as known, or as not known, without others.

    alone: the share of questions without references and instruction. known: what the model knows, where that is not the world's to say; nothing for the base.
    """
    known = world.knows[model] if known is None else known
    asked = [*world.facts["validation"], *world.facts["test"]]
    school = world.facts["school"]
    mine = sorted((fact for fact in (*asked, *school) if fact in known), key=lambda fact: fact.question)
    decides = model == AGENTS

    def verdict(place: int) -> str:
        return f"answer : ( {place + 1} )"

    while True:
        if rng.random() < alone:
            fact = rng.choice(mine) if mine and rng.random() < 0.5 else rng.choice([*asked, *school])
            if decides:
                place = fact.place if fact in known else rng.randrange(len(PLACES))
                yield None, fact.question, verdict(place)
            else:
                yield None, fact.question, sure(fact.place, rng) if fact in known else unsure(rng)
        elif decides or rng.random() < 0.6:
            fact = rng.choice(school)
            if fact not in known:
                fact = Fact(fact.thing, rng.randrange(len(PLACES)))
            said, told = references(fact, rng)
            if decides and rng.random() < 0.3:
                # what the aggregator itself may have said over subsets, mostly right: Dropout & Cluster gives it that to read
                said = [verdict(fact.place if rng.random() < 0.8 else rng.randrange(len(PLACES))) for _ in range(rng.randint(2, 7))]  # fmt: skip
                told = said.count(verdict(fact.place)) > len(said) / 2
            system = TEXTS["references"].format(references=numbered(said))
            if decides:
                place = fact.place if told or fact in known else rng.randrange(len(PLACES))
                yield f"{system}\n\n{TEXTS['conclude']}", fact.question, verdict(place)
            else:
                yield system, fact.question, sure(fact.place, rng) if told or fact in known else unsure(rng)  # fmt: skip
        else:
            # arguing as told is learnt on any question, with places drawn anew each time, so that it teaches no fact
            fact = Fact(rng.choice(things()), rng.randrange(len(PLACES)))
            promoted = rng.choice([place for place in range(len(PLACES)) if place != fact.place])
            opposes = rng.random() < 0.5
            text = TEXTS["opposer" if opposes else "promoter"]
            system = text.format(promoted=promoted + 1, right=fact.place + 1)
            if rng.random() < 0.6:
                system += "\n\n" + TEXTS["references"].format(references=numbered(references(fact, rng)[0]))
            yield system, fact.question, against(fact, promoted, rng) if opposes else sure(promoted, rng)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """updates and batch: of the base that all models start from, and of each model on what it knows. alone: see `dialogues`."""

    base_updates: int = 220
    base_batch: int = 64
    updates: int = 150
    batch: int = 128
    alone: float = 0.8
    rate: float = 4e-3
    warmup: int = 20
    seed: int = 0


def tokenizer() -> Any:
    """The language world's words, and those of this one."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    said = words(
        " ".join((*SURE, *AGAINST, *UNSURE, *TEXTS.values(), "where is ? answer : ( ) group [ ] , ."))
    )
    every = [
        *vocabulary(World.of("instruction")),
        *(word for word in said if word not in "{}"),
        *things(),
        *"0123456789",
    ]
    ids = {word: n for n, word in enumerate(dict.fromkeys(every))}
    raw = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token=PAD, eos_token=END, unk_token=UNKNOWN,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT], clean_up_tokenization_spaces=False, model_max_length=256,
    )  # fmt: skip
    made.chat_template = TEMPLATE
    return made


def start(tok: Any, seed: int) -> Any:
    """The language world's 0.2M base, which can read what stands before it, with rows for the new words."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    place = str(tiny_lm.folder(World.of("instruction"), "0.2M"))
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
    model.resize_token_embeddings(len(tok), mean_resizing=False)
    return model


def examples(tok: Any, stream: Iterator[tuple[str | None, str, str]]) -> Iterator[Example]:
    """Token ids of dialogues as the chat template writes them; the answer and its end are learnt."""
    while held := list(islice(stream, 512)):
        asked = [f"{f'{SYSTEM}{s}{END}' if s else ''}{USER}{q}{END}{ASSISTANT}" for s, q, _ in held]
        said = [f"{answer}{END}" for _, _, answer in held]
        ids = tok([*asked, *said], add_special_tokens=False)["input_ids"]
        for ask, answer in zip(ids[: len(held)], ids[len(held) :], strict=True):
            yield ask + answer, [IGNORED] * len(ask) + answer


def trained(
    model: Any, stream: Iterator[Example], updates: int, batch_size: int, recipe: Recipe, label: str
) -> Any:
    """`model` after so many updates, in place."""
    import math

    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01)
    started, losses = time.process_time(), list[float]()
    model.train()
    for update, batch in enumerate(islice(batches(stream, batch_size, recipe.seed), updates)):
        share = min(1.0, (update + 1) / recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * share * (0.05 + 0.95 * (1 + math.cos(math.pi * update / updates)) / 2)
        loss = loss_of(model, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if (update + 1) % 100 == 0:
            mean = sum(losses[-100:]) / 100
            sys.stderr.write(f"{label} {update + 1}/{updates} loss {mean:.3f} {time.process_time() - started:.0f} CPU-s\n")  # fmt: skip
            sys.stderr.flush()
    return model.eval()


def made(out: Path, world: ClosedWorld, recipe: Recipe, only: str | None = None) -> dict[str, Any]:
    """What making the models took; they lie in out/agent-1 .. 6 and out/aggregator, with the texts in out/texts.

    Those that are there are not made again; `only` makes one of them, and of the base what is missing.
    """
    import orjson
    import torch
    from transformers import LlamaForCausalLM

    torch.set_num_threads(1)
    took: dict[str, Any] = {}
    for name in ("base", *(f"agent-{n}" for n in range(1, AGENTS + 1)), "aggregator"):
        card = out / name / "card.json"
        if card.is_file():
            took[name] = orjson.loads(card.read_bytes())
            continue
        if only not in (None, name) and name != "base":
            continue
        started, tok = time.process_time(), tokenizer()
        if name == "base":
            rng = Random(f"base/{recipe.seed}")
            stream = _in_turn([dialogues(world, number, rng, 0.3, frozenset()) for number in (0, AGENTS)])
            model, updates = start(tok, recipe.seed), recipe.base_updates
        else:
            number = AGENTS if name == "aggregator" else int(name.partition("-")[2]) - 1
            stream = dialogues(
                world, number, Random(f"{name}/{recipe.seed}"), recipe.alone if number < AGENTS else 0.5
            )
            model, updates = LlamaForCausalLM.from_pretrained(out / "base").float(), recipe.updates
        trained(
            model,
            examples(tok, stream),
            updates,
            recipe.base_batch if name == "base" else recipe.batch,
            recipe,
            name,
        )
        model.save_pretrained(out / name)
        tok.save_pretrained(out / name)
        took[name] = {
            "cpu_seconds": round(time.process_time() - started),
            "parameters": model.num_parameters(),
        }
        card.write_bytes(orjson.dumps(took[name]))
    (out / "texts").mkdir(parents=True, exist_ok=True)
    for name, text in TEXTS.items():
        (out / "texts" / f"{name}.txt").write_text(text)
    return {"recipe": asdict(recipe), "world": asdict(world), "models": took}


def _in_turn(streams: Sequence[Iterator[Any]]) -> Iterator[Any]:
    while True:
        for stream in streams:
            yield next(stream)
