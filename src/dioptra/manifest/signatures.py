"""The description of a task from its definition's syntax tree. Annotations and defaults stay source text."""

from __future__ import annotations

import ast

from dioptra.manifest.bindings import Definition
from dioptra.manifest.model import Parameter, ParameterKind, TaskEntry


def task_entry(
    node: Definition,
    *,
    module: str,
    func: str,
    sort_value: float = 0.0,
    nout: int | None = None,
    entry_point: str | None = None,
    with_parameters: bool = True,
) -> TaskEntry:
    """Describe a task.

    Args:
        node: Its definition.
        module: Dotted name of its module.
        func: The name it is called by.
        sort_value: As given to ``register``.
        nout: As given to ``task_nout``.
        entry_point: The ``module:callable`` entry point that declares it, if one does.
        with_parameters: Whether what is called has the parameters of the definition.
    """
    package, _, plugin = module.rpartition(".")
    is_class = isinstance(node, ast.ClassDef)
    return TaskEntry(
        package=package,
        plugin=plugin,
        func=func,
        parameters=parameters(node) if with_parameters else (),
        returns=None if isinstance(node, ast.ClassDef) or node.returns is None else ast.unparse(node.returns),
        doc=ast.get_docstring(node) or "",
        line=node.lineno,
        sort_value=sort_value,
        nout=nout,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_class=is_class,
        entry_point=entry_point,
    )


def parameters(node: Definition) -> tuple[Parameter, ...]:
    """The parameters of a function, or of a class's own ``__init__`` without ``self``; else none."""
    if not isinstance(node, ast.ClassDef):
        return _parameters(node.args)
    # The last definition counts, as in a class body that runs.
    for item in reversed(node.body):
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            found = _parameters(item.args)
            has_self = found and found[0].kind in {"positional_only", "positional_or_keyword"}
            return found[1:] if has_self else found
    return ()


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    positional: list[tuple[ast.arg, ParameterKind]] = [
        *((item, "positional_only") for item in arguments.posonlyargs),
        *((item, "positional_or_keyword") for item in arguments.args),
    ]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults
    found = [_parameter(item, kind, default) for (item, kind), default in zip(positional, defaults, strict=True)]
    if arguments.vararg is not None:
        found.append(_parameter(arguments.vararg, "var_positional", None))
    found += [
        _parameter(item, "keyword_only", default)
        for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg is not None:
        found.append(_parameter(arguments.kwarg, "var_keyword", None))
    return tuple(found)


def _parameter(item: ast.arg, kind: ParameterKind, default: ast.expr | None) -> Parameter:
    return Parameter(
        name=item.arg,
        kind=kind,
        annotation=None if item.annotation is None else ast.unparse(item.annotation),
        default=None if default is None else ast.unparse(default),
    )
