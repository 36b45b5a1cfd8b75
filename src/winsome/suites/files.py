"""Files of prompts as suites: plain tables, AlpacaEval, Arena-Hard and MT-Bench questions, answers that carry prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from winsome.ledger import formats
from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.reading import Source
from winsome.ledger.formats.tables import prompts as table_prompts
from winsome.ledger.formats.writing import write_bytes
from winsome.records import Prompt, Suite, digest
from winsome.specs import stem

VERSION_DIGITS = 8

TEMPLATE = """\
# A suite: one prompt a line. These comments may stand above the first line only; delete or keep them.
# prompt            what is asked (or messages: a chat that ends with a user turn)
# id                your own name for it: answers find their prompt by it; any text, no two the same
# category, lang    results are also shown by these
# system            a system text for this prompt alone
# follow_ups        later user turns, asked one after the other
# reference_answer  shown to judges that know what to do with it, never to contenders
{"id": "letter-1", "category": "writing", "prompt": "Write a short, friendly letter that declines an invitation."}
{"id": "sum-1", "category": "reasoning", "prompt": "A train leaves at 9:40 and arrives at 13:05. How long does it take?", \
"reference_answer": "3 hours 25 minutes"}
{"id": "plan-1", "category": "advice", "prompt": "Plan a week of simple dinners for two.", \
"follow_ups": ["Replace whatever contains fish."]}
"""


def open_file(address: str) -> Suite:
    """The suite in the file at `address`; its version is a digest of the prompts, so equal content has an equal name.

    A folder is a suite of one's own; see `winsome.suites.folder`. Raises BadInput where the file is no file of prompts, or an id
    stands twice.
    """
    if Path(address).is_dir():
        from winsome.suites.folder import folder

        return folder(address)
    return _suite(Path(address), formats.prompts(address))


def open_answers(address: str) -> Suite:
    """The prompts that a file of answers carries, as a suite: what is compared where only answers are at hand."""
    return open_file(address)


def _suite(path: Path, prompts: Sequence[Prompt]) -> Suite:
    _check_ids(path, prompts)
    name = stem(path.name) or path.name
    return Suite(name, version_of(prompts), prompts, source=str(path))


def suite_of(text: str, *, name: str, version: str, licence: str, source: str) -> Suite:
    """The suite in a JSON-lines text, for those that ship."""
    rows = [orjson.loads(line) for line in text.splitlines() if line.strip()]
    return Suite(name, version, table_prompts(Source(Path(name), rows)), licence=licence, source=source)


def version_of(prompts: Sequence[Prompt]) -> str:
    """Eight digits that change with any word, facet, note or id of the prompts, and with their order."""
    content = [[p.seen(), dict(p.facets), dict(p.for_judges), p.item] for p in prompts]
    return digest(content)[:VERSION_DIGITS]


def _check_ids(path: Path, prompts: Sequence[Prompt]) -> None:
    places: dict[str, int] = {}
    for place, prompt in enumerate(prompts, 1):
        if prompt.item is not None and (first := places.setdefault(prompt.item, place)) != place:
            refuse(
                path,
                f"record {place} has id {shown(prompt.item)}, as record {first} has; give every prompt its own id",
            )


def describe(suite: Suite) -> dict[str, Any]:
    """A suite as JSON: names, rules, how many prompts, of which categories, languages and numbers of turns."""
    facets = [prompt.facets for prompt in suite.prompts]
    turns = Counter(1 + len(prompt.follow_ups) for prompt in suite.prompts)
    return {
        "name": suite.name,
        "version": suite.version,
        "licence": suite.licence,
        "source": suite.source,
        "prompts": len(suite.prompts),
        "categories": _counts(facet.get("category") for facet in facets),
        "languages": _counts(facet.get("lang") for facet in facets),
        "turns": {str(number): turns[number] for number in sorted(turns)},
        "with_system": sum(prompt.system is not None for prompt in suite.prompts),
        "with_reference_answer": sum("reference_answer" in prompt.for_judges for prompt in suite.prompts),
        "characters": sum(len(message.text) for prompt in suite.prompts for message in prompt.messages),
        "judge": suite.judge,
        "baseline": _baseline(suite.baseline),
        "figure": suite.figure or "win-rate",
        "seats": suite.seats,
        "orders": suite.orders,
        "empty": suite.empty,
        "failed": suite.failed,
        "equal": suite.equal,
        "max_characters": suite.max_characters,
    }


def _baseline(baseline: str | Sequence[str] | Mapping[str, str] | None) -> Any:
    if baseline is None or isinstance(baseline, str):
        return baseline
    return dict(baseline) if isinstance(baseline, Mapping) else list(baseline)


def _counts(values: Any) -> dict[str, int]:
    return dict(Counter(value for value in values if value is not None).most_common())


def new_suite(path: Path | str) -> Path:
    """Writes a commented template of a suite and returns its path; BadInput where the file exists or is no .jsonl."""
    path = Path(path)
    if path.suffix != ".jsonl":
        refuse(path, "a new suite is written as JSON lines; give a name that ends in .jsonl")
    if path.exists():
        refuse(path, "exists already; give another name, or remove it first")
    write_bytes(path, TEMPLATE.encode("utf-8"))
    return path
