"""Tasks of plugins, by name: register them, find them, call them, and run them in Prefect flows.

A **plugin** is a module that holds **tasks**: functions or classes marked with `register`, or named by an entry point
of the group ``dioptra.plugins``. A task is called by its package, its plugin and its name::

    from dioptra import pyplugs

    resized = pyplugs.call("dioptra_builtins.data", "images", "resize", data_dir="…", image_size=(64, 64))

or, where Tab completes the names, as ``pyplugs.tasks.dioptra_builtins.data.images.resize(…)``.

Tasks are found in the plugin directories that `dioptra.sdk.plugin_dirs` makes active, in distributions installed in
the host, and in any package that can be imported. Importing this package reads nothing and loads no heavy library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dioptra.pyplugs._api import (
    allow,
    block,
    call,
    call_factory,
    call_typed,
    conflicts,
    describe,
    exists,
    exists_factory,
    funcs,
    funcs_factory,
    get,
    get_factory,
    get_typed,
    info,
    info_factory,
    labels,
    labels_factory,
    list_tasks,
    load_errors,
    names,
    names_factory,
    prefer,
    refresh,
    register,
    restore,
    snapshot,
    task_nout,
)
from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._registry import Registry, Snapshot
from dioptra.pyplugs._types import (
    BrokenModule,
    Conflict,
    Coordinates,
    PluginInfo,
    Provenance,
    Task,
    TaskDescription,
    TaskListing,
)

if TYPE_CHECKING:
    from dioptra.pyplugs._notebook import activate, deactivate
    from dioptra.pyplugs._tasks import call_task, call_task_factory, flow, get_task, get_task_factory
    from dioptra.pyplugs._tree import TaskTree

    tasks: TaskTree

__all__ = [
    "BrokenModule",
    "Conflict",
    "Coordinates",
    "PluginInfo",
    "Provenance",
    "Registry",
    "Snapshot",
    "Task",
    "TaskDescription",
    "TaskListing",
    "activate",
    "allow",
    "block",
    "call",
    "call_factory",
    "call_task",
    "call_task_factory",
    "call_typed",
    "conflicts",
    "deactivate",
    "default_registry",
    "describe",
    "exists",
    "exists_factory",
    "flow",
    "funcs",
    "funcs_factory",
    "get",
    "get_factory",
    "get_task",
    "get_task_factory",
    "get_typed",
    "info",
    "info_factory",
    "labels",
    "labels_factory",
    "list_tasks",
    "load_errors",
    "names",
    "names_factory",
    "prefer",
    "refresh",
    "register",
    "restore",
    "snapshot",
    "task_nout",
    "tasks",
]

if not TYPE_CHECKING:  # a type checker sees the imports above, and misspelt names stay errors

    def __getattr__(name: str) -> object:
        # On first use: plugin modules need only the registry, not what runs tasks in flows.
        if name in {"activate", "deactivate"}:
            from dioptra.pyplugs import _notebook

            return getattr(_notebook, name)
        if name == "tasks":
            from dioptra.pyplugs._tree import installed_tasks

            tree = globals()[name] = installed_tasks()
            return tree
        if name in __all__:
            from dioptra.pyplugs import _tasks

            return getattr(_tasks, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
