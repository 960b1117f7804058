"""The functions of `functions.py` as they are compiled: polynomials in float32, so that loops over them vectorise."""

import inspect
import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from rnnsweep.kernels import functions
from rnnsweep.kernels.jit import SCALAR

# tanh as a quotient of polynomials of degrees 13 and 6 (Eigen's, of the same error as its clang-tuned ancestors)
_EDGE = np.float32(7.90531110763549805)
_ODD = tuple(
    map(
        np.float32,
        (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
         -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16),
    )
)  # fmt: skip
_EVEN = tuple(map(np.float32, (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)))
_A1, _A3, _A5, _A7, _A9, _A11, _A13 = _ODD
_B0, _B2, _B4, _B6 = _EVEN
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)


def _tanh32(x):
    """Within 3e-7 of tanh; a NaN fails both comparisons and stays a NaN."""
    x = _EDGE if x > _EDGE else (-_EDGE if x < -_EDGE else x)
    y = x * x
    odd = x * ((((((_A13 * y + _A11) * y + _A9) * y + _A7) * y + _A5) * y + _A3) * y + _A1)
    return odd / (((_B6 * y + _B4) * y + _B2) * y + _B0)


_LEAST32, _LEAST64 = np.float32(functions.LEAST), np.float64(functions.LEAST)


@overload(functions.root, jit_options=SCALAR, strict=False)
def _root(x: Any) -> Any:
    if x == types.float32:
        return lambda x: np.sqrt(_LEAST32 if x < _LEAST32 else x)
    return lambda x: np.sqrt(_LEAST64 if x < _LEAST64 else x)


@overload(functions.positive, jit_options=SCALAR, strict=False)
def _positive(x: Any) -> Any:
    if x == types.float32:
        return lambda x: x + _HALF if x >= _ZERO else _HALF * functions.tanh(_HALF * x) + _HALF
    return lambda x: x + 0.5 if x >= 0.0 else 0.5 * math.tanh(0.5 * x) + 0.5


@overload(functions.tanh, jit_options=SCALAR, strict=False)
def _tanh(x: Any) -> Any:
    return inspect.unwrap(_tanh32) if x == types.float32 else lambda x: math.tanh(x)


@overload(functions.sigmoid, jit_options=SCALAR, strict=False)
def _sigmoid(x: Any) -> Any:
    if x == types.float32:
        return lambda x: _HALF * functions.tanh(_HALF * x) + _HALF
    return lambda x: 0.5 * math.tanh(0.5 * x) + 0.5


@overload(functions.relu, jit_options=SCALAR, strict=False)
def _relu(x: Any) -> Any:
    return (lambda x: _ZERO if x < _ZERO else x) if x == types.float32 else (lambda x: 0.0 if x < 0.0 else x)


@overload(functions.zero, jit_options=SCALAR, strict=False)
def _zero(y: Any) -> Any:
    return (lambda y: _ZERO) if y == types.float32 else (lambda y: 0.0)


@overload(functions.complement, jit_options=SCALAR, strict=False)
def _complement(y: Any) -> Any:
    return (lambda y: _ONE - y) if y == types.float32 else (lambda y: 1.0 - y)


@overload(functions.sigmoid_slope, jit_options=SCALAR, strict=False)
def _sigmoid_slope(y: Any) -> Any:
    return lambda y: y - y * y


@overload(functions.tanh_slope, jit_options=SCALAR, strict=False)
def _tanh_slope(y: Any) -> Any:
    return (lambda y: _ONE - y * y) if y == types.float32 else (lambda y: 1.0 - y * y)


@overload(functions.positive_slope, jit_options=SCALAR, strict=False)
def _positive_slope(y: Any) -> Any:
    if y == types.float32:
        return lambda y: _ONE if y >= _HALF else y - y * y
    return lambda y: 1.0 if y >= 0.5 else y - y * y


@overload(functions.relu_slope, jit_options=SCALAR, strict=False)
def _relu_slope(y: Any) -> Any:
    if y == types.float32:
        return lambda y: _ONE if y > _ZERO else _ZERO
    return lambda y: 1.0 if y > 0.0 else 0.0


@intrinsic
def _whole(typing: Any, x: Any) -> Any:
    """A float32 rounded to the nearest whole number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rint = builder.module.declare_intrinsic("llvm.rint", [ir.FloatType()])
        return builder.call(rint, args)

    return types.float32(types.float32), generate


@intrinsic
def _doubled(typing: Any, y: Any, times: Any) -> Any:
    """y 2^times in float32, for whole `times` from -126 to 127, which are written into the exponent's bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.fptosi(args[1], ir.IntType(32))
        bits = builder.shl(builder.add(bits, ir.Constant(ir.IntType(32), 127)), ir.Constant(ir.IntType(32), 23))
        return builder.fmul(args[0], builder.bitcast(bits, ir.FloatType()))

    return types.float32(types.float32, types.float32), generate


_LOW, _HIGH, _LOG2_E, _LN_2, _TWO = map(np.float32, (-87, 88, 1 / math.log(2), math.log(2), 2))
_E2, _E3, _E4, _E5, _E6, _E7 = (np.float32(1 / math.factorial(n)) for n in range(2, 8))
_L3, _L5, _L7, _L9, _L11, _L13 = (np.float32(1 / n) for n in range(3, 15, 2))


def _exp32(x):
    """2^k e^r with x = k ln 2 + r and |r| <= ln 2 / 2; e^r is Taylor's polynomial. A NaN stays a NaN."""
    x = _LOW if x < _LOW else (_HIGH if x > _HIGH else x)
    k = _whole(x * _LOG2_E)
    r = x - k * _LN_2
    return _doubled(((((((_E7 * r + _E6) * r + _E5) * r + _E4) * r + _E3) * r + _E2) * r + _ONE) * r + _ONE, k)


def _log_sigmoid32(x):
    """min(x, 0) - log(1 + u), the logarithm as 2 artanh(u / (2 + u))."""
    u = functions.exp(-x if x > _ZERO else x)
    s = u / (u + _TWO)
    t = s * s
    series = (((((_L13 * t + _L11) * t + _L9) * t + _L7) * t + _L5) * t + _L3) * t + _ONE
    return (x if x < _ZERO else _ZERO) - _TWO * s * series


@overload(functions.exp, jit_options=SCALAR, strict=False)
def _exp(x: Any) -> Any:
    if x == types.float32:
        return inspect.unwrap(_exp32)
    return lambda x: math.exp(700.0 if x > 700.0 else (-700.0 if x < -700.0 else x))


@overload(functions.log_sigmoid, jit_options=SCALAR, strict=False)
def _log_sigmoid(x: Any) -> Any:
    if x == types.float32:
        return inspect.unwrap(_log_sigmoid32)
    return lambda x: (x if x < 0.0 else 0.0) - math.log1p(math.exp(-x if x > 0.0 else x))


@overload(functions.larger, jit_options=SCALAR, strict=False)
def _larger(x: Any, y: Any) -> Any:
    return lambda x, y: x if x > y else y


@overload(functions.at_least, jit_options=SCALAR, strict=False)
def _at_least(x: Any, y: Any) -> Any:
    if x == types.float32:
        return lambda x, y: _ONE if x >= y else _ZERO
    return lambda x, y: 1.0 if x >= y else 0.0
