"""The family of linear recurrences, whose steps are all computed at once."""

import abc
import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import kernels
from rnnsweep.cells.base import LayeredCell
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels import fused
from rnnsweep.kernels.dense import Linear
from rnnsweep.kernels.linear_scan import linear_scan
from rnnsweep.kernels.pointwise import Pointwise
from rnnsweep.types import DropoutRate, State

Coefficients = tuple[Float[Tensor, "*batch time hidden"], Float[Tensor, "*batch time hidden"]]


class ScanLayer(nn.Module):
    """The weights of one layer: `projection` is a linear map from the input to the gates, side by side.

    Args:
        input_size: features that the layer reads.
        width: features of all gates together.
        zoneout: share of the state's features that training keeps from the step before.
    """

    def __init__(self, input_size: int, width: int, zoneout: float):
        super().__init__()
        self.projection = Linear(input_size, width)
        self.zoneout = Zoneout(zoneout)

    def weights(self) -> list[Tensor | None]:
        """The weights in the order of torch.gru, without the recurrent ones."""
        return [self.projection.weight, None, self.projection.bias, None]

    def units(self) -> list[Float[Tensor, "*member hidden"]]:
        """The parameters that have one number for each unit, in the order of `pointwise`."""
        return []


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class ScanCell(LayeredCell):
    """h_t = a_t h_{t-1} + b_t for each unit by itself, where a_t and b_t depend on the inputs alone.

    No step has to wait for the one before: `kernels.linear_scan` computes all of them. A subclass sets `gates` and
    writes `coefficients`; the output is h, unless it overrides `output`. A layer's state is h, (batch, hidden).
    """

    gates: ClassVar[int]
    """Blocks of features of the projection."""

    zoneout: DropoutRate = 0.0
    """Share of the state's features that training keeps from the step before (Krueger et al. 2017)."""

    def make_layer(self, input_size: int) -> ScanLayer:
        return ScanLayer(input_size, self.gates * self.hidden_size, self.zoneout)

    @abc.abstractmethod
    def coefficients(self, layer: nn.Module, gates: Float[Tensor, "*batch time gates"]) -> Coefficients:
        """Computes a and b.

        Args:
            layer: the weights.
            gates: the projection of the inputs.

        Returns:
            a and b at all steps.
        """

    def output(
        self, gates: Float[Tensor, "*batch time gates"], h: Float[Tensor, "*batch time hidden"]
    ) -> Float[Tensor, "*batch time hidden"]:
        """The outputs of a layer at all steps, from its gates and h."""
        return h

    @property
    def pointwise(self) -> Pointwise | None:
        """The mathematics of one unit, with h as the last tensor of its state, for the fused kernel.

        None: torch computes `coefficients`, and only the scan over time is compiled.
        """
        return None

    def runs_as(self, how: kernels.Execution) -> kernels.Execution:
        return "fused" if how == "fused" else "scan"

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        return (x.new_zeros(*x.shape[:-2], self.hidden_size),)

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        assert isinstance(layer, ScanLayer)
        if kernels.execution() == "fused" and self.pointwise is not None and not self.zoneout and fused.serves(x):
            own = torch.zeros_like(state[0])  # the output before the first step, where it is another than h
            before = (*(own,) * (self.pointwise.leaves - 1), *state)
            y, leaves = fused.layer(self.pointwise, x, before, layer.weights(), layer.units())
            return y, leaves[-1:]
        gates = layer.projection(x).to(state[0])  # also in mixed precision: bfloat16 has no number between 0.996 and 1
        h = linear_scan(*_zoned_out(layer.zoneout, *self.coefficients(layer, gates)), state[0])
        return self.output(gates, h), (h[..., -1, :],)


def _zoned_out(zoneout: Zoneout, a: Tensor, b: Tensor) -> Coefficients:
    """The coefficients with zoneout: where the mask keeps a feature, a = 1 and b = 0."""
    if not zoneout.active:
        return a, b
    masks = zoneout.masks(a.shape[-2], (a[..., 0, :],))
    if masks is None:
        rate = zoneout.rate_of(a).to(a)
        return torch.lerp(a, torch.ones_like(a), rate), b * (1 - rate)
    stays = masks[..., 0, :, :].transpose(-3, -2)  # (batch, time, hidden)
    return torch.where(stays, 1.0, a), torch.where(stays, 0.0, b)
