"""Small questions to syntax trees of plugin modules."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import replace

from dioptra.manifest.bindings import Register


def known_truth(test: ast.expr) -> bool | None:
    """Whether a condition holds while a module is imported, where that is certain."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            known = known_truth(operand)
            return None if known is None else not known
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return False
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return False
        case _:
            return None


def unpacked(targets: Sequence[ast.expr], value: ast.expr) -> list[tuple[ast.expr, ast.expr]] | None:
    """The pairs of ``a, b = x, y``; None for any other assignment."""
    match targets, value:
        case [ast.Tuple(elts=left) | ast.List(elts=left)], ast.Tuple(elts=right) | ast.List(elts=right):
            if len(left) == len(right) and not any(isinstance(item, ast.Starred) for item in (*left, *right)):
                return list(zip(left, right, strict=True))
    return None


def made_decorator(call: ast.Call) -> Register:
    """The decorator that ``register(…)`` makes."""
    made = Register(made=True)
    for keyword in call.keywords:
        match keyword.arg, keyword.value:
            case "sort_value", value:
                number = _number(value)
                if number is None:
                    made = replace(made, unseen="sort_value is not a literal number")
                else:
                    made = replace(made, sort_value=number)
            case "label", ast.Constant(value=str() | None as label):
                made = replace(made, label=label)
            case "replace", ast.Constant(value=bool() as flag):
                made = replace(made, replace=flag)
            case ("label" | "replace") as name, _:
                made = replace(made, unseen=f"{name} is not a literal {'text' if name == 'label' else 'truth value'}")
            case name, _:
                made = replace(made, unseen=f"register is called with {name or '**'}")
    return made


def _number(node: ast.expr) -> float | None:
    try:
        value = ast.literal_eval(node)
        number = float(value) if type(value) in {int, float} else None
    except (ValueError, TypeError, SyntaxError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None


def literal_count(call: ast.Call) -> int | None:
    """The number that ``task_nout(n)`` is given, if it is a literal."""
    value = call.args[0] if call.args else next((item.value for item in call.keywords if item.arg == "nout"), None)
    return value.value if isinstance(value, ast.Constant) and type(value.value) is int else None


def last_name(node: ast.expr) -> str | None:
    """The name, or the last attribute of a dotted one."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def root_name(node: ast.expr) -> str | None:
    """The name at the beginning of a chain of attributes and calls."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else None
