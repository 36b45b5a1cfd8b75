"""No key and no password reaches a ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from winsome.ledger.secrets import masked, without_secrets
from winsome.ledger.store import Ledger

SECRETS = [
    "sk-proj-abcdefghijklmnopqrstuvwx1234",
    "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWx",
    "hf_abcdefghijklmnopqrstuvwxyz012345",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA-abcdefghijklmnopqrstuvwxyz12345",
    "gsk_abcdefghijklmnopqrstuvwxyz012345",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "error: Incorrect API key provided: {}.", "http://h:1/v1#m?key={}", "Bearer {}"]
)
def test_what_has_the_shape_of_a_key_is_masked(secret: str, around: str) -> None:
    text = masked(around.format(secret))
    assert secret not in text
    assert secret[-8:] not in text
    assert "***" in text


def test_passwords_are_masked_in_addresses() -> None:
    assert masked("postgresql://me:hunter2@host:5432/db") == "postgresql://me:***@host:5432/db"
    assert masked("http://host:8000/v1#m?key=abc&effort=low") == "http://host:8000/v1#m?key=***&effort=low"
    assert masked("Authorization: Bearer abcdefghijkl") == "Authorization: Bearer ***"


PLAIN = [
    "http://host:8000/v1#model?key=env:OPENAI_API_KEY",
    "postgresql://me@host/db",
    "best_of_n?n=8&base=(hf:Qwen/Qwen2.5-0.5B-Instruct?dtype=bfloat16)",
    "a task-oriented sk-learn question about hf_transformers",
    "6ba7b810fe2c4f6e9d0a1b2c3d4e5f60",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays(text: str) -> None:
    assert masked(text) == text


def test_fields_are_masked_by_name_and_everything_else_stays() -> None:
    record = {
        "api_key": "short", "OPENAI_API_KEY": "x", "password": "p", "headers": [{"Authorization": "t"}], "token": "abc",
        "tokens_in": 7, "max_tokens": 3, "key": "6ba7b810", "key_env": "env:NAME", "secret": "env:NAME", "seed": 0, "none": None,
    }  # fmt: skip
    assert without_secrets(record) == record | {
        "api_key": "***", "OPENAI_API_KEY": "***", "password": "***", "headers": [{"Authorization": "***"}], "token": "***",
    }  # fmt: skip


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with Ledger.open(path) as ledger:
        ledger.put_run(
            "run", {"command": [f"--key={secret}" for secret in SECRETS], "settings": {"password": "hunter2"}}
        )
        assert ledger.run("run") is not None
    content = path.read_bytes()
    for secret in [*SECRETS, "hunter2"]:
        assert secret.encode() not in content
