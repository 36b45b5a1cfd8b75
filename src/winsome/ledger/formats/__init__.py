"""Foreign files: which format a file has, and its prompts, answers, verdicts or grades.

    sniff("battles.jsonl")                    -> "battles"
    answers("model_outputs.json")             -> [Answer(record=1, turns=("..",), prompt=Prompt(..), model="alpaca-7b"), ..]
    verdicts("a.annotations.json")            -> a frame with the columns of `winsome.standings.Battles`

`FORMATS` lists what is known; a format's own file says what its fields mean, and writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import listed, refuse
from winsome.ledger.formats.fields import ANSWER, Answer, items, mapping, users, wrong
from winsome.ledger.formats.reading import Row, Source, first, read
from winsome.records import Prompt

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FORMATS", "Answer", "answers", "format_of", "grades", "prompts", "sniff", "users", "verdicts"]

FORMATS = {
    "arena_hard_judgments": "Arena-Hard judgments",
    "mt_bench_pairs": "MT-Bench pairwise judgments",
    "mt_bench_singles": "MT-Bench single judgments",
    "alpaca_eval_annotations": "AlpacaEval annotations",
    "wildbench_pairs": "WildBench pairwise verdicts",
    "wildbench_scores": "WildBench scores",
    "wildbench_rewards": "WildBench reward counts",
    "human_sheet": "a human sheet",
    "human_matches": "a human sheet by match id",
    "battles": "a table of verdicts",
    "arena_hard_answers": "Arena-Hard answers",
    "mt_bench_answers": "MT-Bench answers",
    "alpaca_eval_outputs": "AlpacaEval model outputs",
    "table_answers": "a table of answers",
    "arena_hard_questions": "Arena-Hard questions",
    "mt_bench_questions": "MT-Bench questions",
    "table_prompts": "a table of prompts",
}
"""Format -> what people call it."""


def format_of(row: Row) -> str | None:
    """The format that a record's fields say, the telling ones first; None where they say nothing."""
    has = row.keys().__contains__
    if has("games") and has("model") and (has("question_id") or has("uid")):
        return "arena_hard_judgments"
    if has("g1_winner") and has("model_1") and has("model_2"):
        return "mt_bench_pairs"
    if has("question_id") and has("model") and has("score"):
        return "mt_bench_singles"
    if has("output_1") and has("output_2") and has("preference"):
        return "alpaca_eval_annotations"
    if has("session_id") and has("winner") and (has("model_A") or has("model_a")):
        return "wildbench_pairs"
    if has("session_id") and has("score") and (has("model_test") or has("model")):
        return "wildbench_scores"
    if row and all(_is_counts(value) for value in row.values()):
        return "wildbench_rewards"
    if has("answer_a") and has("answer_b") and has("winner") and has("prompt"):
        return "human_sheet"
    if has("match_id") and has("winner"):
        return "human_matches"
    if (has("winner") or has("share") or has("winner_model_a")) and any(
        has(a) and has(b) for a, b in (("model_a", "model_b"), ("a", "b"), ("left", "right"))
    ):
        return "battles"
    return _answers_or_prompts(row)


def _answers_or_prompts(row: Row) -> str | None:
    has = row.keys().__contains__
    if has("choices") and (has("question_id") or has("uid")):
        return "arena_hard_answers" if _has_contents(row["choices"]) else "mt_bench_answers"
    if has("uid") and has("model") and has("messages"):
        return "arena_hard_answers"
    if has("question_id") and has("turns"):
        return "arena_hard_questions" if _has_contents([row]) else "mt_bench_questions"
    if has("uid") and has("prompt") and has("category"):
        return "arena_hard_questions"
    if has("instruction") and has("output") and has("generator"):
        return "alpaca_eval_outputs"
    messages = items(row.get("messages"))
    if messages:
        return "table_answers" if mapping(messages[-1]).get("role") == "assistant" else "table_prompts"
    asked = any(has(name) for name in ("prompt", "instruction", "question", "turns", "messages"))
    named = any(has(name) for name in ("id", "prompt_id", "question_id", "uid", "session_id", "index"))
    if any(has(name) for name in ANSWER) and (asked or named):
        return "table_answers"
    return "table_prompts" if asked else None


def _has_contents(choices: object) -> bool:
    """Whether the turns of choices are objects with content (Arena-Hard) rather than texts (MT-Bench)."""
    try:
        return isinstance(choices[0]["turns"][0], dict)  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        return False


def _is_counts(value: object) -> bool:
    """Whether a value is a model's counts of wins, or maps models to theirs: the two forms in which WB-Reward is published."""
    if not isinstance(value, dict) or not value:
        return False
    counts = next(iter(value.values()))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return "win_much" in value or (isinstance(counts, dict) and "win_much" in counts)


def sniff(path: Path | str) -> str:
    """The format of a file, from its first record; BadInput where none of FORMATS fits."""
    row = first(path)
    return format_of(row) or _unknown(path, row)


def _unknown(path: Path | str, row: Row) -> str:
    wanted = "prompt, or prompt and output, or model_a, model_b and winner"
    return refuse(path, f"fields are not recognised (found: {listed(list(row), 70)}); name them {wanted}")


