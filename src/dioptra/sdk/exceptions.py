"""Errors of the runtime: what plugin authors and flow authors meet.

Every error says what happened (`what`), why (`why`) and which command or change helps (`hint`), and carries the
same facts as typed attributes. The class decides the exit code that the command line returns for it:

====  ==========================================================================
1     an unknown, conflicting, wrongly registered or unloadable task
2     configuration: a plugin directory, a second environment, missing prefect
4     an environment that would collide with what the host imports
10    a flow whose tasks failed
====  ==========================================================================

Errors can be pickled, so that they survive the way back from a child process or a remote task runner (the cause of
an error does not travel: what it said is kept in `why`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

PLUGIN_DIR_VARIABLE = "DIOPTRA_PLUGIN_DIR"
"""Environment variable that lists the plugin directories, separated by `os.pathsep`."""


class DioptraSDKError(Exception):
    """Base of all errors of `dioptra.sdk` and `dioptra.pyplugs`.

    Attributes:
        what: What happened, naming the thing; one line.
        why: The cause: what was found and what was wanted.
        hint: The command or change that helps.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what, self.why, self.hint = what, why, hint

    def __str__(self) -> str:
        text = self.what if self.why is None else f"{self.what}: {self.why}"
        return text if self.hint is None else f"{text}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # The default calls the class with `args`, which these constructors do not accept.
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(error_type: type[DioptraSDKError], args: tuple[object, ...]) -> DioptraSDKError:
    return error_type.__new__(error_type, *args)


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
    """The plugin is known and has no task of this name."""

    def __init__(
        self,
        package: str,
        plugin: str,
        func: str,
        *,
        nearest: Sequence[str] = (),
        searched: Searched = Searched(),  # noqa: B008 - an immutable value
    ) -> None:
        name = f"{package}.{plugin}" if package else plugin
        super().__init__(
            f"plugin {name!r} has no task {func!r}",
            package=package,
            plugin=plugin,
            func=func,
            nearest=nearest,
            searched=searched,
        )


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
            hint="keep one of them in the lock (dioptra-plugins lock) or in the host",
        )
        self.package, self.plugin, self.func, self.claimants = package, plugin, func, tuple(claimants)


class RegistrationError(DioptraSDKError):
    """An object cannot be registered as a task: it has no name or module, or a value given with it is wrong."""


class PrefectDependencyError(DioptraSDKError):
    """A function that needs prefect was called and prefect is not installed.

    Attributes:
        function: Name of the function that was called.
    """

    exit_code = 2

    def __init__(self, function: str) -> None:
        super().__init__(
            f"{function} needs prefect",
            why="the module 'prefect' is not installed",
            hint="python -m pip install 'prefect>=3.8,<4'",
        )
        self.function = function


class PluginDirectoryError(DioptraSDKError):
    """An entry of ``DIOPTRA_PLUGIN_DIR``, or a directory given to `plugin_dirs`, is missing or unusable.

    Attributes:
        path: The entry.
    """

    exit_code = 2

    def __init__(self, path: str, *, why: str, hint: str | None = None) -> None:
        super().__init__(f"plugin directory {path!r} cannot be used", why=why, hint=hint)
        self.path = path


class EnvironmentInUseError(DioptraSDKError):
    """A process serves one environment at a time, and another one is active (nested or in another thread).

    Attributes:
        active: Path entries of the plugin directories that are active.
        wanted: Path entries that were to be entered.
    """

    exit_code = 2

    def __init__(self, active: Sequence[str], wanted: Sequence[str]) -> None:
        super().__init__(
            "other plugin directories are active in this process",
            why=f"active: {', '.join(active)}; wanted: {', '.join(wanted)}",
            hint="leave the first plugin_dirs() before entering the second, or run the second in a child process",
        )
        self.active, self.wanted = tuple(active), tuple(wanted)


class StaleModuleError(DioptraSDKError):
    """Modules of an environment that was left cannot be unloaded, so a different one cannot be entered safely.

    Attributes:
        modules: Extension modules of the earlier environment that stay loaded.
        previous: Path entries of the earlier environment.
        wanted: Path entries that were to be entered.
    """

    exit_code = 2

    def __init__(self, modules: Sequence[str], previous: Sequence[str], wanted: Sequence[str]) -> None:
        super().__init__(
            "other plugin directories cannot be entered in this process any more",
            why=f"extension modules stay loaded from {', '.join(previous)}: {', '.join(modules)}; "
            f"wanted: {', '.join(wanted)}",
            hint="run the second environment in a child process of its own",
        )
        self.modules, self.previous, self.wanted = tuple(modules), tuple(previous), tuple(wanted)


class Collision(NamedTuple):
    """An import name that an environment brings and the host has already.

    Attributes:
        name: Dotted import name.
        distribution: The environment's distribution that brings it.
        host_location: Where the host imports it from.
    """

    name: str
    distribution: str
    host_location: str


class HostCollisionError(DioptraSDKError):
    """An environment brings import names that the host can import already: one would shadow the other.

    Attributes:
        environment: The environment that was refused.
        collisions: Every import name that collides.
    """

    exit_code = 4

    def __init__(self, environment: str, collisions: Sequence[Collision]) -> None:
        found = "; ".join(f"{c.name} ({c.distribution}) is in the host at {c.host_location}" for c in collisions)
        super().__init__(
            f"environment {environment} collides with the host",
            why=found,
            hint="dioptra-plugins lock and dioptra-plugins sync on this host, or remove the host's copies",
        )
        self.environment, self.collisions = environment, tuple(collisions)


class FailedTask(NamedTuple):
    """A task of a flow run that did not complete.

    Attributes:
        name: The task run's name.
        state: Its state's name, such as ``Failed``, or ``NotReady`` where it never ran.
    """

    name: str
    state: str


class TaskRunFailedError(DioptraSDKError):
    """Tasks of a flow failed or never ran.

    Attributes:
        flow: The flow's name.
        tasks: The tasks with their states.
    """

    exit_code = 10

    def __init__(self, flow: str, tasks: Sequence[FailedTask]) -> None:
        count = "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
        super().__init__(
            f"flow {flow!r}: {count} did not complete",
            why=", ".join(f"{task.name} ({task.state})" for task in tasks),
            hint="see the log of the first failed task",
        )
        self.flow, self.tasks = flow, tuple(tasks)
