"""Signatures as source text: written from a definition's syntax tree, and read back into parameters.

Annotations and defaults stay source text. The text is what `ast.unparse` gives, so that the same definition always has
the same signature.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from dioptra.manifest.bindings import Definition
from dioptra.manifest.model import UNSEEN_SIGNATURE, Parameter, ParameterKind, TaskEntry
from dioptra.manifest.syntax import last_name


def task_entry(
    node: Definition,
    *,
    func: str,
    sort_value: float = 0.0,
    label: str | None = None,
    nout: int | None = None,
    entry_point: str | None = None,
    with_signature: bool = True,
) -> TaskEntry:
    """Describe a task.

    Args:
        node: Its definition.
        func: The name it is called by.
        sort_value: As given to ``register``.
        label: As given to ``register``.
        nout: As given to ``task_nout``.
        entry_point: The ``module:callable`` entry point that declares it, if one does.
        with_signature: Whether what is called has the signature of the definition.
    """
    return TaskEntry(
        func=func,
        signature=definition_signature(node) if with_signature else UNSEEN_SIGNATURE,
        doc=ast.get_docstring(node) or "",
        line=node.lineno,
        sort_value=sort_value,
        label=label,
        nout=nout,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_class=isinstance(node, ast.ClassDef),
        entry_point=entry_point,
    )


def definition_signature(node: Definition) -> str:
    """The signature of a function, or of a class as its own ``__init__`` states it, without ``self``."""
    if not isinstance(node, ast.ClassDef):
        return signature_text(_parameters(node.args), None if node.returns is None else ast.unparse(node.returns))
    # The last definition counts, as in a class body that runs.
    for item in reversed(node.body):
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            found = _parameters(item.args)
            has_self = found and found[0].kind in {"positional_only", "positional_or_keyword"}
            return signature_text(found[1:] if has_self else found)
    makes_its_own = any(getattr(item, "name", None) in {"__new__", "__call__"} for item in node.body)
    inherits = node.bases or node.keywords or not all(map(_is_of_the_registry, node.decorator_list))
    return UNSEEN_SIGNATURE if makes_its_own or inherits else "()"


def _is_of_the_registry(decorator: ast.expr) -> bool:
    """Whether a decorator leaves a class as it is, judged by its name; others, as dataclass, may add an __init__."""
    return last_name(decorator.func if isinstance(decorator, ast.Call) else decorator) in {"register", "task_nout"}


def signature_text(parameters: Iterable[Parameter], returns: str | None = None) -> str:
    """Write a signature as Python does.

    Args:
        parameters: In order.
        returns: The return annotation's source text, or None.

    Returns:
        Such as ``(data: str, /, *, size: int = 64) -> str``.
    """
    parts: list[str] = []
    positional_only = starred = False
    for parameter in parameters:
        if positional_only and parameter.kind != "positional_only":
            parts.append("/")
        positional_only = parameter.kind == "positional_only"
        if parameter.kind == "keyword_only" and not starred:
            parts.append("*")
        starred = starred or parameter.kind in {"var_positional", "keyword_only"}
        stars = {"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "")
        annotation = "" if parameter.annotation is None else f": {parameter.annotation}"
        equals = " = " if annotation else "="
        default = "" if parameter.default is None else f"{equals}{parameter.default}"
        parts.append(f"{stars}{parameter.name}{annotation}{default}")
    if positional_only:
        parts.append("/")
    arrow = "" if returns is None else f" -> {returns}"
    return f"({', '.join(parts)}){arrow}"


def parse_signature(signature: str) -> tuple[tuple[Parameter, ...], str | None]:
    """Read what `signature_text` wrote.

    Args:
        signature: The text.

    Returns:
        The parameters and the return annotation's source text; no parameters for `UNSEEN_SIGNATURE`.

    Raises:
        ValueError: It is no signature.
    """
    if signature == UNSEEN_SIGNATURE:
        return (), None
    try:
        (node,) = ast.parse(f"def _{signature}: ...").body
    except (SyntaxError, ValueError) as problem:
        raise ValueError(f"{signature!r} is no signature: {problem}") from problem
    if not isinstance(node, ast.FunctionDef):
        raise ValueError(f"{signature!r} is no signature")
    return _parameters(node.args), None if node.returns is None else ast.unparse(node.returns)


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
