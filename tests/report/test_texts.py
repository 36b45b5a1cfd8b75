"""Texts are packed so that a browser can unpack them one block at a time."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Sequence

import orjson
from hypothesis import given
from hypothesis import strategies as st

from winsome.records import Blob, Message, Prompt, Response, Text, assistant, user
from winsome.report.texts import BLOCK_CHARACTERS, Blocks, block, numbered, of_prompt, of_response


def unpacked(element: str) -> object:
    found = re.fullmatch(
        r'<script type="application/octet-stream\+base64" id="(\w+)">([A-Za-z0-9+/=]*)</script>', element
    )
    assert found is not None
    return orjson.loads(zlib.decompress(base64.b64decode(found[2])))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_block_holds_any_text_and_no_markup(text: str) -> None:
    assert unpacked(block("t0", [text, "</script>"])) == [text, "</script>"]


@given(st.lists(st.integers(1, BLOCK_CHARACTERS), max_size=12))
def test_blocks_are_numbered_without_gaps(sizes: list[int]) -> None:
    blocks = Blocks("t")
    numbers = [blocks.add(f"{size}", size) for size in sizes]
    blocks.close()
    assert numbers == list(range(len(sizes)))
    held = [value for element in blocks.elements for value in unpacked(element)]  # type: ignore[attr-defined]
    assert held == [str(size) for size in sizes]
    lengths = [len(unpacked(element)) for element in blocks.elements]  # type: ignore[arg-type]
    assert blocks.starts == [sum(lengths[:k]) for k in range(len(lengths))]


def test_each_record_is_packed_once_and_missing_ones_have_no_number() -> None:
    asked: list[str] = []

    def look_up(ids: Sequence[str]) -> dict[str, str]:
        asked.extend(ids)
        return {id: id.upper() for id in ids if id != "gone"}

    blocks = Blocks("t")
    assert numbered(["a", "b", None, "a", "gone", "b"], look_up, lambda text: text, blocks) == {
        "a": 0,
        "b": 1,
    }
    assert asked == ["a", "b", "gone"]
    blocks.close()
    assert unpacked(blocks.elements[0]) == ["A", "B"]


def test_a_dialogue_keeps_all_its_turns() -> None:
    image = Message("user", (Text("What is this?"), Blob("image", "ab" * 32, "image/png", (640, 480))))
    prompt = Prompt(
        (user("Hello"), assistant("Hi"), image), "Be brief.", (user("And now?"),), "It is",
        tools=({"name": "look"},), for_judges={"reference": "a kettle", "rubric": ["colour"]},
    )  # fmt: skip
    turns = of_prompt(prompt)["turns"]
    assert [role for role, _ in turns] == [
        "system", "user", "assistant", "user", "next turn", "start of the answer", "tools", "for the judge: reference", "for the judge: rubric",
    ]  # fmt: skip
    assert turns[3][1] == "What is this?\n[image image/png 640 x 480, sha256 abababababab]"
    assert turns[7][1] == "a kettle"


def test_what_is_unusual_of_an_answer_is_kept() -> None:
    plain = Response("p", "c", "k", messages=(assistant("Fine."),))
    assert of_response(plain) == "Fine."
    cut = Response("p", "c", "k", messages=(assistant("Fi"),), finish="length", thinking="Hm.")
    assert of_response(cut) == {"turns": [["assistant", "Fi"]], "finish": "length", "thinking": "Hm."}
    failed = Response("p", "c", "k", finish="failed", error="timed out")
    assert of_response(failed) == {"turns": [], "finish": "failed", "error": "timed out"}
