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

import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, TypeVar, overload

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._conflicts import claiming, declaring, find_conflicts
from dioptra.pyplugs._diagnosis import Diagnosis
from dioptra.pyplugs._discovery import Catalogue
from dioptra.pyplugs._filters import matching
from dioptra.pyplugs._loading import ImportFailedError, ModuleAbsentError, exists, holds_code, load
from dioptra.pyplugs._registrations import ModuleTable, Registrations
from dioptra.pyplugs._rules import Rules, normalized_project
from dioptra.pyplugs._sources import Sources
from dioptra.pyplugs._types import (
    ABSENT,
    BrokenModule,
    Conflict,
    Coordinates,
    Function,
    PluginInfo,
    Task,
    TaskDescription,
    TaskListing,
    split_docstring,
)
from dioptra.pyplugs._unloading import is_below, load_again, unload
from dioptra.pyplugs._views import ListedTask, Views
from dioptra.sdk.exceptions import PluginLoadError, RawFolderWarning, TaskBlockedError, TaskConflictError

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
    failures: dict[str, BrokenModule]
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
        self._failures: dict[str, BrokenModule] = {}
        self._tasks: dict[tuple[str, str, str | None, str | None], Task] = {}
        self.found: dict[tuple[object, object, object], Function] = {}
        self._activation = _shared_activation() if activation is None else activation
        shared = self._activation.registrations
        self._registrations = shared if activation is not None else Registrations(base=shared)
        self._sources = Sources(self.activation)
        self._views = Views(self._registrations, self._sources, self._load)
        self._diagnosis = Diagnosis(self.activation, self._registrations, self._views)
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
        if self.activation.develop:
            self.activation.renew_develop()
        key = (package, plugin, func, label)
        task = self._tasks.get(key)
        if task is not None:
            return task
        catalogue = self._catalogue()
        target = self._resolve(catalogue, package, plugin, func)
        self._refuse_conflict(catalogue, target)
        self._refuse_blocked(catalogue, target)
        module = self._load_plugin(catalogue, target)
        changes = self._changes
        task = self._task(catalogue, target, module, label)
        self._warn_of_raw_folder(target.module, task)
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
        catalogue = self._catalogue()
        found = {
            plugin
            for name in self._known_packages(catalogue, package)
            for plugin in self._views.plugins(catalogue, name)
        }
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
        return [task.func for task in self._listed(package, plugin)[1] if task.label == label]

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
        return {task.label for task in self._listed(package, plugin)[1] if task.label is not None}

    def exists(self, package: str, plugin: str) -> bool:
        """Tell whether a plugin exists and has tasks, as far as that can be told without running it.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.

        Returns:
            Whether it has tasks that are not blocked. A plugin with a missing dependency exists; one that cannot be
            read does not.
        """
        catalogue = self._catalogue()
        try:
            target = self._resolve(catalogue, package, plugin, None)
        except TaskConflictError:
            return True
        return bool(self._views.tasks(catalogue, target.module))

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
        if self.activation.develop:
            self.activation.renew_develop()
        tasks, broken = self._views.listing(self._catalogue())
        known = {item.module for item in broken}
        with self._lock:
            broken += [item for item in self._failures.values() if item.module not in known]
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
        target, listed = self._listed(package, plugin, func)
        catalogue = self._catalogue()
        self._refuse_conflict(catalogue, target)
        if target.func is not None:
            listed = tuple(task._replace(label=None) for task in listed)  # whatever its label is
        name = self._function_name(catalogue, target, listed)
        return next(item for item in self._views.describe(catalogue, target.module) if item.func == name)

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
                    self._load(module)
                except PluginLoadError:
                    continue  # kept as a failure, which is what is asked for
        return self.list_tasks().broken

    def conflicts(self) -> tuple[Conflict, ...]:
        """List every task that more than one source has, settled by a preference or not.

        Returns:
            Conflicts sorted by package, plugin and task; the same for every order in which distributions are found.
        """
        folders: dict[str, list[tuple[str, Any]]] = {}
        for directory, module in self._sources.raw_modules():
            folders.setdefault(module.name, []).append((directory.directory, module))
        return find_conflicts(self._catalogue(), folders)

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
        with self._lock:
            self._failures.clear()
        self.forget()

    def snapshot(self) -> Snapshot:
        """Copy rules, registrations and load errors, for `restore`."""
        with self._lock:
            failures = dict(self._failures)
        shared = self.activation.registrations.tables()
        return Snapshot(self._rules, self._registrations.tables(), shared, failures, frozenset(sys.modules))

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
        with self._lock:
            self._rules, self._failures = snapshot.rules, dict(snapshot.failures)
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

    def _catalogue(self) -> Catalogue:
        rules = self._rules
        own = rules._replace(prefer=(*self.activation.prefer, *rules.prefer))
        return self._sources.catalogue(own.with_environment())

    @property
    def activation(self) -> Activation:
        """The plugin directories of the process."""
        return self._activation

    def _resolve(self, catalogue: Catalogue, package: str, plugin: str, func: str | None) -> Coordinates:
        for group in catalogue.coordinates_meant(package, plugin):
            known = [item for item in group if self._is_known(catalogue, item.target.module)]
            if len(known) > 1:
                declared = declaring(known)
                chosen = catalogue.preferred(declared)
                known = [item for item in known if any(one is chosen for one in item.declared)]
                if not known:
                    raise TaskConflictError(
                        package, plugin, func, sorted({item.claimant for item in declared}, key=str)
                    )
            if known:
                return known[0].target._replace(func=func)
        return Coordinates(package, plugin, func)

    def _is_known(self, catalogue: Catalogue, module: str) -> bool:
        return bool(self._registrations.visible(module) or catalogue.claims(module)) or holds_code(module)

    def _refuse_conflict(self, catalogue: Catalogue, target: Coordinates) -> None:
        claims = claiming(catalogue, target.module, target.func)
        if len(claims) > 1 and catalogue.chosen(claims) is None:
            claimants = {claim.declared.claimant for claim in claims}
            raise TaskConflictError(*target, sorted(claimants, key=str))

    def _refuse_blocked(self, catalogue: Catalogue, target: Coordinates) -> None:
        if not catalogue.rules.block:
            return
        func = target.func
        if func is not None:
            func = next(iter(catalogue.functions_meant(target.module, func)), func)
        pattern = self._views.blocking(catalogue, target.module, func)
        if pattern is not None:
            raise TaskBlockedError(*target, pattern)

    def _load(self, name: str) -> ModuleType:
        try:
            module = load(name)
            self._refuse_stranger(name, module)
        except (ModuleAbsentError, ImportFailedError, PluginLoadError) as failed:
            catalogue = self._catalogue()
            error = failed
            if not isinstance(error, PluginLoadError):
                error = self._diagnosis.load_error(catalogue, name, error)
            broken = BrokenModule(name, str(error), error, self._views.provenance(catalogue, name))
            with self._lock:
                self._failures[name] = broken
            raise error from error.__cause__
        with self._lock:
            self._failures.pop(name, None)
        return module

    def _load_plugin(self, catalogue: Catalogue, target: Coordinates) -> ModuleType:
        if not catalogue.claims(target.module) and not exists(target.module):
            raise self._diagnosis.unknown_plugin(catalogue, target)
        return self._load(target.module)

    def _refuse_stranger(self, name: str, module: ModuleType) -> None:
        """Refuse a module that was imported from elsewhere than the distribution that it is attributed to."""
        file = getattr(module, "__file__", None)
        claims = self._catalogue().claims(name)
        if not claims or file is None:
            return
        declared = claims[0].declared
        roots = [root for item in self.activation.directories if item.entry == declared.site for root in item.roots]
        if len(claims) > 1 and not roots and declared.site is not None:
            roots = [declared.site, os.path.realpath(declared.site)]
        if roots and not is_below(file, roots):
            raise PluginLoadError(
                name,
                distribution=declared.manifest.project,
                version=declared.manifest.version,
                why=f"it was imported from {file}, not from {declared.site}",
                hint="enter plugin_dirs() before importing the plugin, and keep other copies of it off the path, or "
                "behind the preferred one",
            )

    def _listed(self, package: str, plugin: str, func: str | None = None) -> tuple[Coordinates, tuple[ListedTask, ...]]:
        """The plugin that is meant, and its tasks."""
        if self.activation.develop:
            self.activation.renew_develop()
        catalogue = self._catalogue()
        target = self._resolve(catalogue, package, plugin, func)
        self._refuse_blocked(catalogue, target)
        listed = self._views.tasks(catalogue, target.module)
        if not listed:
            # Importing says what is wrong: that the module is absent or broken, or that it has no tasks.
            self._load_plugin(catalogue, target)
            listed = self._views.tasks(catalogue, target.module)
        if not listed:
            raise self._diagnosis.unknown_plugin(catalogue, target)
        return target, listed

    def _task(self, catalogue: Catalogue, target: Coordinates, module: ModuleType, label: str | None) -> Task:
        registered = self._registrations.visible(target.module)
        listed = self._views.tasks(catalogue, target.module)
        if not listed:
            raise self._diagnosis.unknown_plugin(catalogue, target)
        name = self._function_name(catalogue, target, listed, label)
        registration = registered.get(name)
        function = (
            self._declared_function(catalogue, target, module, name) if registration is None else registration.func
        )
        description, doc = split_docstring(getattr(function, "__doc__", None))
        info = PluginInfo(
            package_name=target.package,
            plugin_name=target.plugin,
            func_name=name,
            func=function,
            description=description,
            doc=doc,
            module_doc=module.__doc__ or "",
            sort_value=0.0 if registration is None else registration.sort_value,
            label=None if registration is None else registration.label,
        )
        provenance = self._views.provenance(catalogue, target.module, name)
        if provenance.line is None:
            from dioptra.pyplugs._static import definition_line

            provenance = provenance._replace(line=definition_line(function))
        return Task(info, provenance, getattr(function, "_task_nout", None))

    def _function_name(
        self, catalogue: Catalogue, target: Coordinates, listed: Sequence[ListedTask], label: str | None = None
    ) -> str:
        names = [task.func for task in listed if task.label == label]
        if target.func is None and names:
            return names[0]
        meant = () if target.func is None else (target.func, *catalogue.functions_meant(target.module, target.func))
        for name in meant:
            if name in names:
                return name
        raise self._diagnosis.unknown_function(target, listed, label, meant)

    def _declared_function(self, catalogue: Catalogue, target: Coordinates, module: ModuleType, name: str) -> Function:
        claim = next(claim for claim in catalogue.claims(target.module) if claim.task(name) is not None)
        path = claim.callable_path(name) or name
        found: Any = module
        for part in path.split("."):
            found = getattr(found, part, None)
        if callable(found):
            function: Function = found
            return function
        raise PluginLoadError(
            target.module,
            distribution=claim.declared.manifest.project,
            version=claim.declared.manifest.version,
            why=f"its entry point names {path!r}, and the module has no such function or class",
        )

    def _warn_of_raw_folder(self, module: str, task: Task) -> None:
        """Say that a raw folder has the task too, and that the wheel's is used."""
        if task.provenance.distribution is None:
            return
        for directory, entry in self._sources.raw_module(module):
            if directory.directory == task.provenance.plugin_directory:
                continue  # the distribution itself lies in the folder
            if any(other.func == task.info.func_name for other in entry.tasks):
                import warnings

                warnings.warn(
                    RawFolderWarning(
                        f"{module}.{task.info.func_name}", str(task.provenance.distribution), directory.directory
                    ),
                    stacklevel=2,
                )

    def _known_packages(self, catalogue: Catalogue, package: str) -> tuple[str, ...]:
        packages = self._views.packages(catalogue, package)
        if not packages:
            raise self._diagnosis.unknown_package(catalogue, package)
        return packages


def _shared_activation() -> Activation:
    from dioptra.pyplugs._default import default_registry

    return default_registry.activation
