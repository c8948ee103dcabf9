"""Meta path finders for what the order of the path decides wrongly.

They stand before the path finder while plugin directories are active, or while one module is imported, and answer only
for the names that need it; for all others the normal finders decide (the import system's reference, section "The meta
path"; PEP 420).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from dioptra.pyplugs._specs import is_namespace, search_locations, search_path
from dioptra.pyplugs._unloading import is_below


class OverlayFinder:
    """Finds what environments and raw folders both have in the environments, wherever the folders stand.

    A package that both have is one package with the portions of both: a folder may move into wheels plugin by plugin.
    What the host has in a shared namespace package still comes first.

    Args:
        environments: Path entries of environments, in order.
        folders: Path entries of raw folders, in order.
    """

    def __init__(self, environments: Sequence[str], folders: Sequence[str]) -> None:
        self.environments, self.folders = tuple(environments), tuple(folders)

    def __repr__(self) -> str:
        return f"OverlayFinder({list(self.environments)} over {list(self.folders)})"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that both sides have; None for every other.

        Args:
            name: Its dotted name.
            path: Where its package's modules are searched; None at the top level.
            target: Not used.
        """
        if path is None:
            above: Sequence[str] = self.environments
            below: Sequence[str] = self.folders
        else:
            entries = list(path)
            above = [entry for entry in entries if is_below(entry, self.environments)]
            below = [entry for entry in entries if is_below(entry, self.folders)]
        if not above or not below:
            return None
        ours, theirs = search_path(name, above), search_path(name, below)
        if ours is None or theirs is None:
            return None
        if path is not None:
            host = search_path(name, [entry for entry in entries if entry not in above and entry not in below])
            if host is not None:
                return None if is_namespace(host) else host
        return _merged(ours, theirs)


class StandInFinder:
    """Finds the import roots of develop folders there, even where the host or an environment has them too.

    What is below a root follows from the root's own path. A root below a namespace package (`lab.fog`) needs its
    folder on the path, so that `lab` includes it; where somebody else has `lab` as a regular package the root is never
    asked for.

    Args:
        sources: The path entry that holds each import root.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)

    def __repr__(self) -> str:
        return f"StandInFinder({self.sources})"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find an import root; None for every other name.

        Args:
            name: Its dotted name.
            path: Not used: the root is searched in its own folder.
            target: Not used.
        """
        entry = self.sources.get(name)
        if entry is None:
            return None
        return search_path(name, [os.path.join(entry, *name.split(".")[:-1])])  # noqa: PTH118 - a path entry is a string


class PreferredFinder:
    """Finds one module, and the packages above it, where the chosen one of several distributions has it.

    It stands before all others while that module is imported. A package is merged with what others have of it, the
    chosen distribution's modules first.

    Args:
        module: The module's dotted name.
        site: Path entry of the chosen distribution.
    """

    def __init__(self, module: str, site: str) -> None:
        self.module, self.site = module, site

    def __repr__(self) -> str:
        return f"PreferredFinder({self.module} in {self.site})"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module or a package above it; None for every other name.

        Args:
            name: Its dotted name.
            path: Where its package's modules are searched; None at the top level.
            target: Not used.
        """
        if name != self.module and not self.module.startswith(f"{name}."):
            return None
        entry = os.path.join(self.site, *name.split(".")[:-1])  # noqa: PTH118 - a path entry is a string
        ours = search_path(name, [entry])
        if ours is None or ours.submodule_search_locations is None:
            return ours
        theirs = search_path(name, [item for item in (sys.path if path is None else path) if item != entry])
        return ours if theirs is None else _merged(ours, theirs)


def _merged(ours: ModuleSpec, theirs: ModuleSpec) -> ModuleSpec | None:
    """What an environment and a raw folder have under one name, as one; None where the normal finders do that."""
    if ours.submodule_search_locations is None:
        return ours
    if is_namespace(ours) and is_namespace(theirs):
        return None
    # The one regular package runs, its own modules or not: a namespace package has nothing to run.
    spec = theirs if is_namespace(ours) and theirs.submodule_search_locations is not None else ours
    spec.submodule_search_locations = [*search_locations(ours), *search_locations(theirs)]
    return spec
