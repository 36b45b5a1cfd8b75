"""Out of a ledger: verdicts as rows for foreign formats, and the sheet that people fill in and hand back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.records import Response, Verdict, digest, shares

if TYPE_CHECKING:
    import polars as pl

PIECE = 1_000
"""Matches whose words are held at once."""

HUMAN = "human"


def verdicts(ledger: Ledger, matches: Collection[str] | None = None, *, words: bool = False) -> pl.DataFrame:
    """Two-sided verdicts, a row each, in the columns of Battles: of `matches` (ids), or all.

    match, prompt_id, model_a, model_b, share (of model_a; null where not scored), outcome, order, repeat, category, judge,
    aspect, annotator, reason; with `words` also prompt, answer_a and answer_b.
    """
    import polars as pl

    said = ledger.frame("verdicts", ("match", "judge", "aspect", "annotator", "outcome", "share", "reason"))
    met = ledger.frame(
        "matches", ("id", "prompt", "a", "b", "order", "repeat", "cluster", "facets"), "b IS NOT NULL"
    )
    frame = said.join(met, left_on="match", right_on="id", how="inner", maintain_order="left")
    if matches is not None:
        frame = frame.filter(pl.col("match").is_in(list(matches)))
    frame = frame.select(
        match="match", prompt_id="cluster", model_a="a", model_b="b", share="share", outcome="outcome", order="order",
        repeat="repeat", category=pl.col("facets").str.json_path_match("$.category"), judge="judge", aspect="aspect",
        annotator="annotator", reason="reason",
    )  # fmt: skip
    empty = [
        name for name in ("category", "aspect", "annotator") if not (frame[name].fill_null("") != "").any()
    ]
    frame = frame.drop(empty)
    if not words:
        return frame
    spoken = [
        (id, prompt, answers["a"], answers["b"])
        for id, prompt, answers in _words(ledger, frame["match"].unique().to_list())
    ]
    columns = {"match": pl.String, "prompt": pl.String, "answer_a": pl.String, "answer_b": pl.String}
    return frame.join(pl.DataFrame(spoken, columns, orient="row"), on="match", maintain_order="left")


def _words(ledger: Ledger, ids: Collection[str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each match's id, its prompt's words and its answers' words by side, a and b."""
    given = iter(ids)
    while piece := list(islice(given, PIECE)):
        for id, match in ledger.matches(piece).items():
            sides = {side: answered(match.sides[place].response) for place, side in enumerate("ab")}
            yield id, "\n\n".join(m.text for m in (*match.prompt.messages, *match.prompt.follow_ups)), sides


def answered(response: Response) -> str:
    """All words of an answer, its turns below one another."""
    return "\n\n".join(message.text for message in response.messages)


def sheet(ledger: Ledger, matches: Collection[str] | None = None) -> list[dict[str, Any]]:
    """A row a contest for people to judge: match_id, prompt, answer_a (first seat), answer_b; no contender is named.

    Of the matches of a contest the one with the lowest order and repeat is taken; those with a missing answer are left out.
    """
    import polars as pl

    met = ledger.frame("matches", ("id", "contest", "order", "repeat"), "b IS NOT NULL")
    if matches is not None:
        met = met.filter(pl.col("id").is_in(list(matches)))
    first = met.sort("order", "repeat", "id").unique("contest", keep="first", maintain_order=True)
    rows: list[dict[str, Any]] = []
    given = iter(first["id"].to_list())
    while piece := list(islice(given, PIECE)):
        found = ledger.matches(piece)
        for id in piece:
            match = found[id]
            seated = [answered(side.response) for side in match.seated]
            if len(seated) == 2 and all(seated):
                prompt = "\n\n".join(m.text for m in (*match.prompt.messages, *match.prompt.follow_ups))
                row = {"match_id": id, "prompt": prompt, "answer_a": seated[0], "answer_b": seated[1]}
                rows.append(
                    row | ({"category": match.facets["category"]} if "category" in match.facets else {})
                )
    if not rows:
        raise BadInput(f"{ledger.url}: no match with two answers to judge; run winsome compare first")
    return rows


def take_sheet(ledger: Ledger, filled: pl.DataFrame, name: str) -> int:
    """Keep people's verdicts of a sheet (match_id, share of the first seat, annotator); how many. Rows without one are left out.

    Raises BadInput, naming `name` and the record, for a match that this ledger does not hold.
    """
    matches = ledger.matches(filled["match_id"].unique().to_list())
    judge_id, kept = digest(["recorded", HUMAN]), list[Verdict]()
    for record, (id, share, annotator) in enumerate(
        filled.select("match_id", "share", "annotator").iter_rows(), 1
    ):
        if id not in matches:
            raise BadInput(
                f'{name}: record {record}, field match_id: "{str(id)[:40]}" is not in {ledger.url}; give its own --ledger'
            )
        if share is not None:
            own = share if matches[id].sides[0].seat == 0 else 1.0 - share
            outcome, scores = shares(own)
            kept.append(Verdict(id, HUMAN, judge_id, outcome, scores, annotator=annotator or ""))
    return ledger.put_many(kept)
