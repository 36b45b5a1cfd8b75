"""Both layouts of TRL, the ledger, folders of datasets and a recipe's frames become the same examples; mistakes are named."""

from __future__ import annotations

import json

import polars as pl
import pytest

from winsome import frames as frames_
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.records import Match, Prompt, Response, Side, Verdict, assistant, digest, user
from winsome.training.examples import examples_of
from winsome.training.forms import best_against_worst, demonstrated, held_out, unpaired
from winsome.training.sources import open_examples

PLAIN = {"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "five"}
CHAT = {
    "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}],
    "chosen": [{"role": "assistant", "content": "4"}],
    "rejected": [{"role": "assistant", "content": "five"}],
}
WHOLE = {
    "chosen": [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}],
    "rejected": [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "five"}],
}


def turn(role: str, content: object) -> dict[str, object]:
    return {"role": role, "content": content}


@pytest.mark.parametrize("row", [PLAIN, CHAT, WHOLE], ids=["plain", "conversational", "implicit"])
def test_layouts_of_trl_are_read(row):
    found = examples_of([row], "x.jsonl")
    assert found.form == "pairs"
    chosen, rejected = found.rows[0].sides
    assert (chosen.prompt.text, chosen.text, rejected.text) == ("What is 2 + 2?", "4", "five")
    assert chosen.prompt.system == ("Be brief." if row is CHAT else None)


def test_a_prompt_that_stands_in_both_sides_is_cut_as_trl_cuts_it():
    trl = pytest.importorskip("trl.data_utils")
    row = {"chosen": "The sky is blue today.", "rejected": "The sky is green today."}
    found = examples_of([row], "x.jsonl").rows[0].sides
    peer = trl.extract_prompt(row)
    assert found[0].prompt.text == peer["prompt"]
    assert [side.text for side in found] == [peer["chosen"], peer["rejected"]]


def test_a_dialogue_ends_with_the_answer_and_each_side_may_have_its_own_prompt():
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    row = {
        "chosen": [*talk, {"role": "user", "content": "a?"}, {"role": "assistant", "content": "A"}],
        "rejected": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "B"}],
    }
    chosen, rejected = examples_of([row], "x").rows[0].sides
    assert [m.role for m in chosen.prompt.messages] == ["user", "assistant", "user"]
    assert len(rejected.prompt.messages) == 1


ASKED, SAID = turn("user", "What is 2 + 2?"), turn("assistant", "4")


@pytest.mark.parametrize(
    ("row", "system"),
    [
        # UltraChat: the first request beside the whole dialogue; an image-free dialogue in parts
        ({"prompt": "What is 2 + 2? ", "messages": [ASKED, SAID]}, None),
        ({"prompt": "What is 2 + 2?", "messages": [turn("system", "Be brief."), ASKED, SAID]}, "Be brief."),
        ({"messages": [turn("user", [{"type": "text", "text": "What is "}, {"type": "text", "text": "2 + 2?"}]), SAID]}, None),
        ({"messages": [turn("developer", "Be brief."), ASKED, SAID]}, "Be brief."),
        # ShareGPT
        ({"conversations": [{"from": "human", "value": "What is 2 + 2?"}, {"from": "gpt", "value": "4"}], "system": "Be brief."}, "Be brief."),
        # Alpaca, without and with an input; Dolly
        ({"instruction": "What is 2 + 2?", "input": "", "output": "4"}, None),
        ({"instruction": "What is", "input": "2 + 2?", "output": "4"}, None),
        ({"instruction": "What is", "context": "2 + 2?", "response": "4"}, None),
    ],
)  # fmt: skip
def test_layouts_of_demonstrations_are_read(row, system):
    found = examples_of([row], "x.jsonl")
    (side,) = found.rows[0].sides
    assert found.form == "demonstrations"
    assert [message.role for message in side.prompt.messages] == ["user"]
    assert side.prompt.text.replace("\n\n", " ").strip() == "What is 2 + 2?"
    assert (side.text, side.prompt.system) == ("4", system)


@pytest.mark.parametrize(
    "row",
    [
        # UltraFeedback: the prompt as text beside both whole dialogues, and once more as messages
        {"prompt": "What is 2 + 2?", "chosen": [ASKED, SAID], "rejected": [ASKED, turn("assistant", "five")],
         "messages": [ASKED, SAID], "score_chosen": 8.0, "score_rejected": 2.0},
        # ShareGPT with an answer each
        {"conversations": [{"from": "human", "value": "What is 2 + 2?"}], "chosen": {"from": "gpt", "value": "4"},
         "rejected": {"from": "gpt", "value": "five"}},
        {"prompt": [turn("system", "Be brief."), ASKED], "chosen": [ASKED, SAID], "rejected": [ASKED, turn("assistant", "five")]},
    ],
)  # fmt: skip
def test_a_prompt_beside_whole_dialogues_is_read_once(row):
    found = examples_of([row], "x.jsonl")
    assert found.form == "pairs"
    for side, said in zip(found.rows[0].sides, ("4", "five"), strict=True):
        assert [message.text for message in side.prompt.messages] == ["What is 2 + 2?"]
        assert side.text == said
        assert side.prompt.system == ("Be brief." if isinstance(row.get("prompt"), list) else None)


