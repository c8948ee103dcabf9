"""Values of the registry: what a task is, where it comes from, and how it is described without importing it.

Named tuples, not dataclasses: `dataclasses` brings `inspect`, and importing the registry has to stay cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from dioptra.sdk.exceptions import Claimant

if TYPE_CHECKING:
    from dioptra.manifest.model import Parameter

Function: TypeAlias = Callable[..., Any]
ABSENT = object()
"""Stands for a coordinate that was not given."""

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
        label: The value given to ``register(label=…)``, or None.
    """

    package_name: str
    plugin_name: str
    func_name: str
    func: Function
    description: str
    doc: str
    module_doc: str
    sort_value: float
    label: str | None = None


class Provenance(NamedTuple):
    """Where a task comes from. What is unknown is None: a raw folder has no distribution, a host plugin no wheel.

    Attributes:
        distribution: Project name of the distribution that brings the task.
        version: Its version; of a develop folder with ``+develop``.
        wheel_sha256: Digest of the wheel it was installed from.
        index_url: URL of the index that the wheel was synced from; None where an environment was entered directly.
        entry_points: Names of the ``dioptra.plugins`` entry points that reach the task, sorted.
        sources: How the task became known; both where a decorated task is also reached by an entry point.
        file: The plugin module's file.
        line: One-based line of the task's definition in it.
        plugin_directory: The entry of ``DIOPTRA_PLUGIN_DIR``, or the develop folder, that it was found in; None for
            the host.
        commit: Of a develop folder in a git work tree, the commit that is checked out.
        dirty: Of a develop folder in a git work tree, whether its files differ from that commit.
    """

    distribution: str | None = None
    version: str | None = None
    wheel_sha256: str | None = None
    index_url: str | None = None
    entry_points: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ("decorator",)
    file: str | None = None
    line: int | None = None
    plugin_directory: str | None = None
    commit: str | None = None
    dirty: bool | None = None


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
        docstring: Its docstring, free of indentation.
        sort_value: The value given to ``register(sort_value=…)``.
        label: The value given to ``register(label=…)``, or None.
        nout: The number of results given to ``task_nout``, or None.
        is_async: Whether it is a coroutine function.
        is_class: Whether a class was registered.
        provenance: Where it comes from.
    """

    package: str
    plugin: str
    func: str
    signature: str
    docstring: str
    sort_value: float
    label: str | None
    nout: int | None
    is_async: bool
    is_class: bool
    provenance: Provenance

    @property
    def description(self) -> str:
        """First paragraph of its docstring."""
        return split_docstring(self.docstring)[0]

    @property
    def doc(self) -> str:
        """The rest of its docstring."""
        return split_docstring(self.docstring)[1]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in order; none where the signature cannot be seen."""
        from dioptra.manifest.signatures import parse_signature

        return parse_signature(self.signature)[0]

    @property
    def returns(self) -> str | None:
        """The return annotation's source text, or None."""
        from dioptra.manifest.signatures import parse_signature

        return parse_signature(self.signature)[1]

    @property
    def line(self) -> int | None:
        """One-based line of the definition, or None where it cannot be seen."""
        return self.provenance.line

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


class Conflict(NamedTuple):
    """A task that more than one source has.

    Attributes:
        package: Dotted name of the package, or an alias of several packages.
        plugin: The plugin, or an alias of several plugins.
        func: The task's name; None where all tasks of the plugin are meant, because they cannot be seen.
        claimants: The distributions that declare it, in a fixed order.
        folders: Raw folders that hold it as well, in the order of ``DIOPTRA_PLUGIN_DIR``.
        chosen: The distribution that is used; None where looking it up raises `TaskConflictError`.
    """

    package: str
    plugin: str
    func: str | None
    claimants: tuple[Claimant, ...]
    folders: tuple[str, ...]
    chosen: Claimant | None


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
