"""Values of the registry: what a task is, where it comes from, and how it is described without importing it.

Named tuples, not dataclasses: `dataclasses` brings `inspect`, and importing the registry has to stay cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from dioptra.manifest.model import Parameter

Function: TypeAlias = Callable[..., Any]
Source: TypeAlias = Literal["decorator", "entry-point"]


class Coordinates(NamedTuple):
    """What a task is called by.

    Attributes:
        package: Dotted name of the package that holds the plugin module; empty for a top-level module.
        plugin: The plugin module's last name.
        func: The task's name; None stands for the plugin's first task.
    """

    package: str
    plugin: str
    func: str | None = None

    @property
    def module(self) -> str:
        """Dotted name of the plugin module."""
        return f"{self.package}.{self.plugin}" if self.package else self.plugin


class PluginInfo(NamedTuple):
    """One registered task, in the form PyPlugs made known; equal calls give equal values.

    Attributes:
        package_name: Dotted name of the package that holds the plugin module; empty for a top-level module.
        plugin_name: The plugin module's last name.
        func_name: The task's name.
        func: The registered function or class, unchanged.
        description: First paragraph of its docstring.
        doc: The rest of its docstring.
        module_doc: The plugin module's docstring.
        sort_value: The value given to ``register(sort_value=…)``.
    """

    package_name: str
    plugin_name: str
    func_name: str
    func: Function
    description: str
    doc: str
    module_doc: str
    sort_value: float


class Provenance(NamedTuple):
    """Where a task comes from. What is unknown is None: a raw folder has no distribution, a host plugin no wheel.

    Attributes:
        distribution: Project name of the distribution that brings the task.
        version: Its version.
        wheel_sha256: Digest of the wheel it was installed from.
        entry_points: Names of the ``dioptra.plugins`` entry points that reach the task, sorted.
        sources: How the task became known; both where a decorated task is also reached by an entry point.
        file: The plugin module's file.
        plugin_directory: The entry of ``DIOPTRA_PLUGIN_DIR`` it was found in, or None for the host.
    """

    distribution: str | None = None
    version: str | None = None
    wheel_sha256: str | None = None
    entry_points: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ("decorator",)
    file: str | None = None
    plugin_directory: str | None = None


class Task(NamedTuple):
    """A task that can be called.

    Attributes:
        info: The registered function and its documentation.
        provenance: Where it comes from.
        nout: The number of results given to ``task_nout``, or None.
    """

    info: PluginInfo
    provenance: Provenance
    nout: int | None = None


class TaskDescription(NamedTuple):
    """One task as its source states it, found without importing its module.

    Attributes:
        package: Dotted name of the package that holds the plugin module; empty for a top-level module.
        plugin: The plugin module's last name.
        func: The task's name.
        signature: Such as ``(data_dir: str, size: int = 64) -> str``; ``(...)`` where it cannot be seen.
        description: First paragraph of its docstring.
        doc: The rest of its docstring.
        sort_value: The value given to ``register(sort_value=…)``.
        nout: The number of results given to ``task_nout``, or None.
        is_async: Whether it is a coroutine function.
        is_class: Whether a class was registered.
        line: One-based line of the definition, or None where it cannot be seen.
        parameters: The parameters in order.
        provenance: Where it comes from.
    """

    package: str
    plugin: str
    func: str
    signature: str
    description: str
    doc: str
    sort_value: float
    nout: int | None
    is_async: bool
    is_class: bool
    line: int | None
    parameters: tuple[Parameter, ...]
    provenance: Provenance

    @property
    def module(self) -> str:
        """Dotted name of the plugin module."""
        return Coordinates(self.package, self.plugin).module


class BrokenModule(NamedTuple):
    """A plugin module that cannot be read or imported.

    Attributes:
        module: Its dotted import name.
        error: Why, in one line.
        exception: The exception, where the module was imported to list it; None where its source could not be read.
        provenance: Where it comes from.
    """

    module: str
    error: str
    exception: Exception | None
    provenance: Provenance


class TaskListing(NamedTuple):
    """Every task that can be found, and every plugin module that is broken.

    Attributes:
        tasks: Sorted by package, sort value of the plugin, plugin and order of definition.
        broken: Sorted by module name.
    """

    tasks: tuple[TaskDescription, ...]
    broken: tuple[BrokenModule, ...]


def split_docstring(text: str | None) -> tuple[str, str]:
    """Split a docstring into its first paragraph and the rest, free of indentation.

    Args:
        text: The docstring, or None.

    Returns:
        The description and the rest; empty strings where there is none.
    """
    import textwrap

    description, _, rest = (text or "").partition("\n\n")
    return description.strip(), textwrap.dedent(rest).strip()
