"""Plugins and tasks as far as they can be told without importing: names, order, listing.

A module that was imported is described by what it registered, one that was not by its static entry. Only a module
whose entry is `dynamic` is imported to be listed. One broken module never stands in the way of the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from dioptra.pyplugs._discovery import Catalogue, Claim, Declared
from dioptra.pyplugs._loading import holds_code
from dioptra.pyplugs._registrations import Registrations, is_importing
from dioptra.pyplugs._sources import Sources
from dioptra.pyplugs._specs import package_path
from dioptra.pyplugs._types import BrokenModule, Provenance, Source, TaskDescription, TaskListing
from dioptra.sdk.exceptions import PluginLoadError

if TYPE_CHECKING:
    from dioptra.manifest.model import ModuleEntry, TaskEntry


class PluginView(NamedTuple):
    """One plugin module.

    Attributes:
        functions: Its tasks with their sort values, in order of registration.
        error: Why it cannot be read, or None.
    """

    functions: tuple[tuple[str, float], ...] = ()
    error: str | None = None


class Views:
    """Describes what registrations and declarations hold.

    Args:
        registrations: What decorators registered.
        sources: What is declared.
        load: Imports a plugin module; raises PluginLoadError.
    """

    def __init__(self, registrations: Registrations, sources: Sources, load: Callable[[str], ModuleType]) -> None:
        self._registrations, self._sources, self._load = registrations, sources, load

    def packages(self, catalogue: Catalogue, package: str) -> tuple[str, ...]:
        """The packages that a name stands for.

        Args:
            catalogue: What is declared.
            package: A package, or an alias of packages.

        Returns:
            The package itself where it is known, else what the alias names; empty if it is neither.
        """
        if not package or catalogue.modules_in(package) or self._registered_in(package):
            return (package,)
        path = package_path(package)
        if path is not None and holds_code(package):
            return (package,)
        # A folder that happens to lie on the path is a namespace package; an alias says more than that.
        return catalogue.packages_meant(package) or (() if path is None else (package,))

    def plugins(self, catalogue: Catalogue, package: str) -> list[tuple[float, str]]:
        """The plugins of a package that have tasks, by sort value and name.

        Args:
            catalogue: What is declared.
            package: The package, no alias.
        """
        modules = {*catalogue.modules_in(package), *self._registered_in(package), *self._submodules(package)}
        found = []
        for module in modules:
            functions = self.plugin(catalogue, module).functions
            if functions:
                found.append((functions[0][1], module.rpartition(".")[2]))
        return sorted(found)

    def plugin(self, catalogue: Catalogue, module: str) -> PluginView:
        """One plugin module.

        Args:
            catalogue: What is declared.
            module: Its dotted name.

        Returns:
            Its tasks; none where there is no such module, or it registers none.
        """
        entry = self._entry(catalogue, module)
        if entry is not None and entry.dynamic and not _is_loaded(module):
            try:
                self._load(module)
            except PluginLoadError as problem:
                return PluginView(_functions(entry), str(problem))
        if not _is_loaded(module):
            return PluginView() if entry is None else PluginView(_functions(entry), entry.error)
        functions = {name: item.sort_value for name, item in self._registrations.visible(module).items()}
        for claim in catalogue.claims(module):
            for task in claim.module.tasks:
                if task.entry_point is not None:
                    functions.setdefault(task.func, task.sort_value)
        return PluginView(tuple(functions.items()))

    def provenance(self, catalogue: Catalogue, module: str, func: str | None = None) -> Provenance:
        """Where a module, or a task of it, comes from.

        Args:
            catalogue: What is declared.
            module: The module's dotted name.
            func: The task's name, or None.
        """
        file = getattr(sys.modules.get(module), "__file__", None)
        registered = func is not None and func in self._registrations.visible(module)
        claims = catalogue.claims(module)
        if claims:
            return _claimed(claims[0], func, file=file, registered=registered)
        wheel = self._sources.wheel_of(module)
        if wheel is not None:
            directory, brought = wheel
            return Provenance(
                brought.project, brought.version, brought.sha256, file=file, plugin_directory=directory.directory
            )
        return Provenance(file=file, plugin_directory=None if file is None else self._sources.directory_of(file))

    def listing(self, catalogue: Catalogue) -> TaskListing:
        """Every task that can be found, and every module that is broken.

        Args:
            catalogue: What is declared.
        """
        tasks: list[TaskDescription] = []
        broken = list(self._sources.broken())
        seen: set[str] = set()
        for claim in self._claims(catalogue):
            seen.add(claim.module.name)
            self._list_module(claim, tasks, broken)
        for name in self._registrations.modules():
            if name not in seen:
                tasks += self._registered(catalogue, name, known=set())
        return TaskListing(
            tuple(_sorted(tasks)),
            tuple(sorted(broken, key=lambda item: (item.module, item.provenance.distribution or ""))),
        )

    def describe(self, catalogue: Catalogue, module: str) -> list[TaskDescription]:
        """The tasks of one module, in order of registration.

        Args:
            catalogue: What is declared.
            module: Its dotted name.
        """
        order = [name for name, _ in self.plugin(catalogue, module).functions]
        entry = self._entry(catalogue, module)
        tasks = [] if entry is None else self._seen(entry, lambda func: self.provenance(catalogue, module, func))
        tasks += self._registered(catalogue, module, known={task.func for task in tasks})
        return sorted((task for task in tasks if task.func in order), key=lambda task: order.index(task.func))

    def _list_module(self, claim: Claim, tasks: list[TaskDescription], broken: list[BrokenModule]) -> None:
        module = claim.module
        file = getattr(sys.modules.get(module.name), "__file__", None) or _file_of(claim)

        def provenance(func: str | None) -> Provenance:
            return _claimed(claim, func, file=file, registered=_is_decorated(module, func))

        if module.error is not None:
            broken.append(BrokenModule(module.name, module.error, None, provenance(None)))
        elif module.dynamic is not None:
            try:
                self._load(module.name)
            except PluginLoadError as problem:
                broken.append(BrokenModule(module.name, str(problem), problem, provenance(None)))
        found = self._seen(module, provenance)
        known = {task.func for task in found}
        tasks += found
        if module.dynamic is not None:
            tasks += self._registered(Catalogue((claim.declared,)), module.name, known=known)

    def _seen(self, module: ModuleEntry, provenance: Callable[[str], Provenance]) -> list[TaskDescription]:
        from dioptra.pyplugs._static import describe_entry

        return [describe_entry(task, provenance(task.func)) for task in module.tasks]

    def _registered(self, catalogue: Catalogue, module: str, *, known: set[str]) -> list[TaskDescription]:
        """Describe what is registered and cannot be seen in the source."""
        from dioptra.pyplugs._static import describe_function

        package, _, plugin = module.rpartition(".")
        return [
            describe_function(
                package, plugin, name, item.func, item.sort_value, self.provenance(catalogue, module, name)
            )
            for name, item in self._registrations.visible(module).items()
            if name not in known
        ]

    def _claims(self, catalogue: Catalogue) -> Iterator[Claim]:
        from dioptra.manifest.model import TaskManifest

        declared = set()
        for distribution in catalogue.declared:
            for module in distribution.manifest.modules:
                declared.add(module.name)
                yield Claim(distribution, module)
        for directory, module in self._sources.raw_modules():
            if module.name not in declared and (module.tasks or module.dynamic or module.error):
                nameless = TaskManifest(project="", version="")
                yield Claim(Declared(nameless, None, directory.directory, directory.entry), module)

    def _entry(self, catalogue: Catalogue, module: str) -> ModuleEntry | None:
        claims = catalogue.claims(module)
        if claims:
            return claims[0].module
        if module == "__main__":
            return None
        from dioptra.pyplugs._static import scan_source

        return scan_source(module)

    def _submodules(self, package: str) -> list[str]:
        """Public modules directly in a package; at the top level those of raw folders, never all of the host's."""
        import pkgutil

        path = package_path(package) if package else self._sources.raw_entries()
        found = [item.name for item in pkgutil.iter_modules(path or ()) if not item.name.startswith("_")]
        return [f"{package}.{name}" if package else name for name in found]

    def _registered_in(self, package: str) -> list[str]:
        return [name for name in self._registrations.modules() if name.rpartition(".")[0] == package]


