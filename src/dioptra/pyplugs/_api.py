"""The functions of `dioptra.pyplugs`, over the default registry."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar, overload

from dioptra.pyplugs._binding import split_arguments
from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._types import Function, PluginInfo, TaskDescription, TaskListing
from dioptra.sdk.exceptions import RegistrationError

_F = TypeVar("_F", bound=Function)
_found = default_registry.found


class InfoFunction(Protocol):
    """What `info_factory` returns."""

    def __call__(self, plugin: str, func: str | None = None) -> PluginInfo:
        """Do as `info` does, within the package."""


class GetFunction(Protocol):
    """What `get_factory` returns."""

    def __call__(self, plugin: str, func: str | None = None) -> Function:
        """Do as `get` does, within the package."""


@overload
def register(_func: _F, *, sort_value: float = 0.0) -> _F: ...
@overload
def register(_func: None = None, *, sort_value: float = 0.0) -> Callable[[_F], _F]: ...
def register(_func: _F | None = None, *, sort_value: float = 0.0) -> _F | Callable[[_F], _F]:
    """Register a function or class as a task; a decorator, with or without parentheses.

    The task is called by the function's module and name. While its module is being imported it cannot be found; when
    that import fails it is never seen.

    Args:
        _func: The function or class, where the decorator is written without parentheses.
        sort_value: The plugin's place in `names`, smallest first; the value of its first task counts.

    Returns:
        The function or class, unchanged.

    Raises:
        RegistrationError: The object has no name or module, or the sort value is not a number.
    """
    registrar = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001 - the only way to know who registers

    def add(func: _F) -> _F:
        default_registry.add(func, sort_value=sort_value, registrar=registrar)
        return func

    return add if _func is None else add(_func)


def task_nout(nout: int) -> Callable[[_F], _F]:
    """State how many results a task returns, so that a flow can unpack them before the task has run.

    Args:
        nout: The number of results.

    Returns:
        A decorator that sets ``_task_nout`` on the function; it goes above or below `register`.

    Raises:
        RegistrationError: The number is not a positive integer.
    """
    count: object = nout
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise RegistrationError(f"task_nout({nout!r}) is impossible", why="it takes the number of results, 1 or more")

    def mark(func: _F) -> _F:
        func._task_nout = nout  # type: ignore[attr-defined]  # noqa: SLF001 - upstream's contract
        return func

    return mark


def names(package: str) -> list[str]:
    """List the plugins of a package that have tasks.

    Args:
        package: The package, or an alias of it; empty for top-level modules.

    Returns:
        Plugin names by the sort value of their first task, then by name. Nothing is imported, except modules whose
        tasks cannot be seen in their source. Modules that cannot be read are left out; `list_tasks` has their errors.

    Raises:
        UnknownPackageError: There is no such package.
    """
    return default_registry.names(package)


def funcs(package: str, plugin: str) -> list[str]:
    """List the tasks of a plugin.

    Args:
        package: The package, or an alias of it.
        plugin: The plugin, or an alias of it.

    Returns:
        Task names in order of registration.

    Raises:
        UnknownPackageError: There is no such package.
        UnknownPluginError: The package has no such plugin, or the module registers no task.
        TaskConflictError: The name is an alias of more than one plugin.
        PluginLoadError: The module cannot be read or imported.
    """
    return default_registry.funcs(package, plugin)


def info(package: str, plugin: str, func: str | None = None) -> PluginInfo:
    """Give a task with its documentation.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.

    Returns:
        The task; equal calls give equal values.

    Raises:
        UnknownPackageError: There is no such package.
        UnknownPluginError: The package has no such plugin, or the module registers no task.
        UnknownPluginFunctionError: The plugin has no such task.
        TaskConflictError: More than one distribution declares the task.
        PluginLoadError: The module cannot be imported, or lacks what its distribution declares.
        MissingDependencyError: The module imports a module that is not installed.
    """
    return default_registry.find(package, plugin, func).info


def exists(package: str, plugin: str) -> bool:
    """Tell whether a plugin exists and has tasks, as far as that can be told without running it.

    Args:
        package: The package, or an alias of it.
        plugin: The plugin, or an alias of it.

    Returns:
        Whether it has tasks. A plugin with a missing dependency exists; one that cannot be read does not.
    """
    return default_registry.exists(package, plugin)


def get(package: str, plugin: str, func: str | None = None) -> Function:
    """Give a task's function.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.

    Returns:
        The registered function or class.

    Raises:
        DioptraSDKError: As for `info`.
    """
    return default_registry.find(package, plugin, func).info.func


@overload
def call(package: str, plugin: str, func: str | None = None, /, *args: Any, **kwargs: Any) -> Any: ...
@overload
def call(package: str, /, *, plugin: str, func: str | None = None, **kwargs: Any) -> Any: ...
@overload
def call(*, package: str, plugin: str, func: str | None = None, **kwargs: Any) -> Any: ...
def call(*args: Any, **kwargs: Any) -> Any:
    """Call a task: ``call(package, plugin, func=None, *args, **kwargs)``.

    The coordinates may be given by position or by keyword; further positional arguments go to the task. Coordinates
    given by position leave the keywords of the same names to the task: ``call("p", "m", "f", package="x")`` calls the
    task with ``package="x"``.

    Args:
        args: The package, the plugin, the task's name (None for the plugin's first task), the task's arguments.
        kwargs: Coordinates that were not given by position, and the task's keyword arguments.

    Returns:
        What the task returns; what it raises is passed on.

    Raises:
        TypeError: The package or the plugin is missing.
        DioptraSDKError: As for `info`.
    """
    # The coordinates by position are the key itself; a repeated call costs this one lookup.
    count = len(args)
    if count > 2 or "func" not in kwargs:
        function = _found.get(args if count < 4 else args[:3])
        if function is not None:
            return function(*args[3:], **kwargs)
    coordinates, task_args, task_kwargs = split_arguments("call", args, kwargs)
    return default_registry.find(*coordinates).info.func(*task_args, **task_kwargs)


def list_tasks() -> TaskListing:
    """List every task of the active plugin directories and of the host, and every broken module.

    Returns:
        Descriptions made from manifests and sources. Only modules whose tasks cannot be seen there are imported.
    """
    return default_registry.list_tasks()


def describe(package: str, plugin: str, func: str | None = None) -> TaskDescription:
    """Describe a task from its source, without importing its module where the source shows it.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.

    Returns:
        The description, with signature, documentation and provenance.

    Raises:
        DioptraSDKError: As for `info`.
    """
    return default_registry.describe(package, plugin, func)


def names_factory(package: str) -> Callable[[], list[str]]:
    """Make `names` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(names, package)


def funcs_factory(package: str) -> Callable[[str], list[str]]:
    """Make `funcs` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(funcs, package)


def info_factory(package: str) -> InfoFunction:
    """Make `info` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(info, package)


def exists_factory(package: str) -> Callable[[str], bool]:
    """Make `exists` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(exists, package)


def get_factory(package: str) -> GetFunction:
    """Make `get` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(get, package)


def call_factory(package: str) -> Callable[..., Any]:
    """Make `call` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(call, package)
