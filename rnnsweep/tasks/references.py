"""Simple forecasts that a trained model is compared with: the last value, the season before, and least squares."""

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

CHUNK = 4096  # windows at a time: a matter of memory
RANK = 1e-10  # smaller singular values of the normal equations, relative to the largest, count as 0


def last_value(
    values: Float[Tensor, "row target"], origins: Int[Tensor, "window"], horizon: int
) -> Float[Tensor, "window {horizon} target"]:
    """The value before each origin, at all steps."""
    return values[origins - 1][:, None].expand(-1, horizon, -1)


def seasonal(
    values: Float[Tensor, "row target"], origins: Int[Tensor, "window"], horizon: int, season: int
) -> Float[Tensor, "window {horizon} target"]:
    """The value one season before each step; for a step more than a season ahead, as many seasons before as needed."""
    ahead = torch.arange(horizon)
    return values[origins[:, None] - season + ahead % season]


class Autoregression:
    """Least squares from all numbers of a window and a constant to all steps of the horizon, in float64.

    Args:
        inputs, targets: the training windows. They may be views into one series: pieces of them are copied at a time.
    """

    def __init__(self, inputs: Float[Tensor, "window time column"], targets: Float[Tensor, "window horizon target"]):
        size, self.shape = inputs[0].numel() + 1, targets.shape[1:]
        gram = torch.zeros(size, size, dtype=torch.float64)
        right = torch.zeros(size, targets[0].numel(), dtype=torch.float64)
        for start in range(0, len(inputs), CHUNK):
            x = _design(inputs[start : start + CHUNK])
            gram += x.T @ x
            right += x.T @ targets[start : start + CHUNK].flatten(1).double()
        self.weights: Float64[Tensor, "number answer"]
        self.weights = torch.linalg.pinv(gram, hermitian=True, rtol=RANK) @ right

    def __call__(self, inputs: Float[Tensor, "window time column"]) -> Float[Tensor, "window horizon target"]:
        pieces = [_design(piece) @ self.weights for piece in inputs.split(CHUNK)]
        return torch.cat(pieces).view(len(inputs), *self.shape).float()


def _design(inputs: Float[Tensor, "window time column"]) -> Float64[Tensor, "window number"]:
    flat = inputs.flatten(1).double()
    return torch.cat([flat, torch.ones(len(flat), 1, dtype=torch.float64)], 1)
