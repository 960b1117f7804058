"""The independently recurrent network of Li et al. (2018)."""

import dataclasses
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels.functions import relu, relu_slope
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import Count, State


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    return Step(state=(relu(gates[0] + parameters[0] * state[0]),), saved=())


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    slope = grad[0] * relu_slope(new[0])
    return StepGrads(gates=(slope,), recurrent=(), state=(slope * parameters[0],), parameters=(slope * state[0],))


POINTWISE = Pointwise(forward=forward, backward=backward, gates=1, saved=0, parameters=1, product=False)


class IndependentLayer(Layer):
    """weight_ih (hidden, in), bias_ih (hidden,), and the vector weight_hh (hidden,)."""

    def __init__(self, input_size: int, hidden_size: int, zoneout: Zoneout):
        # Layer draws a recurrent matrix, which the vector replaces. Not to draw it would change the results
        # of all seeds.
        super().__init__(1, input_size, hidden_size, "uniform", zoneout)
        del self.bias_hh
        self.weight_hh = nn.Parameter(torch.empty(hidden_size))

    def weights(self) -> list[Tensor | None]:
        return [self.weight_ih, None, self.bias_ih, None]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class IndRNN(RecurrentCell):
    """Li et al. 2018, eq. 2: a unit sees no other unit's past, only layers above mix them.

        h_t = relu(W x_t + b + u h_{t-1})       u a vector

    Through T steps a gradient is multiplied by u^T: weights that start in [0, 2^(1/T)] do not make it explode, and
    the last layer's, in [2^(-1/T), 2^(1/T)], let it neither explode nor vanish (their section 4.1; training does not
    hold them there, as they advise to).
    Parameters a layer: hidden * (in + 2). State: hidden. Sequential over time, without a product.
    """

    gates: ClassVar[int] = 1
    blocks: ClassVar[tuple[str, ...]] = ("h",)

    recurrent_init: Literal["uniform", "identity"] = "uniform"
    """How the recurrent weights start: uniform as above, or all at one."""
    horizon: Count = 64
    """T, the steps through which a gradient should survive."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = 2 ** (1 / self.horizon)
        for layer in self.layers:
            assert isinstance(layer, IndependentLayer)
            least = 1 / most if layer is self.layers[-1] else 0.0
            uniform = self.recurrent_init == "uniform"
            nn.init.uniform_(layer.weight_hh, least, most) if uniform else nn.init.ones_(layer.weight_hh)

    def make_layer(self, input_size: int) -> Layer:
        return IndependentLayer(input_size, self.hidden_size, self.make_zoneout())

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        return (torch.relu(gates + layer.weight_hh * state[0]),)

    def units(self, layer: Layer) -> list[Float[Tensor, "*member hidden"]]:
        return [layer.weight_hh]

    @property
    def pointwise(self) -> Pointwise:
        return POINTWISE
