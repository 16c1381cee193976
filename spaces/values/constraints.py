"""Arithmetic constraints on parameters, such as `depth * width**2 * resolution**2 <= 2.2`.

They are parsed to a syntax tree with a list of allowed nodes, never passed to `eval`. Length, depth
and the size of numbers are bounded, so that reading and evaluating one takes milliseconds.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from ...blocks import InputError
from ...blocks.errors import unknown
from ...blocks.shape import is_array

LONGEST = 2000
"""Largest number of characters of a constraint."""
DEEPEST = 200
"""Largest depth of a constraint's syntax tree; a sum of n terms has a depth of n."""
LARGEST = 1e300
"""Largest absolute value of a number in a constraint, and of every result on the way."""
LARGEST_EXPONENT = 64
"""Largest absolute value of the exponent of a power in a constraint."""

_binary: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_compare: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition on the values of a space's parameters."""

    text: str
    """The constraint as written."""
    names: frozenset[str]
    """Names of the parameters in the constraint."""

    def holds(self, settings: Mapping[str, Any]) -> Any:
        """Whether the constraint holds: a bool, or an array if the values are arrays.

        A constraint holds if one of its parameters is inactive.

        Raises:
            InputError: it cannot be evaluated with these values, e.g. a division by zero.
        """
        if any(settings.get(name) is None for name in self.names):
            return True
        values = {_identifier(name): settings[name] for name in self.names}
        try:
            with np.errstate(all="ignore"):
                return _evaluate(_parse(self.text), values)
        except (TypeError, ValueError, ArithmeticError) as error:
            shown = ", ".join(f"{name}={value!r}" for name, value in values.items() if not is_array(value))
            raise InputError(
                f"the constraint {self.text!r} cannot be evaluated with {shown or 'these values'}: {error}"
            ) from None


def parse_constraint(text: object, known: Collection[str]) -> Constraint:
    """Parse a constraint.

    Raises:
        InputError: `text` is not a comparison of arithmetic on the `known` parameters.
    """
    if not isinstance(text, str):
        raise InputError(f"a constraint is a text like 'depth * width**2 <= 2', but got {text!r}")
    if len(text) > LONGEST:
        raise InputError(f"a constraint must have at most {LONGEST:,} characters, but got {len(text):,}: {text!r}")
    try:
        tree = _parse(text)
    except SyntaxError as error:
        raise InputError(f"not a constraint: {text!r} ({error.msg} at column {error.offset})") from None
    except (ValueError, RecursionError, MemoryError):
        raise InputError(f"not a constraint: {text!r}") from None
    if not isinstance(tree, ast.Compare | ast.BoolOp | ast.UnaryOp):
        raise InputError(f"a constraint compares two sides, as in 'depth * width**2 <= 2', but got {text!r}")
    _check(tree, text)
    parameters = {_identifier(name): name for name in known}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in names:
        if name not in parameters:
            raise unknown(f"name in the constraint {text!r}:", name, known)
    return Constraint(text, frozenset(parameters[name] for name in names))


@lru_cache(maxsize=1024)
def _parse(text: str) -> ast.expr:
    # `expansion.1` and `kernel.2.3`, parameters of a stage and a layer, are not valid Python names
    python = re.sub(r"\b[A-Za-z_]\w*(?:\.\d+)+\b", lambda match: _identifier(match[0]), text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an escape in a text: Python's parser is only borrowed
        return ast.parse(python, mode="eval").body


def _check(tree: ast.expr, text: str) -> None:
    """Raise InputError unless a tree holds allowed nodes alone, within the bounds."""
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise InputError(f"a constraint must be at most {DEEPEST} operations deep, but got {text!r}")
        for node in level:
            _check_node(node, text)
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_node(node: ast.AST, text: str) -> None:
    allowed = isinstance(
        node, ast.Compare | ast.BoolOp | ast.BinOp | ast.UnaryOp | ast.Name | ast.Load | ast.boolop | ast.unaryop
    )
    allowed = allowed or type(node) in _binary or type(node) in _compare
    allowed = allowed or (isinstance(node, ast.Constant) and isinstance(node.value, int | float | str))
    if not allowed or isinstance(node, ast.Invert):
        raise InputError(
            f"a constraint may hold names, numbers, texts, + - * / // % **, comparisons, and, or, not, but {text!r}"
            f" holds {type(node).__name__}"
        )
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not abs(node.value) <= LARGEST:
        raise InputError(f"a number in a constraint must be at most {LARGEST:g}, but got {text!r}")
    texts = (isinstance(child, ast.Constant) and isinstance(child.value, str) for child in ast.iter_child_nodes(node))
    if not isinstance(node, ast.Compare) and any(texts):
        raise InputError(f"a text in a constraint can only be compared, as in attention == 'eca', but got {text!r}")


def _calculated(op: ast.operator, left: Any, right: Any) -> Any:
    """The result of arithmetic on two numbers or arrays of numbers, within the bounds."""
    for side in (left, right):
        if isinstance(side, str) or (is_array(side) and side.dtype.kind not in "biuf"):
            raise TypeError("a text can only be compared")
    if isinstance(op, ast.Pow) and not is_array(right) and abs(right) > LARGEST_EXPONENT:
        raise OverflowError(f"an exponent must be at most {LARGEST_EXPONENT}, but got {right:g}")
    result = _binary[type(op)](left, right)
    if isinstance(result, complex):
        raise ArithmeticError("the root of a negative number")
    if isinstance(result, int | float) and not abs(result) <= LARGEST:
        raise OverflowError(f"a result must be at most {LARGEST:g}")
    return result


def _identifier(name: str) -> str:
    return name.replace(".", "__")


def _evaluate(node: ast.AST, settings: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return settings[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _calculated(op, _evaluate(left, settings), _evaluate(right, settings))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_evaluate(operand, settings))
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, settings)
            return -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(join, (_evaluate(value, settings) for value in values))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_evaluate(side, settings) for side in (left, *comparators)]
            return reduce(
                np.logical_and, (_compare[type(op)](a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False))
            )
    raise TypeError(f"not parsed by parse_constraint: {ast.dump(node)}")
