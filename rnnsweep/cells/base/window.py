"""A cell without a recurrence: an output is a function of the last inputs."""

import abc
import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base.abstract import AbstractCell
from rnnsweep.types import Count, State


def windows(
    past: Float[Tensor, "*batch before in"], x: Float[Tensor, "*batch time in"], dilation: int = 1
) -> tuple[Float[Tensor, "*batch time window_in"], Float[Tensor, "*batch before in"]]:
    """The window of each step: its own input and those before it, the oldest first.

    Args:
        past: the inputs before the first step.
        x: the inputs.
        dilation: the distance between two inputs of a window.

    Returns:
        The windows, each laid out as one vector, and the past of the next call.
    """
    seen, time = torch.cat([past, x], -2), x.shape[-2]
    lags = range(0, past.shape[-2] + 1, dilation)
    return torch.cat([seen[..., lag : lag + time, :] for lag in lags], -1), seen[..., time:, :]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class WindowCell(AbstractCell):
    """No recurrence: the output at a step is a function of the last `window` inputs, zeros before the first.

    The state is the `window - 1` inputs that the next step still sees, (batch, window - 1, in).
    """

    input_size: int = dataclasses.field(kw_only=False)
    """Features of an input step."""
    hidden_size: Count = 256
    """Features of the output."""
    window: Count = 16
    """Inputs that an output sees, its own included."""
    match_params: Count | None = None
    """Parameters of the whole model; run/objects.py chooses the hidden_size that comes nearest."""

    def __post_init__(self) -> None:
        super().__init__()

    @abc.abstractmethod
    def read(self, windows: Float[Tensor, "*batch time window_in"]) -> Float[Tensor, "*batch time hidden"]:
        """The outputs from the windows, each of window * in features, the oldest input first."""

    def initial_state(self, x: Float[Tensor, "*batch time in"]) -> State:
        return (x.new_zeros(x.shape[0], self.window - 1, x.shape[2]),)

    def forward(
        self, x: Float[Tensor, "*batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        (past,) = state or self.initial_state(x)
        seen, past = windows(past, x)
        return self.read(seen), (past,)
