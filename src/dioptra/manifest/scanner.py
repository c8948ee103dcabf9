"""Finding the tasks of a plugin module in its syntax tree; nothing is imported or run.

A scan never fails: source that cannot be read gives a `ModuleEntry` with `error`, a registration that cannot be
followed gives one with `dynamic`, beside the tasks that were seen.

What a scan takes for granted: other decorators keep a function's ``__name__`` (as `functools.wraps` does), and a
decorator from another distribution does not register by itself.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dioptra.manifest.bindings import Binding, Defined
from dioptra.manifest.findings import Findings
from dioptra.manifest.model import ModuleEntry, TaskEntry
from dioptra.manifest.scopes import Scope
from dioptra.manifest.signatures import task_entry

_TOO_DEEP = "RecursionError: it is nested too deeply to be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedModule:
    """A module after a scan.

    Attributes:
        entry: What the manifest says of it.
        names: What its names stand for at its end.
    """

    entry: ModuleEntry
    names: Mapping[str, Binding | None] = field(default_factory=dict)

    def callable_task(self, attribute: str, *, entry_point: str) -> TaskEntry:
        """Describe what a ``module:attribute`` entry point names.

        Args:
            attribute: Dotted path inside the module; its last part is the task's name.
            entry_point: The entry point's name.

        Returns:
            The task, with the signature where the attribute is a plain function or class of the module.
        """
        first, *rest = attribute.split(".")
        binding = self.names.get(first)
        node = binding.node if isinstance(binding, Defined) else None
        for part in rest:
            body = node.body if isinstance(node, ast.ClassDef) else []
            found = [item for item in body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
            node = next((item for item in reversed(found) if item.name == part), None)
        func = rest[-1] if rest else first
        if node is None:
            return TaskEntry(func=func, entry_point=entry_point)
        # How a method is bound decides what parameters it has, and that is not seen here.
        return task_entry(
            node,
            func=func,
            nout=binding.nout if isinstance(binding, Defined) and not rest else None,
            entry_point=entry_point,
            with_signature=not rest,
        )


def scan_module(source: bytes, *, name: str, path: str) -> ModuleEntry:
    """Find the tasks that a module registers with `dioptra.pyplugs`.

    Args:
        source: The module's bytes, in any encoding that Python accepts (PEP 263).
        name: Its dotted import name.
        path: Its file's path with ``/``, for the entry.

    Returns:
        Its tasks in order of registration, with what could not be seen.
    """
    return scan_source(source, name=name, path=path, may_register=_in_the_package_of(name)).entry


def scan_source(source: bytes, *, name: str, path: str, may_register: Callable[[str], bool]) -> ScannedModule:
    """Scan a module, knowing its neighbours.

    Args:
        source: The module's bytes.
        name: Its dotted import name.
        path: Its file's path.
        may_register: Whether a module, by its dotted name, may hold decorators or functions that register.

    Returns:
        The entry, as `scan_module` gives it, and the module's names.
    """
    tree = parse(source)
    if isinstance(tree, str):
        return ScannedModule(entry=ModuleEntry(name=name, path=path, error=tree))
    is_package = path.rpartition("/")[2].partition(".")[0] == "__init__"
    findings = Findings(name, name if is_package else name.rpartition(".")[0], may_register)
    scope = Scope(findings)
    try:
        scope.run(tree.body)
    except RecursionError:
        return ScannedModule(entry=ModuleEntry(name=name, path=path, error=_TOO_DEEP))
    entry = ModuleEntry(
        name=name,
        path=path,
        doc=ast.get_docstring(tree) or "",
        tasks=tuple(findings.tasks.values()),
        dynamic=findings.dynamic,
        error=findings.error,
    )
    return ScannedModule(entry=entry, names=scope.names)


def parse(source: bytes) -> ast.Module | str:
    """Parse a module.

    Args:
        source: Its bytes.

    Returns:
        The syntax tree, or why there is none, with the line where there is one.
    """
    try:
        with warnings.catch_warnings():
            # Doubtful escapes are the author's business; under "error" they would make a good module look broken.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError) as problem:
        message = problem.msg if isinstance(problem, SyntaxError) else str(problem)
        return f"{type(problem).__name__}: line {_line(problem, source)}: {message}"
    except (RecursionError, MemoryError):
        return _TOO_DEEP


def _line(problem: SyntaxError | ValueError, source: bytes) -> int:
    """The line of a problem. Python gives none for null bytes and says 0 for what it finds while decoding."""
    if b"\0" in source:
        return source.count(b"\n", 0, source.index(b"\0")) + 1
    line = getattr(problem, "lineno", None)
    if isinstance(line, int) and line > 0:
        return line
    # An unknown encoding: it is named in one of the first two lines (PEP 263).
    first, _, second = source.partition(b"\n")
    return 2 if b"coding" in second.partition(b"\n")[0] and b"coding" not in first else 1


def _in_the_package_of(name: str) -> Callable[[str], bool]:
    """Without the neighbours at hand, whatever comes from the same top-level package may register."""
    top, dot, _ = name.partition(".")
    return lambda module: bool(dot) and module.partition(".")[0] == top
