"""The real-gated linear recurrent unit of Griffin (De et al. 2024)."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.scan import Coefficients, ScanCell, ScanLayer
from rnnsweep.kernels.dense import Linear, linear
from rnnsweep.kernels.functions import LEAST, complement, exp, root, sigmoid, sigmoid_slope, tanh
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values

SHARPNESS = 8.0  # c of their equation 3
SLOWEST, FASTEST = 0.999, 0.9  # a^c at the start is uniform between these


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below; p is 8 ln σ(Λ), and 1 - a² is tanh(-ln a) (1 + a²)."""
    (v, x_r, x_i), (h,), (slowest,) = gates, state, parameters
    shut = exp(-x_r)
    rest = shut / complement(-shut)
    r, i = rest / shut, sigmoid(x_i)
    a = exp(slowest * r)
    scale = root(tanh(-slowest * r) * complement(-a * a))
    return Step(state=(a * h + scale * i * v,), saved=(v, r, rest, i, a, scale))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (v, r, rest, i, a, scale), (h,), (slowest,) = grad, saved, state, parameters
    d_r = d_h * (a * h - a * a / scale * i * v) * r  # times r: of ln a / (8 ln σ(Λ))
    d_x = (d_h * scale * i, d_r * slowest * rest, d_h * scale * v * sigmoid_slope(i))
    return StepGrads(gates=d_x, recurrent=(), state=(d_h * a,), parameters=(d_r,))


POINTWISE = Pointwise(forward=forward, backward=backward, gates=3, saved=6, parameters=1, product=False)


class RGLRULayer(ScanLayer):
    """`gates` (2 hidden, hidden) reads what `projection` (hidden, in) gives; `decay` (hidden,) is Λ."""

    def __init__(self, input_size: int, hidden_size: int, zoneout: float):
        super().__init__(input_size, hidden_size, zoneout)
        self.gates = Linear(hidden_size, 2 * hidden_size)
        power = torch.empty(hidden_size).uniform_(FASTEST, SLOWEST)
        self.decay = nn.Parameter(-torch.log(torch.expm1(-power.log() / SHARPNESS)))

    def weights(self) -> list[Tensor | None]:
        """u, r and i from the inputs in one product."""
        first, second = self.projection, self.gates
        weight = linear(first.weight.mT, second.weight, None).mT  # second.weight first.weight, alike in every stack
        bias = linear(first.bias[..., None, :], second.weight, second.bias)[..., 0, :]
        return [torch.cat([first.weight, weight], -2), None, torch.cat([first.bias, bias], -1), None]

    def units(self) -> list[Float[Tensor, "*member hidden"]]:
        return [SHARPNESS * F.logsigmoid(self.decay)]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class RGLRU(ScanCell):
    """De et al. 2024, equations 1 to 4, on a linear map u of the inputs, as in their recurrent block:

        u = W x + b        r = σ(W_r u + b_r)        i = σ(W_i u + b_i)
        a = σ(Λ)^(8 r)     h' = a h + sqrt(1 - a²) i u

    Without the block's convolution and its second branch: `residual` and `layer_norm` are its surroundings.
    Parameters a layer: hidden * (in + 2 hidden + 4). State: hidden. Parallel over time.
    """

    gates: ClassVar[int] = 1
    sigmoids: ClassVar[tuple[str, ...]] = ("r", "i")

    def make_layer(self, input_size: int) -> RGLRULayer:
        return RGLRULayer(input_size, self.hidden_size, self.zoneout)

    def coefficients(self, layer: nn.Module, gates: Float[Tensor, "*batch time gates"]) -> Coefficients:
        assert isinstance(layer, RGLRULayer)
        r, i = (torch.sigmoid(gate) for gate in layer.gates(gates).chunk(2, -1))
        log_a = layer.units()[0] * r
        scale = torch.sqrt(torch.clamp(-torch.expm1(2 * log_a), min=LEAST))
        return torch.exp(log_a), scale * (i * gates)

    @property
    def pointwise(self) -> Pointwise:
        return POINTWISE
