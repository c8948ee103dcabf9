"""Context managers: plugin directories, path entries and environment variables, each undone on leaving."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._plugin_dirs import PluginDirectories


def plugin_dirs(
    *dirs: str | os.PathLike[str],
    develop: Sequence[str | os.PathLike[str]] = (),
    prefer: Iterable[str] = (),
) -> PluginDirectories:
    """Make plugin directories active, in a ``with`` block or as a decorator of a function.

    On every entry ``DIOPTRA_PLUGIN_DIR`` is read: a list separated by `os.pathsep`, whose order is kept. Each entry is
    a managed plugin directory, whose current environment is looked up once; one environment; or a raw folder of plugin
    packages. Unset or empty, nothing is added, and plugins installed in the host still work.

    The directories go on `sys.path` behind the host's own entries. An environment is leased: nobody collects it until
    the context is left, by this process or by children that inherited the descriptor. The same directories may be
    entered again, nested or from other threads; one process serves one set of directories at a time.

    A module that an environment and a raw folder both have comes from the environment, wherever the folder stands.

    Leaving undoes exactly what entering changed: path entries, the modules imported from the directories and what they
    registered. Modules stay where an extension module was loaded; then only the same directories can be entered again.
    As long as something imported from them is still referenced, a function in a variable, say, no directories that
    have other code under the same names can be entered.

    Args:
        dirs: Directories to use instead of ``DIOPTRA_PLUGIN_DIR``.
        develop: Folders of plugin projects, whose source stands in for the distributions of their names, see
            `dioptra.pyplugs.activate`.
        prefer: Distributions that are used where several declare a task, the most preferred first.

    Returns:
        A context manager that gives the path entries, and a decorator for functions and coroutine functions. It raises
        on entry:

        - PluginDirectoryError: A directory is missing, was never synced, is damaged, or was made for another
          interpreter; a develop folder is no plugin project.
        - EnvironmentInUseError: Other directories are active.
        - StaleModuleError: Extension modules of other directories stay loaded in this process, or something imported
          from them is still referenced.
        - HostCollisionError: An environment brings import names that the host has.
    """
    return PluginDirectories(default_registry.activation, dirs, develop=develop, prefer=prefer)


@contextmanager
def sys_path_dirs(dirs: list[str] | tuple[str, ...] | str | os.PathLike[str]) -> Iterator[tuple[str, ...]]:
    """Put folders at the front of `sys.path`; on leaving exactly these entries are removed.

    This is for a flow's own helper modules. Plugins belong into `plugin_dirs`, which checks for collisions and unloads.

    Args:
        dirs: One folder, or several in order.

    Yields:
        The absolute path entries.
    """
    folders = [dirs] if isinstance(dirs, str | os.PathLike) else list(dirs)
    # New string objects, so that an equal entry of somebody else stays.
    entries = tuple("".join(list(os.path.abspath(folder))) for folder in folders)  # noqa: PTH100 - links stay
    sys.path[:0] = entries
    try:
        yield entries
    finally:
        sys.path[:] = [entry for entry in sys.path if not any(entry is own for own in entries)]


@contextmanager
def import_temp(package_name: str, path: str | os.PathLike[str]) -> Iterator[ModuleType]:
    """Import a module from a folder; on leaving it, and what it imported from there, is unloaded again.

    Args:
        package_name: Dotted name of the module or package.
        path: The folder that holds it.

    Yields:
        The module.

    Raises:
        ImportError: There is no such module, or it cannot be imported.
    """
    import importlib

    from dioptra.pyplugs._unloading import forget_finders, load_again, modules_below, unload

    folders = tuple(dict.fromkeys((os.path.abspath(path), os.path.realpath(path))))  # noqa: PTH100 - links stay
    # Modules of the name that are loaded from elsewhere would be found first; they come back.
    top = package_name.partition(".")[0]
    aside = {name: module for name, module in sys.modules.items() if name == top or name.startswith(f"{top}.")}
    registrations = default_registry.activation.registrations
    registered = registrations.take(aside)
    unload(aside)
    with sys_path_dirs(path):
        try:
            forget_finders(folders)
            yield importlib.import_module(package_name)
        finally:
            modules = modules_below(folders)
            registrations.take(modules)
            unload(modules)
            load_again(aside)
            registrations.put_back(registered)
            forget_finders(folders)
            default_registry.activation.changed()


@contextmanager
def env_vars(**pairs: str | None) -> Iterator[None]:
    """Set environment variables; on leaving they have their earlier values, or are unset again.

    Args:
        pairs: Names and values; None unsets the variable.

    Yields:
        Nothing.
    """
    before = {name: os.environ.get(name) for name in pairs}
    try:
        _set_variables(pairs)
        yield
    finally:
        _set_variables(before)


def _set_variables(pairs: dict[str, str | None]) -> None:
    for name, value in pairs.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
