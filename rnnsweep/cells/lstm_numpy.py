"""The LSTM of rnnsweep/numpy_lstm.py as a cell: forward and backward are NumPy's; torch only passes the arrays."""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import numpy_lstm
from rnnsweep.cells.base import Layer, LayeredCell, RecurrentInit
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels.members import over_members
from rnnsweep.types import State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LSTMNumpy(LayeredCell):
    """The equations of `lstm_scratch`, forward and back written out in rnnsweep/numpy_lstm.py, which knows no torch.

    Starts with the weights of `lstm` and agrees with it to rounding. For reading and checking: it computes on the CPU
    whatever the device, one member of a stack after the other, and has no zoneout, which would stand within its loop.
    Parameters a layer: 4 hidden * (in + hidden + 2). State: 2 hidden (h, c). Sequential over time.
    """

    recurrent_init: RecurrentInit = "orthogonal"
    """How each gate's recurrent matrix starts."""
    forget_bias: float | None = 1.0
    """What the two forget biases sum to at the start; None leaves them uniform."""

    @property
    def leaves(self) -> int:
        return 2

    def make_layer(self, input_size: int) -> Layer:
        layer = Layer(4, input_size, self.hidden_size, self.recurrent_init, Zoneout(0.0))
        layer.start_bias(1, self.forget_bias)
        return layer

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        return (x.new_zeros(x.shape[0], self.hidden_size),) * 2

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        assert isinstance(layer, Layer)
        bias = layer.bias_ih + layer.bias_hh
        y, h, c = over_members(_NumpyLayer.apply, layer.weight_ih, layer.weight_hh, bias, x, *state)
        return y, (h, c)


class _NumpyLayer(torch.autograd.Function):
    """`numpy_lstm.forward` and `backward`, member by member; all tensors lead with the member axis."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        members = list(zip(*map(_arrays, tensors), strict=True))
        results = [numpy_lstm.forward(*arrays) for arrays in members]  # y, h, c, past
        ctx.past = [past for *_, past in results]
        ctx.save_for_backward(*tensors)
        return _tensors([tuple(after) for *after, _ in results], tensors[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        weight_ih, weight_hh, _, x, *_ = ctx.saved_tensors
        given = zip(*map(_arrays, (weight_ih, weight_hh, x)), ctx.past, *map(_arrays, gradients), strict=True)
        return _tensors([numpy_lstm.backward(*arrays) for arrays in given], x)


def _arrays(tensor: Tensor) -> Any:
    """(member, ...) as NumPy's; without a copy where it lies on the CPU."""
    return tensor.detach().cpu().numpy()


def _tensors(members: list[tuple[Any, ...]], like: Tensor) -> tuple[Tensor, ...]:
    """The members' results, each kind as one (member, ...), where `like` is."""
    return tuple(
        torch.stack([torch.from_numpy(array) for array in kind]).to(like) for kind in zip(*members, strict=True)
    )
