"""Suites that do not ship: read from their original files, judged by what they fix, refused in one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import winsome
from winsome import specs
from winsome.errors import BadInput
from winsome.records import Suite
from winsome.suites import KINDS, list_suites
from winsome.suites.wildbench import GROUPS, WEIGHTS, macro

HARD = ("coding", "math")


def opened(name: str) -> Suite:
    return specs.open_spec(specs.parse(name), "Suite", None)


def lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def compared(folder: Path, *names: str | Path, **settings: Any) -> winsome.Comparison:
    own = {"ledger": folder / "ledger.sqlite", "folder": folder / "runs", "quiet": True}
    return winsome.compare(*map(str, names), **(own | settings))


def figures(found: winsome.Comparison) -> dict[str, float | None]:
    return {Path(row.contender).name: row.estimate for row in found.standings.rows}


def answers_of(folder: Path, name: str, texts: dict[str, str]) -> Path:
    rows = [
        {"id": item, "prompt": f"Question {item}", "output": text, "model": name}
        for item, text in texts.items()
    ]
    return lines(folder / f"{name}.jsonl", rows)


def test_every_named_suite_has_a_card_and_says_how_to_get_what_does_not_ship() -> None:
    cards = {card.name: card for card in list_suites()}
    assert set(cards) == set(KINDS["Suite"]) - {"recorded", "answers"} | {"timestress"}
    for card in cards.values():
        assert card.about
        assert card.licence
        assert card.source
        if not card.ships and card.name != "folder":
            with pytest.raises(BadInput) as caught:
                opened(card.name)
            assert card.get in str(caught.value)
            assert len(str(caught.value)) <= 200


def test_the_published_files_are_read_as_they_are(shared_data: Path) -> None:
    hard = opened(f"arena_hard?path={shared_data}/arena_hard/v0.1_question.jsonl.gz")
    assert (len(hard.prompts), hard.baseline, hard.figure, hard.orders) == (
        500,
        "gpt-4-0314",
        "arena-hard",
        2,
    )
    two = opened(f"arena_hard_2?path={shared_data}/arena_hard/v2.0_question.jsonl.gz")
    assert two.baseline == {"hard_prompt": "o3-mini-2025-01-31", "creative_writing": "gemini-2.0-flash-001"}
    assert len(two.prompts) == 750
    bench = opened(
        f"mt_bench?path={shared_data}/mt_bench/mt_bench_question.jsonl"
        f"&references={shared_data}/mt_bench/mt_bench_reference_gpt-4.jsonl"
    )
    assert sum("reference_answer" in prompt.for_judges for prompt in bench.prompts) == 40
    alpaca = shared_data / "alpaca_eval_2" / "alpaca-7b.model_outputs.json.gz"
    suite = opened(f"alpaca_eval_2?path={alpaca}")
    assert (len(suite.prompts), suite.seats, suite.orders, suite.figure) == (805, "alpaca_eval", 1, "lc")
    assert suite.baseline == "gpt4_1106_preview"


def test_the_baselines_own_answers_stand_for_it(shared_data: Path, tmp_path: Path) -> None:
    raw = json.loads(
        gzip.decompress((shared_data / "alpaca_eval_2" / "alpaca-7b.model_outputs.json.gz").read_bytes())
    )
    ours = [
        row | {"generator": "gpt4_1106_preview", "output": row["output"] + " And so on."} for row in raw[:40]
    ]
    (tmp_path / "gpt4.json").write_text(json.dumps(ours))
    (tmp_path / "alpaca.json").write_text(json.dumps(raw[:40]))
    suite = f"alpaca_eval_2?path={tmp_path}/gpt4.json"
    found = compared(tmp_path, tmp_path / "alpaca.json", judge="tests.suites.longest:longest", suite=suite)
    assert found.record["baseline"] == str(specs.parse(f"{tmp_path}/gpt4.json"))
    assert found.standings.method == "lc"
    assert found.record["orders"] == 1


def test_each_category_has_its_own_baseline(tmp_path: Path) -> None:
    rows = [
        {"uid": str(n), "prompt": f"Question {n}", "category": ("hard_prompt", "creative_writing")[n % 2]}
        for n in range(6)
    ]
    lines(tmp_path / "questions.jsonl", rows)
    mine = answers_of(tmp_path, "mine", {str(n): "x" * 20 for n in range(6)})
    hard = answers_of(tmp_path, "o3-mini-2025-01-31", {str(n): "y" * 25 for n in range(6)})
    creative = answers_of(
        tmp_path, "gemini-2.0-flash-001", {str(n): "z" * (40 if n == 1 else 5) for n in range(6)}
    )
    suite = f"arena_hard_2?path={tmp_path}/questions.jsonl"
    found = compared(tmp_path, mine, hard, creative, judge="tests.suites.longest:longest", suite=suite)
    assert len(found.battles) == 6
    # three small losses (weight 1), two large wins and one large loss (weight 3), each in two orders
    assert figures(found)["mine.jsonl"] == pytest.approx(100 * 6 / 12)
    label = f"recorded:{hard} + recorded:{creative}"
    assert found.record["baseline"] == label
    winsome.write_report(found, ledger=tmp_path / "ledger.sqlite")
    with pytest.raises(BadInput, match="takes no part"):
        compared(tmp_path, mine, hard, judge="tests.suites.longest:longest", suite=suite)
    named = f"{suite}&creative_writing={hard}"
    again = compared(tmp_path, mine, hard, judge="tests.suites.longest:longest", suite=named)
    assert again.record["baseline"] == f"recorded:{hard}"


def test_a_category_without_a_baseline_is_named(tmp_path: Path) -> None:
    lines(tmp_path / "q.jsonl", [{"uid": "1", "prompt": "Hi", "category": "song"}])
    with pytest.raises(BadInput, match="record 1 has category"):
        opened(f"arena_hard_2?path={tmp_path}/q.jsonl")


def task(item: str, **changed: Any) -> dict[str, Any]:
    row = {
        "session_id": item,
        "conversation_input": [{"role": "user", "content": f"Question {item}"}],
        "checklist": ["Is it right?", "Is it short?"],
        "primary_tag": "Planning",
        "secondary_tags": ["Math", "Reasoning"],
    }
    return row | changed


def test_wildbench_tasks_carry_checklists_and_groups(tmp_path: Path) -> None:
    suite = opened(f"wildbench?path={lines(tmp_path / 't.jsonl', [task('1')])}&metric=reward")
    (prompt,) = suite.prompts
    assert prompt.for_judges == {"checklist": ["Is it right?", "Is it short?"]}
    assert prompt.facets["groups"] == "Planning & Reasoning; Math & Data Analysis"
    assert (suite.figure, suite.orders, len(suite.baseline or ())) == ("wb-reward:500", 1, 3)
    assert set(GROUPS.values()) == set(WEIGHTS)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"checklist": []}, 'record 2 has no "checklist"'),
        ({"primary_tag": "Cooking"}, 'record 2 has tag "Cooking"'),
        ({"primary_tag": None}, 'record 2 has no "primary_tag"'),
        ({"conversation_input": [{"role": "assistant", "content": "x"}]}, "record 2"),
    ],
)
def test_a_bad_task_is_one_line(tmp_path: Path, row: dict[str, Any], line: str) -> None:
    path = lines(tmp_path / "t.jsonl", [task("1"), task("2", **row)])
    with pytest.raises(BadInput) as caught:
        opened(f"wildbench?path={path}")
    assert line in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_a_bad_margin_is_one_line(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", [task("1")])
    with pytest.raises(BadInput, match="length_margin=-2"):
        opened(f"wildbench?path={path}&length_margin=-2")


def test_the_reward_pools_three_references_and_keeps_the_margin(tmp_path: Path) -> None:
    lines(tmp_path / "tasks.jsonl", [task(str(n)) for n in range(4)])
    mine = answers_of(tmp_path, "mine", {str(n): "m" * 20 for n in range(4)})
    names = ("gpt-4-turbo-2024-04-09", "claude-3-haiku-20240307", "Llama-2-70b-chat-hf")
    lengths = (15, 25, 5)  # a small win, a small loss, a large win
    refs = [
        answers_of(tmp_path, name, {str(n): "r" * size for n in range(4)})
        for name, size in zip(names, lengths, strict=True)
    ]

    def reward(margin: int) -> float | None:
        suite = f"wildbench?path={tmp_path}/tasks.jsonl&metric=reward&length_margin={margin}"
        found = compared(tmp_path, mine, *refs, judge="tests.suites.longest:longest", suite=suite)
        return figures(found)["mine.jsonl"]

    assert reward(-1) == pytest.approx((0.5 - 0.5 + 1.0) / 3)
    assert reward(5) == pytest.approx((0.5 - 0.5 + 1.0) / 3)
    assert reward(4) == pytest.approx((0.0 - 0.0 + 1.0) / 3)


@pytest.mark.parametrize("judge", ["embedded:judge", "regex?pattern=m"])
def test_a_judge_without_extents_is_refused_for_rewards_before_it_is_asked(
    tmp_path: Path, judge: str
) -> None:
    lines(tmp_path / "tasks.jsonl", [task("0")])
    mine, ref = (answers_of(tmp_path, name, {"0": name * 3}) for name in ("mine", "ref"))
    suite = f"wildbench?path={tmp_path}/tasks.jsonl&metric=reward&refs=[{ref}]"
    with pytest.raises(BadInput, match="needs the size of each win"):
        compared(tmp_path, mine, ref, judge=judge, suite=suite)


def test_single_grades_are_counted_once_an_answer(tmp_path: Path) -> None:
    lines(tmp_path / "tasks.jsonl", [task(str(n)) for n in range(4)])
    files = [
        answers_of(tmp_path, name, {str(n): name[0] * size for n in range(4)})
        for name, size in (("a", 3), ("b", 7), ("c", 9))
    ]
    found = compared(
        tmp_path, *files, judge="tests.suites.longest:graded", suite=f"wildbench?path={tmp_path}/tasks.jsonl"
    )
    assert figures(found) == pytest.approx({"a.jsonl": -4.0, "b.jsonl": 4.0, "c.jsonl": 8.0})
    assert [row.battles for row in found.standings.rows] == [4, 4, 4]


def test_a_judge_of_pairs_is_refused_for_grades_before_it_is_asked(tmp_path: Path) -> None:
    lines(tmp_path / "tasks.jsonl", [task("0")])
    files = [answers_of(tmp_path, name, {"0": name * 3}) for name in ("a", "b")]
    with pytest.raises(BadInput, match="takes grades of single answers"):
        compared(
            tmp_path,
            *files,
            judge="tests.suites.longest:longest",
            suite=f"wildbench?path={tmp_path}/tasks.jsonl",
        )


def test_the_macro_figure_weighs_the_groups() -> None:
    assert macro(dict.fromkeys(WEIGHTS, 2.0)) == pytest.approx(2.0)
    with pytest.raises(BadInput, match="missing"):
        macro({"Creative Tasks": 1.0})


def test_languages_come_from_file_names_and_translations_share_a_cluster(tmp_path: Path) -> None:
    folder = tmp_path / "langs"
    folder.mkdir()
    for lang, word in (("de", "Frage"), ("en", "Question")):
        lines(folder / f"{lang}.jsonl", [{"question_id": str(n), "prompt": f"{word} {n}"} for n in range(3)])
    suite = opened(f"m_arena_hard?path={folder}")
    assert [prompt.item for prompt in suite.prompts] == [
        f"{n}/{lang}" for lang in ("de", "en") for n in range(3)
    ]
    assert suite.cluster == "question"
    assert len(opened(f"m_arena_hard?path={folder}&langs=[de]").prompts) == 3
    with pytest.raises(BadInput, match="no prompt in fr"):
        opened(f"m_arena_hard?path={folder}&langs=[fr]")


def test_a_folder_is_a_suite_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    lines(own / "prompts.jsonl", [{"id": str(n), "prompt": f"Question {n}"} for n in range(3)])
    rules = "name: mine\njudge: tests.suites.longest:longest\nbaseline: base\nfigure: arena-hard\norders: 1\nlicence: CC0\n"
    (own / "suite.yaml").write_text(rules)
    suite = opened(str(own) + "/")
    assert (suite.name, suite.licence, suite.orders, suite.figure) == ("mine", "CC0", 1, "arena-hard")
    base = answers_of(tmp_path, "base", {str(n): "x" * 5 for n in range(3)})
    other = answers_of(tmp_path, "other", {str(n): "x" * 9 for n in range(3)})
    found = compared(tmp_path, base, other, suite=f"{own}/")
    assert figures(found) == {"other.jsonl": 100.0, "base.jsonl": 50.0}


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ("orders: 3\n", 'has "3" in orders'),
        ("colour: red\n", 'has "colour"'),
        ("max_characters: none\n", "max_characters"),
        ("- a\n", "holds no mapping"),
        ("a: [\n", "is not YAML"),
        ("figure: [x]\n", "in figure"),
    ],
)
def test_a_bad_rule_of_ones_own_is_one_line(tmp_path: Path, rules: str, line: str) -> None:
    lines(tmp_path / "prompts.jsonl", [{"id": "1", "prompt": "Hi"}])
    (tmp_path / "suite.yaml").write_text(rules)
    with pytest.raises(BadInput) as caught:
        opened(f"folder:{tmp_path}")
    assert line in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_an_unknown_figure_and_a_missing_model_are_one_line(tmp_path: Path) -> None:
    lines(tmp_path / "prompts.jsonl", [{"id": "1", "prompt": "Question 1"}])
    (tmp_path / "suite.yaml").write_text("figure: best\njudge: pairwise?protocol=letter\n")
    files = [answers_of(tmp_path, name, {"1": name}) for name in "ab"]
    with pytest.raises(BadInput, match="--judge openai:MODEL"):
        compared(tmp_path, *files, suite=f"folder:{tmp_path}")
    with pytest.raises(BadInput, match='figure "best" is unknown'):
        compared(tmp_path, *files, suite=f"folder:{tmp_path}", judge="tests.suites.longest:longest")
