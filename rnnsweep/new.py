"""A cell, task, optimizer or pooling of your own to begin with: `python -m rnnsweep.new KIND NAME`.

Writes NAME.py and conf/KIND/NAME.yaml into a directory, this one where none is named: into a
package of yours, where it has an __init__.py, or with `--into rnnsweep`, in a clone, to where its own cells and tasks
are. What it writes works at once; nothing of rnnsweep needs an edit.
"""

import argparse
import dataclasses
import importlib.util
import keyword
import os
import shlex
import sys
from pathlib import Path

from rnnsweep.errors import ConfigError
from rnnsweep.terminal import Arguments, command

CELL = '''"""{name}: say in a line what it is, and where it comes from."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.types import Share, State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class {cls}(RecurrentCell):
    """h' = (1 - rate) h + rate tanh(W x + b + U h + c): put your equations here.

    Parameters a layer: hidden * (in + hidden + 2). State: hidden. Sequential over time.
    """

    gates: ClassVar[int] = 1  # blocks of rows of W and U; a layer's state is `leaves` tensors, the output first

    rate: Share = 0.5
    """Share of the new state."""

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        (h,) = state
        new = torch.tanh(gates + layer.recurrent(h))  # gates: the inputs' share, W x + b
        return (h + self.rate * (new - h),)
'''

CELL_YAML = """defaults:
  - shared/recurrent@_here_
  - _self_
_target_: {module}.{cls}
rate: 0.5                # share of the new state
"""

TASK = '''"""{name}: say in a line what is to be learned."""

import dataclasses
import functools

import torch

from rnnsweep.data.sequences import distinct
from rnnsweep.tasks.answers import BLANK, AnswerTask
from rnnsweep.types import Batch, Count, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class {cls}(AnswerTask):
    """Read `seq_len` symbols and say the first one at the last step: put your question here."""

    seq_len: Count = 10
    """Symbols of a sequence."""
    symbols: Count = 8
    """Different symbols."""

    @property
    def symbol_count(self) -> int:
        return 1 + self.symbols  # 0 is BLANK: nothing is asked at this step

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        rows, _ = distinct(self.total, self.seq_len, self.seq_len, self.symbols, self.seed)
        return {{split: _sequences(1 + part) for split, part in self.split(rows).items()}}


def _sequences(rows: torch.Tensor) -> Batch:
    targets = torch.full_like(rows, BLANK)
    targets[:, -1] = rows[:, 0]
    return {{"inputs": rows, "targets": targets, "lengths": torch.full((len(rows),), rows.shape[1])}}
'''

TASK_YAML = """_target_: {module}.{cls}
seq_len: 10              # symbols of a sequence
symbols: 8               # different symbols
examples: 10000          # training sequences
held_out: 1000           # sequences for validation, and as many for the test
embedding_size: 64       # features of an embedded symbol
"""

OPTIMIZER = '''"""{name}: say in a line what it does, and where it comes from."""

import dataclasses
from typing import Annotated

import torch

from rnnsweep.optim import AbstractOptimizer, Hyperparameters, Rows, Slots
from rnnsweep.types import PER_MEMBER, Rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class {cls}(AbstractOptimizer):
    """Steps along the sign of the gradient's mean: put your rule here. `lr` and `weight_decay` are inherited."""

    momentum: Annotated[Rate, PER_MEMBER] = 0.9
    """Decay of the gradient's mean."""

    def init(self, parameters: Rows) -> Slots:
        return {{"mean": torch.zeros_like(parameters)}}

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        gradients = gradients + hyperparameters["weight_decay"].to(parameters) * parameters
        mean = slots["mean"].lerp_(gradients, (1 - hyperparameters["momentum"]).to(parameters))
        parameters.sub_(hyperparameters.lr.to(parameters) * mean.sign())
'''

OPTIMIZER_YAML = """_target_: {module}.{cls}
lr: 1e-3                 # the base learning rate
weight_decay: 0.0        # added to the gradient
momentum: 0.9            # decay of the gradient's mean
"""

POOLING = '''"""{name}: say in a line what it makes of a sequence."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnsweep.pooling import AbstractPooling, mask
from rnnsweep.types import Positive


class {cls}(AbstractPooling):
    """The mean over the steps that exist, each feature divided by `scale`: put your formula here."""

    def __init__(self, hidden_size: int, /, *, scale: Positive = 2.0):
        super().__init__(hidden_size)
        self.scale = scale

    def forward(
        self, h: Float[Tensor, "batch time hidden"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch hidden"]:
        exists = mask(lengths, h.shape[1])[:, :, None]
        total = torch.where(exists, h, 0.0).sum(1)
        return total / lengths.clamp(min=1)[:, None] / self.scale
'''

