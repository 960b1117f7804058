"""Every pooling in conf/pooling against a loop, and padding that never counts."""

import pytest
import torch
from conftest import Compose, choices

from rnnsweep import run
from rnnsweep.pooling import AbstractPooling, mask

LENGTHS = torch.tensor([1, 4, 6])


@pytest.fixture(params=choices("pooling"))
def pooling(request: pytest.FixtureRequest, composed: Compose) -> AbstractPooling:
    config, classes = run.validated(composed(f"pooling={request.param}"))
    torch.manual_seed(0)
    made: AbstractPooling = classes["pooling"](5, **run.settings(config, "pooling"))
    return made


def test_padding_never_counts(pooling: AbstractPooling) -> None:
    h = torch.randn(3, 6, 5)
    padded = h.clone()
    for row, length in enumerate(LENGTHS):
        padded[row, length:] = 1e6
    torch.testing.assert_close(pooling(h, LENGTHS), pooling(padded, LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone = pooling(h[row : row + 1, :length], length[None])
        torch.testing.assert_close(alone, pooling(h, LENGTHS)[row : row + 1])


@pytest.mark.parametrize("padding", [torch.nan, torch.inf, -torch.inf])
def test_padding_that_is_not_finite_never_counts(padding: float, pooling: AbstractPooling) -> None:
    """Neither in what is pooled nor in its gradients; a sequence without any step gives zeros."""
    clean, lengths = torch.randn(4, 6, 5), torch.tensor([1, 4, 6, 0])
    exists = mask(lengths, 6)[:, :, None]
    found = []
    for padded in (clean, torch.where(exists, clean, padding)):
        h = padded.requires_grad_()
        pooled = pooling(h, lengths)
        gradients = torch.autograd.grad(pooled.sum(), [h, *pooling.parameters()])
        found.append((pooled, *gradients))
    for with_zeros, with_padding in zip(*found, strict=True):
        assert with_padding.isfinite().all()
        assert torch.equal(with_zeros, with_padding)
    assert not found[1][0][3].any()


def test_against_a_loop(composed: Compose) -> None:
    h = torch.randn(3, 6, 5)
    wanted = {
        "last": [h[row, n - 1] for row, n in enumerate(LENGTHS)],
        "mean": [sum(h[row, t] for t in range(n)) / n for row, n in enumerate(LENGTHS)],
        "max": [torch.stack([h[row, :n, i].max() for i in range(5)]) for row, n in enumerate(LENGTHS)],
    }
    for name, rows in wanted.items():
        _, classes = run.validated(composed(f"pooling={name}"))
        torch.testing.assert_close(classes["pooling"](5)(h, LENGTHS), torch.stack(rows))


def test_attention_is_a_weighted_mean(composed: Compose) -> None:
    _, classes = run.validated(composed("pooling=attention"))
    attention, h = classes["pooling"](5), torch.randn(2, 6, 5)
    for row, length in enumerate([3, 6]):
        scores = torch.stack([attention.query @ torch.tanh(attention.project(h[row, t])) for t in range(length)])
        weights = scores.exp() / scores.exp().sum()
        wanted = sum(weights[t] * h[row, t] for t in range(length))
        torch.testing.assert_close(attention(h, torch.tensor([3, 6]))[row], wanted)
