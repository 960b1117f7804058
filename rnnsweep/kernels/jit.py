"""What Numba lacks for the sequence kernel: tuples from strided memory, a BLAS by address, scalar functions.

Loads and stores tell LLVM that no two of them meet inside a loop over units, which it cannot prove of planes of one
array at a distance unknown to it; without that nothing here is vectorised. `barrier` is where they may meet again.
"""

import hashlib
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic, overload

from rnnsweep.kernels import pointwise

# No `nnan` and no `ninf`: what is not a number must stay so, for a divergence to be seen.
FAST = {"contract", "reassoc", "arcp", "nsz"}
SCALAR = {"forceinline": True, "error_model": "numpy", "fastmath": FAST}

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": FAST}


def compiled(function: Callable[..., Any]) -> Any:
    """The function compiled where it is first called from; without what a test's import hook wraps around it."""
    return njit(**OPTIONS)(inspect.unwrap(function))


def digest(*files: str, text: str = "") -> str:
    """16 digits for the text, and the content of these files and of those that compiled code is made from everywhere.

    Numba knows compiled code on disk by its function's name, so the name must say what else it depends on.
    """
    content = hashlib.sha256(text.encode())
    for file in sorted(
        {__file__, *(str(Path(__file__).with_name(name)) for name in ("sequence.py", "normalised.py")), *files}
    ):
        content.update(Path(file).read_bytes() if Path(file).exists() else b"")
    return content.hexdigest()[:16]


_SLOTS = 48  # stores of one loop at most


def _scopes(module: ir.Module, names: list[Any]) -> Any:
    domain = module.add_metadata([ir.MetaDataString(module, "rnnsweep")])
    each = [module.add_metadata([ir.MetaDataString(module, f"rnnsweep {name}"), domain]) for name in names]
    return module.add_metadata(each)


def _literal(*arguments: Any) -> list[int]:
    if not all(isinstance(argument, types.IntegerLiteral) for argument in arguments):
        raise RequireLiteralValue("a count must be known when the kernel is compiled")
    return [argument.literal_value for argument in arguments]


def _places(context: Any, builder: Any, kind: Any, args: Any, count: int) -> list[Any]:
    """Pointers to array[row, column + i * stride] for i below `count`."""
    array = cgutils.create_struct_proxy(kind)(context, builder, value=args[0])
    start = builder.add(builder.mul(args[1], builder.extract_value(array.shape, 1)), args[2])
    steps = [builder.mul(args[3], ir.Constant(args[3].type, i)) for i in range(count)]
    return [builder.gep(array.data, [builder.add(start, step)]) for step in steps]


@intrinsic(prefer_literal=True)
def load(typing: Any, array: Any, row: Any, column: Any, stride: Any, count: Any) -> Any:
    """(array[row, column], array[row, column + stride], ...), `count` of them, of a C-contiguous matrix."""
    (length,) = _literal(count)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = [builder.load(place) for place in _places(context, builder, array, args, length)]
        for value in values:
            value.set_metadata("alias.scope", _scopes(builder.module, ["loads"]))
        return context.make_tuple(builder, signature.return_type, values)

    return types.Tuple([array.dtype] * length)(array, row, column, stride, count), generate


@intrinsic(prefer_literal=True)
def store(
    typing: Any,
    array: Any,
    row: Any,
    column: Any,
    stride: Any,
    values: Any,
    first: Any,
    count: Any,
    slot: Any,
) -> Any:
    """Puts `count` of the values, from the `first`, where `load` would find them; `slot` numbers a loop's stores."""
    start, length, number = _literal(first, count, slot)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for i, place in enumerate(_places(context, builder, array, args, length)):
            value = builder.extract_value(args[4], start + i)
            kind = signature.args[4][start + i]
            stored = builder.store(context.cast(builder, value, kind, array.dtype), place)
            others = ["loads"] + [other for other in range(_SLOTS) if other != number + i]
            stored.set_metadata("alias.scope", _scopes(builder.module, [number + i]))
            stored.set_metadata("noalias", _scopes(builder.module, others))
        return context.get_dummy_value()

    return types.void(array, row, column, stride, values, first, count, slot), generate


