"""The temporal convolutional network of Bai et al. (2018): dilated causal convolutions, no recurrence."""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import LayeredCell, windows
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import Linear, linear
from rnnsweep.types import Count, State


class Convolution(Linear):
    """A dense map of windows laid side by side, `kernel * in` numbers: a convolution as one matrix product.

    With `norm` the weight of an output is a direction times a length, `scale`, of its own (Salimans and Kingma 2016).
    """

    def __init__(self, window: int, hidden_size: int, norm: bool):
        super().__init__(window, hidden_size)
        self.scale = nn.Parameter(self.weight.detach().norm(dim=1)) if norm else None

    def forward(self, seen: Float[Tensor, "*batch time window_in"]) -> Float[Tensor, "*batch time hidden"]:
        if self.scale is None:
            return super().forward(seen)
        length = torch.linalg.vector_norm(self.weight, dim=1)
        return linear(seen, self.weight * (self.scale / length)[:, None], self.bias)


class TemporalBlock(nn.Module):
    """Two convolutions of one dilation."""

    def __init__(self, input_size: int, hidden_size: int, kernel: int, norm: bool, dropout: Dropout):
        super().__init__()
        self.first = Convolution(kernel * input_size, hidden_size, norm)
        self.dropout = dropout
        self.second = Convolution(kernel * hidden_size, hidden_size, norm)
        self.dilation = 1


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Conv(LayeredCell):
    """Bai et al. 2018, section 3: layer l is a block of two convolutions, each over `kernel` inputs that lie 2^l apart:

        u_t = relu(Σ_k V_k x_{t - k 2^l} + b)        y_t = relu(Σ_k W_k u_{t - k 2^l} + c)

    Zeros stand before the first step. An output sees 1 + 2 (kernel - 1) (2^layers - 1) inputs. `residual` makes them
    residual blocks (without the relu after the sum, as in He et al. 2016b); `dropout` is also between the two
    convolutions, and `variational` makes it that of whole channels, as theirs is.

    Parameters a layer: hidden * (kernel * (in + hidden) + 2), with weight_norm 2 hidden more.
    State: a layer (kernel - 1) * 2^l * (in + hidden). Parallel over time.
    """

    kernel: Count = 3
    """Inputs that a convolution sees."""
    weight_norm: bool = True
    """Each output's weights are a direction and a length."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for index, block in enumerate(self.layers):
            assert isinstance(block, TemporalBlock)
            block.dilation = 2**index

    @property
    def leaves(self) -> int:
        return 2

    def make_layer(self, input_size: int) -> TemporalBlock:
        dropout = Dropout(self.dropout, self.variational)
        return TemporalBlock(input_size, self.hidden_size, self.kernel, self.weight_norm, dropout)

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        assert isinstance(layer, TemporalBlock)
        before = (self.kernel - 1) * layer.dilation
        widths = (layer.first.in_features // self.kernel, self.hidden_size)
        return tuple(x.new_zeros(x.shape[0], before, width) for width in widths)

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        assert isinstance(layer, TemporalBlock)
        seen, first = windows(state[0], x, layer.dilation)
        u = layer.dropout(torch.relu(layer.first(seen)))
        seen, second = windows(state[1], u, layer.dilation)
        return torch.relu(layer.second(seen)), (first, second)
