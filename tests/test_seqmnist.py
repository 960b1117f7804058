"""Sequential MNIST: the files, what is refused, the order of the pixels, and digits of our own."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnsweep.data import digits
from rnnsweep.data.digits import FILES
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.seqmnist import SeqMNIST

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = sum(FILES, ())


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes() + values.astype(np.uint8).tobytes()


def grey(count: int, rows: int = 3, columns: int = 4) -> np.ndarray:
    return np.arange(count * rows * columns).reshape(count, rows, columns) % 256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty training pictures and five of the test, 3 × 4; two of the files are packed."""
    (tmp_path / TRAIN_IMAGES).write_bytes(idx(grey(20)))
    (tmp_path / f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(idx(np.arange(20) % 10)))
    (tmp_path / f"{TEST_IMAGES}.gz").write_bytes(gzip.compress(idx(grey(5)[::-1])))
    (tmp_path / TEST_LABELS).write_bytes(idx(np.array([9, 8, 7, 6, 5])))
    return tmp_path


def test_the_files_are_read_pixel_by_pixel(folder: Path) -> None:
    task = SeqMNIST(0, 4, path=str(folder), val_fraction=0.2)
    assert {split: task.size(split) for split in ("train", "val", "test")} == {"train": 16, "val": 4, "test": 5}
    batch = next(task.evaluation("val"))  # the last four of the training pictures, in order
    assert batch["inputs"].shape == (4, 12, 1)
    assert batch["lengths"].tolist() == [12] * 4
    assert batch["labels"].tolist() == [6, 7, 8, 9]
    torch.testing.assert_close(batch["inputs"][0, :, 0] * 255, torch.arange(16 * 12, 17 * 12).float())
    assert next(task.evaluation("test"))["labels"].tolist() == [9, 8, 7, 6, 5]
    train = task.batch(0)
    torch.testing.assert_close(train["labels"], (train["inputs"][:, 0, 0] * 255 / 12).round().long() % 10)


def test_the_pixels_of_every_run_come_in_the_same_other_order(folder: Path) -> None:
    plain, permuted, other = (
        next(SeqMNIST(seed, 4, path=str(folder), permuted=other).evaluation("test"))["inputs"][:, :, 0]
        for seed, other in ((0, False), (0, True), (1, True))
    )
    torch.testing.assert_close(permuted, other)
    assert not torch.equal(plain, permuted)
    torch.testing.assert_close(plain.sort(1).values, permuted.sort(1).values)
    order = [int((plain[0] == value).nonzero()) for value in permuted[0]]
    torch.testing.assert_close(plain[:, order], permuted)


def test_a_run_is_known_by_what_the_files_hold(folder: Path) -> None:
    before = SeqMNIST(0, 4, path=str(folder)).source_hash
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress((folder / TRAIN_IMAGES).read_bytes()))
    (folder / TRAIN_IMAGES).unlink()
    digits.pictures.cache_clear()
    assert SeqMNIST(0, 4, path=str(folder)).source_hash == before
    (folder / TEST_LABELS).write_bytes(idx(np.array([9, 8, 7, 6, 4])))
    digits.pictures.cache_clear()
    assert SeqMNIST(0, 4, path=str(folder)).source_hash != before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (TRAIN_IMAGES, None, "has no `train-images-idx3-ubyte`, neither plain nor .gz"),
        (TRAIN_IMAGES, idx(grey(20))[:-1], r"is damaged: 255 bytes, but its head says 256"),
        (TRAIN_IMAGES, idx(grey(20))[:9], "is damaged: 9 bytes"),
        (TRAIN_IMAGES, b"\x89PNG and so on", "is not an IDX file of bytes with 3 axes"),
        (TRAIN_IMAGES, idx(np.arange(20)), "is not an IDX file of bytes with 3 axes"),
        (TRAIN_IMAGES, idx(grey(19)), "holds 19 pictures and `train-labels-idx1-ubyte` 20 labels"),
        (TRAIN_IMAGES, idx(grey(20, 4, 4)), "training pictures of 4 × 4 and test pictures of 3 × 4"),
        (TEST_LABELS, idx(np.array([9, 8, 7, 6, 26])), "holds the label 26; expected 0 to 9"),
        (f"{TEST_IMAGES}.gz", gzip.compress(idx(grey(5)), mtime=0)[:-9], "cannot read"),
        (f"{TEST_IMAGES}.gz", b"not packed", "cannot read"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, name: str, content: bytes | None, said: str) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match=said) as refused:
        digits.pictures(str(folder))
    assert refused.value.keys == ("task.path",)


def test_a_folder_that_is_not_there_and_a_split_that_leaves_nothing_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder; give the one of train-images-idx3-ubyte, "):
        SeqMNIST(0, 4, path=str(folder / "none")).source_hash  # noqa: B018
    with pytest.raises(ConfigError, match="leaves 20 of 20 training pictures to learn from and 0 for validation"):
        SeqMNIST(0, 4, path=str(folder), val_fraction=0.01).data  # noqa: B018


def test_digits_of_our_own_are_told_apart_by_their_shapes() -> None:
    """A picture is nearest to the mean of its own digit far more often than one in ten."""
    known, shown = digits.strokes(1000, 0, "train")
    asked, wanted = digits.strokes(300, 0, "test")
    assert known.shape == (1000, digits.SIDE, digits.SIDE)
    assert set(shown.tolist()) == set(range(10))
    means = torch.stack([known[shown == digit].double().mean(0).flatten() for digit in range(10)])
    right = (torch.cdist(asked.double().flatten(1), means).argmin(1) == wanted).double().mean()
    assert 0.6 < right < 1  # strokes vary enough that no template has them all
    assert len(torch.unique(known.flatten(1), dim=0)) == 1000


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (
            [np.full((3, 4), 0.5)],
            "example 0 holds numbers from 0.5 to 0.5; .* from 0 to 255, times 255",
        ),
        ([np.full((3, 4), 9), np.full((3, 4), -1)], "example 1 holds numbers from -1 to -1; expected grey values"),
        ([np.full((3, 4), 300)], "example 0 holds numbers from 300 to 300; expected grey values from 0 to 255$"),
        (
            [np.full((3, 4), 9), np.full((4, 4), 9)],
            "example 1 has 16 pixels; the training pictures have 12, expected as many",
        ),
        ([np.full((2, 4), 9)], "example 0 has 8 pixels; the training pictures have 12, expected as many"),
    ],
)
def test_new_pictures_that_are_not_as_the_trainings_are_refused(
    pictures: list[np.ndarray], said: str, folder: Path
) -> None:
    task = SeqMNIST(0, 4, path=str(folder))
    assert task.encoded([np.zeros((3, 4)), np.full((3, 4), 255)])["inputs"].max() == 1
    with pytest.raises(ConfigError, match=said):
        task.encoded(pictures)
