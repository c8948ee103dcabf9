"""Entering and leaving plugin directories: one set of them at a time in a process.

Invariants:

- What is on the path was opened first: every entry exists, every environment is leased, was made for this interpreter
  and brings no import name that the host has. If one entry is refused nothing has changed.
- Entries go behind the host's own. Leaving removes exactly the entries that entering added, even if the path was
  changed meanwhile or somebody else added an equal entry.
- The same directories may be entered again, nested or from other threads; they are left when the last one leaves.
  Which environment `current` stands for is read once, by the first.
- After leaving, no module, registration or path entry of the directories is left. Where an extension module was loaded
  that is impossible: then modules stay, their registrations are put aside, and only the same directories may be
  entered again.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType, TracebackType
from typing import Any, NamedTuple, TypeVar, cast

from dioptra.pyplugs._collisions import host_collisions
from dioptra.pyplugs._leases import Directory, open_directory, release
from dioptra.pyplugs._registrations import ModuleTable, Registrations
from dioptra.pyplugs._unloading import extension_modules, forget_finders, modules_below, unload
from dioptra.sdk.exceptions import (
    PLUGIN_DIR_VARIABLE,
    EnvironmentInUseError,
    HostCollisionError,
    StaleModuleError,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Entered:
    """Directories that are on the path, and what has to be known to take them off again.

    Attributes:
        requested: The directories as they were asked for, absolute.
        directories: What they gave.
        entries: Their path entries; these very string objects are on `sys.path`.
        count: How often they are entered now.
    """

    def __init__(self, requested: tuple[str, ...], directories: tuple[Directory, ...]) -> None:
        self.requested, self.directories = requested, directories
        # New string objects, so that an equal entry of somebody else can be told apart.
        self.entries = tuple("".join(list(directory.entry)) for directory in directories)
        self.roots = tuple(root for directory in directories for root in directory.roots)
        self.count = 1
        self.equal_before = {entry: sys.path.count(entry) for entry in self.entries}
        self.modules_before: Mapping[str, ModuleType] = {}


class _Retained(NamedTuple):
    """Modules that could not be unloaded."""

    entries: tuple[str, ...]
    modules: Mapping[str, ModuleType]
    extensions: tuple[str, ...]
    tables: dict[str, ModuleTable]


class Activation:
    """The plugin directories that are active in this process. All methods may be called from any thread.

    Args:
        registrations: Where the registrations of unloaded modules are removed.
        on_change: Called after directories were entered or left.
    """

    def __init__(self, registrations: Registrations, on_change: Callable[[], None]) -> None:
        self._registrations, self._on_change = registrations, on_change
        self._lock = threading.RLock()
        self._entered: Entered | None = None
        self._retained: _Retained | None = None

    @property
    def active(self) -> bool:
        """Whether plugin directories are active."""
        return self._entered is not None

    @property
    def directories(self) -> tuple[Directory, ...]:
        """The active plugin directories, in order."""
        entered = self._entered
        return () if entered is None else entered.directories

    @property
    def entries(self) -> tuple[str, ...]:
        """Their path entries."""
        entered = self._entered
        return () if entered is None else entered.entries

    def enter(self, wanted: Sequence[str]) -> Entered | None:
        """Put plugin directories on the path.

        Args:
            wanted: Absolute paths, in order. Nothing wanted changes nothing.

        Returns:
            What `leave` takes; None where nothing was wanted.

        Raises:
            PluginDirectoryError: A directory is missing or unusable.
            EnvironmentInUseError: Other directories are active.
            StaleModuleError: Extension modules of other directories stay loaded.
            HostCollisionError: An environment brings import names that the host has.
        """
        requested = tuple(dict.fromkeys(wanted))
        if not requested:
            return None
        with self._lock:
            if self._entered is not None and self._entered.requested == requested:
                self._entered.count += 1
                return self._entered
            entered = Entered(requested, _open_all(requested))
            try:
                if self._entered is not None:
                    return self._join(self._entered, entered)
                self._check(entered)
            except BaseException:
                _release_all(entered)
                raise
            self._start(entered)
            return entered

    def leave(self, entered: Entered | None) -> None:
        """Undo one `enter`.

        Args:
            entered: What `enter` returned.
        """
        if entered is None:
            return
        with self._lock:
            entered.count -= 1
            if entered.count > 0:
                return
            try:
                self._stop(entered)
            finally:
                _release_all(entered)
                self._entered = None
                self._on_change()

    def _join(self, active: Entered, other: Entered) -> Entered:
        if active.entries != other.entries:
            raise EnvironmentInUseError(active.entries, other.entries)
        _release_all(other)
        active.count += 1
        return active

    def _check(self, entered: Entered) -> None:
        retained = self._retained
        if retained is not None and retained.entries != entered.entries:
            raise StaleModuleError(retained.extensions, retained.entries, entered.entries)
        for directory in entered.directories:
            collisions = host_collisions(directory, entered.roots)
            if collisions:
                raise HostCollisionError(directory.entry, collisions)

    def _start(self, entered: Entered) -> None:
        retained, self._retained = self._retained, None
        before = modules_below(entered.roots)
        if retained is not None:
            self._registrations.put_back(retained.tables)
            before = {name: module for name, module in before.items() if retained.modules.get(name) is not module}
        entered.modules_before = before
        forget_finders(entered.roots)
        sys.path.extend(entered.entries)
        self._entered = entered
        self._on_change()

    def _stop(self, entered: Entered) -> None:
        # Namespace packages compute their portions from the path: look while the entries are on it.
        modules = {
            name: module
            for name, module in modules_below(entered.roots).items()
            if entered.modules_before.get(name) is not module
        }
        for entry in entered.entries:
            _remove_from_path(entry, entered.equal_before[entry])
        tables = self._registrations.take(modules)
        extensions = extension_modules(modules.items())
        if extensions:
            self._retained = _Retained(entered.entries, modules, extensions, tables)
        else:
            unload(modules)
        forget_finders(entered.roots)


class PluginDirectories:
    """Context manager and decorator that makes plugin directories active; see `dioptra.sdk.plugin_dirs`.

    Args:
        activation: The process's plugin directories.
        directories: The directories; empty to read ``DIOPTRA_PLUGIN_DIR`` on every entry.
    """

    def __init__(self, activation: Activation, directories: Sequence[str | os.PathLike[str]] = ()) -> None:
        self._activation = activation
        # Relative paths mean the folder that is current when they are given.
        self._directories = tuple(os.path.abspath(directory) for directory in directories)  # noqa: PTH100 - links stay
        self._stack: list[Entered | None] = []

    def __enter__(self) -> tuple[str, ...]:
        entered = self._activation.enter(self._directories or configured_directories())
        self._stack.append(entered)
        return () if entered is None else entered.entries

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._activation.leave(self._stack.pop())

    def __call__(self, function: _Function) -> _Function:
        """Make a function, or a coroutine function, run with the plugin directories active.

        Args:
            function: The function.

        Returns:
            The function, wrapped; every call enters and leaves.
        """
        import functools
        import inspect

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with PluginDirectories(self._activation, self._directories):
                    return await function(*args, **kwargs)

            return cast("_Function", run_async)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with PluginDirectories(self._activation, self._directories):
                return function(*args, **kwargs)

        return cast("_Function", run)


def configured_directories() -> tuple[str, ...]:
    """The plugin directories of ``DIOPTRA_PLUGIN_DIR``, absolute and in order; empty where it is unset or empty."""
    value = os.environ.get(PLUGIN_DIR_VARIABLE, "")
    return tuple(os.path.abspath(entry) for entry in value.split(os.pathsep) if entry)  # noqa: PTH100 - links stay


def _open_all(requested: Sequence[str]) -> tuple[Directory, ...]:
    opened: list[Directory] = []
    try:
        for directory in requested:
            opened.append(open_directory(directory))  # noqa: PERF401 - what is open already is released on failure
    except BaseException:
        for item in opened:
            release(item)
        raise
    return tuple(opened)


def _release_all(entered: Entered) -> None:
    for directory in entered.directories:
        release(directory)


def _remove_from_path(own: str, equal_before: int) -> None:
    """Remove the very entry that was added; if the path was rebuilt from copies, the last equal one that is new."""
    for position in range(len(sys.path) - 1, -1, -1):
        if sys.path[position] is own:
            del sys.path[position]
            return
    equal = [position for position, entry in enumerate(sys.path) if entry == own]
    if len(equal) > equal_before:
        del sys.path[equal[-1]]
