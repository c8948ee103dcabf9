"""Tasks as their source or signature states them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dioptra.pyplugs._specs import find_spec
from dioptra.pyplugs._types import Provenance, TaskDescription

if TYPE_CHECKING:
    import inspect

    from dioptra.manifest.model import ModuleEntry, Parameter, ParameterKind, TaskEntry
    from dioptra.pyplugs._registrations import Registration


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


def describe_entry(package: str, plugin: str, task: TaskEntry, provenance: Provenance) -> TaskDescription:
    """Describe a task from its manifest.

    Args:
        package: Dotted name of the package that holds the plugin module.
        plugin: The plugin module's last name.
        task: What the manifest says.
        provenance: Where the task comes from.
    """
    fields = (
        package,
        plugin,
        task.func,
        task.signature,
        task.doc,
        task.sort_value,
        task.label,
        task.nout,
        task.is_async,
        task.is_class,
        provenance,
    )
    # Thousands are made for one listing; a named tuple's own constructor takes twice as long.
    return tuple.__new__(TaskDescription, fields)


def describe_registration(
    module: str, func: str, registration: Registration, provenance: Provenance
) -> TaskDescription:
    """Describe a task that is registered and whose source does not show it.

    Args:
        module: Dotted name of the plugin module.
        func: The task's name.
        registration: What was registered.
        provenance: Where it comes from.
    """
    import inspect

    package, _, plugin = module.rpartition(".")
    function = registration.func
    return TaskDescription(
        package,
        plugin,
        func,
        function_signature(function),
        inspect.cleandoc(getattr(function, "__doc__", None) or ""),
        registration.sort_value,
        registration.label,
        getattr(function, "_task_nout", None),
        inspect.iscoroutinefunction(function),
        inspect.isclass(function),
        provenance._replace(line=definition_line(function)) if provenance.line is None else provenance,
    )


def function_signature(function: object) -> str:
    """The signature of a function or class as text, in the form that manifests have.

    Args:
        function: Anything callable.
    """
    import inspect

    from dioptra.manifest.model import UNSEEN_SIGNATURE
    from dioptra.manifest.signatures import signature_text

    if not callable(function):
        return UNSEEN_SIGNATURE
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return UNSEEN_SIGNATURE  # some functions of extension modules have none
    returns = None if signature.return_annotation is inspect.Signature.empty else signature.return_annotation
    return signature_text(
        [_parameter(item) for item in signature.parameters.values()], None if returns is None else _annotation(returns)
    )


def definition_line(function: object) -> int | None:
    """The line on which a function is defined, below its decorators; None where that is unknown.

    Args:
        function: A function or class.
    """
    import ast
    import inspect
    import textwrap

    try:
        lines, first = inspect.getsourcelines(function)  # type: ignore[arg-type]  # raises TypeError for others
        (node,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        code = getattr(function, "__code__", None)
        return None if code is None else int(code.co_firstlineno)
    return first + node.lineno - 1


def _parameter(item: inspect.Parameter) -> Parameter:
    from dioptra.manifest.model import Parameter

    return Parameter(
        name=item.name,
        kind=cast("ParameterKind", item.kind.name.lower()),
        annotation=None if item.annotation is item.empty else _annotation(item.annotation),
        default=None if item.default is item.empty else _expression(repr(item.default)),
    )


def _annotation(annotation: object) -> str:
    import inspect

    return _expression(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


def _expression(text: str) -> str:
    """The text, if it is an expression; a signature has to stay one that can be read."""
    import ast

    try:
        return ast.unparse(ast.parse(text, mode="eval"))
    except (SyntaxError, ValueError):
        return "..."
