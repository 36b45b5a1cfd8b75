"""Merged weights by their formulas; an adapter put into its base computes what it did apart."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import tiny_models
from tests.training.small_run import prepared, session, trained
from winsome.errors import BadInput
from winsome.training.merge import merge, slerp
from winsome.training.start import Start, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("merge"))
    for seed in (1, 2):
        tiny_models.saved(place / f"tiny-{seed}", tiny_models.causal(seed))
    tiny_models.saved(place / "wide", tiny_models.causal(hidden_size=64))
    return place


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))


def merged(folder: Path, *names: str, **settings) -> dict[str, torch.Tensor]:
    with session(folder) as run:
        name = merge([f"hf:{folder / n}" for n in names], run=run, **settings)
        assert merge([f"hf:{folder / n}" for n in names], run=run, **settings) == name
    return load_file(Path(name.removeprefix("hf:").partition("?")[0]) / "model.safetensors")


def held(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(folder / name / "model.safetensors")


def test_average_and_weighted_sum(folder):
    parts = [held(folder, name) for name in ("tiny", "tiny-1", "tiny-2")]
    mean = merged(folder, "tiny", "tiny-1", "tiny-2")
    sum_ = merged(folder, "tiny", "tiny-1", method="linear", weights=(1.5, -0.5))
    for name in mean:
        assert torch.allclose(mean[name], (parts[0][name] + parts[1][name] + parts[2][name]) / 3, atol=1e-6)
        assert torch.allclose(sum_[name], 1.5 * parts[0][name] - 0.5 * parts[1][name], atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_slerp_keeps_angles(share):
    """Between unit vectors at 70 degrees: unit length, and share x 70 degrees from the first."""
    angle = math.radians(70)
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([math.cos(angle), math.sin(angle)])
    found = slerp(first, second, share)
    assert float(found.norm()) == pytest.approx(1.0, abs=1e-6)
    assert math.atan2(float(found[1]), float(found[0])) == pytest.approx(share * angle, abs=1e-6)
    assert torch.allclose(slerp(first, 3 * first, 0.5), 2 * first)


def test_an_adapter_put_into_its_base_answers_as_it_did(folder):
    place = trained(folder, {"adapter": "lora", "rate": 5e-3})
    with session(folder) as run:
        name = merge([f"hf:{place}"], run=run)
    into = Path(name.removeprefix("hf:").partition("?")[0])
    assert not (into / "adapter_config.json").exists()
    ids = torch.arange(20)[None]
    with torch.no_grad():
        apart, whole = (
            load(Start(str(p), str(p), "", "float32")).network(input_ids=ids).logits for p in (place, into)
        )
    assert torch.allclose(apart, whole, atol=1e-4)


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        (("tiny", "wide"), {}, "differs from"),
        (("tiny", "tiny-1"), {"method": "linear", "weights": (0.5,)}, "2 models and 1 weights"),
        (("tiny", "tiny-1"), {"method": "linear", "weights": (0.5, 0.6)}, "weights sum to 1.1"),
        (("tiny", "tiny-1", "tiny-2"), {"method": "slerp"}, "name exactly two"),
        (("tiny", "tiny-1"), {"weights": (0.5, 0.5)}, "takes no weights"),
        (("tiny", "tiny-1"), {"method": "slerp", "share": 2.0}, r"must lie in \[0, 1\]"),
    ],
)
def test_what_does_not_go_together_is_refused(folder, names, settings, said):
    with pytest.raises(BadInput, match=said):
        merged(folder, *names, **settings)
