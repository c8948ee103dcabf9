"""The functions of `dioptra.pyplugs`, over the default registry."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar, overload

from dioptra.pyplugs._binding import split_arguments, without_return_type
from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._types import ABSENT, Function, PluginInfo
from dioptra.sdk.exceptions import RegistrationError

_F = TypeVar("_F", bound=Function)
_T = TypeVar("_T")
_found = default_registry.found

names = default_registry.names
funcs = default_registry.funcs
labels = default_registry.labels
exists = default_registry.exists
describe = default_registry.describe
list_tasks = default_registry.list_tasks
load_errors = default_registry.load_errors
conflicts = default_registry.conflicts
block = default_registry.block
allow = default_registry.allow
prefer = default_registry.prefer
refresh = default_registry.refresh
snapshot = default_registry.snapshot
restore = default_registry.restore

_OURS = frozenset({"func", "label", "task_kwargs"})


class InfoFunction(Protocol):
    """What `info_factory` returns."""

    def __call__(self, plugin: str, func: str | None = None, label: str | None = None) -> PluginInfo:
        """Do as `info` does, within the package."""


class FuncsFunction(Protocol):
    """What `funcs_factory` returns."""

    def __call__(self, plugin: str, label: str | None = None) -> list[str]:
        """Do as `funcs` does, within the package."""


class GetFunction(Protocol):
    """What `get_factory` returns."""

    def __call__(self, plugin: str, func: str | None = None, label: str | None = None) -> Function:
        """Do as `get` does, within the package."""


@overload
def register(_func: _F, *, sort_value: float = 0.0, label: str | None = None, replace: bool = False) -> _F: ...
@overload
def register(
    _func: None = None, *, sort_value: float = 0.0, label: str | None = None, replace: bool = False
) -> Callable[[_F], _F]: ...
def register(
    _func: _F | None = None, *, sort_value: float = 0.0, label: str | None = None, replace: bool = False
) -> _F | Callable[[_F], _F]:
    """Register a function or class as a task; a decorator, with or without parentheses.

    The task is called by the function's module and name. While its module is being imported it cannot be found; when
    that import fails it is never seen.

    Args:
        _func: The function or class, where the decorator is written without parentheses.
        sort_value: The plugin's place in `names`, smallest first; the value of its first task counts.
        label: Groups tasks of a plugin. A task with a label is found only by who asks for that label.
        replace: Whether it may take the place of another task of its name in the module.

    Returns:
        The function or class, unchanged.

    Raises:
        RegistrationError: The object has no name or module, the sort value is no number or the label no text.
        DuplicateTaskError: Its module has registered something else under this name.
    """
    registrar = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001 - the only way to know who registers

    def add(func: _F) -> _F:
        default_registry.add(func, sort_value=sort_value, label=label, replace=replace, registrar=registrar)
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


def info(package: str, plugin: str, func: str | None = None, label: str | None = None) -> PluginInfo:
    """Give a task with its documentation.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.
        label: The task's label; None for a task without one.

    Returns:
        The task; equal calls give equal values.

    Raises:
        UnknownPackageError: There is no such package.
        UnknownPluginError: The package has no such plugin, or the module registers no task.
        UnknownPluginFunctionError: The plugin has no such task, or not with this label.
        TaskConflictError: More than one distribution declares the task, and none of them is preferred.
        TaskBlockedError: The task is blocked.
        PluginLoadError: The module cannot be imported, or lacks what its distribution declares.
        MissingDependencyError: The module imports a module that is not installed.
    """
    return default_registry.find(package, plugin, func, label=label).info


def get(package: str, plugin: str, func: str | None = None, label: str | None = None) -> Function:
    """Give a task's function.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.
        label: The task's label; None for a task without one.

    Returns:
        The registered function or class.

    Raises:
        DioptraSDKError: As for `info`.
    """
    return default_registry.find(package, plugin, func, label=label).info.func


def get_typed(
    package: str, plugin: str, _return_type: type[_T] | _T, func: str | None = None, label: str | None = None
) -> Callable[..., _T]:
    """Give a task's function, for type checkers with a return type.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        _return_type: The type that the task returns, or a value of it. Nothing is checked when it is called.
        func: The task's name or an alias of it; None for the plugin's first task.
        label: The task's label; None for a task without one.

    Returns:
        The registered function or class.

    Raises:
        DioptraSDKError: As for `info`.
    """
    return default_registry.find(package, plugin, func, label=label).info.func


@overload
def call(package: str, plugin: str, func: str | None = None, /, *args: Any, **kwargs: Any) -> Any: ...
@overload
def call(package: str, /, *, plugin: str, func: str | None = None, **kwargs: Any) -> Any: ...
@overload
def call(*, package: str, plugin: str, func: str | None = None, **kwargs: Any) -> Any: ...
def call(package: Any = ABSENT, plugin: Any = ABSENT, func: Any = ABSENT, /, *args: Any, **kwargs: Any) -> Any:
    """Call a task: ``call(package, plugin, func=None, *args, label=None, task_kwargs=None, **kwargs)``.

    The coordinates may be given by position or by keyword; further positional arguments go to the task. Coordinates
    given by position leave the keywords of the same names to the task: ``call("p", "m", "f", package="x")`` calls the
    task with ``package="x"``. A task's own parameter ``label`` is given by position or in `task_kwargs`:
    ``call("p", "m", "f", task_kwargs={"label": "cat"})``.

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.
        args: The task's positional arguments.
        kwargs: Coordinates that were not given by position; ``label``, the task's label; ``task_kwargs``, a mapping of
            keyword arguments that go to the task whatever their names are; and the task's keyword arguments.

    Returns:
        What the task returns; what it raises is passed on.

    Raises:
        TypeError: The package or the plugin is missing, or an argument is given twice.
        DioptraSDKError: As for `info`.
    """
    # A repeated call costs one lookup of the coordinates, and nothing is packed or unpacked that is not there.
    if not kwargs:
        function = _found.get((package, plugin, func))
        if function is not None:
            return function(*args)
    elif _OURS.isdisjoint(kwargs):
        function = _found.get((package, plugin, func))
        if function is not None:
            return function(*args, **kwargs)
    given = tuple(item for item in (package, plugin, func) if item is not ABSENT)
    split = split_arguments("call", (*given, *args), kwargs)
    return default_registry.find(*split.coordinates, label=split.label).info.func(*split.args, **split.kwargs)


def call_typed(*args: Any, **kwargs: Any) -> Any:
    """Call a task: ``call_typed(package, plugin, _return_type, func=None, *args, **kwargs)``.

    Args:
        args: As for `call`, with the type that the task returns, or a value of it, in the third place. Nothing is
            checked when it is called.
        kwargs: As for `call`.

    Returns:
        What the task returns; what it raises is passed on.

    Raises:
        TypeError: The package, the plugin or the type is missing, or an argument is given twice.
        DioptraSDKError: As for `info`.
    """
    return call(*without_return_type(args, kwargs), **kwargs)


def names_factory(package: str) -> Callable[[], list[str]]:
    """Make `names` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(names, package)


def funcs_factory(package: str) -> FuncsFunction:
    """Make `funcs` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(funcs, package)


def labels_factory(package: str) -> Callable[[str], set[str]]:
    """Make `labels` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.
    """
    return partial(labels, package)


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
