"""Where examples come from: a file, a folder of the `datasets` library, a ledger's verdicts, a recipe's frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.frames import Frames, is_gold, prompts_of, responses_of, with_scores
from winsome.ledger.formats.complaints import refuse
from winsome.ledger.formats.reading import read
from winsome.records import Prompt
from winsome.training.examples import Example, Examples, Side, answered, examples_of

if TYPE_CHECKING:
    from polars import DataFrame


FILES = ("*.parquet", "*.jsonl", "*.json", "*.jsonl.gz")
LEDGER = "ledger:"


def open_examples(
    data: str | Path | Frames | Examples, *, split: str = "train", faults: list[str] | None = None
) -> Examples:
    """The examples of a file (Parquet, JSON, JSON lines, CSV), a folder, `ledger:PATH?judge=NAME`, or a recipe's frames.

    A folder is one that `datasets` saved (its Arrow files; `split` of several) or one of such files. Raises BadInput for what
    holds no examples; with `faults`, records of files that cannot be read are told there and left out.
    """
    if isinstance(data, Examples):
        return data
    if isinstance(data, Mapping):
        return _of_frames(data)
    text = str(data)
    if text.startswith(LEDGER):
        return _of_ledger(text.removeprefix(LEDGER))
    place = Path(text).expanduser()
    if place.is_dir():
        return examples_of(list(_of_folder(place, split)), text, faults=faults)
    return examples_of(read(place).rows, text, faults=faults)


def _of_folder(place: Path, split: str) -> Iterator[Mapping[str, Any]]:
    splits = _json(place / "dataset_dict.json").get("splits")
    if splits is not None:
        if split not in splits:
            refuse(place, f'has no split "{split}" (found: {", ".join(splits)}); name one with --split')
        place = place / split
    saved = _json(place / "state.json").get("_data_files")
    if saved is not None:
        import polars as pl

        for entry in saved:
            try:
                yield from pl.read_ipc_stream(place / entry["filename"]).iter_rows(named=True)
            except (pl.exceptions.PolarsError, OSError) as error:
                refuse(
                    place, f"{entry['filename']} cannot be read ({str(error)[:40]}); save the data set again"
                )
        return
    files = sorted({file for pattern in FILES for file in place.rglob(pattern) if file.is_file()})
    own = [file for file in files if split in file.name or split in file.parent.name]
    if not files:
        refuse(
            place, "holds neither a saved data set nor *.parquet or *.jsonl; name the folder that has them"
        )
    for file in own or files:
        yield from read(file).rows


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _of_frames(frames: Frames) -> Examples:
    """Pairs of a recipe; without them, answers rated by scores as lists, or answers to imitate."""
    for name in ("prompts", "responses"):
        if name not in frames:
            raise BadInput(
                f"training: no frame of {name} (found: {', '.join(frames) or 'none'}); hand it on too"
            )
    prompts = {prompt.id: prompt for prompt in prompts_of(frames["prompts"])}
    table = frames["responses"]
    prompts |= dict(zip(frames["prompts"]["prompt_id"], prompts.values(), strict=True))
    answers = {
        id: answered(_asked(prompts, asked, id), answer)
        for id, asked, answer in zip(
            table["response_id"], table["prompt_id"], responses_of(table), strict=True
        )
    }
    empty = next((id for id, side in answers.items() if not side.text.strip()), None)
    if "pairs" in frames:
        return _pairs(frames["pairs"], answers)
    if empty is not None:
        raise BadInput(f"responses: {empty[:12]} is empty; filter empty answers before training")
    if "scores" in frames:
        return _lists(with_scores(frames, "responses"), answers)
    return Examples("demonstrations", [Example(id, (side,)) for id, side in answers.items()], "responses")


def _asked(prompts: Mapping[str, Prompt], id: str, response: str) -> Prompt:
    if id not in prompts:
        raise BadInput(
            f"responses: {response[:12]} answers {id[:12]}, which is not among the prompts; hand it on"
        )
    return prompts[id]


def _pairs(table: DataFrame, answers: Mapping[str, Side]) -> Examples:
    names = [name for name, kind in table.schema.items() if kind.is_numeric() and not is_gold(name)]
    rows: list[Example] = []
    for row in table.iter_rows(named=True):
        sides: list[Side] = []
        for role in ("chosen", "rejected"):
            side = answers.get(row[f"{role}_id"])
            if side is None or not side.text.strip():
                why = "is not among the responses" if side is None else "is empty"
                raise BadInput(
                    f"pairs: {row['pair_id']}: its {role} answer {why}; filter such pairs before training"
                )
            sides.append(side)
        rows.append(
            Example(row["pair_id"], tuple(sides), {n: float(row[n]) for n in names if row[n] is not None})
        )
    return _some(Examples("pairs", rows, "pairs"))


def _lists(table: DataFrame, answers: Mapping[str, Side]) -> Examples:
    held: dict[str, list[tuple[float, str]]] = {}
    for row in table.iter_rows(named=True):
        if row["value"] is not None:
            held.setdefault(row["prompt_id"], []).append((float(row["value"]), row["response_id"]))
    rows = [
        Example(
            id, tuple(answers[r] for _, r in best), {f"score_{i}": value for i, (value, _) in enumerate(best)}
        )
        for id, best in ((id, sorted(found, key=lambda one: -one[0])) for id, found in held.items())
        if len(best) > 1
    ]
    return _some(Examples("ranked", rows, "responses"))


def _some(examples: Examples) -> Examples:
    if not examples.rows:
        raise BadInput(f"{examples.source}: no row to learn from; make some before training")
    return examples


def _of_ledger(address: str) -> Examples:
    """Decided verdicts of a ledger as pairs: the winner is chosen. `?judge=NAME` takes one judge's only."""
    from winsome.ledger.store import Ledger

    path, _, query = address.partition("?")
    judge = query.removeprefix("judge=") if query else None
    with Ledger.open(path or None) as ledger:
        where = None if judge is None else "judge = '" + judge.replace("'", "''") + "'"
        verdicts = ledger.frame("verdicts", ["match", "share"], where)
        shares: dict[str, list[float]] = {}
        for match, share in verdicts.iter_rows():
            if share is not None and share != 0.5:
                shares.setdefault(match, []).append(share)
        matches = ledger.matches(shares)
        contests: dict[str, tuple[Any, list[float]]] = {}
        for id, match in matches.items():
            if len(match.sides) == 2:
                contests.setdefault(match.contest, (match, []))[1].extend(shares[id])
    rows: list[Example] = []
    for contest, (match, found) in contests.items():
        share = sum(found) / len(found)
        said = [side.response for side in match.sides]
        # An empty answer lost by rule; there is nothing in it to learn from.
        if share == 0.5 or any(one.finish == "failed" or not one.text.strip() for one in said):
            continue
        sides = tuple(answered(match.prompt, one) for one in (said if share > 0.5 else said[::-1]))
        rows.append(Example(contest, sides, {"chosen_probability": max(share, 1.0 - share)}))
    if not rows:
        whose = f" of {judge}" if judge else ""
        raise BadInput(f"ledger {path or '(default)'}: no decided verdicts{whose}; run winsome compare first")
    return Examples("pairs", rows, f"{LEDGER}{address}")
