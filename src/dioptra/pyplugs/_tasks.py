"""Tasks and flows on Prefect 3, as far as nothing of prefect is needed: `dioptra.pyplugs._prefect` does the rest.

What a call of `call_task` does is decided in this order:

1. inside a task run: the function is called directly;
2. inside a flow run: the task is submitted and its future remembered with the flow;
3. otherwise: the function is called directly, and no server is contacted.

A process that has not loaded prefect runs neither flows nor tasks, so that prefect is then only looked for, not loaded.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from dioptra.pyplugs._binding import split_arguments
from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._types import Task
from dioptra.sdk.exceptions import PrefectDependencyError

if TYPE_CHECKING:
    from prefect import Flow
    from prefect import Task as PrefectTask

P = ParamSpec("P")
R = TypeVar("R")


def get_task(package: str, plugin: str, func: str | None = None, label: str | None = None) -> PrefectTask[..., Any]:
    """Give the Prefect task of a plugin's task, for what `call_task` does not offer (``.map``, ``.with_options``).

    Args:
        package: The package, or an alias of it; empty for a top-level module.
        plugin: The plugin, or an alias of it.
        func: The task's name or an alias of it; None for the plugin's first task.
        label: The task's label; None for a task without one.

    Returns:
        A Prefect task called ``plugin.func``, with ``project==version`` as tag and version; for a function always the
        same one.

    Raises:
        PrefectDependencyError: prefect is not installed.
        DioptraSDKError: The task cannot be found or loaded.
    """
    _require_prefect("get_task")
    from dioptra.pyplugs._prefect import make_task

    return make_task(default_registry.find(package, plugin, func, label=label))


def call_task(*args: Any, **kwargs: Any) -> Any:
    """Call a plugin's task: ``call_task(package, plugin, func=None, *args, upstream_tasks=None, **kwargs)``.

    The arguments are those of `call`, and `upstream_tasks`.

    Inside a flow this submits the task and returns a future, which may be given to other tasks, alone or inside of
    lists, tuples and dictionaries. Inside a task, and outside of any flow, it calls the function.

    Coordinates may be given by position or by keyword; by position they leave the keywords ``package``, ``plugin`` and
    ``func`` to the task. A task's own parameters ``label`` and ``upstream_tasks`` are given by position, or in
    ``task_kwargs``, a mapping whose items all go to the task.

    Args:
        args: The package, the plugin, the task's name (None for the plugin's first task), the task's arguments.
        kwargs: Coordinates that were not given by position; ``upstream_tasks``, futures that must have completed before
            the task starts; ``label``, the task's label; ``task_kwargs``; and the task's keyword arguments.

    Returns:
        A future inside a flow; what the task returns elsewhere. The future of a task with ``task_nout(n)`` can be
        unpacked into n futures.

    Raises:
        PrefectDependencyError: prefect is not installed.
        TypeError: The package or the plugin is missing.
        DioptraSDKError: The task cannot be found or loaded.
    """
    _require_prefect("call_task")
    split = split_arguments("call_task", args, kwargs, own=("upstream_tasks",))
    task = default_registry.find(*split.coordinates, label=split.label)
    return run_or_submit(task, split.args, split.kwargs, split.own.get("upstream_tasks"))


def run_or_submit(task: Task, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Any:
    """Call a task as `call_task` does; prefect need not be installed.

    Args:
        task: The task.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        upstream: Futures that must have completed before it starts.

    Returns:
        A future inside a flow; what the task returns elsewhere.
    """
    if "prefect" in sys.modules:
        from dioptra.pyplugs._prefect import calls_submit, submit

        if calls_submit():
            return submit(task, args, kwargs, upstream)
    return task.info.func(*args, **kwargs)


def get_task_factory(package: str) -> Callable[..., PrefectTask[..., Any]]:
    """Make `get_task` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.

    Raises:
        PrefectDependencyError: prefect is not installed.
    """
    _require_prefect("get_task_factory")
    return partial(get_task, package)


def call_task_factory(package: str) -> Callable[..., Any]:
    """Make `call_task` for one package.

    Args:
        package: The package, or an alias of it.

    Returns:
        The function without its first argument.

    Raises:
        PrefectDependencyError: prefect is not installed.
    """
    _require_prefect("call_task_factory")
    return partial(call_task, package)


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(fn: None = None, /, **options: Any) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Callable[P, R] | None = None, /, **options: Any) -> Flow[P, R] | Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a Prefect flow of a function; a decorator, with or without parentheses.

    It is Prefect's `flow` with all of its options, and three promises more: every task that was called with
    `call_task` is waited for, the run fails if one of them failed or never ran, and futures that the function returns
    are resolved. Where ``DIOPTRA_PLUGIN_DIR`` is set and no plugin directory is active, a run makes it active, so that
    a deployed flow finds its tasks.

    Args:
        fn: The function, where the decorator is written without parentheses.
        options: Prefect's options of a flow.

    Returns:
        A Prefect flow.

    Raises:
        PrefectDependencyError: prefect is not installed.
        TypeError: The function is a generator.
    """
    _require_prefect("flow")
    if fn is None:
        return lambda function: flow(function, **options)
    from dioptra.pyplugs._prefect import make_flow

    return make_flow(fn, options)


def _require_prefect(function: str) -> None:
    if "prefect" not in sys.modules and importlib.util.find_spec("prefect") is None:
        raise PrefectDependencyError(f"{function} needs the package 'prefect', which is not installed")
