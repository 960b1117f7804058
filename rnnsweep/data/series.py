"""Series of numbers: noisy sines of our own, or a column of a CSV file."""

import csv
import functools
import hashlib
import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep import rng
from rnnsweep.errors import ConfigError


def sines(points: int, period: float, frequencies: int, noise: float, seed: int) -> Float[Tensor, "{points}"]:
    """The mean of sines of periods `period`, `period` / 2, …, their phases from the seed, and normal noise."""
    generator = rng.generator(seed, "data")
    phases = 2 * math.pi * torch.rand(frequencies, 1, generator=generator, dtype=torch.float64)
    waves = torch.arange(1, frequencies + 1)[:, None] * (2 * math.pi / period) * torch.arange(points)
    clean = torch.sin(waves.double() + phases).mean(0)
    return (clean + noise * torch.randn(points, generator=generator, dtype=torch.float64)).float()


@functools.lru_cache(maxsize=4)
def column(path: str, name: str | None) -> tuple[Float[Tensor, "point"], str]:
    """The numbers of a column (the first, where no name is given) and the SHA-256 of the file.

    Raises:
        ConfigError: names `task.path` or `task.column` where the file, the column or a number is not there.
    """
    where = Path(path).expanduser()
    try:
        content = where.read_bytes()
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except FileNotFoundError:
        raise ConfigError("task.path", f"there is no file `{path}`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("task.path", f"cannot read `{path}` as a CSV file: {error}") from None
    header = rows[0] if rows else []
    if name is not None and name not in header:
        problem = f"`{path}` has no column `{name}`; its first line names {', '.join(map(repr, header)) or 'nothing'}"
        raise ConfigError("task.column", problem, ("task.path",))
    place = header.index(name) if name is not None else 0
    numbers = []
    for line, row in enumerate(rows[1:], 2):
        try:
            numbers.append(float(row[place]))
        except (ValueError, IndexError):
            found = row[place] if place < len(row) else "nothing"
            raise ConfigError("task.path", f"line {line} of `{path}`: expected a number, got {found!r}") from None
        if not math.isfinite(numbers[-1]):
            raise ConfigError("task.path", f"line {line} of `{path}`: {row[place]} is not finite")
    return torch.tensor(numbers), hashlib.sha256(content).hexdigest()