POOLING_YAML = """_target_: {module}.{cls}
scale: 2.0               # what each feature is divided by
"""

KINDS = {
    "cell": (CELL, CELL_YAML),
    "task": (TASK, TASK_YAML),
    "optimizer": (OPTIMIZER, OPTIMIZER_YAML),
    "pooling": (POOLING, POOLING_YAML),
}
HOMES = {"cell": "cells", "task": "tasks", "optimizer": "optim"}
"""The folder of this package in which a kind's files are."""
OTHERS = {"cell": "task=parity", "task": "cell=gru", "optimizer": "task=parity", "pooling": "task=sentiment_class"}
"""What the printed command has beside the new choice."""


OURS = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class NewFiles:
    """Where the two files go, and how the class is then named."""

    source: Path
    yaml: Path
    module: str

    @classmethod
    def of(cls, kind: str, name: str, into: Path) -> "NewFiles":
        """In `into`: this package itself, a package of the user's, or any other directory."""
        if into.resolve() == OURS:
            conf = OURS / "conf" if (OURS / "conf").exists() else into.parent / "conf"  # a wheel's, or a clone's
            home = HOMES.get(kind)
            if home is None:
                raise ConfigError(
                    "--into rnnsweep", f"a {kind} has no folder of its own here; write it into your package"
                )
            return cls(into / home / f"{name}.py", conf / kind / f"{name}.yaml", f"rnnsweep.{home}.{name}")
        package = f"{into.resolve().name}." if (into / "__init__.py").exists() else ""
        return cls(into / f"{name}.py", into / "conf" / kind / f"{name}.yaml", f"{package}{name}")

    @property
    def package(self) -> str:
        """The first part of the module's name: the module itself where it is alone."""
        return self.module.split(".")[0]

    @property
    def owned(self) -> bool:
        """Whether it is part of a package of the user's."""
        return "." in self.module and self.package != "rnnsweep"

    def command(self, kind: str, name: str, into: Path) -> str:
        """What trains it."""
        other = OTHERS[kind]
        if self.package == "rnnsweep":
            return f"python -m rnnsweep {kind}={name} {other}"
        folder = Path(os.path.relpath(into.resolve().parent)) if self.owned else into
        where = "" if folder == Path() else f"PYTHONPATH={shlex.quote(str(folder))} "
        conf = shlex.quote(str(into / "conf"))
        groups = f"'hydra.searchpath=[pkg://{self.package}.conf]'" if self.owned else f"--config-dir {conf}"
        return f"{where}python -m rnnsweep {groups} {kind}={name} 'packages=[{self.package}]' {other}"


def write(kind: str, name: str, into: Path) -> NewFiles:
    """Writes the two files.

    Raises:
        ConfigError: one of them is there already; nothing is written then.
        OSError: the system does not let us write.
    """
    place = NewFiles.of(kind, name, into)
    paths = place.source, place.yaml
    if there := [path for path in paths if path.exists()]:
        raise ConfigError(str(there[0]), "exists already; choose another name, or delete it")
    cls = "".join(part.capitalize() for part in name.split("_"))
    for path, text in zip(paths, KINDS[kind], strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(name=name, cls=cls, module=place.module), encoding="utf-8")
    if place.owned:
        (into / "conf" / "__init__.py").touch()  # Hydra finds no pkg:// without it
    return place


def possible(name: str, place: NewFiles) -> bool:
    """Whether a module can have this name, where it is to be: a lone file's must hide no other module."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        return False
    alone = place.module == name
    taken = name in sys.stdlib_module_names or (not place.source.exists() and importlib.util.find_spec(name))
    return not (alone and taken)


@command("rnnsweep.new")
def main() -> None:
    parser = Arguments(
        prog="python -m rnnsweep.new", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("name", help="of the file and the choice, in small letters: my_cell")
    parser.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to write; here")
    options = parser.parse_args()
    kind, name, into = options.kind, options.name, options.into
    if not possible(name, NewFiles.of(kind, name, into)):
        parser.error(
            f"`{name}` cannot be a module's name; use small letters, digits and _, and no module's that is here"
        )
    place = write(kind, name, into)
    print(f"{place.source}\n{place.yaml}\n\n{place.command(kind, name, into)}")


if __name__ == "__main__":
    main()
