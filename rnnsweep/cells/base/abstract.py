"""What every cell is: a causal map from sequence to sequence that carries its past in a state."""

import abc
from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import kernels
from rnnsweep.errors import ConfigError
from rnnsweep.types import State

CellFactory = Callable[[int], "AbstractCell"]
"""From the number of input features to a cell."""


class AbstractCell(nn.Module, abc.ABC):
    """A causal map from sequence to sequence that carries its past in a state.

    One law holds for every cell: `forward` over a sequence equals `forward` over its pieces, with the state carried
    from piece to piece. One time step is `forward` with time = 1.
    """

    divisor: ClassVar[str | None] = None
    """The setting, if any, whose number must divide hidden_size, such as `heads`."""
    linear_state: ClassVar[bool] = True
    """Whether a linear map of a state gives a valid state. It does not where a part is a logarithm, a divisor or a
    mask."""
    input_size: int
    """Features of an input step."""
    hidden_size: int
    """Features of an output step."""
    bidirectional: bool = False
    """Whether an encoder reads whole sequences from the end, too, with a second cell: see models/encoder.py."""

    @abc.abstractmethod
    def initial_state(self, x: Float[Tensor, "*batch time in"]) -> State:
        """The state before the first step.

        Args:
            x: the input. It gives the batch size, the device and the precision.

        Returns:
            A flat tuple of tensors, each (batch, ...).
        """

    @abc.abstractmethod
    def forward(
        self, x: Float[Tensor, "*batch time in"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        """Reads a sequence.

        Args:
            x: the input.
            state: the state before the first step; an empty one starts from the beginning.

        Returns:
            The outputs at all steps, and the state after the last.
        """

    def runs_as(self, how: kernels.Execution) -> kernels.Execution | None:
        """The execution that this cell uses if `how` is asked for; None where it has no recurrence."""
        return None


def causal(cell: AbstractCell) -> AbstractCell:
    """Checks that a cell reads in one direction, for models that answer at each step.

    Returns:
        The same cell.

    Raises:
        ConfigError: the cell is bidirectional.
    """
    if cell.bidirectional:
        problem = "this task answers at each step, before its cell may see the later ones; use false"
        raise ConfigError("cell.bidirectional", problem)
    return cell


def head_size(hidden_size: int, heads: int) -> int:
    """Features of one head.

    Args:
        hidden_size: features of all heads together.
        heads: how many there are.

    Raises:
        ConfigError: the number of heads does not divide `hidden_size`.
    """
    if hidden_size % heads:
        problem = f"{heads} heads do not divide `cell.hidden_size` = {hidden_size}; use a multiple"
        raise ConfigError("cell.hidden_size", problem, ("cell.heads",))
    return hidden_size // heads
