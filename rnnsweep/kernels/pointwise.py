"""What a unit of a recurrent cell computes at one step: scalar functions, written once and compiled by `fused`.

The functions below are all that a cell's own may call beside + - * /. They are plain Python here, so that a cell's
mathematics can be read and tested without a compiler; `fused` replaces them by vectorisable ones. A number in the
text of a cell's function, as in `1 - z`, would turn float32 into float64: that is what `complement` is for.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

Values = tuple[float, ...]
Slopes = tuple[Values, Values, Values, Values]
"""The gradients of x, u, s and p: see Pointwise."""


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 0.5 * math.tanh(0.5 * x) + 0.5


def tanh(x: Any) -> Any:
    return math.tanh(x)


def relu(x: Any) -> Any:
    return x if x > 0 or x != x else 0.0 * x


LEAST = 1e-30


def root(x: Any) -> Any:
    """sqrt(x); of LEAST where x is less, so that one can divide by it."""
    return math.sqrt(x if x >= LEAST or x != x else LEAST)


def positive(x: Any) -> Any:
    """x + 1/2 where x >= 0, its sigmoid elsewhere."""
    return x + 0.5 if x >= 0 else sigmoid(x)


def zero(y: Any) -> Any:  # noqa: ARG001
    """0, in the precision of y."""
    return 0.0


def complement(y: Any) -> Any:
    """1 - y."""
    return 1.0 - y


def sigmoid_slope(y: Any) -> Any:
    """The derivative of the sigmoid where it is y."""
    return y - y * y


def tanh_slope(y: Any) -> Any:
    """The derivative of the hyperbolic tangent where it is y."""
    return 1.0 - y * y


def relu_slope(y: Any) -> Any:
    """The derivative of relu where it is y."""
    return 1.0 if y > 0 else 0.0 * y


def positive_slope(y: Any) -> Any:
    """The derivative of `positive` where it is y."""
    return 1.0 if y >= 0.5 else y - y * y


def exp(x: Any) -> Any:
    """e^x; where that would end, what it is there: compiled for float32 below -87 and above 88, else beyond ±700."""
    return math.exp(min(max(x, -700.0), 700.0)) if x == x else x


def log_sigmoid(x: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


def larger(x: Any, y: Any) -> Any:
    """The larger of the two."""
    return x if x > y else y


def at_least(x: Any, y: Any) -> Any:
    """1 where x is not below y, else 0: the derivative of `larger` for x."""
    return 1.0 if x >= y else 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pointwise:
    """The mathematics of one unit of one layer at one step, and its derivative.

        forward(x, u, s, p) -> (new, kept)              backward(d, kept, s, new, p) -> (dx, du, ds, dp)

    All arguments and results are tuples of numbers: `x` the gates before their nonlinearities (W x + b + U h + c),
    in the order of the layer's rows; `u` the recurrent shares U h + c of the last `apart` gates, which `x` then lacks;
    `s` and `new` the unit's state before and after the step, the output first; `p` the unit's own parameters, such
    as peepholes; `kept` whatever the derivative wants to know again. `d` are the gradients of `new`, and the results
    of `backward` those of the other arguments; `ds` only what reaches `s` otherwise than through U.

    Where gates need a second product within the step, the last `inner` ones take U v in place of U h, each of a vector
    that the first half of the step computes from the other gates:

        inner_forward(x, s) -> (v, kept)                inner_backward(dv, kept, s) -> (dx, ds)
    """

    forward: Callable[[Values, Values, Values, Values], tuple[Values, Values]]
    backward: Callable[[Values, Values, Values, Values, Values], Slopes]
    gates: int
    """Blocks of rows of the weights."""
    kept: int
    """Numbers in `kept`."""
    leaves: int = 1
    """Numbers in the state."""
    apart: int = 0
    """Gates, the last ones, that take their recurrent share apart: the GRU's candidate."""
    feeds: int = 1
    """Leaves, the first ones, whose vectors U multiplies, side by side: more than one where gates feed gates."""
    parameters: int = 0
    """Numbers of a unit's own."""
    product: bool = True
    """Whether there is a U at all: without it a unit sees only itself (IndRNN)."""
    inner: int = 0
    """Gates, the last ones, that take the product of a vector computed within the step: Cho's candidate, U (r h)."""
    unfed: int = 0
    """Gates, the last but the inner ones, that no product reaches: U has no rows for them."""
    inner_forward: Callable[[Values, Values], tuple[Values, Values]] | None = None
    inner_backward: Callable[[Values, Values, Values], tuple[Values, Values]] | None = None
    inner_kept: int = 0
    """Numbers that the first half keeps for its derivative."""

    def __post_init__(self) -> None:
        assert not self.inner or (self.feeds == 1 and self.apart in (0, self.inner)), "no such kernel"

    @property
    def between(self) -> int:
        """Numbers that the second half of a step hands back to the first."""
        return self.inner

    def keeps(self, hidden: int) -> int:
        """Numbers kept of a row."""
        return (self.kept + self.inner_kept + self.inner) * hidden

    def numbers(self) -> dict[str, int]:
        """By their names in `sequence`."""
        return {
            "G": self.gates, "S": self.gates - self.apart, "A": self.apart, "R": self.gates - self.unfed - self.inner,
            "N": self.inner, "B": self.gates - self.inner, "L": self.leaves, "K": self.feeds,
            "Q": self.leaves - self.feeds, "P": self.parameters, "KEPT": self.kept, "EARLY": self.inner_kept,
            "PRODUCT": self.product,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Normalised:
    """As `Pointwise`, of a layer-normalised cell: a step in two halves, and a normalisation over units before each.

        early(x, s) -> m                                early_slope(dm, m, s) -> (dx, ds)
        late(n, m) -> new                               late_slope(d, n, m) -> (dn, dm)

    `x` are the gates before their nonlinearities: gain N(W x) + gain N(U h) + bias, each N over all gates at once; `m`
    the numbers between the halves, and `n` the first of them, normalised over the layer, times a gain plus a bias.
    The gains and biases are the units' parameters, in this order.
    """

    early: Callable[[Values, Values], Values]
    early_slope: Callable[[Values, Values, Values], tuple[Values, Values]]
    late: Callable[[float, Values], Values]
    late_slope: Callable[[Values, float, Values], tuple[float, Values]]
    gates: int
    leaves: int
    middle: int
    """Numbers in `m`."""

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

    def keeps(self, hidden: int) -> int:
        return (self.middle + 1 + 2 * self.gates) * hidden + 16  # three numbers on a cache line of their own

    def numbers(self) -> dict[str, int]:
        """By their names in `normalised`."""
        return {"G": self.gates, "L": self.leaves, "Q": self.leaves - 1, "M": self.middle}
