"""Pictures of digits: those of four IDX files in the layout of MNIST, or strokes of our own."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from rnnsweep import rng
from rnnsweep.data.user_files import entries, kept, read
from rnnsweep.errors import ConfigError

Pictures = tuple[UInt8[Tensor, "_ row column"], Int[Tensor, "_"]]
"""Grey values, 0 is background, and the digits that they show."""

CLASSES = [str(digit) for digit in range(10)]
FILES = (("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"))


@kept(2)
def pictures(path: str) -> tuple[Pictures, Pictures, str]:
    """The training and the test pictures of a folder with MNIST's four files, each plain or .gz; the files' SHA-256.

    Raises:
        ConfigError: names `task.path` where a file is not there, is torn, or does not belong to the others.
    """
    if entries(path, "task.path") is None:
        raise ConfigError("task.path", f"`{path}` is no folder; give the one of {', '.join(sum(FILES, ()))}")
    content = {name: _content(Path(path).expanduser(), name) for name in sum(FILES, ())}
    train, test = (_pair(content, images, labels) for images, labels in FILES)
    if train[0].shape[1:] != test[0].shape[1:]:
        problem = f"training pictures of {_size(train[0])} and test pictures of {_size(test[0])}"
        raise ConfigError("task.path", f"`{path}` holds {problem}; expected one size")
    return train, test, hashlib.sha256(b"".join(content.values())).hexdigest()


def _content(folder: Path, name: str) -> bytes:
    found = [file for file in (folder / name, folder / f"{name}.gz") if file.exists()]
    if not found:
        raise ConfigError("task.path", f"the folder `{folder}` has no `{name}`, neither plain nor .gz")
    file = read(found[0], "task.path")
    try:
        packed = found[0].suffix == ".gz" or file.content.startswith(b"\x1f\x8b")
        return gzip.decompress(file.content) if packed else file.content
    except (OSError, EOFError, zlib.error) as error:
        raise file.wrong(f"cannot read `{file.path}`: {error}") from None


def _pair(content: dict[str, bytes], images: str, labels: str) -> Pictures:
    grey, shown = _values(images, content[images], 3), _values(labels, content[labels], 1)
    if len(grey) != len(shown) or not len(grey):
        problem = f"`{images}` holds {len(grey)} pictures and `{labels}` {len(shown)} labels"
        raise ConfigError("task.path", f"{problem}; expected as many of both, and one at least")
    if int(shown.max()) >= len(CLASSES):
        raise ConfigError("task.path", f"`{labels}` holds the label {int(shown.max())}; expected 0 to 9")
    return torch.from_numpy(grey.copy()), torch.from_numpy(shown.astype(np.int64))


def _values(name: str, content: bytes, axes: int) -> np.ndarray:
    """What an IDX file holds: 0, 0, 8 for bytes, the number of axes, their lengths as big-endian int32, the bytes."""
    if content[:4] != bytes([0, 0, 8, axes]):
        raise ConfigError("task.path", f"`{name}` is not an IDX file of bytes with {axes} axes")
    start = 4 + 4 * axes
    shape = np.frombuffer(content[4:start].ljust(4 * axes, b"\0"), ">i4").tolist()
    if len(content) != start + math.prod(shape):
        problem = f"{len(content):,} bytes, but its head says {start + math.prod(shape):,}"
        raise ConfigError("task.path", f"`{name}` is damaged: {problem}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _size(grey: Tensor) -> str:
    return " × ".join(map(str, grey.shape[1:]))


# Strokes of our own ----------------------------------------------------------------------------------------------

SIDE = 14  # rows and columns
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2))  # x and y, of two squares one above the other
SEGMENTS = {"a": (0, 1), "b": (1, 3), "c": (3, 5), "d": (4, 5), "e": (2, 4), "f": (0, 2), "g": (2, 3)}
DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
"""The lit segments of each digit on a display of seven."""


def strokes(count: int, seed: int, name: str) -> Pictures:
    """`count` digits in strokes between six corners; each picture shifts, slants and stretches them at random."""
    generator = rng.generator(seed, "data", name)
    shown = torch.randint(len(DIGITS), (count,), generator=generator)
    shift, stretch = torch.randn(count, 1, 2, generator=generator), torch.randn(count, 1, 2, generator=generator)
    slant, missed = torch.randn(count, 1, generator=generator), torch.randn(count, 6, 2, generator=generator)
    corners = (torch.tensor(CORNERS) - torch.tensor([0.5, 1.0])) * torch.tensor([6.0, 5.0]) * (1 + 0.1 * stretch)
    corners[:, :, 0] -= 0.1 * slant * corners[:, :, 1]
    corners = corners + (SIDE - 1) / 2 + 0.7 * shift + 0.5 * missed
    # a digit of fewer segments draws its first one several times
    lit = torch.tensor([[SEGMENTS[name] for name in digit.ljust(7, digit[0])] for digit in DIGITS])
    ends = corners[torch.arange(count)[:, None, None], lit[shown]]  # (picture, segment, end, 2)
    return (255 * (1.5 - _distance(ends)).clamp(0, 1)).to(torch.uint8), shown


def _distance(ends: Float[Tensor, "picture segment 2 2"]) -> Float[Tensor, "picture row column"]:
    """From each pixel to the nearest of a picture's segments, in pixels."""
    axis = torch.arange(SIDE, dtype=torch.float32)
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), 2)  # (row, column, 2), x before y
    nearest = torch.full((len(ends), SIDE, SIDE), math.inf)
    for segment in ends.unbind(1):
        first, along = segment[:, None, None, 0], (segment[:, 1] - segment[:, 0])[:, None, None]
        share = ((pixels - first) * along).sum(3) / along.square().sum(3).clamp(min=1e-6)
        gap = pixels - first - share.clamp(0, 1)[..., None] * along
        nearest = torch.minimum(nearest, gap.norm(dim=3))
    return nearest
