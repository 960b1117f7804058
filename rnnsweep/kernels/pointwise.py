"""What one unit of a recurrent cell computes at one step, and its derivative: plain functions of numbers.

`program` compiles them. They may use + - * / and the functions of `functions.py`, nothing else.
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar, NamedTuple

Values = tuple[float, ...]


class Step(NamedTuple):
    """What `forward` returns."""

    state: Values
    """The unit's state after the step, the output first."""
    saved: Values
    """The numbers that `backward` needs again."""


class StepGrads(NamedTuple):
    """What `backward` returns: the gradients of the arguments of `forward`."""

    gates: Values
    recurrent: Values
    state: Values
    """Only what does not go through the product with U."""
    parameters: Values


class Half(NamedTuple):
    """What `inner_forward` returns."""

    vectors: Values
    """This unit's numbers of the vectors that the inner gates' products read."""
    saved: Values


class HalfGrads(NamedTuple):
    """What the derivative of a first half of a step returns: the gradients of its arguments."""

    gates: Values
    state: Values


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pointwise:
    """The mathematics of one unit of one layer at one step, and its derivative.

        forward(gates, recurrent, state, parameters) -> Step(state, saved)
        backward(grad, saved, state, new, parameters) -> StepGrads(gates, recurrent, state, parameters)

    Each argument, and each field of a result, is a tuple of numbers:

        gates       the gates before their nonlinearities, W x + b + U h + c, in the order of the layer's rows
        recurrent   U h + c of the last `apart` gates; their entries in `gates` then lack it
        state       the unit's state before the step, the output first; `new` is the state after it
        parameters  the unit's own parameters, such as peepholes
        saved       what `forward` saves for `backward`
        grad        the gradients of `new`

    Some gates need a second product within the step: the last `inner` gates take U v in place of U h. The first half of
    the step computes the vectors v, one for each of these gates, from the other gates:

        inner_forward(gates, state) -> Half(vectors, saved)
        inner_backward(grad, saved, state) -> HalfGrads(gates, state)
    """

    forward: Callable[[Values, Values, Values, Values], Step]
    backward: Callable[[Values, Values, Values, Values, Values], StepGrads]
    gates: int
    """Gates: blocks of rows of the weights."""
    saved: int
    """Numbers in `saved`."""
    leaves: int = 1
    """Numbers in the state."""
    apart: int = 0
    """Gates, the last ones, whose U h + c is not summed into `gates`: the GRU's candidate multiplies it by r first."""
    feeds: int = 1
    """Leaves of the state, the first ones, that U multiplies, side by side. More than one where gates feed gates."""
    parameters: int = 0
    """Numbers in `parameters`."""
    product: bool = True
    """Whether there is a U. Without it a unit sees no other unit (IndRNN)."""
    inner: int = 0
    """Gates, the last ones, that take the product of a vector computed within the step: Cho's candidate, U (r h)."""
    unreached: int = 0
    """Gates, the last ones before the inner gates, for which U has no rows."""
    inner_forward: Callable[[Values, Values], Half] | None = None
    inner_backward: Callable[[Values, Values, Values], HalfGrads] | None = None
    inner_saved: int = 0
    """Numbers that the first half of the step saves for its derivative."""

    def __post_init__(self) -> None:
        assert not self.inner or (self.feeds == 1 and self.apart in (0, self.inner)), "no such kernel"

    @property
    def between(self) -> int:
        """Numbers that the derivative of a step hands from the second half to the first."""
        return self.inner

    def saved_columns(self, hidden: int) -> int:
        """Columns of `structures.History.saved`."""
        return (self.saved + self.inner_saved + self.inner) * hidden

    def numbers(self) -> dict[str, int]:
        """The numbers of the cell by their names in the templates."""
        return {
            "GATES": self.gates,
            "SUMMED": self.gates - self.apart,  # whose U h + c is summed into them
            "APART": self.apart,
            "REACHED": self.gates - self.unreached - self.inner,  # that the product with the state reaches
            "INNER": self.inner,
            "OUTER": self.gates - self.inner,
            "LEAVES": self.leaves,
            "FED": self.feeds,
            "UNFED": self.leaves - self.feeds,
            "PARAMETERS": self.parameters,
            "SAVED": self.saved,
            "INNER_SAVED": self.inner_saved,
            "PRODUCT": self.product,
        }


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Normalised:
    """As `Pointwise`, for a layer-normalised cell: a step in two halves, with a normalisation over units before each.

        early(gates, state) -> middle                   early_backward(grad, middle, state) -> HalfGrads(gates, state)
        late(normal, middle) -> state                   late_backward(grad, normal, middle) -> (dnormal, dmiddle)

    `gates` are the gates before their nonlinearities, gain N(W x) + gain N(U h) + bias, each N over all gates at once.
    `middle` are the numbers between the halves; `normal` is the first of them, normalised over the layer, times a gain
    plus a bias. The gains and biases are the unit's parameters, in this order.
    """

    early: Callable[[Values, Values], Values]
    early_backward: Callable[[Values, Values, Values], HalfGrads]
    late: Callable[[float, Values], Values]
    late_backward: Callable[[Values, float, Values], tuple[float, Values]]
    gates: int
    leaves: int
    middle: int
    """Numbers in `middle`."""

    feeds: ClassVar[int] = 1

    @property
    def apart(self) -> int:
        return self.gates

    @property
    def parameters(self) -> int:
        return 3 * self.gates + 2

    @property
    def between(self) -> int:
        return self.middle + 1

    def saved_columns(self, hidden: int) -> int:
        return (self.middle + 1 + 2 * self.gates) * hidden + 16  # three numbers on a cache line of their own

    def numbers(self) -> dict[str, int]:
        """The numbers of the cell by their names in the templates."""
        return {"GATES": self.gates, "LEAVES": self.leaves, "UNFED": self.leaves - 1, "MIDDLE": self.middle}
