"""The arrays that the compiled functions of a layer read and write, by name.

A block of rows is one step: row t * batch + b is step t of sequence b. `rows` below is time * batch. In `Inputs` and
`OutputGrads` the rows may stand sequence by sequence instead; `batch_first` says so. All arrays are C-contiguous.
GATES, APART, FED and the like are the cell's numbers: see `pointwise.Pointwise`.
"""

from typing import Any, NamedTuple

WHOLE, PROJECTION, STEPS, TIME_ORDER, PRODUCTS = range(5)
"""The stages of a call: all of it; the product of the inputs of all steps; the steps; the inputs brought into the
order of time; one of the products over all steps, `Part.piece`."""


class Part(NamedTuple):
    """The share of the work that one call does."""

    stage: Any
    first: Any
    """The first member."""
    last: Any
    """The member after the last one."""
    begin: Any
    """The first row: of a step, or of all steps where the stage is PROJECTION."""
    end: Any
    """The row after the last one."""
    piece: Any
    """The number of this piece."""


class Inputs(NamedTuple):
    """What the layer reads: x (member, rows, in)."""

    x: Any
    batch_first: Any


class Weights(NamedTuple):
    """The weights of a layer.

    Forward they are transposed: inputs (member, in, GATES hidden), recurrent (member, FED hidden, (REACHED + INNER)
    hidden). Backward they are as torch has them. bias (member, 1, (GATES + APART) hidden); units (member, 1, PARAMETERS
    hidden), the parameters of a unit.
    """

    inputs: Any
    recurrent: Any
    bias: Any
    units: Any


class History(NamedTuple):
    """The state before the first step and after each step, and what the derivative needs of each step.

    fed (member, rows + batch, FED hidden): the tensors of the state that U multiplies. unfed (member, rows + batch,
    (LEAVES - FED) hidden): the others. saved (member, rows, ...): what `backward` needs.
    """

    fed: Any
    unfed: Any
    saved: Any


class ForwardScratch(NamedTuple):
    """Memory of one thread: time_first (rows, in), gates (rows, GATES hidden), share (batch, GATES hidden)."""

    time_first: Any
    gates: Any
    share: Any


class OutputGrads(NamedTuple):
    """The gradients that come in: y (member, rows, hidden); state (member, batch, LEAVES hidden), of the last state.

    Afterwards `state` is the gradient of the initial state.
    """

    y: Any
    batch_first: Any
    state: Any


class Grads(NamedTuple):
    """The gradients that go out. x has no rows where it is not wanted; units (member, pieces, PARAMETERS hidden)."""

    x: Any
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any
    units: Any


class BackwardScratch(NamedTuple):
    """Memory of one thread.

    time_first (rows, in). gates (rows, GATES hidden): the gradients of what U reaches. apart (rows, APART hidden):
    those of the inputs' share of the gates that are apart. inner (batch, INNER hidden): those of the inner vectors.
    """

    time_first: Any
    gates: Any
    apart: Any
    inner: Any


class Tile(NamedTuple):
    """The part of a matrix that begins at a row and a column."""

    matrix: Any
    row: Any
    column: Any
