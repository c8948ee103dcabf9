"""The registry: what decorators registered and what distributions declare, found by name.

Invariants:

- Coordinates (package, plugin, function) are meant literally first; entry-point names are aliases.
- One task seen by a decorator and by an entry point is one task with two sources.
- A task that two distributions declare is refused when it is looked up, unless one of them is preferred; never when it
  is listed.
- What is not found is never remembered. What is found is remembered until a registration, a rule or a plugin directory
  changes; of a develop folder nothing is remembered.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from dioptra.pyplugs._activation import Activation, process_activation
from dioptra.pyplugs._conflicts import find_conflicts
from dioptra.pyplugs._diagnosis import Diagnosis
from dioptra.pyplugs._discovery import Catalogue
from dioptra.pyplugs._filters import matching
from dioptra.pyplugs._loader import Loader
from dioptra.pyplugs._lookup import Lookup, Parts
from dioptra.pyplugs._registrations import ModuleTable, Registrations
from dioptra.pyplugs._rules import Rules, normalized_project
from dioptra.pyplugs._sources import Sources
from dioptra.pyplugs._types import (
    ABSENT,
    BrokenModule,
    Conflict,
    Function,
    Task,
    TaskDescription,
    TaskListing,
)
from dioptra.pyplugs._unloading import load_again, unload
from dioptra.pyplugs._views import Views
from dioptra.sdk.exceptions import PluginLoadError, TaskConflictError

if TYPE_CHECKING:
    from dioptra.manifest.model import ModuleEntry

_F = TypeVar("_F", bound=Function)


class Snapshot(NamedTuple):
    """The state of a registry, for `Registry.restore`.

    Attributes:
        rules: What was blocked, allowed and preferred.
        own: What was registered in the registry itself.
        shared: What `dioptra.pyplugs.register` had registered in the process.
        failures: Modules that could not be loaded.
        loaded: Names of the modules that were loaded.
    """

    rules: Rules
    own: dict[str, ModuleTable]
    shared: dict[str, ModuleTable]
    failures: Mapping[str, BrokenModule]
    loaded: frozenset[str]


class Registry:
    """Tasks by name, with rules of its own about which of them may be used.

    The registries of one process share its plugin directories and what `dioptra.pyplugs.register` registered. What is
    registered with a registry's own `register` is seen by that registry only. All methods may be called from any
    thread. The functions of `dioptra.pyplugs` use one instance, `dioptra.pyplugs.default_registry`.

    Args:
        prefer: Distributions; of several that declare a task the first one here is used.
        activation: The process's plugin directories; those of the default registry where it is not given.

    Attributes:
        found: Functions that were looked up, by coordinates: the whole work of a repeated call. Read only.
    """

    def __init__(self, *, prefer: Iterable[str] = (), activation: Activation | None = None) -> None:
        self._lock = threading.RLock()
        self._changes = 0
        self._rules = Rules(prefer=tuple(map(normalized_project, prefer)))
        self._tasks: dict[tuple[str, str, str | None, str | None], Task] = {}
        self.found: dict[tuple[object, object, object], Function] = {}
        self._activation = process_activation if activation is None else activation
        shared = self._activation.registrations
        self._registrations = shared if activation is not None else Registrations(base=shared)
        self._sources = Sources(self.activation)
        self._views = Views(self._registrations, self._sources, lambda name: self._loader.load(name))
        diagnosis = Diagnosis(self.activation, self._registrations, self._views)
        self._loader = Loader(self.activation, self._views, diagnosis, self._catalogue)
        self._parts = Parts(self._registrations, self._sources, self._views, self._loader, diagnosis)
        self.activation.watch(self)

    @overload
    def register(
        self, _func: _F, *, sort_value: float = 0.0, label: str | None = None, replace: bool = False
    ) -> _F: ...
    @overload
    def register(
        self, _func: None = None, *, sort_value: float = 0.0, label: str | None = None, replace: bool = False
    ) -> Callable[[_F], _F]: ...
    def register(
        self, _func: _F | None = None, *, sort_value: float = 0.0, label: str | None = None, replace: bool = False
    ) -> _F | Callable[[_F], _F]:
        """Register a function or class in this registry only; a decorator, with or without parentheses.

        Args:
            _func: The function or class, where the decorator is written without parentheses.
            sort_value: The plugin's place among the plugins of its package, smallest first.
            label: Groups tasks of a plugin, or None.
            replace: Whether it may take the place of another task of its name.

        Returns:
            The function or class, unchanged.

        Raises:
            RegistrationError: The object has no name or module, the sort value is no number or the label no text.
            DuplicateTaskError: Its module has registered something else under this name.
        """
        registrar = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001 - the only way to know who registers

        def add(func: _F) -> _F:
            self.add(func, sort_value=sort_value, label=label, replace=replace, registrar=registrar)
            return func

        return add if _func is None else add(_func)

    def add(
        self,
        func: Function,
        *,
        sort_value: float = 0.0,
        label: str | None = None,
        replace: bool = False,
        registrar: str | None = None,
    ) -> None:
        """Register a function or class under its module and name.

        Args:
            func: The function or class.
            sort_value: The plugin's place among the plugins of its package, smallest first.
            label: Groups tasks of a plugin, or None.
            replace: Whether it may take the place of another task of its name.
            registrar: Dotted name of the module that registers it; if the import of that module fails, the
                registration is gone.

        Raises:
            RegistrationError: The object has no name or module, the sort value is no number or the label no text.
            DuplicateTaskError: Its module has registered something else under this name.
        """
        self._registrations.add(func, sort_value=sort_value, label=label, replace=replace, registrar=registrar)
        if self._registrations is self.activation.registrations:
            self.activation.changed()
        else:
            self.forget()

    def find(self, package: str, plugin: str, func: str | None = None, *, label: str | None = None) -> Task:
        """Find a task, importing its module if need be.

        Args:
            package: The package, or an alias of it; empty for a top-level module.
            plugin: The plugin module's last name, or an alias of it.
            func: The task's name or an alias of it; None for the plugin's first task.
            label: The task's label; None for a task without one.

        Returns:
            The task; equal calls give equal values.

        Raises:
            UnknownPackageError: There is no such package.
            UnknownPluginError: The package has no such plugin, or the module registers no task.
            UnknownPluginFunctionError: The plugin has no such task, or none with this label.
            TaskConflictError: More than one distribution declares the task, and none of them is preferred.
            TaskBlockedError: The task is blocked.
            PluginLoadError: The module cannot be imported, or lacks what its distribution declares.
            MissingDependencyError: The module imports a module that is not installed.
        """
        key = (package, plugin, func, label)
        task = self._tasks.get(key)
        if task is not None:
            return task
        changes = self._changes
        task = self._lookup().find(package, plugin, func, label)
        with self._lock:
            # What a develop folder holds may change without anybody saying so.
            if changes == self._changes and not self.activation.develop:
                self._tasks[key] = task
                if label is None:
                    self.found[package, plugin, func] = task.info.func
                    if func is None:
                        self.found[package, plugin, ABSENT] = task.info.func
        return task

    def names(self, package: str) -> list[str]:
        """List the plugins of a package that have tasks.

        Args:
            package: The package, or an alias of it; empty for top-level modules.

        Returns:
            Plugin names by the sort value of their first task, then by name. Modules that cannot be read are left
            out here; `load_errors` has them.

        Raises:
            UnknownPackageError: There is no such package.
        """
        lookup = self._lookup()
        packages = lookup.packages(package)
        found = {plugin for name in packages for plugin in self._views.plugins(lookup.catalogue, name)}
        return [plugin for _, plugin in sorted(found)]

    def funcs(self, package: str, plugin: str, label: str | None = None) -> list[str]:
        """List the tasks of a plugin.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.
            label: The tasks' label; None for those without one.

        Returns:
            Task names in order of registration.

        Raises:
            UnknownPackageError: There is no such package.
            UnknownPluginError: The package has no such plugin, or the module registers no task.
            TaskConflictError: The name is an alias of more than one plugin.
            TaskBlockedError: The plugin is blocked.
            PluginLoadError: The module cannot be read or imported.
        """
        return [task.func for task in self._lookup().listed(package, plugin)[1] if task.label == label]

    def labels(self, package: str, plugin: str) -> set[str]:
        """List the labels of a plugin's tasks.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.

        Returns:
            The labels; tasks without one count for nothing.

        Raises:
            DioptraSDKError: As for `funcs`.
        """
        return {task.label for task in self._lookup().listed(package, plugin)[1] if task.label is not None}

    def exists(self, package: str, plugin: str) -> bool:
        """Tell whether a plugin exists and has tasks, as far as that can be told without running it.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.

        Returns:
            Whether it has tasks that are not blocked. A plugin with a missing dependency exists; one that cannot be
            read does not.
        """
        lookup = self._lookup()
        try:
            target = lookup.resolve(package, plugin)
        except TaskConflictError:
            return True
        return bool(self._views.tasks(lookup.catalogue, target.module))

    def call(self, package: str, plugin: str, func: str | None = None, /, *args: Any, **kwargs: Any) -> Any:
        """Call a task; everything behind the coordinates goes to it.

        Args:
            package: The package, or an alias of it; empty for a top-level module.
            plugin: The plugin, or an alias of it.
            func: The task's name or an alias of it; None for the plugin's first task.
            args: The task's positional arguments.
            kwargs: The task's keyword arguments.

        Returns:
            What the task returns; what it raises is passed on.

        Raises:
            DioptraSDKError: As for `find`.
        """
        return self.find(package, plugin, func).info.func(*args, **kwargs)

    def list_tasks(
        self,
        *,
        package: str | None = None,
        plugin: str | None = None,
        func: str | None = None,
        distribution: str | None = None,
        label: str | None = None,
    ) -> TaskListing:
        """List tasks of the active plugin directories and of the host, and every broken module.

        Each filter is a name or a pattern (`fnmatch`); what matches all of them is listed.

        Args:
            package: Dotted name of the package.
            plugin: Name of the plugin.
            func: Name of the task.
            distribution: Name of the distribution.
            label: The task's label.

        Returns:
            Descriptions made from manifests and sources. Only modules whose tasks cannot be seen there are imported.
            Broken modules are filtered by package, plugin and distribution.
        """
        lookup = self._lookup()
        tasks, broken = self._views.listing(lookup.catalogue)
        known = {item.module for item in broken}
        failures = self._loader.failures.items()
        broken += [item for name, item in failures if name not in known and lookup.is_known(name)]
        return matching(
            tasks, broken, package=package, plugin=plugin, func=func, distribution=distribution, label=label
        )

    def describe(self, package: str, plugin: str, func: str | None = None) -> TaskDescription:
        """Describe a task from its source, without importing its module where the source shows it.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.
            func: The task's name or an alias of it; None for the plugin's first task.

        Returns:
            The description.

        Raises:
            DioptraSDKError: As for `find`.
        """
        return self._lookup().describe(package, plugin, func)

    def load_errors(self, *, load: bool = False) -> tuple[BrokenModule, ...]:
        """List the plugin modules that cannot be read, or could not be imported when they were needed.

        Args:
            load: Whether to import all plugin modules first, to find those whose import fails.

        Returns:
            Broken modules sorted by name. One that is imported later without an error is gone from the list.
        """
        if load:
            for module in dict.fromkeys(task.module for task in self.list_tasks().tasks):
                try:
                    self._loader.load(module)
                except PluginLoadError:
                    continue  # kept as a failure, which is what is asked for
        return self.list_tasks().broken

    def conflicts(self) -> tuple[Conflict, ...]:
        """List every task that more than one source has, settled by a preference or not.

        Returns:
            Conflicts sorted by package, plugin and task; the same for every order in which distributions are found.
        """
        catalogue = self._lookup().catalogue
        folders: dict[str, list[tuple[str, ModuleEntry]]] = {}
        for directory, module in self._sources.raw_modules():
            folders.setdefault(module.name, []).append((directory.directory, module))
        return find_conflicts(catalogue, folders)

    def block(self, *names: str) -> None:
        """Treat distributions, plugins or tasks as if they were not there; ``DIOPTRA_BLOCK`` does the same.

        Args:
            names: Names or patterns, see `dioptra.pyplugs._rules`; they are no longer allowed.
        """
        rules = self._rules
        allow = tuple(name for name in rules.allow if name not in names)
        self._set_rules(rules._replace(block=(*rules.block, *names), allow=allow))

    def allow(self, *names: str) -> None:
        """Except distributions, plugins or tasks from what is blocked; ``DIOPTRA_ALLOW`` does the same.

        Args:
            names: Names or patterns; where one of them was blocked by itself, it is no longer blocked.
        """
        rules = self._rules
        block = tuple(name for name in rules.block if name not in names)
        self._set_rules(rules._replace(block=block, allow=(*rules.allow, *names)))

    def prefer(self, *distributions: str) -> None:
        """Use these distributions where several declare a task; ``DIOPTRA_PREFER`` does the same.

        Args:
            distributions: Their names, the most preferred first; they go before those that are preferred already.
        """
        rules = self._rules
        self._set_rules(rules._replace(prefer=(*map(normalized_project, distributions), *rules.prefer)))

    def refresh(self) -> None:
        """Read everything anew: environment variables, sources, and what is installed. Modules stay loaded."""
        import importlib

        importlib.invalidate_caches()
        self._sources.forget()
        self._loader.set_failures({})
        self.forget()

    def snapshot(self) -> Snapshot:
        """Copy rules, registrations and load errors, for `restore`."""
        own, shared = self._registrations.tables(), self.activation.registrations.tables()
        return Snapshot(self._rules, own, shared, self._loader.failures, frozenset(sys.modules))

    def restore(self, snapshot: Snapshot) -> None:
        """Bring rules, registrations and load errors back.

        Modules that were loaded and have registered something since the snapshot are unloaded, so that they register
        again when they are imported the next time. Modules that were replaced since are put back.

        Args:
            snapshot: What `snapshot` returned.
        """
        later = {
            **self.activation.registrations.restore(snapshot.shared),
            **self._registrations.restore(snapshot.own),
        }
        unload({name: module for name, module in later.items() if name not in snapshot.loaded})
        load_again(
            {
                name: table.module
                for name, table in {**snapshot.shared, **snapshot.own}.items()
                if sys.modules.get(name) is not table.module
            }
        )
        self._loader.set_failures(snapshot.failures)
        with self._lock:
            self._rules = snapshot.rules
        self.activation.changed()

    def forget(self) -> None:
        """Drop what was found; sources that did not change are not read anew."""
        with self._lock:
            self._changes += 1
            self._tasks.clear()
            self.found.clear()

    def _set_rules(self, rules: Rules) -> None:
        with self._lock:
            self._rules = Rules(*(tuple(dict.fromkeys(part)) for part in rules))
        self.forget()

    def _lookup(self) -> Lookup:
        # What a develop folder holds may have changed; without one there is nothing to look at.
        if self.activation.develop:
            self.activation.renew_develop()
        return Lookup(self._parts, self._catalogue())

    def _catalogue(self) -> Catalogue:
        rules = self._rules
        own = rules._replace(prefer=(*self.activation.prefer, *rules.prefer))
        return self._sources.catalogue(own.with_environment())

    @property
    def activation(self) -> Activation:
        """The plugin directories of the process."""
        return self._activation
