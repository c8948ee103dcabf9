"""Entering and leaving plugin directories: one set of them at a time in a process.

Invariants:

- What is on the path was opened first: every entry exists, every environment is leased, was made for this interpreter
  and brings no import name that the host has. If one entry is refused nothing has changed.
- Entries go behind the host's own. Leaving removes exactly the entries that entering added, even if the path was
  changed meanwhile or somebody else added an equal entry.
- A module that an environment and a raw folder both have comes from the environment. A develop folder stands in for
  the modules of its distribution, wherever else they are.
- The same directories may be entered again, nested or from other threads; they are left when the last one leaves.
  Which environment `current` stands for is read once, by the first.
- After leaving, no module, registration or path entry of the directories is left. Where an extension module was loaded
  that is impossible: then modules stay, their registrations are put aside, and only the same directories may be
  entered again. While something imported from them is still referenced, no directories with other code under the same
  names may be entered.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dioptra.pyplugs._collisions import host_collisions
from dioptra.pyplugs._leases import Directory, develop_directory, open_directory, release
from dioptra.pyplugs._registrations import ModuleTable, Registrations
from dioptra.pyplugs._survivors import Survivors
from dioptra.pyplugs._unloading import extension_modules, forget_finders, load_again, modules_below, unload
from dioptra.sdk.exceptions import EnvironmentInUseError, HostCollisionError, StaleModuleError

if TYPE_CHECKING:
    from dioptra.pyplugs._develop import DevelopFolder
    from dioptra.pyplugs._finders import OverlayFinder, StandInFinder


class Watcher(Protocol):
    """Who has to know that registrations or plugin directories changed."""

    def forget(self) -> None:
        """Drop what was found."""


class Request(NamedTuple):
    """What is to be entered.

    Attributes:
        directories: Absolute paths of plugin directories, in order.
        develop: Absolute paths of develop folders, in order.
        prefer: Normalized names of distributions that are used where several declare a task.
    """

    directories: tuple[str, ...] = ()
    develop: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()


class Entered:
    """Directories that are on the path, and what has to be known to take them off again.

    Attributes:
        request: What was asked for.
        directories: What it gave: develop folders, then plugin directories.
        entries: Their path entries; these very string objects are on `sys.path`.
        finders: What was put before the path finder.
        count: How often they are entered now.
        modules_before: Modules of these directories that were loaded before.
        set_aside: Modules that a develop folder stands in for, and what they registered.
    """

    def __init__(self, request: Request, directories: tuple[Directory, ...]) -> None:
        self.request, self.directories = request, directories
        # New string objects, so that an equal entry of somebody else can be told apart.
        self.entries = tuple("".join(list(directory.entry)) for directory in directories)
        self.roots = tuple(root for directory in directories for root in directory.roots)
        self.finders = _finders(directories)
        self.count = 1
        self.equal_before = {entry: sys.path.count(entry) for entry in self.entries}
        self.modules_before: Mapping[str, ModuleType] = {}
        self.set_aside: tuple[Mapping[str, ModuleType], dict[str, ModuleTable]] = {}, {}


class _Retained(NamedTuple):
    """Modules that could not be unloaded."""

    entries: tuple[str, ...]
    modules: Mapping[str, ModuleType]
    extensions: tuple[str, ...]
    tables: dict[str, ModuleTable]


class Activation:
    """The plugin directories that are active in this process. All methods may be called from any thread.

    Attributes:
        registrations: What decorators registered in this process.
    """

    def __init__(self) -> None:
        self.registrations = Registrations()
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._when_unloaded: list[Callable[[Collection[str]], None]] = []
        self._lock = threading.RLock()
        self._entered: Entered | None = None
        self._held: Entered | None = None
        self._retained: _Retained | None = None
        self._survivors = Survivors()

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher of every change from now on, as long as it lives.

        Args:
            watcher: Who has to know.
        """
        self._watchers.add(watcher)

    def changed(self) -> None:
        """Tell the watchers that registrations or directories changed."""
        for watcher in list(self._watchers):
            watcher.forget()

    def when_unloaded(self, act: Callable[[Collection[str]], None]) -> None:
        """Call a function whenever modules of directories that are left were unloaded.

        Args:
            act: It is given their dotted names, and must not raise. It is kept for the life of the process, once.
        """
        with self._lock:
            if act not in self._when_unloaded:
                self._when_unloaded.append(act)

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

    @property
    def prefer(self) -> tuple[str, ...]:
        """The distributions that are preferred while they are active."""
        entered = self._entered
        return () if entered is None else entered.request.prefer

    @property
    def develop(self) -> tuple[DevelopFolder, ...]:
        """The active develop folders, in order."""
        return tuple(item.develop for item in self.directories if item.develop is not None)

    def enter(self, request: Request) -> Entered | None:
        """Put plugin directories on the path.

        Args:
            request: What is wanted. Nothing wanted changes nothing.

        Returns:
            What `leave` takes; None where nothing was wanted.

        Raises:
            PluginDirectoryError: A directory is missing or unusable.
            EnvironmentInUseError: Other directories are active.
            StaleModuleError: Extension modules of other directories stay loaded, or something imported from them is
                still referenced.
            HostCollisionError: An environment brings import names that the host has.
        """
        request = Request(*(tuple(dict.fromkeys(part)) for part in request))
        if not any(request):
            return None
        with self._lock:
            if self._entered is not None and self._entered.request == request:
                self._entered.count += 1
                return self._entered
            entered = Entered(request, _open_all(request))
            try:
                if self._entered is not None:
                    return self._join(self._entered, entered)
                self._check(entered)
            except BaseException:
                _release_all(entered)
                raise
            self._start(entered)
            return entered

    def enter_again(self) -> Entered | None:
        """Enter what is active once more, so that it stays until this is left as well.

        Returns:
            What `leave` takes; None where nothing is active.
        """
        with self._lock:
            if self._entered is not None:
                self._entered.count += 1
            return self._entered

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
                self.changed()

    def hold(self, request: Request) -> Entered | None:
        """Enter directories until the next call, in place of those of the last one.

        Args:
            request: What is wanted; nothing wanted only leaves.

        Returns:
            What is entered now, or None.

        Raises:
            DioptraSDKError: As for `enter`; then the last ones stay.
        """
        with self._lock:
            last, self._held = self._held, None
            self.leave(last)
            try:
                self._held = self.enter(request)
            except BaseException:
                self._held = None if last is None else self.enter(last.request)
                raise
            return self._held

    def renew_develop(self) -> None:
        """Unload the modules of develop folders whose files changed, so that the next import reads them anew.

        Raises:
            PluginDirectoryError: A develop folder cannot be read any more.
        """
        for folder in self.develop:
            if not folder.has_changed():
                continue
            with self._lock:
                if not folder.has_changed():
                    continue  # another thread was faster
                folder.read()
                modules = folder.loaded()
                self.registrations.take(modules)
                unload(modules)
                forget_finders(folder.places)
                self.changed()

    def _join(self, active: Entered, other: Entered) -> Entered:
        if active.entries != other.entries or active.request.prefer != other.request.prefer:
            raise EnvironmentInUseError(active.entries, other.entries)
        _release_all(other)
        active.count += 1
        return active

    def _check(self, entered: Entered) -> None:
        retained = self._retained
        if retained is not None and retained.entries != entered.entries:
            raise StaleModuleError(retained.extensions, retained.entries, entered.entries)
        referenced, previous = self._survivors.mixed_up_with(entered.directories)
        if referenced:
            raise StaleModuleError(referenced, previous, entered.entries, referenced=True)
        for directory in entered.directories:
            collisions = host_collisions(directory, entered.roots)
            if collisions:
                raise HostCollisionError(directory.entry, collisions)

    def _start(self, entered: Entered) -> None:
        retained, self._retained = self._retained, None
        before = modules_below(entered.roots)
        if retained is not None:
            self.registrations.put_back(retained.tables)
            before = {name: module for name, module in before.items() if retained.modules.get(name) is not module}
        entered.modules_before = before
        stood_in_for = _stood_in_for(entered)
        entered.set_aside = stood_in_for, self.registrations.take(stood_in_for)
        unload(stood_in_for)
        forget_finders(entered.roots)
        sys.path.extend(entered.entries)
        sys.meta_path[:0] = entered.finders
        self._entered = entered
        self.changed()

    def _stop(self, entered: Entered) -> None:
        # Namespace packages compute their portions from the path: look while the entries are on it.
        modules = {
            name: module
            for name, module in modules_below(entered.roots).items()
            if entered.modules_before.get(name) is not module
        }
        sys.meta_path[:] = [finder for finder in sys.meta_path if not any(finder is own for own in entered.finders)]
        for entry in entered.entries:
            _remove_from_path(entry, entered.equal_before[entry])
        tables = self.registrations.take(modules)
        extensions = extension_modules(modules.items())
        if extensions:
            self._retained = _Retained(entered.entries, modules, extensions, tables)
        else:
            unload(modules)
            for act in self._when_unloaded:
                act(modules.keys())
            self._survivors.remember(entered.directories, entered.entries, modules)
        forget_finders(entered.roots)
        stood_in_for, registered = entered.set_aside
        load_again(stood_in_for)
        self.registrations.put_back(registered)


