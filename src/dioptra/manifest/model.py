"""What a wheel's tasks look like from outside: the static task manifest and the description of an environment.

These values are written when a wheel is published or enters a store, and read by the runtime to list tasks
without importing a plugin. Everything here is frozen and built from the standard library only.

Persisted forms carry a schema version ``MAJOR.MINOR``: unknown keys of a newer minor are ignored, a newer major
raises `SchemaVersionError` with the version that was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = "1.0"

ParameterKind = Literal["positional_only", "positional_or_keyword", "var_positional", "keyword_only", "var_keyword"]
"""Kinds of parameters, as `inspect.Parameter` names them."""


UNSEEN_SIGNATURE = "(...)"
"""Stands for a signature that the source does not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a task, as its source states it.

    Attributes:
        name: The parameter's name, without stars.
        kind: How an argument may be passed.
        annotation: The annotation's source text, or None.
        default: The default's source text, or None where an argument must be given.
    """

    name: str
    kind: ParameterKind
    annotation: str | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """One line of the ``dioptra.plugins`` group: an alias and the package, module or ``module:callable`` it names."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """One task of a module, found without importing it.

    Attributes:
        func: The name the task is called by.
        signature: Its signature as source text, such as ``(data: str, *, size: int = 64) -> str``; `UNSEEN_SIGNATURE`
            where it cannot be seen (a ``module:callable`` that is not a plain function).
        doc: The docstring, cleaned of indentation; empty where there is none.
        line: One-based line of the definition in its file.
        sort_value: The value given to ``register(sort_value=…)``.
        label: The value given to ``register(label=…)``, or None.
        nout: The number of results given to ``task_nout``, or None.
        is_async: Whether the task is a coroutine function.
        is_class: Whether a class was registered.
        entry_point: Name of the ``module:callable`` entry point that declares the task, or None where a decorator
            registers it.
    """

    func: str
    signature: str = UNSEEN_SIGNATURE
    doc: str = ""
    line: int = 1
    sort_value: float = 0.0
    label: str | None = None
    nout: int | None = None
    is_async: bool = False
    is_class: bool = False
    entry_point: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleEntry:
    """One plugin module of a wheel.

    Attributes:
        name: Dotted import name.
        path: File path inside the wheel (POSIX separators).
        doc: The module's docstring.
        tasks: Tasks in order of definition.
        dynamic: Why the tasks cannot all be seen from the syntax tree, or None. Such a module has to be imported
            to be listed completely.
        error: Why the module cannot be read (a syntax error, say), or None.
    """

    name: str
    path: str
    doc: str = ""
    tasks: tuple[TaskEntry, ...] = ()
    dynamic: str | None = None
    error: str | None = None

    @property
    def package(self) -> str:
        """Dotted name of the package that holds the module; empty for a top-level module."""
        return self.name.rpartition(".")[0]

    @property
    def plugin(self) -> str:
        """The module's last name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskManifest:
    """Everything a distribution's entry points offer: the content of ``<wheel>.tasks.json``.

    Attributes:
        project: Normalized project name.
        version: The release's version.
        entry_points: The ``dioptra.plugins`` group.
        modules: Plugin modules that the entry points reach, sorted by name.
    """

    project: str
    version: str
    entry_points: tuple[EntryPoint, ...] = ()
    modules: tuple[ModuleEntry, ...] = ()

    @property
    def tasks(self) -> tuple[tuple[ModuleEntry, TaskEntry], ...]:
        """All tasks of all modules, each with its module."""
        return tuple((module, task) for module in self.modules for task in module.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterKey:
    """The interpreter an environment was made for.

    Attributes:
        cache_tag: `sys.implementation.cache_tag`, such as ``cpython-311``.
        soabi: The ``SOABI`` configuration variable; empty where there is none.
        platform: `sysconfig.get_platform`.
    """

    cache_tag: str
    soabi: str
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentWheel:
    """One wheel of an environment.

    Attributes:
        project: Normalized project name.
        version: Its version.
        filename: The wheel's file name.
        sha256: Lower-case hexadecimal digest of the wheel file.
        import_roots: Dotted names of the regular packages and modules the wheel brings, each the outermost one
            that is not a PEP 420 namespace (``numpy``, ``google.cloud.storage``), sorted.
        manifest: Its tasks; None for a wheel that declares no plugin.
    """

    project: str
    version: str
    filename: str
    sha256: str
    import_roots: tuple[str, ...] = ()
    manifest: TaskManifest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDescription:
    """The content of ``environment.json``: exactly what the environment's digest covers.

    Attributes:
        digest: Lower-case hexadecimal sha256, the environment's name.
        layout: Version of the environment's layout on disk.
        interpreter: The interpreter it serves.
        wheels: Its wheels, sorted by project.
    """

    digest: str
    layout: int
    interpreter: InterpreterKey
    wheels: tuple[EnvironmentWheel, ...] = ()


class SchemaVersionError(ValueError):
    """A persisted file was written by a newer major version.

    Attributes:
        what: The kind of file.
        found: The schema version it carries.
        wanted: The newest schema version that can be read.
    """

    def __init__(self, what: str, found: str, wanted: str = SCHEMA) -> None:
        super().__init__(what, found, wanted)
        self.what, self.found, self.wanted = what, found, wanted

    def __str__(self) -> str:
        return f"{self.what} has schema {self.found}; this version reads up to {self.wanted}"
