"""Dropout and noise: how much, and that they depend on the key and nothing else."""

import pytest
import torch
from torch.func import functional_call, vmap

from rnnsweep import rng
from rnnsweep.dropout import Dropout, Noise, RandomMask, random_int16


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    dropout, total, count = Dropout(rate), 0.0, 0.0
    for seed in range(5):
        dropout.key.fill_(rng.key(seed, "dropout", "x", 3))
        y = dropout(torch.ones(100_003))
        total, count = total + y.mean().item() / 5, count + (y == 0).float().mean().item() / 5
    assert count == pytest.approx(rate, abs=4 * (rate * (1 - rate) / 500_015) ** 0.5 + 1 / 65536)
    assert total == pytest.approx(1, abs=0.02)


def test_bits_are_uniform_and_uncorrelated() -> None:
    """Chi-square of the high byte, and the correlation of neighbours and of neighbouring keys."""
    one, other = (random_int16(torch.tensor(key), 400_000).double() for key in (1, 2))
    counts = torch.histc(one, 256, -32768, 32768)
    chi = ((counts - 400_000 / 256).square() / (400_000 / 256)).sum().item()
    assert 160 < chi < 380  # 255 degrees of freedom: mean 255, deviation 23
    for left, right in ((one[:-1], one[1:]), (one[:-4], one[4:]), (one, other)):
        assert abs(torch.corrcoef(torch.stack([left, right]))[0, 1].item()) < 5 / 400_000**0.5


def test_off_in_evaluation_and_at_rate_zero() -> None:
    x = torch.randn(8)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_noise_is_normal_and_for_training_alone() -> None:
    noise = Noise(0.3)
    noise.key.fill_(rng.key(0, "dropout", "x", 3))
    x = torch.full((200_003,), 5.0)
    z = (noise(x) - 5) / 0.3
    assert z.mean().item() == pytest.approx(0, abs=0.01)
    assert z.std().item() == pytest.approx(1, abs=0.01)
    assert (z.abs() < 1.96).double().mean().item() == pytest.approx(0.95, abs=0.002)
    assert not torch.equal(noise(x), noise(x))
    assert torch.equal(noise.eval()(x), x)
    assert torch.equal(Noise(0.0)(x), x)


@pytest.mark.parametrize("kind", [Dropout, Noise])
def test_members_have_rates_and_masks_of_their_own(kind: type[RandomMask]) -> None:
    x, keys, rates = torch.ones(3, 50, 20), torch.tensor([5, 6, 7]), torch.tensor([0.2, 0.5, 0.8])
    dropout = kind(0.5)
    together = vmap(lambda x, key, rate: functional_call(dropout, {"key": key, "rate": rate}, (x,)))(x, keys, rates)
    for row in range(3):
        alone = kind(rates[row].item())
        alone.key.fill_(keys[row])
        assert torch.equal(alone(x[row]), together[row])


def test_keys_differ_by_every_part() -> None:
    keys = {rng.key(s, stream, *i) for s in (0, 1) for stream in ("data", "coins") for i in ((), (0,), (1,), ("a", 1))}
    assert len(keys) == 16
    assert rng.key(3, "data", 5) == rng.key(3, "data", 5)


def test_seeding_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(4)
    before = torch.get_rng_state()
    with rng.seeded(0, "init"):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with rng.seeded(0, "init"):
        assert torch.equal(torch.rand(3), first)


def test_a_sequence_in_pieces_draws_a_new_mask_at_each() -> None:
    """As a decoder that steps one by one; only what is dropped over time stays the same, until the next key."""
    for over_time in (False, True):
        dropout = Dropout(0.5, over_time)
        dropout.key.fill_(rng.key(0, "dropout", "x", 1))
        kept = torch.stack([dropout(torch.ones(4, 1, 100)) != 0 for _ in range(40)])
        alike = torch.stack([(kept[i] == kept[j]).double().mean() for i in range(40) for j in range(i)])
        assert (alike == 1).all() if over_time else ((alike > 0.3) & (alike < 0.7)).all()
    assert Dropout(0.99999)(torch.ones(1000)).abs().sum() < 1.1e5  # keeps next to nothing
