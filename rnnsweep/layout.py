"""Where each parameter of a model lies in one row of numbers."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.errors import ConfigError

ALIGNMENT = 16  # floats: each parameter starts on a cache line, in a stack of one as in a stack of many


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