@intrinsic
def added(typing: Any, long: Any, short: Any) -> Any:
    """The first tuple with the second added to its first entries."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = cgutils.unpack_tuple(builder, args[0], len(long))
        more = cgutils.unpack_tuple(builder, args[1], len(short))
        values = [builder.fadd(a, b) for a, b in zip(values, more, strict=False)] + values[len(more) :]
        return context.make_tuple(builder, signature.return_type, values)

    return long(long, short), generate


@intrinsic
def barrier(typing: Any) -> Any:
    """No load or store moves across it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def product(
    typing: Any, address: Any, left: Any, left_row: Any, left_column: Any, transpose: Any,
    right: Any, right_row: Any, right_column: Any, rows: Any, inner: Any, columns: Any,
    out: Any, out_row: Any, out_column: Any, add: Any,
) -> Any:  # fmt: skip
    """out[out_row:, out_column:] (+)= left[left_row:, left_column:] right[right_row:, right_column:], C-contiguous.

    `rows` x `inner` times `inner` x `columns`, where `transpose` means left's transpose; `add` keeps what is there.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, left, left_row, left_column, transpose, right, right_row, right_column, *others = args
        rows, inner, columns, out, out_row, out_column, add = others
        kinds, small = signature.args, ir.IntType(32)

        def place(array: Any, kind: Any, row: Any, column: Any) -> Any:
            proxy = cgutils.create_struct_proxy(kind)(context, builder, value=array)
            width = builder.extract_value(proxy.shape, 1)
            start = builder.add(builder.mul(row, width), column)
            return builder.gep(proxy.data, [start]), cgutils.alloca_once_value(builder, builder.trunc(width, small))

        def number(value: Any) -> Any:
            return cgutils.alloca_once_value(builder, builder.trunc(value, small))

        letter = ir.IntType(8)
        plain = cgutils.alloca_once_value(builder, ir.Constant(letter, ord("N")))
        turned = builder.select(transpose, ir.Constant(letter, ord("T")), ir.Constant(letter, ord("N")))
        turned = cgutils.alloca_once_value(builder, turned)
        real = context.get_value_type(kinds[1].dtype)
        one, keep = ir.Constant(real, 1.0), builder.select(add, ir.Constant(real, 1.0), ir.Constant(real, 0.0))
        a, lda = place(left, kinds[1], left_row, left_column)
        b, ldb = place(right, kinds[5], right_row, right_column)
        c, ldc = place(out, kinds[11], out_row, out_column)
        # Fortran's matrices are the transposes of C's: out^T = right^T left^T
        pointers = [
            plain,
            turned,
            number(columns),
            number(rows),
            number(inner),
            cgutils.alloca_once_value(builder, one),
        ]
        pointers += [b, ldb, a, lda, cgutils.alloca_once_value(builder, keep), c, ldc]
        function = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        builder.call(builder.inttoptr(address, function.as_pointer()), pointers)
        return context.get_dummy_value()

    words = [types.int64, left, types.int64, types.int64, types.boolean, right, *[types.int64] * 5]
    words += [out, types.int64, types.int64, types.boolean]
    return types.void(*words), generate


# Scalar functions ------------------------------------------------------------------------------------------------

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


def _tanh32(x):  # type: ignore[no-untyped-def]
    """Within 3e-7 of tanh; what is not a number passes the two comparisons and stays so."""
    x = _EDGE if x > _EDGE else (-_EDGE if x < -_EDGE else x)
    y = x * x
    odd = x * ((((((_A13 * y + _A11) * y + _A9) * y + _A7) * y + _A5) * y + _A3) * y + _A1)
    return odd / (((_B6 * y + _B4) * y + _B2) * y + _B0)


_LEAST32, _LEAST64 = np.float32(pointwise.LEAST), np.float64(pointwise.LEAST)


@overload(pointwise.root, jit_options=SCALAR, strict=False)
def _root(x: Any) -> Any:
    if x == types.float32:
        return lambda x: np.sqrt(_LEAST32 if x < _LEAST32 else x)
    return lambda x: np.sqrt(_LEAST64 if x < _LEAST64 else x)


@overload(pointwise.positive, jit_options=SCALAR, strict=False)
def _positive(x: Any) -> Any:
    if x == types.float32:
        return lambda x: x + _HALF if x >= _ZERO else _HALF * pointwise.tanh(_HALF * x) + _HALF
    return lambda x: x + 0.5 if x >= 0.0 else 0.5 * math.tanh(0.5 * x) + 0.5


@overload(pointwise.tanh, jit_options=SCALAR, strict=False)
def _tanh(x: Any) -> Any:
    return inspect.unwrap(_tanh32) if x == types.float32 else lambda x: math.tanh(x)


@overload(pointwise.sigmoid, jit_options=SCALAR, strict=False)
def _sigmoid(x: Any) -> Any:
    if x == types.float32:
        return lambda x: _HALF * pointwise.tanh(_HALF * x) + _HALF
    return lambda x: 0.5 * math.tanh(0.5 * x) + 0.5


@overload(pointwise.relu, jit_options=SCALAR, strict=False)
def _relu(x: Any) -> Any:
    return (lambda x: _ZERO if x < _ZERO else x) if x == types.float32 else (lambda x: 0.0 if x < 0.0 else x)


@overload(pointwise.zero, jit_options=SCALAR, strict=False)
def _zero(y: Any) -> Any:
    return (lambda y: _ZERO) if y == types.float32 else (lambda y: 0.0)


@overload(pointwise.complement, jit_options=SCALAR, strict=False)
def _complement(y: Any) -> Any:
    return (lambda y: _ONE - y) if y == types.float32 else (lambda y: 1.0 - y)


@overload(pointwise.sigmoid_slope, jit_options=SCALAR, strict=False)
def _sigmoid_slope(y: Any) -> Any:
    return lambda y: y - y * y


@overload(pointwise.tanh_slope, jit_options=SCALAR, strict=False)
def _tanh_slope(y: Any) -> Any:
    return (lambda y: _ONE - y * y) if y == types.float32 else (lambda y: 1.0 - y * y)


@overload(pointwise.positive_slope, jit_options=SCALAR, strict=False)
def _positive_slope(y: Any) -> Any:
    if y == types.float32:
        return lambda y: _ONE if y >= _HALF else y - y * y
    return lambda y: 1.0 if y >= 0.5 else y - y * y


@overload(pointwise.relu_slope, jit_options=SCALAR, strict=False)
def _relu_slope(y: Any) -> Any:
    if y == types.float32:
        return lambda y: _ONE if y > _ZERO else _ZERO
    return lambda y: 1.0 if y > 0.0 else 0.0


@intrinsic
def _whole(typing: Any, x: Any) -> Any:
    """The whole number that is next to a float32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rint = builder.module.declare_intrinsic("llvm.rint", [ir.FloatType()])
        return builder.call(rint, args)

    return types.float32(types.float32), generate


