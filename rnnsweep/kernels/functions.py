"""The functions of one number that a cell's step may call.

They are plain Python, so that a cell's mathematics can be read and tested without a compiler. In a compiled kernel
those of `compiled_functions` take their place. Write no number into a cell's step: `1 - z` would turn float32 into
float64. `complement(z)` stays in the precision of z.
"""

import math
from typing import Any


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 0.5 * math.tanh(0.5 * x) + 0.5


def tanh(x: Any) -> Any:
    return math.tanh(x)


def relu(x: Any) -> Any:
    return x if x > 0 or x != x else 0.0 * x


LEAST = 1e-30


def root(x: Any) -> Any:
    """sqrt(max(x, LEAST)), so that one can divide by it."""
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
    """The derivative of the sigmoid, where y is its value."""
    return y - y * y


def tanh_slope(y: Any) -> Any:
    """The derivative of tanh, where y is its value."""
    return 1.0 - y * y


def relu_slope(y: Any) -> Any:
    """The derivative of relu, where y is its value."""
    return 1.0 if y > 0 else 0.0 * y


def positive_slope(y: Any) -> Any:
    """The derivative of `positive`, where y is its value."""
    return 1.0 if y >= 0.5 else y - y * y


def exp(x: Any) -> Any:
    """e^x, with x bounded so that the result is finite: to [-87, 88] in compiled float32, else to [-700, 700]."""
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
