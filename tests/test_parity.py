"""Parity: a worked example, disjoint splits, and padding that never counts."""

import pytest
import torch

from rnnsweep.cells.gru import GRU
from rnnsweep.data.sequences import distinct
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import Last, Mean
from rnnsweep.tasks.parity import Parity


def parity(**options) -> Parity:  # type: ignore[no-untyped-def]
    return Parity(options.pop("seed", 0), options.pop("batch_size", 8), **{"examples": 64, "held_out": 16} | options)


def test_worked_example() -> None:
    bits, lengths = torch.tensor([[1, 0, 1, 1], [1, 1, 0, 0]]), torch.tensor([4, 3])
    assert parity(output="each").sequences(bits, lengths)["targets"].tolist() == [[1, 1, 0, 1], [1, 0, 0, 0]]
    assert parity(output="last").sequences(bits, lengths)["targets"].tolist() == [1, 0]


@pytest.mark.parametrize("min_len", [None, 3])
def test_splits_are_disjoint_and_come_from_the_seed(min_len: int | None) -> None:
    made, again, other = (parity(seq_len=9, min_len=min_len, seed=seed) for seed in (1, 1, 2))
    rows = [
        (length, *bits)
        for split in ("train", "val", "test")
        for bits, length in zip(made.data[split]["inputs"].tolist(), made.data[split]["lengths"].tolist(), strict=True)
    ]
    assert len(rows) == len(set(rows)) == 64 + 16 + 16
    assert made.data_hash == again.data_hash != other.data_hash


def test_lengths_are_uniform_and_padding_is_zero() -> None:
    bits, lengths = distinct(3000, 10, 14, 2, 0)
    counts = torch.bincount(lengths, minlength=15)[10:]
    assert counts.sum() == 3000
    assert (counts - 600).abs().max() < 6 * (3000 * 0.2 * 0.8) ** 0.5
    assert (bits[torch.arange(14) >= lengths[:, None]] == 0).all()
    assert bits.float().mean(0)[:10].sub(0.5).abs().max() < 0.06


def test_every_split_has_its_share_of_the_short_sequences() -> None:
    made = parity(seq_len=14, min_len=4, examples=4000, held_out=1000)
    share = {split: (part["lengths"] < 8).float().mean().item() for split, part in made.data.items()}
    assert share["train"] > 0.03
    assert abs(share["val"] - share["train"]) < 5 * (0.05 / 1000) ** 0.5


def test_an_epoch_is_one_pass_in_a_new_order() -> None:
    made = parity()
    assert made.steps_per_epoch == 8
    passes = [torch.cat([made.batch(e * 8 + i)["inputs"] for i in range(8)]) for e in range(2)]
    assert not torch.equal(*passes)
    ordered = [sorted(map(tuple, rows.tolist())) for rows in passes]
    assert ordered[0] == ordered[1] == sorted(map(tuple, made.data["train"]["inputs"].tolist()))


@pytest.mark.parametrize(("output", "pooling"), [("each", Last), ("last", Last), ("last", Mean)])
def test_the_loss_ignores_padding(output: str, pooling: type) -> None:
    made = parity(output=output, seq_len=12, min_len=4)
    torch.manual_seed(0)
    model = made.build(lambda width: GRU(width, hidden_size=5), pooling)
    batch = made.batch(0)
    loss, metrics, state = made.loss(model, batch, ())
    noisy = batch | {"inputs": batch["inputs"].clone()}
    noisy["inputs"][torch.arange(12) >= batch["lengths"][:, None]] = 1
    torch.testing.assert_close(made.loss(model, noisy, ())[0], loss)
    assert state == ()
    singles = [made.loss(model, {k: v[i : i + 1] for k, v in batch.items()}, ())[1] for i in range(8)]
    for name, (total, count) in metrics.items():
        torch.testing.assert_close(sum(s[name][0] for s in singles), total)
        torch.testing.assert_close(sum(s[name][1] for s in singles), count)
    assert metrics["loss"][1] == (batch["lengths"].sum() if output == "each" else 8)


@pytest.mark.parametrize("output", ["each", "last"])
def test_a_curriculum_cuts_training_sequences_and_nothing_else(output: str) -> None:
    whole = parity(output=output, seq_len=12)
    grown = parity(output=output, seq_len=12, curriculum=20, curriculum_start=3)
    widths = []
    for step in range(60):
        before, after = whole.batch(step), grown.batch(step)
        widths.append(after["inputs"].shape[1])
        assert (after["lengths"] <= before["lengths"]).all()
        assert after["lengths"].min() >= 1
        for bits, cut, length in zip(before["inputs"], after["inputs"], after["lengths"], strict=True):
            assert torch.equal(cut[:length], bits[:length])
            assert not cut[length:].any()
        assert torch.equal(after["targets"], grown.sequences(after["inputs"], after["lengths"])["targets"])
    assert widths[:21:4] == [3, 4, 6, 8, 10, 12]
    assert widths[20:] == [12] * 40
    assert len(torch.unique(torch.cat([grown.batch(step)["lengths"] for step in range(20, 60)]))) == 12
    assert grown.data_hash == whole.data_hash
    again = parity(output=output, seq_len=12, curriculum=20, curriculum_start=3)
    torch.testing.assert_close(grown.batch(7), again.batch(7))


def test_errors_name_the_setting() -> None:
    # 10 are fewer than 16: the message must say why that is too many
    with pytest.raises(ConfigError, match=r"only 16 different sequences.* at most half of them can be drawn; "):
        _ = parity(seq_len=4).data
    with pytest.raises(ConfigError, match=r"task.min_len"):
        _ = parity(seq_len=4, min_len=5).data
    with pytest.raises(ConfigError, match=r"task.curriculum: .*leave `task.min_len` at null"):
        _ = parity(min_len=5, seq_len=12, curriculum=20).data
    with pytest.raises(ConfigError, match=r"train.batch_size"):
        _ = parity(batch_size=100).steps_per_epoch