def _claimed(claim: Claim, func: str | None, *, file: str | None, registered: bool) -> Provenance:
    entry_points = () if func is None else claim.entry_points(func)
    sources: list[Source] = ["decorator"] if registered else []
    if entry_points:
        sources.append("entry-point")
    manifest = claim.declared.manifest
    return Provenance(
        distribution=manifest.project or None,
        version=manifest.version or None,
        wheel_sha256=claim.declared.wheel_sha256,
        entry_points=entry_points,
        sources=tuple(sources),
        file=file,
        plugin_directory=claim.declared.plugin_directory,
    )


def _is_decorated(module: ModuleEntry, func: str | None) -> bool:
    return any(task.func == func and task.entry_point is None for task in module.tasks)


def _file_of(claim: Claim) -> str | None:
    import os

    site, path = claim.declared.site, claim.module.path
    return os.path.join(site, *path.split("/")) if site and path else None  # noqa: PTH118 - a path entry is a string


def _functions(entry: ModuleEntry) -> tuple[tuple[str, float], ...]:
    return tuple((task.func, task.sort_value) for task in _in_order(entry))


def _in_order(entry: ModuleEntry) -> list[TaskEntry]:
    """Tasks as they would be registered: decorators run when the module is imported, entry points come after."""
    return sorted(entry.tasks, key=lambda task: task.entry_point is not None)


def _is_loaded(module: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and not is_importing(loaded)


def _sorted(tasks: list[TaskDescription]) -> list[TaskDescription]:
    first: dict[tuple[str, str], float] = {}
    for task in tasks:
        first.setdefault((task.package, task.plugin), task.sort_value)
    return sorted(tasks, key=lambda task: (task.package, first[task.package, task.plugin], task.plugin))
