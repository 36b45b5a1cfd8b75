"""Contexts without a writer: attributes of people who ask, each a question with a few values, from a table that ships or one's own.

The table's twelve attributes are those of Malaviya et al. 2024 (Contextualized Evaluations, audit of default answers), in other words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, cast

import orjson

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import refuse
from winsome.records import Prompt
from winsome.suites.contexts import Contexts, FollowUp, problem_of


def attributes(names: Sequence[str] = (), table: str | Path | None = None) -> dict[str, FollowUp]:
    """Attribute -> its question with its values, of `names` in their order (default all).

    table: a JSON file {attribute: {"question": .., "values": [..]}} in place of the one that ships. Raises BadInput for a name the
    table lacks, and for a set of values that is none.
    """
    if table is None:
        held = orjson.loads((resources.files("winsome.suites") / "attributes.json").read_bytes())
    else:
        held = _own(Path(table))
    odd = [name for name in names if name not in held]
    if odd:
        raise BadInput(f'no attribute "{odd[0][:40]}" (known: {", ".join(held)[:120]}); choose some')
    return {name: _follow_up(name, held[name], table) for name in names or held}


def in_attributes(
    prompts: Sequence[Prompt], names: Sequence[str] = (), table: str | Path | None = None
) -> dict[str, Contexts]:
    """Prompt's id -> a question an attribute; one of which the prompt names a value already is not asked of it."""
    chosen = list(attributes(names, table).values())
    return {
        prompt.id: Contexts(tuple(one for one in chosen if not is_given(one, prompt))) for prompt in prompts
    }


def is_given(follow_up: FollowUp, prompt: Prompt) -> bool:
    """Whether the prompt's own words name one of the values, so that nothing is left open."""
    words = f"{prompt.system or ''} {' '.join(message.text for message in prompt.messages)}".casefold()
    return any(re.search(rf"\b{re.escape(value.casefold())}\b", words) for value in follow_up.answers)


def _own(path: Path) -> Mapping[str, Any]:
    try:
        held = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a table of attributes") from error
    except ValueError as error:
        raise BadInput(f"{path}: is no JSON ({str(error)[:80]}); give a table of attributes") from error
    if not isinstance(held, dict) or not held:
        refuse(path, 'is no table of attributes; write {"age": {"question": "..", "values": ["..", ".."]}}')
    return cast("Mapping[str, Any]", held)


def _follow_up(name: str, entry: Any, table: str | Path | None) -> FollowUp:
    values = entry.get("values") if isinstance(entry, dict) else None
    if not isinstance(values, list):
        raise BadInput(f'{table}: attribute "{name[:40]}" has no list "values"; give two or more')
    found = FollowUp(str(entry.get("question", "")), tuple(map(str, values)))
    problem = problem_of(found)
    if problem:
        raise BadInput(f'{table}: attribute "{name[:40]}" has {problem}; give two or more values')
    return found