def _open_all(request: Request) -> tuple[Directory, ...]:
    opened: list[Directory] = []
    try:
        for folder in request.develop:
            from dioptra.pyplugs._develop import DevelopFolder

            opened.append(develop_directory(DevelopFolder(folder)))
        for directory in request.directories:
            opened.append(open_directory(directory))  # noqa: PERF401 - what is open already is released on failure
    except BaseException:
        for item in opened:
            release(item)
        raise
    return tuple(opened)


def _release_all(entered: Entered) -> None:
    for directory in entered.directories:
        release(directory)


def _finders(directories: Sequence[Directory]) -> tuple[StandInFinder | OverlayFinder, ...]:
    found: list[StandInFinder | OverlayFinder] = []
    if all(item.environment is not None for item in directories) or all(item.is_raw for item in directories):
        return ()
    from dioptra.pyplugs._finders import OverlayFinder, StandInFinder

    sources = {root: item.entry for item in directories if item.develop for root in item.develop.project.import_roots}
    if sources:
        found.append(StandInFinder(sources))
    environments = [item.entry for item in directories if item.environment is not None]
    folders = [item.entry for item in directories if item.is_raw]
    if environments and folders:
        found.append(OverlayFinder(environments, folders))
    return tuple(found)


def _stood_in_for(entered: Entered) -> dict[str, ModuleType]:
    """Loaded modules of the host that develop folders stand in for."""
    roots = [root for item in entered.directories if item.develop for root in item.develop.project.import_roots]
    return {
        name: module
        for name, module in list(sys.modules.items())
        if any(name == root or name.startswith(f"{root}.") for root in roots)
        and entered.modules_before.get(name) is not module
    }


def _remove_from_path(own: str, equal_before: int) -> None:
    """Remove the very entry that was added; if the path was rebuilt from copies, the last equal one that is new."""
    for position in range(len(sys.path) - 1, -1, -1):
        if sys.path[position] is own:
            del sys.path[position]
            return
    equal = [position for position, entry in enumerate(sys.path) if entry == own]
    if len(equal) > equal_before:
        del sys.path[equal[-1]]


process_activation = Activation()
"""The plugin directories and registrations of this process: there is one path, and one set of loaded modules."""
