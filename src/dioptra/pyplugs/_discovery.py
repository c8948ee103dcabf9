"""What distributions declare: the tasks, aliases and claims that are known without importing a plugin.

A `Catalogue` is computed from manifests alone and never changes. Entry-point values name a package, a module or
``module:callable``; the entry point's name is an alias of what the value names:

- of the package, also as a prefix (``data`` for ``dioptra_builtins.data``, so ``data.sub`` too);
- of the plugin within its package;
- of the task within its plugin.

Upstream coordinates (package, plugin module, function) are always meant first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from dioptra.pyplugs._types import Coordinates
from dioptra.sdk.exceptions import Claimant

if TYPE_CHECKING:
    from dioptra.manifest.model import ModuleEntry, TaskEntry, TaskManifest


class Declared(NamedTuple):
    """A distribution with plugins.

    Attributes:
        manifest: Its tasks and entry points.
        wheel_sha256: Digest of its wheel; None for what is installed in the host or lies in a raw folder.
        plugin_directory: The entry of ``DIOPTRA_PLUGIN_DIR`` it was found in, or None for the host.
        site: Path entry that its modules are imported from, where that is known.
    """

    manifest: TaskManifest
    wheel_sha256: str | None = None
    plugin_directory: str | None = None
    site: str | None = None

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

    def entry_points(self, func: str) -> tuple[str, ...]:
        """Names of the entry points that reach a task of the module, sorted.

        Args:
            func: The task's name.
        """
        found = set()
        for entry_point in self.declared.manifest.entry_points:
            module, attribute = split_value(entry_point.value)
            if attribute is not None:
                reached = module == self.module.name and attribute.rpartition(".")[2] == func
            else:
                reached = module == self.module.name or self.module.name.startswith(f"{module}.")
            if reached:
                found.add(entry_point.name)
        return tuple(sorted(found))


class Catalogue:
    """Everything a set of distributions declares, indexed for lookups.

    Args:
        declared: The distributions in the order of the path. One that is found again (same project, version and
            wheel) counts once.
    """

    def __init__(self, declared: Iterable[Declared]) -> None:
        distinct: dict[Claimant, Declared] = {}
        for item in declared:
            distinct.setdefault(item.claimant, item)
        self.declared: tuple[Declared, ...] = tuple(distinct.values())
        self._claims: dict[str, list[Claim]] = {}
        self._modules_in: dict[str, set[str]] = {}
        self._package_aliases: dict[str, set[str]] = {}
        self._plugin_aliases: dict[tuple[str, str], set[str]] = {}
        self._func_aliases: dict[tuple[str, str], set[str]] = {}
        for item in self.declared:
            for module in item.manifest.modules:
                self._claims.setdefault(module.name, []).append(Claim(item, module))
                self._modules_in.setdefault(module.name.rpartition(".")[0], set()).add(module.name)
            self._add_aliases(item)

    def _add_aliases(self, declared: Declared) -> None:
        paths = {module.name: module.path for module in declared.manifest.modules}
        for entry_point in declared.manifest.entry_points:
            module, attribute = split_value(entry_point.value)
            package, _, plugin = module.rpartition(".")
            if attribute is not None:
                key = (module, entry_point.name)
                self._func_aliases.setdefault(key, set()).add(attribute.rpartition(".")[2])
            elif paths.get(module, "__init__.py").endswith("__init__.py"):
                # A package without tasks of its own is not among the modules at all.
                self._package_aliases.setdefault(entry_point.name, set()).add(module)
            else:
                self._plugin_aliases.setdefault((package, entry_point.name), set()).add(plugin)

    def claims(self, module: str) -> tuple[Claim, ...]:
        """The claims on a module, in the order of the path.

        Args:
            module: Its dotted name.
        """
        return tuple(self._claims.get(module, ()))

    def modules_in(self, package: str) -> tuple[str, ...]:
        """Dotted names of the modules declared directly in a package, sorted.

        Args:
            package: Its dotted name; empty for top-level modules.
        """
        return tuple(sorted(self._modules_in.get(package, ())))

    def package_names(self) -> set[str]:
        """All packages with declared modules, and all aliases of packages."""
        return {*self._modules_in, *self._package_aliases}

    def plugin_aliases(self, package: str) -> set[str]:
        """All aliases of plugins within a package.

        Args:
            package: Its dotted name.
        """
        return {alias for owner, alias in self._plugin_aliases if owner == package}

    def packages_meant(self, package: str) -> tuple[str, ...]:
        """The packages that a name stands for as an alias; the longest alias decides.

        Args:
            package: A dotted name whose beginning may be an alias.
        """
        head, tail = package, ""
        while head:
            if head in self._package_aliases:
                return tuple(sorted(target + tail for target in self._package_aliases[head]))
            head, _, last = head.rpartition(".")
            tail = f".{last}{tail}"
        return ()

    def coordinates_meant(self, package: str, plugin: str) -> Iterator[tuple[Coordinates, ...]]:
        """The plugins that a pair of names may stand for, best first.

        Args:
            package: The package as it was asked for.
            plugin: The plugin as it was asked for.

        Returns:
            Groups of coordinates; those of one group are equally good.
        """
        yield (Coordinates(package, plugin),)
        yield tuple(Coordinates(package, target) for target in self._plugins_meant(package, plugin))
        packages = self.packages_meant(package)
        yield tuple(Coordinates(target, plugin) for target in packages)
        yield tuple(Coordinates(owner, target) for owner in packages for target in self._plugins_meant(owner, plugin))

    def _plugins_meant(self, package: str, plugin: str) -> list[str]:
        return sorted(self._plugin_aliases.get((package, plugin), ()))

    def functions_meant(self, module: str, func: str) -> tuple[str, ...]:
        """The tasks of a module that a name stands for as an alias, sorted.

        Args:
            module: The module's dotted name.
            func: The alias.
        """
        return tuple(sorted(self._func_aliases.get((module, func), ())))


def split_value(value: str) -> tuple[str, str | None]:
    """Split an entry point's value (PyPA entry points specification) into module and attribute path.

    Args:
        value: Such as ``package.module`` or ``package.module:function``; extras are dropped.

    Returns:
        The module and the attribute path, None where there is none.
    """
    module, _, attribute = value.partition("[")[0].partition(":")
    return module.strip(), attribute.strip() or None
