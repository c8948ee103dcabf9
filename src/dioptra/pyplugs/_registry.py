"""The registry: what decorators registered and what distributions declare, found by name.

Invariants:

- Coordinates (package, plugin, function) are meant literally first; entry-point names are aliases.
- One task seen by a decorator and by an entry point is one task with two sources.
- A task that two distributions declare is refused when it is looked up, never when it is listed.
- What is not found is never remembered. What is found is remembered until a registration or a plugin directory
  changes.
"""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._diagnosis import Diagnosis
from dioptra.pyplugs._discovery import Catalogue
from dioptra.pyplugs._loading import ImportFailedError, ModuleAbsentError, exists, holds_code, load
from dioptra.pyplugs._registrations import Registrations
from dioptra.pyplugs._sources import Sources
from dioptra.pyplugs._types import (
    Coordinates,
    Function,
    PluginInfo,
    Task,
    TaskDescription,
    TaskListing,
    split_docstring,
)
from dioptra.pyplugs._unloading import is_below
from dioptra.pyplugs._views import Views
from dioptra.sdk.exceptions import (
    PluginLoadError,
    TaskConflictError,
)


class Registry:
    """Registrations, the plugin directories that are active, and everything that can be looked up in them.

    All methods may be called from any thread. The functions of `dioptra.pyplugs` use one instance,
    `dioptra.pyplugs.default_registry`.

    Attributes:
        activation: The plugin directories of this registry.
        found: Functions that were looked up, by coordinates: the whole work of a repeated call. Read only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes = 0
        self._tasks: dict[tuple[str, str, str | None], Task] = {}
        self.found: dict[tuple[str | None, ...], Function] = {}
        self._registrations = Registrations()
        self.activation = Activation(self._registrations, self._forget)
        self._sources = Sources(self.activation)
        self._views = Views(self._registrations, self._sources, self._load)
        self._diagnosis = Diagnosis(self.activation, self._registrations, self._views)

    def add(self, func: Function, *, sort_value: float = 0.0, registrar: str | None = None) -> None:
        """Register a function or class under its module and name.

        Args:
            func: The function or class.
            sort_value: The plugin's place among the plugins of its package, smallest first.
            registrar: Dotted name of the module that registers it; if the import of that module fails, the
                registration is gone.

        Raises:
            RegistrationError: The object has no name or module, or the sort value is not a number.
        """
        self._registrations.add(func, sort_value=sort_value, registrar=registrar)
        self._forget()

    def find(self, package: str, plugin: str, func: str | None = None) -> Task:
        """Find a task, importing its module if need be.

        Args:
            package: The package, or an alias of it; empty for a top-level module.
            plugin: The plugin module's last name, or an alias of it.
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
        key = (package, plugin, func)
        task = self._tasks.get(key)
        if task is not None:
            return task
        catalogue = self._sources.catalogue()
        target = self._resolve(catalogue, package, plugin, func)
        self._refuse_conflict(catalogue, target)
        module = self._load_plugin(catalogue, target)
        changes = self._changes
        task = self._task(catalogue, target, module)
        with self._lock:
            if changes == self._changes:
                self._tasks[key] = task
                self.found[key] = task.info.func
                if func is None:
                    self.found[package, plugin] = task.info.func
        return task

    def names(self, package: str) -> list[str]:
        """List the plugins of a package that have tasks.

        Args:
            package: The package, or an alias of it; empty for top-level modules.

        Returns:
            Plugin names by the sort value of their first task, then by name. Modules that cannot be read are left
            out here; `list_tasks` has them with their errors.

        Raises:
            UnknownPackageError: There is no such package.
        """
        catalogue = self._sources.catalogue()
        found = {
            plugin
            for name in self._known_packages(catalogue, package)
            for plugin in self._views.plugins(catalogue, name)
        }
        return [plugin for _, plugin in sorted(found)]

    def funcs(self, package: str, plugin: str) -> list[str]:
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
        catalogue = self._sources.catalogue()
        target = self._resolve(catalogue, package, plugin, None)
        view = self._views.plugin(catalogue, target.module)
        if not view.functions:
            # Importing says what is wrong: that the module is absent or broken, or that it has no tasks.
            self._load_plugin(catalogue, target)
            view = self._views.plugin(catalogue, target.module)
        if not view.functions:
            raise self._diagnosis.unknown_plugin(catalogue, target)
        return [name for name, _ in view.functions]

    def exists(self, package: str, plugin: str) -> bool:
        """Tell whether a plugin exists and has tasks, as far as that can be told without running it.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.

        Returns:
            Whether it has tasks. A plugin with a missing dependency exists; one that cannot be read does not.
        """
        catalogue = self._sources.catalogue()
        try:
            target = self._resolve(catalogue, package, plugin, None)
        except TaskConflictError:
            return True
        return bool(self._views.plugin(catalogue, target.module).functions)

    def list_tasks(self) -> TaskListing:
        """List every task of the active plugin directories and of the host, and every broken module.

        Returns:
            Descriptions made from manifests and sources. Only modules whose tasks cannot be seen there are imported.
        """
        return self._views.listing(self._sources.catalogue())

    def describe(self, package: str, plugin: str, func: str | None = None) -> TaskDescription:
        """Describe a task from its source, without importing its module where the source shows it.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.
            func: The task's name or an alias of it; None for the plugin's first task.

        Returns:
            The description.

        Raises:
            UnknownPackageError: There is no such package.
            UnknownPluginError: The package has no such plugin, or the module registers no task.
            UnknownPluginFunctionError: The plugin has no such task.
            TaskConflictError: More than one distribution declares the task.
            PluginLoadError: The module cannot be read or imported.
        """
        names = self.funcs(package, plugin)
        catalogue = self._sources.catalogue()
        target = self._resolve(catalogue, package, plugin, func)
        self._refuse_conflict(catalogue, target)
        name = self._function_name(catalogue, target, names)
        return next(item for item in self._views.describe(catalogue, target.module) if item.func == name)

    def _forget(self) -> None:
        with self._lock:
            self._changes += 1
            self._tasks.clear()
            self.found.clear()

    def _resolve(self, catalogue: Catalogue, package: str, plugin: str, func: str | None) -> Coordinates:
        for group in catalogue.coordinates_meant(package, plugin):
            known = [item._replace(func=func) for item in group if self._is_known(catalogue, item.module)]
            if len(known) > 1:
                claims = [claim for item in known for claim in catalogue.claims(item.module)]
                raise TaskConflictError(package, plugin, func, sorted({claim.declared.claimant for claim in claims}))
            if known:
                return known[0]
        return Coordinates(package, plugin, func)

    def _is_known(self, catalogue: Catalogue, module: str) -> bool:
        return bool(self._registrations.visible(module) or catalogue.claims(module)) or holds_code(module)

    def _refuse_conflict(self, catalogue: Catalogue, target: Coordinates) -> None:
        claims = catalogue.claims(target.module)
        if len(claims) > 1:
            names = {target.func, *catalogue.functions_meant(target.module, target.func or "")}
            claiming = [
                claim.declared.claimant
                for claim in claims
                if claim.module.dynamic or any(target.func is None or task.func in names for task in claim.module.tasks)
            ]
            if len(claiming) > 1:
                raise TaskConflictError(*target, sorted(claiming))

    def _load(self, name: str) -> ModuleType:
        try:
            module = load(name)
        except (ModuleAbsentError, ImportFailedError) as failed:
            raise self._diagnosis.load_error(self._sources.catalogue(), name, failed) from failed.cause
        self._refuse_stranger(self._sources.catalogue(), name, module)
        return module

    def _load_plugin(self, catalogue: Catalogue, target: Coordinates) -> ModuleType:
        if not catalogue.claims(target.module) and not exists(target.module):
            raise self._diagnosis.unknown_plugin(catalogue, target)
        return self._load(target.module)

    def _refuse_stranger(self, catalogue: Catalogue, name: str, module: ModuleType) -> None:
        """Refuse a module that was imported from elsewhere than the environment that declares it."""
        file = getattr(module, "__file__", None)
        sites = {claim.declared.site: claim for claim in catalogue.claims(name) if claim.declared.site is not None}
        if not sites or file is None:
            return
        roots = [root for item in self.activation.directories if item.entry in sites for root in item.roots]
        if not is_below(file, roots):
            claimant = next(iter(sites.values())).declared.claimant
            raise PluginLoadError(
                name,
                distribution=claimant.distribution,
                version=claimant.version,
                why=f"it was imported from {file}, not from {', '.join(str(site) for site in sites)}",
                hint="enter plugin_dirs() before importing the plugin, and keep copies of it off the path",
            )

    def _task(self, catalogue: Catalogue, target: Coordinates, module: ModuleType) -> Task:
        registered = self._registrations.visible(target.module)
        names = [name for name, _ in self._views.plugin(catalogue, target.module).functions]
        if not names:
            raise self._diagnosis.unknown_plugin(catalogue, target)
        name = self._function_name(catalogue, target, names)
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
        )
        provenance = self._views.provenance(catalogue, target.module, name)
        return Task(info, provenance, getattr(function, "_task_nout", None))

    def _function_name(self, catalogue: Catalogue, target: Coordinates, names: list[str]) -> str:
        if target.func is None:
            return names[0]
        meant = [target.func, *catalogue.functions_meant(target.module, target.func)]
        for name in meant:
            if name in names:
                return name
        raise self._diagnosis.unknown_function(target, target.func, names)

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

    def _known_packages(self, catalogue: Catalogue, package: str) -> tuple[str, ...]:
        packages = self._views.packages(catalogue, package)
        if not packages:
            raise self._diagnosis.unknown_package(catalogue, package)
        return packages
