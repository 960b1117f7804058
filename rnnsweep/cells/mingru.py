"""The minimal GRU of Feng et al. (2024), "Were RNNs All We Needed?"."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.scan import Coefficients, ScanCell
from rnnsweep.kernels import functions
from rnnsweep.kernels.functions import complement, exp, positive_slope
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below; 1 / (1 + e^-x) keeps the digits of a gate that is nearly shut."""
    (x_z, x_n), (h,) = gates, state
    shut = exp(-x_z)
    keep, n = shut / complement(-shut), functions.positive(x_n)
    z = keep / shut
    return Step(state=(keep * h + z * n,), saved=(keep, z, n))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (keep, z, n), (h,) = grad, saved, state
    return StepGrads(
        gates=(d_h * (n - h) * z * keep, d_h * z * positive_slope(n)), recurrent=(), state=(d_h * keep,), parameters=()
    )


POINTWISE = Pointwise(forward=forward, backward=backward, gates=2, saved=3, product=False)


def positive(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """g of Feng et al. 2024, appendix B.2: x + 1/2 where x ≥ 0, σ(x) elsewhere; above 0 and continuous."""
    return torch.where(x >= 0, x + 0.5, torch.special.expit(x))  # the sigmoid by another name: this is no gate


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class MinGRU(ScanCell):
    """Feng et al. 2024, section 3.1 and appendix B.2.1:

        z = σ(W_z x + b_z)        n = g(W_n x + b_n)        h' = (1 - z) h + z n

    g keeps n, and so h, above 0, as their scan in log space needs; here 1 - z = σ(-(W_z x + b_z)) and z n are those of
    the log space, and the recurrence goes on in h itself, which keeps more digits (kernels/linear_scan.py) and allows
    any state to begin with: 0, where nothing else is given.

    Parameters a layer: 2 hidden * (in + 1). State: hidden. Parallel over time.
    """

    gates: ClassVar[int] = 2
    sigmoids: ClassVar[tuple[str, ...]] = ("1 - z", "z")

    positive: bool = True
    """False: n is linear, as in their section 3.1 without the log space."""

    def coefficients(self, layer: nn.Module, gates: Float[Tensor, "*batch time gates"]) -> Coefficients:
        z, n = gates.chunk(2, -1)
        return torch.sigmoid(-z), torch.sigmoid(z) * (positive(n) if self.positive else n)

    @property
    def pointwise(self) -> Pointwise | None:
        return POINTWISE if self.positive else None
