"""What distributions declare: the tasks, aliases and claims that are known without importing a plugin.

A `Catalogue` is computed from manifests alone and never changes. Entry-point values name a package, a module or
``module:callable``; the entry point's name is an alias of what the value names:

- of the package, also as a prefix (``data`` for ``dioptra_builtins.data``, so ``data.sub`` too);
- of the plugin within its package;
- of the task within its plugin.

Upstream coordinates (package, plugin module, function) are always meant first. What the rules block is not in the
catalogue, but it can be asked what blocks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from dioptra.pyplugs._rules import Rules
from dioptra.pyplugs._types import Coordinates
from dioptra.sdk.exceptions import Claimant

if TYPE_CHECKING:
    from dioptra.manifest.model import ModuleEntry, TaskEntry, TaskManifest


class Declared(NamedTuple):
    """A distribution with plugins.

    Attributes:
        manifest: Its tasks and entry points.
        wheel_sha256: Digest of its wheel; None for what is installed in the host or lies in a raw folder.
        plugin_directory: The entry of ``DIOPTRA_PLUGIN_DIR`` or the develop folder it was found in; None for the host.
        site: Path entry that its modules are imported from, where that is known.
        index_url: URL of the index that its wheel was synced from, or None.
        commit: Of a develop folder, the commit that is checked out.
        dirty: Of a develop folder, whether its files differ from it.
    """

    manifest: TaskManifest
    wheel_sha256: str | None = None
    plugin_directory: str | None = None
    site: str | None = None
    index_url: str | None = None
    commit: str | None = None
    dirty: bool | None = None

    @property
    def claimant(self) -> Claimant:
        """The distribution as error messages name it."""
        return Claimant(self.manifest.project, self.manifest.version, self.wheel_sha256)


class Claim(NamedTuple):
    """A distribution's claim on a plugin module.

    Attributes:
        declared: The distribution.
        module: What it says about the module.
    """

    declared: Declared
    module: ModuleEntry

    def task(self, func: str) -> TaskEntry | None:
        """The task of this name, or None.

        Args:
            func: The task's name.
        """
        return next((task for task in self.module.tasks if task.func == func), None)

    def callable_path(self, func: str) -> str | None:
        """The attribute path that a ``module:callable`` entry point gives for a task, or None.

        Args:
            func: The task's name.
        """
        for entry_point in self.declared.manifest.entry_points:
            module, attribute = split_value(entry_point.value)
            if module == self.module.name and attribute is not None and attribute.rpartition(".")[2] == func:
                return attribute
        return None

    def entry_points(self) -> Callable[[str], tuple[str, ...]]:
        """Tell which entry points reach the tasks of the module.

        Returns:
            A function from a task's name to the names of its entry points, sorted.
        """
        name = self.module.name
        declared = self.declared.manifest.entry_points
        if len(declared) == 1 and name.startswith(f"{declared[0].value}."):
            only = (declared[0].name,)
            return lambda _: only
        whole: set[str] = set()
        single: dict[str, set[str]] = {}
        for entry_point in declared:
            module, attribute = split_value(entry_point.value)
            if attribute is not None:
                if module == name:
                    single.setdefault(attribute.rpartition(".")[2], set()).add(entry_point.name)
            elif module == name or name.startswith(f"{module}."):
                whole.add(entry_point.name)
        for_all = tuple(sorted(whole))
        return lambda func: tuple(sorted(whole | single[func])) if func in single else for_all


class Meant(NamedTuple):
    """A plugin that a pair of names may stand for.

    Attributes:
        target: The plugin.
        declared: The distributions whose entry points give it that name; none where it is meant literally.
    """

    target: Coordinates
    declared: tuple[Declared, ...] = ()


_Aliased = dict[str, list[Declared]]
"""What an alias stands for, each with the distributions that say so."""


class _Index:
    """Distributions by the names they declare."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        self.claims: dict[str, list[Claim]] = {}
        self.modules_in: dict[str, set[str]] = {}
        self.package_aliases: dict[str, _Aliased] = {}
        self.plugin_aliases: dict[tuple[str, str], _Aliased] = {}
        self.func_aliases: dict[tuple[str, str], set[str]] = {}
        for item in declared:
            for module in item.manifest.modules:
                self.claims.setdefault(module.name, []).append(Claim(item, module))
                self.modules_in.setdefault(module.name.rpartition(".")[0], set()).add(module.name)
            self._add_aliases(item)

    def _add_aliases(self, declared: Declared) -> None:
        paths = {module.name: module.path for module in declared.manifest.modules}
        for entry_point in declared.manifest.entry_points:
            module, attribute = split_value(entry_point.value)
            package, _, plugin = module.rpartition(".")
            if attribute is not None:
                key = (module, entry_point.name)
                self.func_aliases.setdefault(key, set()).add(attribute.rpartition(".")[2])
            elif paths.get(module, "__init__.py").endswith("__init__.py"):
                # A package without tasks of its own is not among the modules at all.
                self.package_aliases.setdefault(entry_point.name, {}).setdefault(module, []).append(declared)
            else:
                self.plugin_aliases.setdefault((package, entry_point.name), {}).setdefault(plugin, []).append(declared)


