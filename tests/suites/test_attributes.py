"""The table of attributes, contexts made of it, and the audit of default answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from winsome.cli.command import main
from winsome.errors import BadInput
from winsome.records import Prompt, user
from winsome.sandbox.manner import DIMENSIONS
from winsome.sandbox.worlds import World
from winsome.suites.attributes import attributes, in_attributes
from winsome.suites.contexts import problem_of, read_contexts
from winsome.suites.default_context import default_context

WORLD = World.of("attribute", persons=2, groups=2)
NAMES = [person.name for person in WORLD.people]


def test_the_shipped_table_has_twelve_attributes_of_four_or_five_values() -> None:
    table = attributes()
    assert len(table) == 12
    assert {len(one.answers) for one in table.values()} <= {4, 5}
    assert not any(problem_of(one) for one in table.values())
    assert list(attributes(["region", "age"])) == ["region", "age"]


def test_what_a_prompt_says_itself_is_not_asked_of_it() -> None:
    prompts = [
        Prompt((user("A holiday for a child in Europe?"),)),
        Prompt((user("Is an europeanised childhood good?"),)),
    ]
    found = in_attributes(prompts, ["region", "age"])
    assert found[prompts[0].id].follow_ups == ()
    assert len(found[prompts[1].id].follow_ups) == 2


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("[1]", "is no table of attributes"),
        ("{", "is no JSON"),
        ('{"age": {"question": "How old?", "values": ["young"]}}', "fewer than two answers"),
        ('{"age": {"question": "How old?", "values": ["young", "other"]}}', "says nothing"),
        ('{"age": {"question": "How old?"}}', 'no list "values"'),
    ],
)
def test_a_bad_table_is_one_line(tmp_path: Path, table: str, line: str) -> None:
    (tmp_path / "t.json").write_text(table)
    with pytest.raises(BadInput) as caught:
        attributes((), tmp_path / "t.json")
    assert line in str(caught.value)
    assert len(str(caught.value)) <= 200
    with pytest.raises(BadInput, match="no attribute"):
        attributes(["shoes"])
    with pytest.raises(BadInput, match="cannot be read"):
        attributes((), tmp_path / "none.json")


def hidden(folder: Path, n: int = 40) -> None:
    """Prompts that do not say who asks, and the table of those who may."""
    texts = dict.fromkeys(prompt.text for prompt in WORLD.prompts(n))
    rows = [{"id": str(k), "prompt": text} for k, text in enumerate(texts)]
    (folder / "hidden.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "table.json").write_text(json.dumps({"asker": {"question": "Who asks?", "values": NAMES}}))


def liked(number: int) -> str:
    weights = WORLD.people[number].weights
    return "+".join(max(v, key=lambda one: weights.get((d, one), 0.0)) for d, v in DIMENSIONS.items())


def test_contexts_of_the_table_are_written_and_read_back(tmp_path: Path) -> None:
    hidden(tmp_path)
    out = tmp_path / "c.jsonl"
    words = [
        "contexts",
        "table",
        str(tmp_path / "hidden.jsonl"),
        "--attributes",
        "age",
        "--out",
        str(out),
        "--quiet",
    ]
    assert main(words) == 0
    rows = [json.loads(line) for line in (tmp_path / "hidden.jsonl").read_text().splitlines()]
    prompts = [Prompt((user(row["prompt"]),), item=row["id"]) for row in rows]
    assert read_contexts(out, prompts) == in_attributes(prompts, ["age"])


@pytest.mark.parametrize("number", [0, 1])
def test_the_asker_whom_answers_serve_is_named(tmp_path: Path, number: int) -> None:
    hidden(tmp_path)
    found = default_context(
        f"{WORLD.name}#oracle?quality=0.8&manner={liked(number)}", judge=f"{WORLD.name}#grader?noise=1", suite=str(tmp_path / "hidden.jsonl"),
        table_of=tmp_path / "table.json", ledger=tmp_path / "l.sqlite", quiet=True,
    )  # fmt: skip
    assert found.default[0].default == (NAMES[number],)
    assert (found.failed, found.unread, found.adapted) == (0, 0, ())


def test_a_model_that_follows_is_graded_alike_for_all_once_told_and_the_page_says_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden(tmp_path)
    words = [
        "audit", "default-context", f"{WORLD.name}#oracle?quality=1&manner=best", "--judge", f"{WORLD.name}#grader?noise=0",
        "--suite", str(tmp_path / "hidden.jsonl"), "--table", str(tmp_path / "table.json"), "--adapted", "--json",
        "--ledger", str(tmp_path / "l.sqlite"), "--out", str(tmp_path / "page.html"), "--quiet",
    ]  # fmt: skip
    assert main(words) == 0
    record = json.loads(capsys.readouterr().out)
    (told,) = record["adapted"]
    assert told["means"] == [5.0, 5.0]
    assert told["default"] == []
    # without being told it answers plainly, which is what the first person likes in part
    (plain,) = record["served"]
    assert max(plain["means"]) < 5.0
    assert "Grades of answers that were told the value" in (tmp_path / "page.html").read_text()


def test_a_judge_of_pairs_alone_is_refused(tmp_path: Path) -> None:
    hidden(tmp_path)
    with pytest.raises(BadInput, match="grades one"):
        default_context(
            f"{WORLD.name}#oracle", judge=f"{WORLD.name}#gold", suite=str(tmp_path / "hidden.jsonl"), table_of=tmp_path / "table.json",
            ledger=tmp_path / "l.sqlite", quiet=True,
        )  # fmt: skip
