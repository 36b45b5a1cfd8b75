"""The fixed policy's log-probabilities are computed once a sequence, whatever data it stands in, and never from other weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.models.test_logprobs import padded, sequences_of
from tests.tiny_models import causal
from winsome.errors import BadInput
from winsome.training import references


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """How many sequences each call computed."""
    counts: list[int] = []
    plain = references.logprobs

    def counted(network, sequences, *others, **more):
        counts.append(len(sequences))
        return plain(network, sequences, *others, **more)

    monkeypatch.setattr(references, "logprobs", counted)
    return counts


def test_what_is_kept_is_what_a_padded_forward_gives():
    network, sequences = causal(), sequences_of(1)
    expected = padded(network, sequences)
    for _ in range(2):
        held = references.stored(network, "a", sequences, prompts=True).of(range(len(sequences)))
        torch.testing.assert_close(
            held.sums, torch.stack([a.sum() for _, a in expected]), atol=1e-4, rtol=1e-5
        )
        torch.testing.assert_close(held.tokens, torch.cat([a for _, a in expected]), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            held.prompt_sums, torch.stack([p.sum() for p, _ in expected]), atol=1e-4, rtol=1e-5
        )


def test_other_data_compute_only_what_is_new(asked):
    network, sequences = causal(), sequences_of(2)
    first = references.stored(network, "a", sequences[:8])
    assert sum(asked) == 8
    turned = [*sequences[7:4:-1], *sequences, sequences[0]]
    second = references.stored(network, "a", turned)
    assert sum(asked) == len(sequences)
    np.testing.assert_array_equal(second.of([0]).tokens, first.of([7]).tokens)
    np.testing.assert_array_equal(
        second.of([3, len(turned) - 1]).sums[0], second.of([len(turned) - 1]).sums[0]
    )


def test_another_model_precision_or_span_shares_nothing(asked):
    network, sequences = causal(), sequences_of(3)[:4]
    references.stored(network, "a", sequences)
    references.stored(network, "b", sequences)
    references.stored(network, "a", sequences, compute="bfloat16")
    references.stored(network, "a", sequences, prompts=True)
    assert sum(asked) == 16


def test_a_stopped_run_goes_on_where_it_was(asked, monkeypatch):
    monkeypatch.setattr(references, "SEGMENT", 4)
    monkeypatch.setattr(references, "BLOCK", 2)
    network, sequences = causal(), sequences_of(4)

    def stop(done: int, _of: int) -> None:
        if done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        references.stored(network, "a", sequences, progress=stop)
    assert sum(asked) == 10
    told: list[tuple[int, int]] = []
    found = references.stored(network, "a", sequences, progress=lambda *at: told.append(at))
    assert sum(asked) == 10 + 4
    assert told == [(10, 12), (12, 12)]
    plain = references.stored(network, "other", sequences)
    np.testing.assert_allclose(found.tokens, plain.tokens, atol=1e-5)


def test_a_value_that_is_not_finite_names_its_sequence():
    network = causal()
    with torch.no_grad():
        network.lm_head.weight.fill_(float("nan"))
    with pytest.raises(BadInput, match="sequence 0 is not finite"):
        references.stored(network, "a", sequences_of(5))
