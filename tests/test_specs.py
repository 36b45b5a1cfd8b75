"""Names: what is written is what is read, by whatever road; own code; bridges; mistakes are one line without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from winsome import specs
from winsome.errors import BadInput, Unsupported, WinsomeError
from winsome.protocols import Contender, Judge, Scorer
from winsome.specs import Spec, masked, parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KINDS = st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,5})?", fullmatch=True)
SERVERS = st.sampled_from(["http://localhost:8000/v1", "https://example.org/api"])


def trees(kinds: st.SearchStrategy[str]) -> st.SearchStrategy[Spec]:
    """Specs whose settings hold texts, lists and further specs."""

    def spec(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Spec]:
        settings = st.dictionaries(st.from_regex(r"[a-z]\w{0,6}", fullmatch=True), values, max_size=3)
        return st.builds(Spec, kinds | SERVERS, TEXTS, settings)

    # a list of one empty text is written like an empty list
    values = st.recursive(
        TEXTS,
        lambda inner: st.lists(inner, max_size=3).filter(lambda items: items != [""]) | spec(inner),
        max_leaves=8,
    )
    return spec(values)


def plain(spec: Spec) -> dict[str, Any]:
    """A spec as the mapping that YAML would give."""

    def value(of: Any) -> Any:
        return plain(of) if isinstance(of, Spec) else [value(v) for v in of] if isinstance(of, list) else of

    head = {"kind": spec.kind, "address": spec.address}
    return head | {key: value(v) for key, v in spec.settings.items()}


@given(trees(KINDS))
def test_what_is_written_is_read_back(spec: Spec) -> None:
    # a member's name is text of its own (world:labels?seed=1#annotator)
    assume("#" not in spec.address and not {"kind", "address"} & spec.settings.keys())
    # a bare word may be a path, and so may llama3:8b.json and a.b:c.json; a kind of plain letters in front settles it
    assume(
        not str(spec).lower().endswith(specs.FILES) or re.match(r"https?:|[a-z_]+:", str(spec)) is not None
    )
    assert parse(str(spec)) == spec
    assert str(parse(str(spec))) == str(spec)
    assert parse(plain(spec)) == spec


@example("\\?0#=")
@example("\\?#=")
@given(st.text(max_size=40) | st.text("?&()[],%#=@:/\\.ab \n\0", max_size=40))
def test_any_text_is_a_name_or_one_line(text: str) -> None:
    refused: WinsomeError | None = None
    try:
        spec = parse(text)
    except WinsomeError as error:
        refused = error
    if refused is not None:
        assert "\n" not in str(refused)
    else:
        assert parse(str(spec)) == spec or "#" in spec.address


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (r"C:\runs\gpt-4 (1).json", Spec("recorded", r"C:\runs\gpt-4 (1).json")),
        ("c:/runs/a.json?model=x", Spec("recorded", "c:/runs/a.json", {"model": "x"})),
        ("runs/a.jsonl", Spec("recorded", "runs/a.jsonl")),
        ("a.json.zst", Spec("recorded", "a.json.zst")),
        ("a.ndjson?field=x", Spec("recorded", "a.ndjson", {"field": "x"})),
        ("./odd name", Spec("recorded", "./odd name")),
        ("100%25.json", Spec("recorded", "100%25.json")),
        ("recorded:100%25.json", Spec("recorded", "100%.json")),
        ("http://h:1/v1#org/m?effort=low", Spec("http://h:1/v1", "org/m", {"effort": "low"})),
        ("http://h:1/v1/?key=env:K", Spec("http://h:1/v1", "", {"key": "env:K"})),
        ("x?system=", Spec("x", "", {"system": ""})),
        ("x?a==b", Spec("x", "", {"a": "=b"})),
        ("x?l=[(y?n=1),z,[a,b]]", Spec("x", "", {"l": [Spec("y", "", {"n": "1"}), "z", ["a", "b"]]})),
        ("x?system=R%C3%A9ponds 日本", Spec("x", "", {"system": "Réponds 日本"})),
    ],
)
def test_read(text: str, spec: Spec) -> None:
    assert parse(text) == spec
    assert parse(str(spec)) == spec


def test_words_stay_readable_in_names() -> None:
    assert (
        str(Spec("x", "", {"system": "Réponds en 日本語, vite & bien?"}))
        == "x?system=Réponds en 日本語%2C vite %26 bien%3F"
    )


def test_a_yaml_file_is_the_name_it_spells(tmp_path: Path) -> None:
    file = tmp_path / "contender.yaml"
    file.write_text(
        "kind: best_of_n\nn: 4\nbase: {kind: 'http://h/v1#m', temperature: 0.5, stream: true, effort: null}\n"
        "scorer: embedded:likelihood\ntags: [a, 1]\n",
        "utf-8",
    )
    text = (
        "best_of_n?n=4&base=(http://h/v1#m?temperature=0.5&stream=true&effort=none)"
        "&scorer=embedded:likelihood&tags=[a,1]"
    )
    assert parse(f"@{file}") == parse(text)
    assert parse(f"@{file}?n=8&seed=1") == parse(text.replace("n=4", "n=8", 1) + "&seed=1")
    assert str(parse(f"@{file}")) == str(parse(text))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"kind: [", "is not YAML"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"- a\n- b\n", "no mapping"),
        (b"n: 3\n", 'needs "kind"'),
        (b"kind: '@other.yaml'\n", "is a file"),
        (b"", "no mapping"),
    ],
)
def test_a_yaml_file_that_spells_none(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(BadInput, match=line) as caught:
        parse(f"@{tmp_path}/c.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x?a", "x?a=1&a=2", "x?a=(b", "x?a=[b)", "x?=1", "two words", "http://h/v1?a=1#m", "a)(b", "x?a=" + "(y?a=" * 40 + ")" * 40],
)  # fmt: skip
def test_malformed_names_are_one_line(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("name", ["key", "api_key", "KEY", "hf_token", "password", "client_secret"])
def test_secrets_are_neither_shown_nor_taken(name: str) -> None:
    assert "sk-very-secret" not in masked(f"http://h/v1#m?{name}=sk-very-secret&n=1")
    assert "env:NAME" in masked(f"http://h/v1#m?{name}=env:NAME")
    with pytest.raises(BadInput) as caught:
        parse(f"http://h/v1#m?{name}=sk-very-secret&oops")
    assert "sk-very-secret" not in str(caught.value)


def own(
    address: str = "",
    *,
    count: int = 1,
    share: float | None = 0.5,
    flag: bool = False,
    mode: Literal["fast", "slow"] = "fast",
    tags: tuple[str, ...] | None = None,
    numbers: tuple[int, ...] = (),
    api_key: str = "env:NONE",
    name: str,
) -> Mapping[str, Any]:
    """What it was given."""
    return dict(locals())


def opened(text: str) -> Mapping[str, Any]:
    return specs.call(own, parse(text), None)


def test_values_are_read_by_their_annotation() -> None:
    found = opened("own?count=3&share=none&flag=yes&mode=slow&tags=[a,b]&numbers=[1,2]")
    assert (found["count"], found["share"], found["flag"], found["mode"]) == (3, None, True, "slow")
    assert (found["tags"], found["numbers"]) == (("a", "b"), (1, 2))
    assert opened("own?tags=none")["tags"] is None
    assert opened("own?numbers=7")["numbers"] == (7,)
    assert (
        specs.call(own, parse({"kind": "own", "share": None, "count": 2, "flag": True}), None)["share"]
        is None
    )
    assert opened("own:where?count=2")["name"] == "own:where?count=2"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("own?count=three", "is no int"),
        ("own?count=none", "is no int"),
        ("own?count=[1,2]", "is no int"),
        ("own?share=nan", "is no float"),
        ("own?flag=maybe", "is no bool"),
        ("own?mode=medium", "is none of fast, slow"),
        ("own?numbers=[1,x]", "is no int"),
        ("own?cuont=3", 'did you mean "count"'),
        ("own?api_key=sk-very-secret", "write api_key=env:NAME"),
    ],
)
def test_wrong_values_are_one_line(text: str, line: str) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        opened(text)
    assert "sk-very-secret" not in str(caught.value)


class Place:
    """A Run that opens what it is asked for, without a door."""

    seed, folder = 0, Path()

    def open(self, spec: Any, role: type[Any]) -> Any:
        return specs.open_spec(parse(spec), role.__name__, self)


COUNTING, FAVOURITE = "tests.matchmaking.counting:contender", "tests.matchmaking.counting:favourite"


def test_own_code_stands_where_it_fits_and_is_bridged_to_a_judge() -> None:
    place = Place()
    assert isinstance(place.open(f"{COUNTING}?batch=3", Contender), Contender)
    rated = place.open(f"{FAVOURITE}?favours=[1,2]", Judge)
    assert isinstance(rated, Judge)
    assert rated.name == f"by_score?scorer=({FAVOURITE}?favours=[1,2])"
    assert rated.scorer.favours == (1, 2)  # type: ignore[attr-defined]
    asked = place.open(COUNTING, Judge)
    assert isinstance(asked, Judge)
    assert asked.name == f"pairwise?model=({COUNTING})"
    with pytest.raises(BadInput, match="is no scorer: what it makes has no partial, score"):
        place.open(COUNTING, Scorer)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no.such.module:thing", "cannot be imported"),
        ("tests.matchmaking.counting:nothing", "cannot be imported"),
        ("tests.test_specs:COUNTING", "is a str"),
        ("tests.servers.broken_module:thing", "cannot be imported"),
    ],
)
def test_own_code_that_is_not_there(text: str, line: str) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        Place().open(text, Contender)
    assert len(str(caught.value)) <= 200


def test_own_code_that_breaks_on_import_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaking").mkdir()
    (tmp_path / "breaking" / "mine.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInput, match="ZeroDivisionError"):
        Place().open("breaking.mine:thing", Contender)


def test_bridges_of_shipped_kinds_and_roles_without_one() -> None:
    place = Place()
    assert place.open("http://localhost:1/v1#m", Judge).name == "pairwise?model=(http://localhost:1/v1#m)"
    with pytest.raises(Unsupported, match="is a judge, not a contender"):
        place.open("by_score?scorer=embedded:likelihood", Contender)
    with pytest.raises(BadInput, match='did you mean "recorded"'):
        place.open("recordet:a.json", Contender)
