"""What `winsome ledger show` says: counts and runs, or one record with its lineage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from winsome.cli import output
from winsome.errors import BadInput

if TYPE_CHECKING:
    from winsome.ledger.store import Ledger

ONE_OF = {
    "prompts": "prompt",
    "responses": "response",
    "matches": "match",
    "verdicts": "verdict",
    "runs": "run",
    "": "missing",
}
"""Table -> what one of its rows is called."""

TABLES = ("prompts", "responses", "matches", "verdicts")
WORDS_SHOWN = 400
"""Characters of a text that are printed; --json gives them all."""


def summary(ledger: Ledger) -> dict[str, Any]:
    """Where the ledger is, rows by table, outcomes of its verdicts, answers by contender, and its runs, newest last."""
    outcomes = ledger.query(
        "SELECT outcome, count(*) AS verdicts FROM verdicts GROUP BY outcome ORDER BY 2 DESC, 1"
    )
    contenders = ledger.query(
        "SELECT contender, count(*) AS answers, sum(CASE WHEN finish = 'failed' THEN 1 ELSE 0 END) AS failed, "
        "sum(money) AS usd FROM responses GROUP BY contender ORDER BY 2 DESC, 1"
    )
    runs = [
        {
            "id": id,
            "figure": record.get("figure"),
            "contests": record.get("contests"),
            "finished": record.get("finished"),
        }
        for id, record in ledger.runs().items()
    ]
    return {
        "ledger": ledger.url,
        "counts": ledger.counts(),
        "outcomes": dict(outcomes.iter_rows()),
        "contenders": contenders.to_dicts(),
        "runs": runs,
    }


def print_summary(found: dict[str, Any]) -> None:
    console = output.result()
    console.print(f"ledger {found['ledger']}")
    console.print(", ".join(f"{count:,} {table}" for table, count in found["counts"].items()))
    if found["outcomes"]:
        console.print(
            "verdicts: " + ", ".join(f"{count:,} {outcome}" for outcome, count in found["outcomes"].items())
        )
    if found["contenders"]:
        console.print()
        table = output.table("contender", "answers", "failed", "cost")
        for row in found["contenders"]:
            table.add_row(
                row["contender"], f"{row['answers']:,}", str(row["failed"]), output.money(row["usd"])
            )
        console.print(table)
    if found["runs"]:
        console.print()
        table = output.table("run", "figure", "contests", "finished", whole="run")
        for run in found["runs"]:
            table.add_row(run["id"], run["figure"] or "", str(run["contests"] or ""), run["finished"] or "")
        console.print(table)


def record(ledger: Ledger, id: str) -> dict[str, Any]:
    """The record or run whose id starts with `id`, with what it came from and what came of it.

    Raises BadInput where there is none, or more than one.
    """
    run = ledger.run(id)
    if run is not None:
        return {"id": id, "table": "runs", "record": run, "lineage": []}
    full, table = _found(ledger, id)
    column = "id"
    row = ledger.frame(table, None, f"{column} = '{full}'").to_dicts()[0]
    lineage = [
        {"id": relative.id, "table": relative.table, "steps": relative.steps, "link": relative.link}
        for relative in ledger.lineage(full)
        if relative.steps
    ]
    return {
        "id": full,
        "table": table,
        "record": {name: _opened(value) for name, value in row.items()},
        "lineage": lineage,
    }


def _found(ledger: Ledger, id: str) -> tuple[str, str]:
    if not re.fullmatch(r"[0-9a-f]{4,32}", id):
        raise BadInput(
            f'"{id}" is no id: give 4 to 32 hexadecimal digits, or a run as winsome ledger show lists it'
        )
    found = [
        (row, table)
        for table in TABLES
        for row in ledger.frame(table, ("id",), f"id LIKE '{id}%'")["id"].to_list()
    ]
    if not found:
        raise BadInput(
            f'{ledger.url}: no record "{id}"; winsome ledger query "SELECT id FROM verdicts" lists ids'
        )
    if len(found) > 1:
        raise BadInput(
            f'"{id}" is the beginning of {len(found)} ids ({found[0][0][:12]}, {found[1][0][:12]}, ..); give more digits'
        )
    return found[0]


def _opened(value: Any) -> Any:
    """JSON kept as text as the value that it holds."""
    if isinstance(value, str) and value[:1] in "[{" and value:
        import orjson

        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def print_record(found: dict[str, Any]) -> None:
    import json

    console = output.result()
    console.print(f"{ONE_OF[found['table']]} {found['id']}")
    for name, value in found["record"].items():
        if value not in (None, "", [], {}):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            console.print(
                f"  {name}: {text[:WORDS_SHOWN]}{' ..' if len(text) > WORDS_SHOWN else ''}", soft_wrap=True
            )
    for steps, title in ((-1, "came from"), (1, "led to")):
        relatives = [r for r in found["lineage"] if r["steps"] * steps > 0]
        if relatives:
            console.print(title)
            for relative in relatives:
                console.print(
                    f"  {'  ' * (abs(relative['steps']) - 1)}{relative['link']}: {ONE_OF[relative['table']]} {relative['id']}"
                )
