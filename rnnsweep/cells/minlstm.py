"""The minimal LSTM of Feng et al. (2024), "Were RNNs All We Needed?"."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.mingru import positive
from rnnsweep.cells.scan import Coefficients, ScanCell, ScanLayer
from rnnsweep.kernels import functions
from rnnsweep.kernels.functions import exp, positive_slope, relu
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below, from 1 / f and 1 / i, both over the larger power of e that is in them."""
    (x_f, x_i, x_n), (h,) = gates, state
    largest = relu(relu(x_f - x_i) - x_f)  # max(0, -x_f, -x_i)
    one, shut_f, shut_i = exp(-largest), exp(-x_f - largest), exp(-x_i - largest)
    over_f, over_i, n = one + shut_f, one + shut_i, functions.positive(x_n)
    keep, take = over_i / (over_f + over_i), over_f / (over_f + over_i)
    return Step(state=(keep * h + take * n,), saved=(keep, take, n, shut_f / over_f, shut_i / over_i))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (keep, take, n, not_f, not_i), (h,) = grad, saved, state
    d_lead = d_h * (h - n) * keep * take  # of ln f - ln i
    d_gates = (d_lead * not_f, -d_lead * not_i, d_h * take * positive_slope(n))
    return StepGrads(gates=d_gates, recurrent=(), state=(d_h * keep,), parameters=())


POINTWISE = Pointwise(forward=forward, backward=backward, gates=3, saved=5, product=False)


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class MinLSTM(ScanCell):
    """Feng et al. 2024, section 3.2 and appendix B.2.2:

        f = σ(W_f x + b_f)        i = σ(W_i x + b_i)        n = g(W_n x + b_n)
        f' = f / (f + i)          i' = i / (f + i)          h' = f' h + i' n

    The two shares come from the log space, f' = σ(ln f - ln i) and i' = σ(ln i - ln f), so that gates which are both
    shut leave no 0 / 0. g and the recurrence are minGRU's.

    Parameters a layer: 3 hidden * (in + 1). State: hidden. Parallel over time.
    """

    gates: ClassVar[int] = 3
    sigmoids: ClassVar[tuple[str, ...]] = ("f'", "i'")

    positive: bool = True
    """False: n is linear, as in their section 3.2 without the log space."""
    forget_bias: float | None = 1.0
    """Initial b_f; None leaves it uniform."""

    def make_layer(self, input_size: int) -> ScanLayer:
        layer = super().make_layer(input_size)
        if self.forget_bias is not None:
            nn.init.constant_(layer.projection.bias[: self.hidden_size], self.forget_bias)
        return layer

    def coefficients(self, layer: nn.Module, gates: Float[Tensor, "*batch time gates"]) -> Coefficients:
        f, i, n = gates.chunk(3, -1)
        lead = F.logsigmoid(f) - F.logsigmoid(i)
        return torch.sigmoid(lead), torch.sigmoid(-lead) * (positive(n) if self.positive else n)

    @property
    def pointwise(self) -> Pointwise | None:
        return POINTWISE if self.positive else None
