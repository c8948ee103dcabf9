"""Tasks as their source or signature states them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from dioptra.pyplugs._specs import find_spec
from dioptra.pyplugs._types import Function, Provenance, TaskDescription, split_docstring

if TYPE_CHECKING:
    import inspect

    from dioptra.manifest.model import ModuleEntry, Parameter, ParameterKind, TaskEntry


def scan_source(module: str) -> ModuleEntry | None:
    """Scan a module that no distribution declares; nothing is imported.

    Args:
        module: Its dotted name.

    Returns:
        Its tasks; None if there is no such module, or it is a namespace package. A module without readable source
        (an extension module) is `dynamic`.
    """
    from dioptra.manifest.model import ModuleEntry
    from dioptra.manifest.scanner import scan_module

    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    read = getattr(spec.loader, "get_data", None)
    if read is None or not spec.origin.endswith(".py"):
        return ModuleEntry(name=module, path=spec.origin, dynamic="there is no source to read")
    try:
        source = read(spec.origin)
    except OSError as problem:
        return ModuleEntry(name=module, path=spec.origin, error=str(problem))
    return scan_module(source, name=module, path=spec.origin)


def describe_entry(entry: TaskEntry, provenance: Provenance) -> TaskDescription:
    """Describe a task from its manifest.

    Args:
        entry: What the manifest says.
        provenance: Where the task comes from.
    """
    description, doc = split_docstring(entry.doc)
    unseen = entry.entry_point is not None and not entry.parameters and not entry.doc and entry.line == 1
    return TaskDescription(
        package=entry.package,
        plugin=entry.plugin,
        func=entry.func,
        signature="(...)" if unseen else signature_text(entry.parameters, entry.returns),
        description=description,
        doc=doc,
        sort_value=entry.sort_value,
        nout=entry.nout,
        is_async=entry.is_async,
        is_class=entry.is_class,
        line=entry.line,
        parameters=entry.parameters,
        provenance=provenance,
    )


def describe_function(
    package: str, plugin: str, func: str, function: Function, sort_value: float, provenance: Provenance
) -> TaskDescription:
    """Describe a task that is registered and whose source does not show it.

    Args:
        package: The task's package.
        plugin: The task's plugin.
        func: The task's name.
        function: What was registered.
        sort_value: The value it was registered with.
        provenance: Where it comes from.
    """
    import inspect

    parameters: tuple[Parameter, ...] = ()
    try:
        signature: inspect.Signature | None = inspect.signature(function)
    except (TypeError, ValueError):
        signature = None  # some functions of extension modules have none
    text = "(...)"
    if signature is not None:
        parameters = tuple(_parameter(item) for item in signature.parameters.values())
        returns = None if signature.return_annotation is inspect.Signature.empty else signature.return_annotation
        text = signature_text(parameters, None if returns is None else _annotation(returns))
    description, doc = split_docstring(inspect.cleandoc(getattr(function, "__doc__", None) or ""))
    code = getattr(function, "__code__", None)
    return TaskDescription(
        package=package,
        plugin=plugin,
        func=func,
        signature=text,
        description=description,
        doc=doc,
        sort_value=sort_value,
        nout=getattr(function, "_task_nout", None),
        is_async=inspect.iscoroutinefunction(function),
        is_class=inspect.isclass(function),
        line=None if code is None else code.co_firstlineno,
        parameters=parameters,
        provenance=provenance,
    )


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


def _parameter(item: inspect.Parameter) -> Parameter:
    from dioptra.manifest.model import Parameter

    return Parameter(
        name=item.name,
        kind=cast("ParameterKind", item.kind.name.lower()),
        annotation=None if item.annotation is item.empty else _annotation(item.annotation),
        default=None if item.default is item.empty else repr(item.default),
    )


def _annotation(annotation: object) -> str:
    import inspect

    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
