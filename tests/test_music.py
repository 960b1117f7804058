"""Polyphonic music: the likelihood, the pieces, the file."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DATA
from scipy.io import savemat
from torch import nn

from rnnsweep.cells.gru import GRU
from rnnsweep.data.music import KEYS, LOWEST, chorales, rolls
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import Last
from rnnsweep.tasks.music import Music


class Says(nn.Module):
    """The same scores at every step."""

    def __init__(self, scores: torch.Tensor):
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        return self.scores.expand(*x.shape[:2], -1), ()


def written(tmp_path: Path, lengths: tuple[int, ...] = (3, 12, 7), **content: object) -> str:
    """A .mat file with pieces of these lengths in each split; key `t` sounds at step t, and key 87 always."""
    pieces = np.empty((1, len(lengths)), dtype=object)
    for index, length in enumerate(lengths):
        roll = np.zeros((length, KEYS))
        roll[np.arange(length), np.arange(length)] = roll[:, 87] = 1
        pieces[0, index] = roll
    path = tmp_path / "music.mat"
    savemat(path, {"traindata": pieces, "validdata": pieces, "testdata": pieces} | content)
    return str(path)


def test_the_loss_is_summed_over_keys_and_averaged_over_steps_from_the_second(tmp_path: Path) -> None:
    task = Music(0, 2, path=written(tmp_path))
    batch = next(task.evaluation("val"))
    assert batch["inputs"].shape == (3, 11, KEYS)
    loss, metrics, _ = task.loss(Says(torch.zeros(KEYS)), batch, ())
    assert loss.item() == pytest.approx(88 * math.log(2))
    assert metrics["loss"][1] == 2 + 11 + 6
    sure = torch.full((KEYS,), -2.0)
    sure[87] = 2.0  # says key 87 at each step: right, and misses the other one
    loss, metrics, _ = task.loss(Says(sure), batch, ())
    right, wrong = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
    assert loss.item() == pytest.approx(87 * right + wrong)
    hits, union = metrics["accuracy"]
    assert (hits.item(), union.item()) == (19, 38)


def test_noise_is_on_what_training_reads(tmp_path: Path) -> None:
    task = Music(0, 2, path=written(tmp_path), input_noise=0.5)
    model = task.build(lambda size: GRU(size, hidden_size=4), Last)
    batch = next(task.evaluation("val"))
    noisy, again = (task.loss(model, batch, ())[0].item() for _ in range(2))
    assert noisy != again
    clear = [task.loss(model.eval(), batch, ())[0].item() for _ in range(2)]
    assert clear[0] == clear[1]
    assert clear[0] not in (noisy, again)


def test_training_cuts_pieces_so_that_every_step_is_predicted_once(tmp_path: Path) -> None:
    task = Music(0, 1, path=written(tmp_path), seq_len=5)
    train = task.data["train"]
    assert sorted(train["lengths"].tolist()) == [1, 1, 2, 5, 5, 5]
    told = [int(t) for row, n in zip(train["targets"], train["lengths"], strict=True) for t in row[:n, :87].argmax(1)]
    assert sorted(told) == sorted([*range(1, 3), *range(1, 12), *range(1, 7)])
    assert all(
        torch.equal(a[1:n], b[: n - 1])
        for a, b, n in zip(train["inputs"], train["targets"], train["lengths"].tolist(), strict=True)
    )


def test_chorales_are_triads_in_four_voices() -> None:
    pieces = chorales(50, 64, seed=3)
    assert all(32 <= len(piece) <= 64 for piece in pieces)
    assert len({piece.tobytes() for piece in pieces}) == 50
    assert np.mean([piece.sum(1).mean() for piece in pieces]) == pytest.approx(4, abs=0.05)
    triads = [{root, (root + 4) % 12, (root + 7) % 12} for root in range(12)]
    first = [{(note + LOWEST) % 12 for note in np.flatnonzero(piece[0]).tolist()} for piece in pieces]
    assert all(any(notes <= triad for triad in triads) for notes in first), "each begins with its key's own triad"
    assert len({min(notes) for notes in first}) > 4
    assert all((a == b).all() for a, b in zip(pieces, chorales(50, 64, seed=3), strict=True))


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a sequence of shape \(3, 5\); expected \(time, 88\)"):
        rolls(written(tmp_path, testdata=np.array([[np.ones((3, 5)), 0]], dtype=object)))
    savemat(tmp_path / "other.mat", {"traindata": np.zeros(3)})
    with pytest.raises(ConfigError, match="has no `validdata`; expected traindata, validdata, testdata"):
        rolls(str(tmp_path / "other.mat"))


def test_what_is_no_mat_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mat").write_text("not music")
    with pytest.raises(ConfigError, match=r"task.path: cannot read .*text.mat` as a .mat file"):
        rolls(str(tmp_path / "text.mat"))
    with pytest.raises(ConfigError, match="there is no file"):
        rolls(str(tmp_path / "none.mat"))


def test_pieces_that_are_trained_on_and_tested_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = np.zeros((4, KEYS))
    other[:, 3] = 1
    part = np.empty((1, 2), dtype=object)
    part[0, 0], part[0, 1] = other, np.eye(3, KEYS)
    part[0, 1][:, 87] = 1  # as in the training
    rolls(written(tmp_path, validdata=other, testdata=part))
    told = capsys.readouterr().err
    assert "1 of the 2 pieces of the test part is trained on, too" in told
    assert "val part" not in told


def test_new_rolls_hold_zeros_and_ones() -> None:
    task = Music(0, 1, examples=4, held_out=2)
    model = task.build(lambda size: GRU(size, hidden_size=4), Last).eval()
    roll = np.zeros((3, KEYS))
    assert len(task.predict(model, [roll])[0]) == 3
    roll[1, 40] = 64
    with pytest.raises(ConfigError, match=r"^the new data: example 1 holds 64; expected zeros and ones"):
        task.predict(model, [np.zeros((5, KEYS)), roll])


def test_the_head_starts_at_how_often_each_key_sounds() -> None:
    task = Music(0, 4, examples=40, held_out=10)
    model = task.build(lambda width: GRU(width, hidden_size=5), Last)
    model.head.weight.data.zero_()
    steps = np.concatenate(task.pieces["train"]).astype(float)
    shares = (steps.sum(0) + 0.5) / (len(steps) + 1)
    answered = [piece[1:].astype(float) for piece in task.pieces["train"]]
    expected = -np.mean([(np.log(np.where(row == 1, shares, 1 - shares))).sum() for p in answered for row in p])
    whole = task.data["train"]
    assert task.loss(model, whole, ())[0].item() == pytest.approx(expected, rel=1e-5)
    again = Music(0, 4, examples=40, held_out=10)
    again.adopt(task.assets())
    again.pieces = {}  # what is adopted is not read again
    rebuilt = again.build(lambda width: GRU(width, hidden_size=5), Last)
    torch.testing.assert_close(rebuilt.head.bias, model.head.bias)
    plain = Music(0, 4, examples=40, held_out=10, start_at_shares=False).build(lambda width: GRU(width), Last)
    assert plain.head.bias.abs().max() < 0.1


@pytest.mark.skipif(not (DATA / "poly-music").exists(), reason="the public piano rolls are not here")
def test_the_public_pieces() -> None:
    """As many as Boulanger-Lewandowski et al. (2012) divided them into."""
    for name, counts in (("JSB_Chorales", (229, 76, 77)), ("Nottingham", (694, 173, 170))):
        pieces, _ = rolls(str(DATA / "poly-music" / f"{name}.mat"))
        assert tuple(len(pieces[split]) for split in ("train", "val", "test")) == counts