def _opened(path: Path | str, format: str | None) -> tuple[Source, str]:
    """The records and their one format; BadInput where records of another format stand among them."""
    source = read(path)
    found = format or format_of(source.rows[0]) or _unknown(path, source.rows[0])
    keys: frozenset[str] = frozenset(source.rows[0])
    for place, row in enumerate(source.rows):
        if row.keys() == keys or format is not None:
            continue
        other = format_of(row)
        if other is not None and _family(other) != _family(found):
            refuse(
                path,
                f"record {place + 1} is {FORMATS[other]}, record 1 {FORMATS[found]}; give one file a format",
            )
    return source, found


def _family(format: str) -> str:
    return "plain" if format in ("table_prompts", "table_answers", "alpaca_eval_outputs") else format


def prompts(path: Path | str, format: str | None = None) -> list[Prompt]:
    """The prompts of a file of prompts, of answers that carry them, or of AlpacaEval annotations, in file order."""
    from winsome.ledger.formats import arena_hard, mt_bench, tables

    source, found = _opened(path, format)
    if found == "arena_hard_questions":
        return arena_hard.prompts(source)
    if found == "mt_bench_questions":
        return mt_bench.prompts(source)
    if found == "arena_hard_answers":
        return _carried(source, arena_hard.answers(source))
    if found in ("table_answers", "alpaca_eval_outputs"):
        return _carried(source, tables.answers(source))
    if found in ("table_prompts", "alpaca_eval_annotations", "human_sheet"):
        return tables.prompts(source)
    return refuse(
        path, f"is {FORMATS[found]}: it names prompts by id without their words; give the file of questions"
    )


def _carried(source: Source, answers: Sequence[Answer]) -> list[Prompt]:
    """The prompts of answers, once for all samples and models; one that a model answers twice stands twice."""
    if all(answer.prompt is None for answer in answers):
        refuse(source.path, "names its prompts by id without their words; give the file of questions")
    prompts: list[Prompt] = []
    answered, kept = Counter[tuple[str | None, str]](), Counter[str]()
    for answer in answers:
        if answer.prompt is None:
            wrong(
                source,
                answer.record - 1,
                'has no "prompt", other records have one; add it or drop the record',
            )
        if answer.sample == 0:
            answered[answer.model, answer.prompt.id] += 1
            if answered[answer.model, answer.prompt.id] > kept[answer.prompt.id]:
                kept[answer.prompt.id] += 1
                prompts.append(answer.prompt)
    return prompts


def answers(path: Path | str, format: str | None = None, field: str | None = None) -> list[Answer]:
    """The answers of a file; `field` names the column that holds them where it has another name."""
    from winsome.ledger.formats import alpaca_eval, arena_hard, mt_bench, tables

    source, found = _opened(path, format)
    if found == "arena_hard_answers":
        return arena_hard.answers(source)
    if found == "mt_bench_answers":
        return mt_bench.answers(source)
    if found in ("alpaca_eval_outputs", "alpaca_eval_annotations") and (
        field or found == "alpaca_eval_outputs"
    ):
        return alpaca_eval.outputs(source, field)
    if field or found == "table_answers":
        return tables.answers(source, field)
    names = listed(list(source.rows[0]))
    return refuse(
        path,
        f"is {FORMATS[found]}, not answers (found: {names}); name the column of the answers: ?field=NAME",
    )


def verdicts(*paths: Path | str, format: str | None = None) -> pl.DataFrame:
    """The verdicts of files of one format, below one another, with the columns of Battles; `format` forces one."""
    import polars as pl

    if not paths:
        raise BadInput("no file of verdicts; name at least one")
    formats = [format or sniff(path) for path in paths]
    for path, found in zip(paths, formats, strict=True):
        if found != formats[0]:
            refuse(
                path,
                f"is {FORMATS[found]}, {Path(paths[0]).name} {FORMATS[formats[0]]}; give files of one format",
            )
    return pl.concat([_verdicts(path, format) for path in paths], how="diagonal_relaxed")


def _verdicts(path: Path | str, format: str | None) -> pl.DataFrame:
    from winsome.ledger.formats import alpaca_eval, arena_hard, human, mt_bench, verdict_tables, wildbench

    if (format or sniff(path)) == "battles":
        return verdict_tables.verdicts(path)
    source, found = _opened(path, format)
    readers = {
        "alpaca_eval_annotations": alpaca_eval.verdicts,
        "arena_hard_judgments": arena_hard.judgments,
        "mt_bench_pairs": mt_bench.pairs,
        "wildbench_pairs": wildbench.pairs,
        "wildbench_rewards": wildbench.rewards,
        "human_sheet": human.sheet,
        "human_matches": human.by_match,
    }
    if found not in readers:
        names = listed(list(source.rows[0]))
        refuse(
            path,
            f"is {FORMATS[found]}, not verdicts on pairs (found: {names}); give a file with a winner a record",
        )
    return readers[found](source)


def grades(*paths: Path | str, format: str | None = None) -> pl.DataFrame:
    """The single grades of files of one format (MT-Bench singles, WildBench scores): model, grade, prompt_id, ..."""
    import polars as pl

    from winsome.ledger.formats import mt_bench, wildbench

    readers = {"mt_bench_singles": mt_bench.singles, "wildbench_scores": wildbench.scores}
    frames: list[pl.DataFrame] = []
    for path in paths:
        source, found = _opened(path, format)
        if found not in readers:
            refuse(path, f"is {FORMATS[found]}, not single grades; give a file with a score a record")
        frames.append(readers[found](source))
    if not frames:
        raise BadInput("no file of grades; name at least one")
    return pl.concat(frames, how="diagonal_relaxed")