class Catalogue:
    """Everything a set of distributions declares, indexed for lookups.

    Args:
        declared: The distributions in the order of the path. One that is found again (same project, version and
            wheel) counts once.
        rules: What of it may be used.

    Attributes:
        declared: The distributions without what is blocked.
        rules: What may be used.
    """

    def __init__(self, declared: Iterable[Declared], rules: Rules = Rules()) -> None:  # noqa: B008 - an immutable value
        self.rules = rules
        distinct: dict[Claimant, Declared] = {}
        for item in declared:
            distinct.setdefault(item.claimant, item)
        self._blocked: dict[str, str] = {}
        self.declared: tuple[Declared, ...] = tuple(distinct.values())
        if rules.block:
            self.declared = tuple(self._without_blocked(item) for item in self.declared)

    @cached_property
    def _index(self) -> _Index:
        # On the first lookup: a listing needs no names.
        return _Index(self.declared)

    def _without_blocked(self, declared: Declared) -> Declared:
        from dataclasses import replace

        kept = []
        for module in declared.manifest.modules:
            ask = partial(self.rules.blocking, distribution=declared.manifest.project, module=module.name)
            pattern = ask()
            if pattern is not None:
                self._note_blocked(module.name, pattern)
                continue
            blocked = {task.func: found for task in module.tasks if (found := ask(func=task.func)) is not None}
            for func, found in blocked.items():
                self._note_blocked(f"{module.name}.{func}", found)
            tasks = tuple(task for task in module.tasks if task.func not in blocked)
            if blocked and not tasks and module.dynamic is None:
                self._note_blocked(module.name, min(blocked.values()))
                continue
            kept.append(replace(module, tasks=tasks) if blocked else module)
        return declared._replace(manifest=replace(declared.manifest, modules=tuple(kept)))

    def _note_blocked(self, name: str, pattern: str) -> None:
        # The same for every order in which distributions are found.
        self._blocked[name] = min(pattern, self._blocked.get(name, pattern))

    def blocking(self, module: str, func: str | None = None, *, distribution: str | None = None) -> str | None:
        """The pattern that blocks a task or a whole plugin; None if nothing does, or another distribution has it.

        Args:
            module: Dotted name of the plugin module.
            func: The task's name, or None.
            distribution: The distribution that brings the module, where it declares no plugin.
        """
        claims = self._index.claims.get(module)
        if not claims and module in self._blocked:
            return self._blocked[module]
        projects = {claim.declared.manifest.project for claim in claims} if claims else {distribution}
        found = [self.rules.blocking(distribution=project, module=module, func=func) for project in projects]
        # It is there as long as one of several distributions may give it.
        patterns = [pattern for pattern in found if pattern is not None]
        return min(patterns) if len(patterns) == len(found) else None

    def blocking_tasks(self, module: str) -> str | None:
        """A pattern that blocks a single declared task of a plugin; None if there is none.

        Args:
            module: Dotted name of the plugin module.
        """
        return next((found for name, found in self._blocked.items() if name.rpartition(".")[0] == module), None)

    def preferred(self, declared: Sequence[Declared]) -> Declared | None:
        """The distribution that counts; None where there are several and none, or several versions, are preferred.

        Args:
            declared: Distributions that declare the same.
        """
        project = self.rules.preferred([item.manifest.project for item in declared])
        of_it = [item for item in declared if item.manifest.project == project] if project else declared
        return of_it[0] if len(of_it) == 1 else None

    def chosen(self, claims: Sequence[Claim]) -> Claim | None:
        """The claim that counts; None where several distributions claim and none of them is preferred.

        Args:
            claims: Claims on one module or task.
        """
        declared = self.preferred([claim.declared for claim in claims])
        return next((claim for claim in claims if claim.declared is declared), None)

    def claims(self, module: str) -> tuple[Claim, ...]:
        """The claims on a module: that of the preferred distribution, then the others in the order of the path.

        Args:
            module: Its dotted name.
        """
        claims = self._index.claims.get(module, ())
        if len(claims) < 2:
            return tuple(claims)
        chosen = self.chosen(claims)
        return tuple(sorted(claims, key=lambda claim: claim is not chosen))

    def claimed_twice(self) -> tuple[str, ...]:
        """Dotted names of the modules that more than one distribution declares, sorted."""
        return tuple(sorted(module for module, claims in self._index.claims.items() if len(claims) > 1))

    def ambiguous_aliases(self) -> Iterator[tuple[tuple[str, str], tuple[Meant, ...]]]:
        """Aliases of plugins that stand for more than one plugin, with all that they stand for, sorted."""
        for alias, packages in sorted(self._index.package_aliases.items()):
            plugins = {module.rpartition(".")[2] for package in packages for module in self.modules_in(package)}
            for plugin in sorted(plugins):
                meant = [Meant(Coordinates(name, plugin), tuple(by)) for name, by in sorted(packages.items())]
                yield from self._ambiguous(alias, plugin, meant)
        for (package, alias), targets in sorted(self._index.plugin_aliases.items()):
            meant = [Meant(Coordinates(package, name), tuple(by)) for name, by in sorted(targets.items())]
            yield from self._ambiguous(package, alias, meant)

    def _ambiguous(
        self, package: str, plugin: str, meant: Iterable[Meant]
    ) -> Iterator[tuple[tuple[str, str], tuple[Meant, ...]]]:
        found = tuple(item for item in meant if item.target.module in self._index.claims)
        if len(found) > 1 and Coordinates(package, plugin).module not in self._index.claims:
            yield (package, plugin), found

    def modules_in(self, package: str) -> tuple[str, ...]:
        """Dotted names of the modules declared directly in a package, sorted.

        Args:
            package: Its dotted name; empty for top-level modules.
        """
        return tuple(sorted(self._index.modules_in.get(package, ())))

    def package_names(self) -> set[str]:
        """All packages with declared modules, and all aliases of packages."""
        return {*self._index.modules_in, *self._index.package_aliases}

    def plugin_aliases(self, package: str) -> set[str]:
        """All aliases of plugins within a package.

        Args:
            package: Its dotted name.
        """
        return {alias for owner, alias in self._index.plugin_aliases if owner == package}

    def packages_meant(self, package: str) -> tuple[str, ...]:
        """The packages that a name stands for as an alias; the longest alias decides.

        Args:
            package: A dotted name whose beginning may be an alias.
        """
        return tuple(name for name, _ in self._packages_meant(package))

    def coordinates_meant(self, package: str, plugin: str) -> Iterator[tuple[Meant, ...]]:
        """The plugins that a pair of names may stand for, best first.

        Args:
            package: The package as it was asked for.
            plugin: The plugin as it was asked for.

        Returns:
            Groups of plugins; those of one group are equally good.
        """
        yield (Meant(Coordinates(package, plugin)),)
        yield tuple(Meant(Coordinates(package, name), by) for name, by in self._plugins_meant(package, plugin))
        packages = self._packages_meant(package)
        yield tuple(Meant(Coordinates(name, plugin), by) for name, by in packages)
        yield tuple(
            Meant(Coordinates(owner, name), (*by, *(item for item in also if item not in by)))
            for owner, by in packages
            for name, also in self._plugins_meant(owner, plugin)
        )

    def _packages_meant(self, package: str) -> list[tuple[str, tuple[Declared, ...]]]:
        head, tail = package, ""
        while head:
            if head in self._index.package_aliases:
                return [(name + tail, tuple(by)) for name, by in sorted(self._index.package_aliases[head].items())]
            head, _, last = head.rpartition(".")
            tail = f".{last}{tail}"
        return []

    def _plugins_meant(self, package: str, plugin: str) -> list[tuple[str, tuple[Declared, ...]]]:
        aliased = self._index.plugin_aliases.get((package, plugin), {})
        return [(name, tuple(by)) for name, by in sorted(aliased.items())]

    def functions_meant(self, module: str, func: str) -> tuple[str, ...]:
        """The tasks of a module that a name stands for as an alias, sorted.

        Args:
            module: The module's dotted name.
            func: The alias.
        """
        return tuple(sorted(self._index.func_aliases.get((module, func), ())))


def split_value(value: str) -> tuple[str, str | None]:
    """Split an entry point's value (PyPA entry points specification) into module and attribute path.

    Args:
        value: Such as ``package.module`` or ``package.module:function``; extras are dropped.

    Returns:
        The module and the attribute path, None where there is none.
    """
    module, _, attribute = value.partition("[")[0].partition(":")
    return module.strip(), attribute.strip() or None
