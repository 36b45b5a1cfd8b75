"""Where cards of judges lie: `.winsome/cards/<judge id>.json` beside the runs, and those that ship with the package.

A card belongs to one judge id: another prompt, protocol, model or sampling is another judge, and has no card until it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.given import is_mapping

FORMAT = 1
CARDS = Path(".winsome") / "cards"
SHIPPED = ("embedded_judge.json",)


def card_of(judge_id: str, cards: Path = CARDS) -> str | None:
    """The path of this judge's card: the user's own, else the one that ships; None where it was never measured."""
    own = cards / f"{judge_id}.json"
    if own.is_file():
        return str(own)
    for name in SHIPPED:
        place = files("winsome.judges") / "cards" / name
        if place.is_file() and judge_id in orjson.loads(place.read_bytes())["judge"]["ids"]:
            return str(place)
    return None


def read_card(path: str | Path) -> Mapping[str, Any]:
    """The record of a card; raises BadInput where it is missing, damaged, or of another format."""
    try:
        record: Any = orjson.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path}: is no readable card ({type(error).__name__}); make it again: winsome card"
        ) from None
    if not is_mapping(record) or record.get("format") != FORMAT or "judge" not in record:
        raise BadInput(f"{path}: is no card that this version reads; make it again: winsome card")
    return record


def keep_card(record: Mapping[str, Any], cards: Path = CARDS) -> Path:
    """Write a card under its judge's id, in place of an older one; its path."""
    place = cards / f"{record['judge']['id']}.json"
    draft = place.with_suffix(".part")
    try:
        cards.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")
        draft.replace(place)
    except OSError as error:
        raise BadInput(
            f"{place}: cannot be written ({error.strerror}); check the folder and its rights"
        ) from None
    return place
