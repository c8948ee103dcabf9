"""Errors of registering, finding and loading tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dioptra.sdk.exceptions.base import DioptraSDKError

PLUGIN_DIR_VARIABLE = "DIOPTRA_PLUGIN_DIR"
"""Environment variable that lists the plugin directories, separated by `os.pathsep`."""

BLOCK_VARIABLE = "DIOPTRA_BLOCK"
"""Environment variable that lists patterns of blocked distributions, plugins and tasks, separated by commas."""

ALLOW_VARIABLE = "DIOPTRA_ALLOW"
"""Environment variable that lists exceptions to what is blocked, separated by commas."""

PREFER_VARIABLE = "DIOPTRA_PREFER"
"""Environment variable that lists distributions, separated by commas; of several that declare a task the first one
listed is used."""


class Searched(NamedTuple):
    """Where a task was looked for.

    Attributes:
        plugin_dirs: Path entries of the plugin directories that are active.
        host: Prefix of the running Python installation, whose own plugins are searched as well.
        variable_set: Whether ``DIOPTRA_PLUGIN_DIR`` has a value.
    """

    plugin_dirs: tuple[str, ...] = ()
    host: str = ""
    variable_set: bool = False

    def __str__(self) -> str:
        if self.plugin_dirs:
            directories = "the plugin directories " + ", ".join(self.plugin_dirs)
        elif self.variable_set:
            directories = f"no plugin directory ({PLUGIN_DIR_VARIABLE} is set, but plugin_dirs() is not active)"
        else:
            directories = f"no plugin directory ({PLUGIN_DIR_VARIABLE} is unset)"
        return f"searched {directories} and the host {self.host}"


class UnknownTaskError(DioptraSDKError):
    """Base of the three errors that say a task cannot be found.

    Attributes:
        package: The package that was asked for; empty for top-level modules.
        plugin: The plugin that was asked for, or None.
        func: The function that was asked for, or None.
        nearest: Existing names like the one that is unknown, best first.
        searched: The plugin directories and the host that were searched.
    """

    def __init__(
        self,
        what: str,
        *,
        package: str,
        plugin: str | None = None,
        func: str | None = None,
        nearest: Sequence[str] = (),
        searched: Searched = Searched(),  # noqa: B008 - an immutable value
    ) -> None:
        if nearest:
            hint = "did you mean " + " or ".join(repr(name) for name in nearest) + "?"
        elif searched.plugin_dirs:
            hint = "dioptra-plugins list"
        elif searched.variable_set:
            hint = "enter dioptra.sdk.plugin_dirs() before looking up tasks"
        else:
            hint = f"set {PLUGIN_DIR_VARIABLE} and enter dioptra.sdk.plugin_dirs(), or install the plugin into the host"
        super().__init__(what, why=str(searched), hint=hint)
        self.package, self.plugin, self.func = package, plugin, func
        self.nearest, self.searched = tuple(nearest), searched


class UnknownPackageError(UnknownTaskError):
    """No package of this name holds plugins."""

    def __init__(
        self,
        package: str,
        *,
        nearest: Sequence[str] = (),
        searched: Searched = Searched(),  # noqa: B008 - an immutable value
    ) -> None:
        super().__init__(f"package {package!r} is unknown", package=package, nearest=nearest, searched=searched)


class UnknownPluginError(UnknownTaskError):
    """The package is known and has no plugin of this name."""

    def __init__(
        self,
        package: str,
        plugin: str,
        *,
        nearest: Sequence[str] = (),
        searched: Searched = Searched(),  # noqa: B008 - an immutable value
    ) -> None:
        where = f"package {package!r}" if package else "the top-level modules"
        super().__init__(
            f"{where} has no plugin {plugin!r}" if package else f"{where} have no plugin {plugin!r}",
            package=package,
            plugin=plugin,
            nearest=nearest,
            searched=searched,
        )


class UnknownPluginFunctionError(UnknownTaskError):
    """The plugin is known and has no task of this name and label.

    Attributes:
        label: The label that was asked for; None for a task without one.
        its_label: The label of the task that has the name, or None.
    """

    def __init__(
        self,
        package: str,
        plugin: str,
        func: str | None,
        *,
        label: str | None = None,
        its_label: str | None = None,
        nearest: Sequence[str] = (),
        searched: Searched = Searched(),  # noqa: B008 - an immutable value
    ) -> None:
        name = f"{package}.{plugin}" if package else plugin
        what = "no task" if func is None else f"no task {func!r}"
        if label is not None:
            what += f" with the label {label!r}"
        elif func is None or its_label is not None:
            what += " without a label"
        super().__init__(
            f"plugin {name!r} has {what}",
            package=package,
            plugin=plugin,
            func=func,
            nearest=nearest,
            searched=searched,
        )
        self.label, self.its_label = label, its_label
        if its_label is not None:
            self.hint = f"pass label={its_label!r}"


class PluginLoadError(DioptraSDKError):
    """A plugin module exists and cannot be imported, or does not hold what its distribution declares.

    The exception that stopped the import is kept as ``__cause__``. Nothing of the module was registered.

    Attributes:
        module: Dotted import name.
        distribution: The distribution the module belongs to, or None where it is unknown (a raw folder).
        version: The distribution's version, or None.
    """

    def __init__(
        self,
        module: str,
        *,
        distribution: str | None = None,
        version: str | None = None,
        cause: BaseException | None = None,
        why: str | None = None,
        hint: str | None = None,
    ) -> None:
        of = "" if distribution is None else f" of {distribution} {version}"
        if why is None and cause is not None:
            why = f"{type(cause).__name__}: {cause}"
        super().__init__(f"plugin module {module!r}{of} cannot be loaded", why=why, hint=hint)
        self.module, self.distribution, self.version = module, distribution, version
        self.__cause__ = cause


class MissingDependencyError(PluginLoadError):
    """A plugin module imports a module that is not installed.

    Attributes:
        missing: Dotted name of the module that was not found.
    """

    def __init__(
        self,
        module: str,
        *,
        missing: str,
        distribution: str | None = None,
        version: str | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(
            module,
            distribution=distribution,
            version=version,
            cause=cause,
            why=f"it needs the module {missing!r}, which is not installed",
            hint=f"declare the distribution that provides {missing!r} as a dependency of "
            f"{distribution or 'the plugin'}, then lock and sync again, or install it into the host",
        )
        self.missing = missing


class Claimant(NamedTuple):
    """A distribution that declares a task.

    Attributes:
        distribution: Its project name.
        version: Its version.
        wheel_sha256: Digest of its wheel, or None where it is unknown (a plugin of the host).
    """

    distribution: str
    version: str
    wheel_sha256: str | None = None

    def __str__(self) -> str:
        digest = "" if self.wheel_sha256 is None else f" (sha256 {self.wheel_sha256})"
        return f"{self.distribution} {self.version}{digest}"


class TaskConflictError(DioptraSDKError):
    """More than one distribution declares the task that was looked up.

    Attributes:
        package: The task's package.
        plugin: The task's plugin.
        func: The task's name, or None where the whole plugin was asked for.
        claimants: The distributions, in a fixed order.
    """

    def __init__(self, package: str, plugin: str, func: str | None, claimants: Sequence[Claimant]) -> None:
        name = ".".join(part for part in (package, plugin, func) if part)
        super().__init__(
            f"task {name!r} is claimed by {len(claimants)} distributions",
            why=" and ".join(str(claimant) for claimant in claimants),
            hint=f"choose one: {PREFER_VARIABLE}={claimants[0].distribution}, or plugin_dirs(prefer=[…]); or keep only "
            "one in the lock (dioptra-plugins lock) and in the host",
        )
        self.package, self.plugin, self.func, self.claimants = package, plugin, func, tuple(claimants)


class RawFolderWarning(UserWarning):
    """A raw plugin folder holds a task that a distribution has as well; the distribution's is used.

    Attributes:
        task: Dotted name of the task.
        distribution: Project name of the distribution.
        folder: The raw folder.
    """

    def __init__(self, task: str, distribution: str, folder: str) -> None:
        super().__init__(task, distribution, folder)
        self.task, self.distribution, self.folder = task, distribution, folder

    def __str__(self) -> str:
        return (
            f"the task {self.task} is in the raw folder {self.folder} and in {self.distribution}; that of "
            f"{self.distribution} is used, and the folder's can be removed"
        )


class RegistrationError(DioptraSDKError):
    """An object cannot be registered as a task: it has no name or module, or a value given with it is wrong."""


class DuplicateTaskError(RegistrationError):
    """A module registers two tasks of one name.

    Attributes:
        module: Dotted import name.
        func: The name.
        first: File and line of the one that was registered first.
        second: File and line of the other.
    """

    def __init__(self, module: str, func: str, first: str, second: str) -> None:
        super().__init__(
            f"{module} registers the task {func!r} twice",
            why=f"first {first}, then {second}",
            hint="give one of them another name, or use register(replace=True) if the second is meant to replace it",
        )
        self.module, self.func, self.first, self.second = module, func, first, second


class TaskBlockedError(DioptraSDKError):
    """The task exists and is blocked in this process.

    Attributes:
        package: The task's package.
        plugin: The task's plugin.
        func: The task's name, or None where the whole plugin was asked for.
        pattern: What blocks it: the pattern given to `block` or in ``DIOPTRA_BLOCK``.
    """

    def __init__(self, package: str, plugin: str, func: str | None, pattern: str) -> None:
        name = ".".join(part for part in (package, plugin, func) if part)
        super().__init__(
            f"task {name!r} is blocked",
            why=f"{pattern!r} is blocked in this process, by pyplugs.block() or {BLOCK_VARIABLE}",
            hint=f"pyplugs.allow({name!r}), or {ALLOW_VARIABLE}={name}",
        )
        self.package, self.plugin, self.func, self.pattern = package, plugin, func, pattern
