"""Addresses as people paste them, and keys as they must not."""

from __future__ import annotations

import pytest

from winsome.contenders.address import base_of, key_name, secret_of
from winsome.errors import BadInput


@pytest.mark.parametrize(
    ("pasted", "base"),
    [
        ("http://host:8000/v1", "http://host:8000/v1"),
        ("http://host:8000/v1/", "http://host:8000/v1"),
        ("http://host:8000/v1/chat/completions", "http://host:8000/v1"),
        ("http://host:8000/v1/chat/completions/", "http://host:8000/v1"),
        ("http://host:8000/v1/completions", "http://host:8000/v1"),
        ("http://host:8000/v1/models", "http://host:8000/v1"),
        ("http://host:8000", "http://host:8000/v1"),
        ("https://Host.Example/api/v3", "https://host.example/api/v3"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_a_pasted_address_becomes_the_base(pasted: str, base: str) -> None:
    assert base_of(pasted) == base


@pytest.mark.parametrize(
    "wrong", ["http://", "ftp://host/v1", "http://host:99999/v1", "http://:8000/v1", "host:8000"]
)
def test_what_is_no_address_is_refused_with_the_way_out(wrong: str) -> None:
    with pytest.raises(BadInput, match=r"write http://host:port/v1#model"):
        base_of(wrong)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadInput) as caught:
        base_of("https://me:hunter2secret@host/v1?api_key=hunter2secret")
    assert "hunter2secret" not in str(caught.value) + repr(caught.value)
    assert "key=env:NAME" in str(caught.value)


def test_a_key_is_named_never_given() -> None:
    assert key_name("env:MY_KEY") == "MY_KEY"
    assert key_name(None) is None
    for raw in ("sk-abcdef0123456789", "env:", "env:sk-abc def", "MY_KEY"):
        with pytest.raises(BadInput) as caught:
            key_name(raw)
        assert raw.removeprefix("env:") not in str(caught.value) or raw == "env:"


def test_a_missing_or_broken_key_names_its_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINSOME_TEST_KEY", raising=False)
    with pytest.raises(BadInput, match="WINSOME_TEST_KEY is not set"):
        secret_of("WINSOME_TEST_KEY", "host")
    monkeypatch.setenv("WINSOME_TEST_KEY", "sk-broken\nkey")
    with pytest.raises(BadInput) as caught:
        secret_of("WINSOME_TEST_KEY", "host")
    assert "sk-broken" not in str(caught.value)
    monkeypatch.setenv("WINSOME_TEST_KEY", " sk-good ")
    assert secret_of("WINSOME_TEST_KEY", "host") == "sk-good"
