"""Where each parameter of a model lies in one row of numbers, and what else a model keeps."""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.errors import ConfigError

ALIGNMENT = 16  # floats: each parameter starts on a cache line, in a stack of one as in a stack of many


def buffers(model: nn.Module) -> dict[str, Tensor]:
    """The buffers that belong to a trained model, by name, such as the running statistics of a BatchNorm."""
    saved = model.state_dict().keys()  # without those that were registered with persistent=False
    return {name: buffer for name, buffer in model.named_buffers() if name in saved}


def kept(model: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds of a model, by name: its parameters and its buffers."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()} | buffers(model)


@dataclasses.dataclass(frozen=True)
class Learned:
    """What training changes in the models of a stack. All of it leads with the member axis."""

    parameters: Float[Tensor, "member parameter"]
    buffers: dict[str, Tensor]

    def clone(self) -> "Learned":
        """A copy of its own."""
        return Learned(self.parameters.clone(), {name: rows.clone() for name, rows in self.buffers.items()})

    def copy_(self, other: "Learned", row: int | slice = slice(None)) -> None:
        """Takes the numbers of other weights, for one member or for all."""
        self.parameters[row] = other.parameters[row]
        for name, rows in self.buffers.items():
            rows[row] = other.buffers[name][row]


class Layout:
    """The parameters of a model side by side in a row of `width` numbers.

    Args:
        model: gives the names, the shapes and the order of the parameters.

    Raises:
        ConfigError: a parameter is not trained.
    """

    def __init__(self, model: nn.Module):
        self.places: dict[str, tuple[int, torch.Size]] = {}
        self.width = 0
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                raise ConfigError("cell", f"the parameter `{name}` is not trained; register it as a buffer")
            self.places[name] = (self.width, parameter.shape)
            self.width += math.ceil(parameter.numel() / ALIGNMENT) * ALIGNMENT

    def view(self, rows: Float[Tensor, "member parameter"], name: str) -> Tensor:
        """One parameter of all members, in its own shape: a view into the rows."""
        start, shape = self.places[name]
        return rows[:, start : start + shape.numel()].view(len(rows), *shape)

    def copied(self, row: Float[Tensor, "parameter"]) -> dict[str, Tensor]:
        """Copies of the parameters in a row, by name."""
        return {name: self.view(row[None], name)[0].clone() for name in self.places}

    def fill(self, row: Float[Tensor, "parameter"], weights: dict[str, Tensor]) -> None:
        """Writes a model's weights into a row.

        Raises:
            ValueError: the weights' names or shapes are not those of the model.
        """
        if {name: w.shape for name, w in weights.items()} != {n: shape for n, (_, shape) in self.places.items()}:
            raise ValueError("the weights are those of another model")
        for name, weight in weights.items():
            self.view(row[None], name)[0].copy_(weight)
