"""Looking tasks up: from the names that are asked for to the module, the function and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from dioptra.pyplugs._conflicts import claiming, declaring
from dioptra.pyplugs._diagnosis import Diagnosis
from dioptra.pyplugs._discovery import Catalogue
from dioptra.pyplugs._loader import Loader
from dioptra.pyplugs._loading import exists, holds_code
from dioptra.pyplugs._registrations import Registrations
from dioptra.pyplugs._sources import Sources
from dioptra.pyplugs._types import Coordinates, Function, PluginInfo, Task, TaskDescription, split_docstring
from dioptra.pyplugs._views import ListedTask, Views
from dioptra.sdk.exceptions import PluginLoadError, RawFolderWarning, TaskBlockedError, TaskConflictError


class Parts(NamedTuple):
    """What a registry looks tasks up with.

    Attributes:
        registrations: What decorators registered.
        sources: What is declared, and what lies in raw folders.
        views: What can be told without importing.
        loader: Imports plugin modules.
        diagnosis: Makes the errors.
    """

    registrations: Registrations
    sources: Sources
    views: Views
    loader: Loader
    diagnosis: Diagnosis


class Lookup:
    """Finds tasks in one catalogue.

    Args:
        parts: What it works with.
        catalogue: What is declared now.

    Attributes:
        catalogue: What is declared.
    """

    def __init__(self, parts: Parts, catalogue: Catalogue) -> None:
        self._registrations, self._sources, self._views, self._loader, self._diagnosis = parts
        self.catalogue = catalogue

    def find(self, package: str, plugin: str, func: str | None, label: str | None) -> Task:
        """Find a task and import its module; arguments and errors as for `Registry.find`."""
        target = self.resolve(package, plugin, func)
        self._refuse_conflict(target)
        self._refuse_blocked(target)
        module = self._load_plugin(target)
        task = self._task(target, module, label)
        self._warn_of_raw_folder(target.module, task)
        return task

    def describe(self, package: str, plugin: str, func: str | None) -> TaskDescription:
        """Describe a task from its source; arguments and errors as for `Registry.describe`."""
        target, listed = self.listed(package, plugin, func)
        self._refuse_conflict(target)
        if func is not None:
            listed = tuple(task._replace(label=None) for task in listed)  # whatever its label is
        name = self._function_name(target, listed)
        return next(item for item in self._views.describe(self.catalogue, target.module) if item.func == name)

    def packages(self, package: str) -> tuple[str, ...]:
        """The packages that a name stands for.

        Args:
            package: A package, or an alias of packages.

        Raises:
            UnknownPackageError: It is neither.
        """
        packages = self._views.packages(self.catalogue, package)
        if not packages:
            raise self._diagnosis.unknown_package(self.catalogue, package)
        return packages

    def listed(self, package: str, plugin: str, func: str | None = None) -> tuple[Coordinates, tuple[ListedTask, ...]]:
        """The plugin that is meant, and its tasks; errors as for `Registry.funcs`.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.
            func: The task that is looked for, or None.
        """
        target = self.resolve(package, plugin, func)
        self._refuse_blocked(target)
        listed = self._views.tasks(self.catalogue, target.module)
        if not listed:
            # Importing says what is wrong: that the module is absent or broken, or that it has no tasks.
            self._load_plugin(target)
            listed = self._views.tasks(self.catalogue, target.module)
        if not listed:
            raise self._diagnosis.unknown_plugin(self.catalogue, target)
        return target, listed

    def is_known(self, module: str) -> bool:
        """Tell whether there is a plugin module or regular package, importing nothing.

        Args:
            module: Its dotted name.
        """
        return bool(self._registrations.visible(module) or self.catalogue.claims(module)) or holds_code(module)

    def resolve(self, package: str, plugin: str, func: str | None = None) -> Coordinates:
        """The plugin that a pair of names stands for.

        Args:
            package: The package, or an alias of it.
            plugin: The plugin, or an alias of it.
            func: The task's name, which is kept.

        Returns:
            Its coordinates; those that were given where nothing is known of them.

        Raises:
            TaskConflictError: The names are aliases of several plugins, and no distribution is preferred.
        """
        for group in self.catalogue.coordinates_meant(package, plugin):
            known = [item for item in group if self.is_known(item.target.module)]
            if len(known) > 1:
                declared = declaring(known)
                chosen = self.catalogue.preferred(declared)
                known = [item for item in known if any(one is chosen for one in item.declared)]
                if not known:
                    claimants = {item.claimant for item in declared}
                    raise TaskConflictError(package, plugin, func, sorted(claimants, key=str))
            if known:
                return known[0].target._replace(func=func)
        return Coordinates(package, plugin, func)

    def _refuse_conflict(self, target: Coordinates) -> None:
        claims = claiming(self.catalogue, target.module, target.func)
        if len(claims) > 1 and self.catalogue.chosen(claims) is None:
            claimants = {claim.declared.claimant for claim in claims}
            raise TaskConflictError(*target, sorted(claimants, key=str))

    def _refuse_blocked(self, target: Coordinates) -> None:
        if not self.catalogue.rules.block:
            return
        func = target.func
        if func is not None:
            func = next(iter(self.catalogue.functions_meant(target.module, func)), func)
        pattern = self._views.blocking(self.catalogue, target.module, func)
        if pattern is None and func is None and not self._views.tasks(self.catalogue, target.module):
            pattern = self.catalogue.blocking_tasks(target.module)
        if pattern is not None:
            raise TaskBlockedError(*target, pattern)

    def _load_plugin(self, target: Coordinates) -> ModuleType:
        if not self.catalogue.claims(target.module) and not exists(target.module):
            raise self._diagnosis.unknown_plugin(self.catalogue, target)
        return self._loader.load(target.module)

    def _task(self, target: Coordinates, module: ModuleType, label: str | None) -> Task:
        registered = self._registrations.visible(target.module)
        listed = self._views.tasks(self.catalogue, target.module)
        if not listed:
            raise self._diagnosis.unknown_plugin(self.catalogue, target)
        name = self._function_name(target, listed, label)
        registration = registered.get(name)
        function = self._declared_function(target, module, name) if registration is None else registration.func
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
        provenance = self._views.provenance(self.catalogue, target.module, name)
        if provenance.line is None:
            from dioptra.pyplugs._static import definition_line

            provenance = provenance._replace(line=definition_line(function))
        return Task(info, provenance, getattr(function, "_task_nout", None))

    def _function_name(self, target: Coordinates, listed: Sequence[ListedTask], label: str | None = None) -> str:
        names = [task.func for task in listed if task.label == label]
        if target.func is None and names:
            return names[0]
        meant = (
            () if target.func is None else (target.func, *self.catalogue.functions_meant(target.module, target.func))
        )
        for name in meant:
            if name in names:
                return name
        raise self._diagnosis.unknown_function(target, listed, label, meant)

    def _declared_function(self, target: Coordinates, module: ModuleType, name: str) -> Function:
        claim = next(claim for claim in self.catalogue.claims(target.module) if claim.task(name) is not None)
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
