"""Whatever is not markup is escaped."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.report.markup import Markup, el, join


class Read(HTMLParser):
    """What a parser makes of markup: tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(
    st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])),
    st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])),
)
def test_text_and_attributes_come_back_as_they_went_in(text: str, value: str) -> None:
    read = Read()
    read.feed(el("p", text, title=value))
    read.close()
    assert read.tags == [("p", {"title": value})]
    assert read.text == text


def test_children_nest_and_nothing_is_left_out_but_none() -> None:
    made = el(
        "ul",
        [el("li", k) for k in range(2)],
        None,
        join("a", Markup("<br/>")),
        class_="x",
        hidden=True,
        id=None,
    )
    assert made == '<ul class="x" hidden><li>0</li><li>1</li>a<br/></ul>'
    with pytest.raises(TypeError, match="object is no child"):
        el("p", object())
