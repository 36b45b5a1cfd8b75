"""A suite of one's own: a folder with prompts, a judge protocol and a rule for the figure.

my-suite/
  prompts.jsonl      one prompt a line, as `winsome suites new` writes it (or .json, .csv, .parquet)
  suite.yaml         name, licence, source, judge, baseline, figure, orders, cluster, empty, equal, max_characters: all optional
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from winsome.ledger import formats
from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.names import FILES
from winsome.records import Suite
from winsome.suites.card import Card
from winsome.suites.files import version_of

CARD = Card(
    "folder",
    "one's own: a folder with prompts.jsonl and suite.yaml (judge, baseline, figure)",
    licence="one's own",
    source="a folder",
    get="make a folder with prompts.jsonl and suite.yaml, and name it as --suite DIR/",
)
CARDS = (CARD,)

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "orders": (1, 2),
    "empty": ("forfeit", "judge"),
    "failed": ("void", "judge"),
    "equal": ("tie", "judge"),
    "seats": ("seed", "alpaca_eval"),
}
TEXTS = ("name", "judge", "cluster", "licence", "source", "figure")
KNOWN = (*TEXTS, *CHOICES, "baseline", "max_characters")


def folder(address: str) -> Suite:
    """The suite in the folder at `address`; its version is a digest of the prompts.

    Raises BadInput where it holds no prompts, or suite.yaml says what no suite has.
    """
    place = Path(address)
    if not place.is_dir():
        refuse(place, "is no folder; name one that holds prompts.jsonl and suite.yaml")
    files = [place / f"prompts{ending}" for ending in FILES if (place / f"prompts{ending}").is_file()]
    if not files:
        refuse(place, "holds no prompts.jsonl (or .json, .csv, .parquet); winsome suites new writes one")
    prompts = formats.prompts(str(files[0]))
    rules = _rules(place / "suite.yaml")
    return Suite(**({"name": place.resolve().name, "source": str(place)} | rules | {"version": version_of(prompts), "prompts": prompts}))  # fmt: skip


def _rules(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        return {}
    try:
        loaded: Any = yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        refuse(path, f"line {mark.line + 1 if mark else 1} is not YAML; write name: value, one a line")
    if not isinstance(loaded, dict):
        refuse(path, "holds no mapping; write name: value, one a line")
    for name, value in loaded.items():
        if name not in KNOWN:
            refuse(path, f"has {shown(name)}, which no suite has (known: {listed(list(KNOWN), 90)})")
        _check(path, name, value)
    return dict(loaded)


def _check(path: Path, name: str, value: Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        refuse(path, f"has {shown(value)} in {name}; use {' or '.join(map(str, CHOICES[name]))}")
    if name in TEXTS and not isinstance(value, str):
        refuse(path, f"has {shown(value)} in {name}; give text")
    if name == "max_characters" and (not isinstance(value, int) or value < 1):
        refuse(path, f"has {shown(value)} in max_characters; give a whole number from 1")
    texts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if name == "baseline" and not (texts and all(isinstance(text, str) for text in texts)):
        refuse(path, "has a baseline that is no name, list of names or mapping category: name; give one")
