"""Hard prompts in many languages, after m-ArenaHard: translations of one question are one cluster, results are shown by language.

Source: Dang et al. 2024 (Aya Expanse); CohereLabs/m-ArenaHard. The five-grade protocol of Arena-Hard judges; the baseline is the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from winsome.ledger import formats
from winsome.ledger.formats.complaints import refuse
from winsome.names import FILES, stem
from winsome.records import Prompt, Suite
from winsome.suites.card import Card

CARD = Card(
    "m_arena_hard",
    "hard prompts in the languages of one's files, by language, one's own baseline",
    licence="Apache-2.0",
    source="CohereLabs/m-ArenaHard",
    get="save its files, one a language, named en.jsonl, de.jsonl ..",
    judge="pairwise?protocol=arena_hard@1",
    figure="arena-hard",
)
CARDS = (CARD,)


def m_arena_hard(*, path: str = "", langs: tuple[str, ...] = (), baseline: str = "") -> Suite:
    """The prompts in `path`: a folder with a file a language (en.jsonl, de.parquet ..), or one file with a column lang.

    langs: these languages only. Prompts that share an id across languages are one cluster. BadInput where a prompt has no language.
    """
    place = Path(CARD.file(path))
    prompts = _folder(place) if place.is_dir() else _file(place)
    kept = [prompt for prompt in prompts if not langs or prompt.facets["lang"] in langs]
    if not kept:
        known = ", ".join(sorted({prompt.facets["lang"] for prompt in prompts}))
        refuse(place, f"has no prompt in {', '.join(langs)} (found: {known[:80]}); choose one of these")
    return CARD.suite(path, kept, baseline=baseline or None, cluster="question")


def _folder(place: Path) -> list[Prompt]:
    files = sorted(file for file in place.iterdir() if file.name.lower().endswith(FILES))
    if not files:
        refuse(place, "holds no file of prompts; put one a language there, such as en.jsonl")
    return [_of(prompt, stem(file.name)) for file in files for prompt in formats.prompts(str(file))]


def _file(place: Path) -> list[Prompt]:
    prompts: Sequence[Prompt] = formats.prompts(str(place))
    for record, prompt in enumerate(prompts, 1):
        if "lang" not in prompt.facets:
            refuse(place, f'record {record} has no "lang"; add the column, or name the file by its language')
    return [_of(prompt, prompt.facets["lang"]) for prompt in prompts]


def _of(prompt: Prompt, lang: str) -> Prompt:
    """The prompt in `lang`; the same item in two languages stays one question, and two items."""
    question = prompt.item or prompt.id
    facets = dict(prompt.facets) | {"lang": lang, "question": question}
    return replace(prompt, facets=facets, item=f"{question}/{lang}")
