"""The temporal convolutional network of Bai et al. (2018): dilated causal convolutions, no recurrence."""

import dataclasses
import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import LayeredCell, windows
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import Linear, linear
from rnnsweep.kernels.members import over_members
from rnnsweep.types import Count, State

WIDE = 2**19
"""If the windows of a batch hold at least so many numbers, torch's convolution is faster on a CPU than one product."""


class Convolution(Linear):
    """A dense map of windows, `kernel * in` numbers each, the oldest input first.

    With `norm` the weight of an output is a direction times a length, `scale`, of its own (Salimans and Kingma 2016).
    """

    def __init__(self, window: int, hidden_size: int, norm: bool):
        super().__init__(window, hidden_size)
        self.scale = nn.Parameter(self.weight.detach().norm(dim=1)) if norm else None

    def forward(  # type: ignore[override]
        self, past: Float[Tensor, "*batch before in"], x: Float[Tensor, "*batch time in"], dilation: int
    ) -> tuple[Float[Tensor, "*batch time hidden"], Float[Tensor, "*batch before in"]]:
        """The outputs of all steps, and the past of the next call.

        A small batch's windows are laid side by side and multiplied at once, for all members of a stack. A large one's
        would take `kernel` times the memory of the inputs: torch's convolution reads the inputs instead.

        Args:
            past: the inputs before the first step.
            x: the inputs.
            dilation: the distance between two inputs of a window.

        Returns:
            The outputs, and the last inputs, as many as `past` has.
        """
        weight, kernel = self.normed(), self.in_features // x.shape[-1]
        if x.device.type != "cpu" or kernel * math.prod(x.shape[-3:]) < WIDE:
            seen, past = windows(past, x, dilation)
            return linear(seen, weight, self.bias), past
        seen = torch.cat([past.mT, x.mT], -1)
        (y,) = over_members(functools.partial(_convolution, dilation=dilation), seen, weight, self.bias)
        return y.mT, seen[..., x.shape[-2] :].mT

    def normed(self) -> Float[Tensor, "*member out in"]:
        """The weight, as directions times lengths where they are apart."""
        if self.scale is None:
            return self.weight
        length: Tensor = torch.linalg.vector_norm(self.weight, dim=-1)
        return self.weight * (self.scale / length)[..., None]


def _convolution(
    seen: Float[Tensor, "member batch in steps"],
    weight: Float[Tensor, "member out window_in"],
    bias: Float[Tensor, "member out"],
    dilation: int,
) -> tuple[Float[Tensor, "member batch out time"]]:
    kernels = weight.unflatten(-1, (-1, seen.shape[-2])).mT.contiguous()  # (member, out, in, kernel)
    each = [F.conv1d(*member, dilation=dilation) for member in zip(seen, kernels, bias, strict=True)]
    return (torch.stack(each),)


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
        u, first = layer.first(state[0], x, layer.dilation)
        u = layer.dropout(torch.relu(u))
        y, second = layer.second(state[1], u, layer.dilation)
        return torch.relu(y), (first, second)