def test_exchanges_before_an_instruction_are_read():
    row = {
        "instruction": "And 3 + 3?",
        "output": "6",
        "history": [["What is 2 + 2?", "4"], ["Sure?", "Yes."]],
    }
    (side,) = examples_of([row, row | {"history": []}, row | {"history": None}], "x.jsonl").rows[0].sides
    assert [(m.role, m.text) for m in side.prompt.messages] == [
        ("user", "What is 2 + 2?"), ("assistant", "4"), ("user", "Sure?"), ("assistant", "Yes."), ("user", "And 3 + 3?"),
    ]  # fmt: skip


def test_a_user_who_repeats_the_first_question_is_no_repeated_prompt():
    again = [ASKED, turn("assistant", "four"), ASKED, SAID]
    found = examples_of(
        [{"prompt": [ASKED], "chosen": again, "rejected": [*again[:3], turn("assistant", "five")]}], "x"
    )
    assert len(found.rows[0].sides[0].prompt.messages) == 3


def test_labels_beside_dialogues_are_labelled_answers():
    found = examples_of([{"messages": [ASKED, SAID], "label": True}], "x.jsonl")
    assert (found.form, found.rows[0].numbers) == ("labelled", {"label": 1.0})


def test_forms_are_turned_into_each_other():
    pairs = examples_of([PLAIN | {"margin": 0.5}], "x")
    labelled = unpaired(pairs)
    assert [(row.sides[0].text, row.numbers["label"]) for row in labelled.rows] == [("4", 1.0), ("five", 0.0)]
    assert [row.sides[0].text for row in demonstrated(labelled).rows] == ["4"]
    ranked = examples_of([{"prompt": "p", "responses": ["a", "b", "c"], "scores": [1, 3, 2]}], "x")
    assert [side.text for side in ranked.rows[0].sides] == ["b", "c", "a"]
    pair = best_against_worst(ranked).rows[0]
    assert [side.text for side in pair.sides] == ["b", "a"]
    assert pair.numbers == {"score_chosen": 3.0, "score_rejected": 1.0}
    with pytest.raises(BadInput, match="all scores of every prompt are equal"):
        best_against_worst(examples_of([{"prompt": "p", "responses": ["a", "b"], "scores": [1, 1]}], "x"))


def test_held_out_prompts_are_on_one_side_only():
    rows = [{"prompt": f"p {i // 3}", "chosen": f"a {i}", "rejected": f"b {i}"} for i in range(300)]
    kept, prompts = held_out(examples_of(rows, "x"), 50)
    inside = {side.prompt.id for row in kept.rows for side in row.sides}
    assert not inside & {prompt.id for prompt in prompts}
    assert 3 <= len(prompts) <= 25
    assert len(kept.rows) % 3 == 0


def test_folders_of_datasets_are_read_without_the_library(tmp_path):
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_list([PLAIN, PLAIN | {"chosen": "four"}])
    one.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": one, "test": one.select([1])}).save_to_disk(str(tmp_path / "many"))
    (tmp_path / "files").mkdir()
    one.to_parquet(str(tmp_path / "files" / "train-00000.parquet"))
    assert open_examples(tmp_path / "one").id == examples_of([PLAIN, PLAIN | {"chosen": "four"}], "x").id
    assert len(open_examples(tmp_path / "many").rows) == 2
    assert len(open_examples(tmp_path / "many", split="test").rows) == 1
    assert open_examples(tmp_path / "files").id == open_examples(tmp_path / "one").id
    with pytest.raises(BadInput, match='has no split "dev"'):
        open_examples(tmp_path / "many", split="dev")


