"""Plugins and tasks as far as they can be told without importing: names, order, listing.

A module that was imported is described by what it registered, one that was not by its static entry. Only a module
whose entry is `dynamic` is imported to be listed. One broken module never stands in the way of the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from dioptra.pyplugs._discovery import Catalogue, Claim, Declared
from dioptra.pyplugs._loading import holds_code
from dioptra.pyplugs._registrations import Registrations, is_importing
from dioptra.pyplugs._sources import Sources
from dioptra.pyplugs._specs import package_path
from dioptra.pyplugs._types import BrokenModule, Provenance, Source, TaskDescription
from dioptra.sdk.exceptions import PluginLoadError

if TYPE_CHECKING:
    from dioptra.manifest.model import ModuleEntry, TaskEntry


class ListedTask(NamedTuple):
    """A task of a plugin, as far as lists and lookups need it.

    Attributes:
        func: Its name.
        sort_value: The value given to ``register(sort_value=…)``.
        label: The value given to ``register(label=…)``, or None.
    """

    func: str
    sort_value: float
    label: str | None


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
            tasks = self.tasks(catalogue, module)
            if tasks:
                found.append((tasks[0].sort_value, module.rpartition(".")[2]))
        return sorted(found)

    def tasks(self, catalogue: Catalogue, module: str) -> tuple[ListedTask, ...]:
        """The tasks of one plugin module.

        Args:
            catalogue: What is declared.
            module: Its dotted name.

        Returns:
            Its tasks in order of registration, without those that are blocked; none where there is no such module,
            or it registers none.
        """
        entry = self._entry(catalogue, module)
        if entry is not None and entry.dynamic and not _is_loaded(module) and not catalogue.blocking(module):
            try:
                self._load(module)
            except PluginLoadError:
                return self._allowed(catalogue, module, _listed(entry))  # the registry keeps the error
        if not _is_loaded(module):
            return () if entry is None else self._allowed(catalogue, module, _listed(entry))
        found = {
            name: ListedTask(name, item.sort_value, item.label)
            for name, item in self._registrations.visible(module).items()
        }
        for claim in catalogue.claims(module):
            for task in claim.module.tasks:
                if task.entry_point is not None:
                    found.setdefault(task.func, ListedTask(task.func, task.sort_value, task.label))
        return self._allowed(catalogue, module, tuple(found.values()))

    def provenance(self, catalogue: Catalogue, module: str, func: str | None = None) -> Provenance:
        """Where a module, or a task of it, comes from.

        Args:
            catalogue: What is declared.
            module: The module's dotted name.
            func: The task's name, or None.
        """
        file = getattr(sys.modules.get(module), "__file__", None)
        registration = None if func is None else self._registrations.visible(module).get(func)
        claims = catalogue.claims(module)
        if claims:
            claim = claims[0]
            task = None if func is None else claim.task(func)
            decorated = registration is not None or (task is not None and task.entry_point is None)
            return _Claimed.of(claim, file).provenance(func, decorated=decorated, line=task.line if task else None)
        wheel = self._sources.wheel_of(module)
        if wheel is not None:
            directory, brought = wheel
            return Provenance(
                brought.project,
                brought.version,
                brought.sha256,
                directory.indexes.get(brought.project),
                file=file,
                plugin_directory=directory.directory,
            )
        return Provenance(file=file, plugin_directory=None if file is None else self._sources.directory_of(file))

    def listing(self, catalogue: Catalogue) -> tuple[list[TaskDescription], list[BrokenModule]]:
        """Every task that can be found, and every module that is broken.

        Args:
            catalogue: What is declared.

        Returns:
            Tasks by package, sort value of the plugin, plugin and order of definition; and broken modules.
        """
        tasks: list[TaskDescription] = []
        broken = list(self._sources.broken())
        seen: set[str] = set()
        for claim in self._all_claims(catalogue):
            seen.add(claim.module.name)
            self._list_module(catalogue, claim, tasks, broken)
        for name in self._registrations.modules():
            if name not in seen:
                tasks += self._registered(catalogue, name, known=set())
        return _sorted(tasks), broken

    def describe(self, catalogue: Catalogue, module: str) -> list[TaskDescription]:
        """The tasks of one module, in order of registration.

        Args:
            catalogue: What is declared.
            module: Its dotted name.
        """
        order = [task.func for task in self.tasks(catalogue, module)]
        entry = self._entry(catalogue, module)
        found = []
        if entry is not None:
            from dioptra.pyplugs._static import describe_entry

            declared = bool(catalogue.claims(module))
            for task in entry.tasks:
                origin = self.provenance(catalogue, module, task.func)
                if not declared:
                    origin = origin._replace(line=task.line, file=origin.file or entry.path)
                found.append(describe_entry(entry.package, entry.plugin, task, origin))
        found += self._registered(catalogue, module, known={task.func for task in found})
        return sorted((task for task in found if task.func in order), key=lambda task: order.index(task.func))

    def _allowed(self, catalogue: Catalogue, module: str, tasks: tuple[ListedTask, ...]) -> tuple[ListedTask, ...]:
        if not catalogue.rules.block:
            return tasks
        return tuple(task for task in tasks if self.blocking(catalogue, module, task.func) is None)

    def blocking(self, catalogue: Catalogue, module: str, func: str | None = None) -> str | None:
        """The pattern that blocks a task or a plugin; None if nothing does.

        Args:
            catalogue: What is declared.
            module: The plugin module's dotted name.
            func: The task's name, or None.
        """
        if not catalogue.rules.block:
            return None
        wheel = self._sources.wheel_of(module)
        return catalogue.blocking(module, func, distribution=None if wheel is None else wheel[1].project)

    def _list_module(
        self, catalogue: Catalogue, claim: Claim, tasks: list[TaskDescription], broken: list[BrokenModule]
    ) -> None:
        from dioptra.pyplugs._static import describe_entry

        module = claim.module
        package, _, plugin = module.name.rpartition(".")
        claimed = _Claimed.of(claim, getattr(sys.modules.get(module.name), "__file__", None))
        if module.error is not None:
            broken.append(BrokenModule(module.name, module.error, None, claimed.provenance(None)))
        elif module.dynamic is not None:
            try:
                self._load(module.name)
            except PluginLoadError as problem:
                broken.append(BrokenModule(module.name, problem.summary, problem, claimed.provenance(None)))
        for task in module.tasks:
            origin = claimed.provenance(task.func, decorated=task.entry_point is None, line=task.line)
            tasks.append(describe_entry(package, plugin, task, origin))
        if module.dynamic is not None:
            known = {task.func for task in module.tasks}
            tasks += self._registered(Catalogue((claim.declared,), catalogue.rules), module.name, known=known)

    def _registered(self, catalogue: Catalogue, module: str, *, known: set[str]) -> list[TaskDescription]:
        """Describe what is registered and cannot be seen in the source."""
        from dioptra.pyplugs._static import describe_registration

        return [
            describe_registration(module, name, item, self.provenance(catalogue, module, name))
            for name, item in self._registrations.visible(module).items()
            if name not in known and self.blocking(catalogue, module, name) is None
        ]

    def _all_claims(self, catalogue: Catalogue) -> Iterator[Claim]:
        from dataclasses import replace

        from dioptra.manifest.model import TaskManifest

        declared = set()
        for distribution in catalogue.declared:
            for module in distribution.manifest.modules:
                declared.add(module.name)
                yield Claim(distribution, module)
        nameless = TaskManifest(project="", version="")
        for directory, module in self._sources.raw_modules():
            if module.name in declared or not (module.tasks or module.dynamic or module.error):
                continue
            if self.blocking(catalogue, module.name) is not None:
                continue
            tasks = tuple(task for task in module.tasks if self.blocking(catalogue, module.name, task.func) is None)
            yield Claim(Declared(nameless, None, directory.directory, directory.entry), replace(module, tasks=tasks))

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


class _Claimed(NamedTuple):
    """What all tasks of a claimed module have in common."""

    claim: Claim
    file: str | None
    entry_points: Callable[[str], tuple[str, ...]]

    @classmethod
    def of(cls, claim: Claim, file: str | None) -> _Claimed:
        return cls(claim, file or _file_of(claim), claim.entry_points())

    def provenance(self, func: str | None, *, decorated: bool = False, line: int | None = None) -> Provenance:
        entry_points = () if func is None else self.entry_points(func)
        declared = self.claim.declared
        manifest = declared.manifest
        fields = (
            manifest.project or None,
            manifest.version or None,
            declared.wheel_sha256,
            declared.index_url,
            entry_points,
            _SOURCES[decorated, bool(entry_points)],
            self.file,
            line,
            declared.plugin_directory,
            declared.commit,
            declared.dirty,
        )
        # Thousands are made for one listing; a named tuple's own constructor takes twice as long.
        return tuple.__new__(Provenance, fields)


_SOURCES: dict[tuple[bool, bool], tuple[Source, ...]] = {
    (True, True): ("decorator", "entry-point"),
    (True, False): ("decorator",),
    (False, True): ("entry-point",),
    (False, False): (),
}


def _file_of(claim: Claim) -> str | None:
    site, path = claim.declared.site, claim.module.path
    return f"{site}{os.sep}{path.replace('/', os.sep)}" if site and path else None


def _listed(entry: ModuleEntry) -> tuple[ListedTask, ...]:
    return tuple(ListedTask(task.func, task.sort_value, task.label) for task in _in_order(entry))


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
