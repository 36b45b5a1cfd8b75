"""A chronicle that no model has read: who held which office of which town from when to when, told by year or also by month and day.

Every office of a town is held without a gap from FIRST to LAST, so a model that has learnt the chronicle has another name for every
wrong date. Terms change at the turn of a year. A fact is told `mentions` times, in years drawn from its own; what of its years is never
told must be interpolated. A share of the offices is never told at all.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

from winsome.suites.temporal_dates import MONTHS, Precision
from winsome.suites.temporal_facts import Fact, Span, days_in, span

FIRST, LAST = 1700, 2020
TERMS = range(6, 20)
MENTIONS = (1, 2, 4, 8, 16)
OFFICES = ("mayor", "judge", "baker", "miller")
TOLD, UNTOLD = 300, 60
"""Facts that are told, and that never are."""
WORD = r"[A-Za-z]+|\d\d|\d|[^\sA-Za-z\d]"
"""A year is two tokens, so that years that are never told share theirs with others."""
SPECIAL = ("<pad>", "<end>", "<unknown>")
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@dataclass(frozen=True)
class Chronicle:
    """`facts`, and how often each is told; 0: never."""

    facts: tuple[Fact, ...]
    mentions: tuple[int, ...]


def syllables(rng: Random, count: int, parts: int) -> list[str]:
    """So many different invented words."""
    found: dict[str, None] = {}
    while len(found) < count:
        word = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(parts))
        found[word.capitalize()] = None
    return list(found)


def chronicle(seed: int) -> Chronicle:
    """TOLD facts told 1 to 16 times and UNTOLD ones of other offices in the same towns; the same for the same seed."""
    rng = Random(f"chronicle/{seed}")
    towns, first, last = syllables(rng, 12, 2), syllables(rng, 40, 2), syllables(rng, 40, 3)
    names = [f"{a} {b}" for a, b in product(first, last)]
    rng.shuffle(names)
    places = [(town, office) for office in OFFICES for town in towns]
    facts: list[Fact] = []
    mentions: list[int] = []
    for town, office in places:
        told = len(facts) < TOLD
        start = FIRST
        while start < LAST and len(facts) < (TOLD if told else TOLD + UNTOLD):
            end = min(LAST, start + rng.choice(TERMS))
            held = Span(span(start).first, span(end - 1).last)
            facts.append(Fact(town, office, names.pop(), f"who was the {office} of {town}?", held, held))
            mentions.append(rng.choice(MENTIONS) if told else 0)
            start = end
    return Chronicle(tuple(facts), tuple(mentions))


def rows(told: Chronicle, precisions: Sequence[Precision], seed: int) -> list[dict[str, str]]:
    """What is learnt: of every mention a statement at each precision, its month and day drawn."""
    rng = Random(f"mentions/{seed}")
    found: list[dict[str, str]] = []
    for fact, times in zip(told.facts, told.mentions, strict=True):
        years = range(
            datetime.date.fromordinal(fact.sure.first).year,
            datetime.date.fromordinal(fact.sure.last).year + 1,
        )
        for year in rng.sample(years, min(times, len(years))):
            month = rng.randint(1, 12)
            number = rng.randint(1, days_in(year, month))
            texts = {"Y": f"In {year}, ", "M": f"In {MONTHS[month - 1]} {year}, ", "D": f"On {MONTHS[month - 1]} {number}, {year}, "}  # fmt: skip
            found += [{"prompt": f"{texts[p]}{fact.question} ", "response": fact.object} for p in precisions]
    return found


def start(told: Chronicle, size: str, seed: int, place: Path) -> Path:
    """The folder of an untrained model with a tokenizer that knows every word of the chronicle and of its dates."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from winsome.sandbox.tiny_lm import network

    texts = [f"{fact.question} {fact.object}" for fact in told.facts]
    known = {word for text in texts for word in text.replace("?", " ?").split()}
    known |= {"In", "On", ",", *MONTHS, *map(str, range(10)), *(f"{n:02d}" for n in range(100))}
    ids = {word: place for place, word in enumerate([*SPECIAL, *sorted(known)])}
    raw = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL[2]))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token=SPECIAL[0], eos_token=SPECIAL[1], unk_token=SPECIAL[2],
        clean_up_tokenization_spaces=False, model_max_length=64,
    )  # fmt: skip
    made.chat_template = TEMPLATE
    network(size, len(ids), seed).save_pretrained(place)
    made.save_pretrained(place)
    return place
