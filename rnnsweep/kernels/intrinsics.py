"""What Numba lacks for the kernels: tuples from strided memory, a fence between loops, a BLAS called by its address.

The loops over units are vectorised only if LLVM knows that their loads and stores do not overlap. It cannot prove this
for planes of one array whose distance it does not know. So `load` and `store` promise that no two of them touch the
same number within a loop over units. Where one loop reads what another has written, `barrier` must stand between them.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

_SLOTS = 48  # the most stores in one loop


def _scopes(module: ir.Module, names: list[Any]) -> Any:
    """LLVM's alias scopes of these names."""
    domain = module.add_metadata([ir.MetaDataString(module, "rnnsweep")])
    each = [module.add_metadata([ir.MetaDataString(module, f"rnnsweep {name}"), domain]) for name in names]
    return module.add_metadata(each)


def _literal(*arguments: Any) -> list[int]:
    """Numbers that are known when the kernel is compiled."""
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
    typing: Any, array: Any, row: Any, column: Any, stride: Any, values: Any, first: Any, count: Any, slot: Any
) -> Any:
    """Stores values[first : first + count] where `load` would read them.

    `slot` is the number of the first of these stores within its loop; no two stores of a loop share a number.
    """
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
    """The tuple `long` with the tuple `short` added to its first entries."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = cgutils.unpack_tuple(builder, args[0], len(long))
        more = cgutils.unpack_tuple(builder, args[1], len(short))
        values = [builder.fadd(a, b) for a, b in zip(values, more, strict=False)] + values[len(more) :]
        return context.make_tuple(builder, signature.return_type, values)

    return long(long, short), generate


@intrinsic
def barrier(typing: Any) -> Any:
    """The compiler moves no load and no store across it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def product(typing: Any, blas: Any, left: Any, right: Any, out: Any, size: Any, transpose: Any, add: Any) -> Any:
    """out = left right, a product of matrices; with `transpose` left^T right; with `add` it is added to `out`.

    `left`, `right` and `out` are `structures.Tile`s; `size` is (rows of out, length of the sums, columns of out).
    `blas` is the address of sgemm or dgemm.
    """
    whole, matrix = types.int64, types.Array(left.types[0].dtype, 2, "C")
    block = types.NamedTuple((matrix, whole, whole), left.instance_class)
    wanted = types.void(whole, block, block, block, types.UniTuple(whole, 3), types.boolean, types.boolean)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        blas, left, right, out, size, transpose, add = args
        real = context.get_value_type(matrix.dtype)
        rows, inner, columns = (_place(builder, _short(builder, n)) for n in cgutils.unpack_tuple(builder, size, 3))
        (a, lda), (b, ldb), (c, ldc) = (_corner(context, builder, matrix, each) for each in (left, right, out))
        plain, transposed = (ir.Constant(ir.IntType(8), ord(letter)) for letter in "NT")
        none, one = ir.Constant(real, 0.0), ir.Constant(real, 1.0)
        values = [plain, builder.select(transpose, transposed, plain), one, builder.select(add, one, none)]
        as_is, of_left, factor, keep = (_place(builder, value) for value in values)
        # Fortran's matrices are the transposes of C's: out^T = right^T left^T
        pointers = [as_is, of_left, columns, rows, inner, factor, b, ldb, a, lda, keep, c, ldc]
        function = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        builder.call(builder.inttoptr(blas, function.as_pointer()), pointers)
        return context.get_dummy_value()

    return wanted, generate


def _short(builder: Any, value: Any) -> Any:
    """As Fortran's integer, of 32 bits."""
    return builder.trunc(value, ir.IntType(32))


def _place(builder: Any, value: Any) -> Any:
    """A pointer to the value: Fortran takes all arguments by address."""
    return cgutils.alloca_once_value(builder, value)


def _corner(context: Any, builder: Any, kind: Any, block: Any) -> tuple[Any, Any]:
    """Pointers to the first number of a block and to the width of its matrix."""
    matrix, row, column = cgutils.unpack_tuple(builder, block, 3)
    array = cgutils.create_struct_proxy(kind)(context, builder, value=matrix)
    width = builder.extract_value(array.shape, 1)
    first = builder.add(builder.mul(row, width), column)
    return builder.gep(array.data, [first]), _place(builder, _short(builder, width))