def test_files_of_three_kinds_give_equal_examples(tmp_path):
    rows = [PLAIN, PLAIN | {"prompt": "3?"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    assert len({open_examples(tmp_path / f"a.{kind}").id for kind in ("jsonl", "json", "parquet")}) == 1


def test_decided_verdicts_of_a_ledger_are_pairs(tmp_path):
    prompt = Prompt((user("say x"),))
    sides = []
    for name, text in (("good", "x"), ("bad", "y")):
        answer = Response(
            prompt.id,
            name,
            digest([name]),
            messages=(assistant(text),),
            finish="length" if name == "bad" else "stop",
        )
        sides.append((name, answer))
    match = Match(prompt, tuple(Side(n, a, i) for i, (n, a) in enumerate(sides)))
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.put_many(
            [prompt, *(a for _, a in sides), match, Verdict(match.id, "judge", "j", "win", (1.0, 0.0))]
        )
    found = open_examples(f"ledger:{tmp_path / 'l.sqlite'}")
    chosen, rejected = found.rows[0].sides
    assert (chosen.text, rejected.text, chosen.ended, rejected.ended) == ("x", "y", True, False)
    assert found.rows[0].numbers["chosen_probability"] == 1.0
    with pytest.raises(BadInput, match="no decided verdicts of nobody"):
        open_examples(f"ledger:{tmp_path / 'l.sqlite'}?judge=nobody")


def test_frames_of_a_recipe_are_read_by_their_ids():
    prompt = Prompt((user("say x"),))
    answers = [Response(prompt.id, "c", digest([text]), messages=(assistant(text),)) for text in ("x", "y")]
    tables = {
        "prompts": frames_.of_rows("prompts", [frames_.prompt_row(prompt)]),
        "responses": frames_.of_rows("responses", [frames_.response_row(answer) for answer in answers]),
    }
    assert open_examples(tables).form == "demonstrations"
    pair = {
        "pair_id": "p",
        "prompt_id": prompt.id,
        "chosen_id": answers[0].id,
        "rejected_id": answers[1].id,
        "margin": 0.5,
    }
    found = open_examples(
        tables | {"pairs": frames_.of_rows("pairs", [pair]).with_columns(pl.lit(1.0).alias("_gold_value"))}
    )
    assert [side.text for side in found.rows[0].sides] == ["x", "y"]
    assert found.rows[0].numbers == {"margin": 0.5}
    with pytest.raises(BadInput, match="no frame of responses"):
        open_examples({"prompts": tables["prompts"]})


BAD = [
    ([], "holds no records"),
    ([{"question": "x"}], "record 1 has neither chosen and rejected"),
    ([PLAIN, {"prompt": "p", "chosen": "a"}], 'record 2 has no "rejected"'),
    ([PLAIN | {"chosen": "  "}], "record 1 has an empty answer in chosen"),
    ([PLAIN | {"prompt": ""}], "record 1 has an empty prompt"),
    ([{"chosen": "abc", "rejected": "xyz"}], "its sides do not begin alike"),
    ([PLAIN | {"margin": float("nan")}], "record 1 margin is nan"),
    ([{"prompt": "p", "responses": ["a"], "scores": [1]}], "1 responses and 1 scores"),
    ([{"prompt": "p", "responses": ["a", "b"], "scores": [1, None]}], r"scores\[1\] is None"),
    ([{"prompt": "p", "responses": ["a", "b"], "scores": [1, float("inf")]}], r"scores\[1\] is inf"),
    ([{"prompt": "p", "completion": "a", "label": "maybe"}], "has label maybe"),
    ([{"messages": [{"role": "user", "content": "x"}]}], "does not end with a turn of the assistant"),
    ([{"prompt": "p", "chosen": 1, "rejected": "b"}], "neither text nor a list of role and content"),
    ([{"prompt": "p", "chosen": [1], "rejected": "b"}], r"chosen\[0\] is no object with role and content"),
    ([{"messages": [{"role": "alien", "content": "x"}]}], r"messages\[0\] has role 'alien'"),
    ([{"messages": [{"content": "x"}]}], r"messages\[0\] has role 'None'"),
    (
        [
            {
                "messages": [
                    turn("user", [{"type": "image", "image": "x.png"}, {"type": "text", "text": "what?"}])
                ]
            }
        ],
        r"messages\[0\] has a part of type 'image'",
    ),
    ([{"messages": [turn("user", "x"), turn("assistant", None)]}], r"messages\[1\] has no text"),
    (
        [
            {
                "messages": [
                    turn("user", "x"),
                    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]},
                ]
            }
        ],
        r"messages\[1\] has tool_calls",
    ),
    ([{"instruction": "p", "input": 3, "output": "a"}], "has 3 as its input"),
    ([{"instruction": "p", "output": "a", "history": "before"}], "has before as its history"),
    (
        [{"instruction": "p", "output": "a", "history": [["only a request"]]}],
        "as its history; write a list of requests",
    ),
]


@pytest.mark.parametrize(("rows", "said"), BAD, ids=[said for _, said in BAD])
def test_mistakes_name_record_and_field(rows, said):
    with pytest.raises(BadInput, match=said) as error:
        examples_of(rows, "data/pairs.jsonl")
    assert str(error.value).startswith("data/pairs.jsonl: ")
    assert len(str(error.value)) <= 200


def test_gold_columns_are_never_numbers():
    found = examples_of([PLAIN | {"_gold_value": 1.0, "_GOLD": 2.0, "weight": 0.5}], "x")
    assert found.rows[0].numbers == {"weight": 0.5}
