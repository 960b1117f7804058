"""Conditions over a run's settings, as in `cell == "rnn" and cell.num_layers > 1`: the runs that a grid leaves out.

A group's name alone stands for its choice. A condition holds names of settings, subscripts, literals, comparisons,
arithmetic and boolean operators. It calls nothing, so it cannot change the config that it reads.
"""

import ast
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from rnnsweep.config import Config, suggestion
from rnnsweep.errors import ConfigError, tell_once

MAX_POWER = 64
"""The largest exponent, so that no condition computes numbers of a million digits."""


def _number(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError(f"arithmetic needs two numbers, not {left!r} and {right!r}")
        return function(left, right)

    return checked


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_POWER or abs(base) > 1e9:
        raise ValueError(f"{base} ** {exponent} is too large")
    return math.pow(base, exponent)


BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _number(operator.add),
    ast.Sub: _number(operator.sub),
    ast.Mult: _number(operator.mul),
    ast.Div: _number(operator.truediv),
    ast.FloorDiv: _number(operator.floordiv),
    ast.Mod: _number(operator.mod),
    ast.Pow: _number(_power),
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
COMPARISON: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
CONSTANTS = {"true": True, "false": False, "null": None}


class Skip:
    """Whether a grid leaves a run out: true where any of the conditions holds."""

    def __init__(self, conditions: Sequence[str]):
        """Reads the conditions.

        Raises:
            ConfigError: a condition cannot be read.
        """
        self.conditions = {text: _told(text, ast.parse, text, "<condition>", "eval") for text in conditions}
        self.idle = set(self.conditions)

    def __call__(self, config: Config) -> bool:
        """Whether any condition holds for a config.

        Raises:
            ConfigError: a condition names what the config does not have, or cannot be computed.
        """
        for text, tree in self.conditions.items():
            if _told(text, _value, tree.body, config):
                self.idle.discard(text)
                return True
        return False

    def tell_idle(self) -> None:
        """Says which conditions have left out no run."""
        for text in sorted(self.idle):
            tell_once(f"hydra.sweeper.skip: `{text}` leaves out no run of this sweep")


def _told(text: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result; its errors are reported as errors of the condition that the user typed."""
    try:
        return function(*arguments)
    except Exception as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        said = "it is too long or nested too deeply" if isinstance(error, RecursionError | MemoryError) else said
        short = text if len(text) <= 80 else f"{text[:77]}..."
        raise ConfigError("hydra.sweeper.skip", f"cannot decide `{short}`: {said}") from None


def _value(node: ast.expr, names: Config) -> Any:
    def of(part: ast.expr) -> Any:
        return _value(part, names)

    def settings(part: ast.expr) -> Any:
        return _entry(names, part.id) if isinstance(part, ast.Name) else of(part)

    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return node.value
        case ast.Name():
            return CONSTANTS[node.id] if node.id in CONSTANTS else names.get("choices", {}).get(node.id, settings(node))
        case ast.Attribute():
            return _entry(settings(node.value), node.attr)
        case ast.Subscript():
            return _entry(settings(node.value), of(node.slice))
        case ast.List() | ast.Tuple():
            return [of(item) for item in node.elts]
        case ast.UnaryOp() if type(node.op) in UNARY:
            return UNARY[type(node.op)](of(node.operand))
        case ast.BinOp() if type(node.op) in BINARY:
            return BINARY[type(node.op)](of(node.left), of(node.right))
        case ast.BoolOp():
            return _joined(node, of)
        case ast.Compare():
            return _compared(node, of)
    kind = "a call" if isinstance(node, ast.Call) else f"`{ast.unparse(node)}`"
    raise ValueError(f"{kind} is not allowed; use settings, literals, comparisons, arithmetic, `and`, `or` and `not`")


def _entry(place: Any, key: Any) -> Any:
    if isinstance(place, list) and isinstance(key, int):
        if not -len(place) <= key < len(place):
            raise LookupError(f"there is no [{key}] in a list of {len(place)}")
        return place[key]
    if not isinstance(place, dict):
        raise TypeError(f"{place!r} has no settings, so no `{key}`")
    if key not in place:
        raise LookupError(f"there is no `{key}`.{suggestion(str(key), list(place))}")
    return place[key]


def _joined(node: ast.BoolOp, of: Callable[[ast.expr], Any]) -> Any:
    """As Python does: the first value that decides."""
    decides = isinstance(node.op, ast.Or)
    for part in node.values[:-1]:
        if bool(value := of(part)) == decides:
            return value
    return of(node.values[-1])


def _compared(node: ast.Compare, of: Callable[[ast.expr], Any]) -> bool:
    left = of(node.left)
    for compare, part in zip(node.ops, node.comparators, strict=True):
        right = of(part)
        if not COMPARISON[type(compare)](left, right):
            return False
        left = right
    return True