@intrinsic
def _doubled(typing: Any, y: Any, times: Any) -> Any:
    """y 2^times of float32, for whole times from -126 to 127: they are the exponent's bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.fptosi(args[1], ir.IntType(32))
        bits = builder.shl(builder.add(bits, ir.Constant(ir.IntType(32), 127)), ir.Constant(ir.IntType(32), 23))
        return builder.fmul(args[0], builder.bitcast(bits, ir.FloatType()))

    return types.float32(types.float32, types.float32), generate


_LOW, _HIGH, _LOG2_E, _LN_2, _TWO = map(np.float32, (-87, 88, 1 / math.log(2), math.log(2), 2))
_E2, _E3, _E4, _E5, _E6, _E7 = (np.float32(1 / math.factorial(n)) for n in range(2, 8))
_L3, _L5, _L7, _L9, _L11, _L13 = (np.float32(1 / n) for n in range(3, 15, 2))


def _exp32(x):  # type: ignore[no-untyped-def]
    """2^k times Taylor's polynomial of what is left, at most ln 2 / 2; what is not a number stays so."""
    x = _LOW if x < _LOW else (_HIGH if x > _HIGH else x)
    k = _whole(x * _LOG2_E)
    r = x - k * _LN_2
    return _doubled(((((((_E7 * r + _E6) * r + _E5) * r + _E4) * r + _E3) * r + _E2) * r + _ONE) * r + _ONE, k)


def _log_sigmoid32(x):  # type: ignore[no-untyped-def]
    """min(x, 0) - log(1 + u), the logarithm as 2 artanh(u / (2 + u))."""
    u = pointwise.exp(-x if x > _ZERO else x)
    s = u / (u + _TWO)
    t = s * s
    series = (((((_L13 * t + _L11) * t + _L9) * t + _L7) * t + _L5) * t + _L3) * t + _ONE
    return (x if x < _ZERO else _ZERO) - _TWO * s * series


@overload(pointwise.exp, jit_options=SCALAR, strict=False)
def _exp(x: Any) -> Any:
    if x == types.float32:
        return inspect.unwrap(_exp32)
    return lambda x: math.exp(700.0 if x > 700.0 else (-700.0 if x < -700.0 else x))


@overload(pointwise.log_sigmoid, jit_options=SCALAR, strict=False)
def _log_sigmoid(x: Any) -> Any:
    if x == types.float32:
        return inspect.unwrap(_log_sigmoid32)
    return lambda x: (x if x < 0.0 else 0.0) - math.log1p(math.exp(-x if x > 0.0 else x))


@overload(pointwise.larger, jit_options=SCALAR, strict=False)
def _larger(x: Any, y: Any) -> Any:
    return lambda x, y: x if x > y else y


@overload(pointwise.at_least, jit_options=SCALAR, strict=False)
def _at_least(x: Any, y: Any) -> Any:
    if x == types.float32:
        return lambda x, y: _ONE if x >= y else _ZERO
    return lambda x, y: 1.0 if x >= y else 0.0
