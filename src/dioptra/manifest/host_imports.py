"""Whether import names of an environment are names that the host can import already.

Path order alone protects neither side: a regular package behind a host's PEP 420 namespace takes the namespace over.
So every import root is looked up in all finders of the interpreter, without importing anything.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import FileFinder, PathFinder
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """A name that the environment and the host both have.

    Attributes:
        name: Dotted import name.
        origin: Where the host has it.
    """

    name: str
    origin: str


def host_collisions(import_roots: Iterable[str], *, exclude: Collection[str] = ()) -> tuple[Collision, ...]:
    """Find the import roots that the host has.

    Args:
        import_roots: Dotted names of the outermost regular packages and modules; all names above the last are
            PEP 420 namespaces.
        exclude: Folders whose path entries are not the host's (environments that are active already).

    Returns:
        Collisions sorted by name: a root that the host can import, as module, package or namespace, and a namespace
        above a root that is a regular module or package in the host.
    """
    path = [entry for entry in sys.path if not _lies_in(entry, exclude)]
    known: dict[str, _Found | None] = {}
    listings = _Listings()
    collisions: dict[str, Collision] = {}
    for root in set(import_roots):
        parts = root.split(".")
        search: Sequence[str] = path
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            if name not in known:
                known[name] = _find(name, search, exclude, listings, top=depth == 1)
            found = known[name]
            if found is None:
                break
            if depth == len(parts) or not found.is_namespace:
                collisions[name] = Collision(name=name, origin=found.origin)
                break
            search = found.portions
    return tuple(collisions[name] for name in sorted(collisions))


@dataclass(frozen=True, slots=True)
class _Found:
    """What the host imports under a name; `portions` are a PEP 420 namespace's folders, empty for anything else."""

    origin: str
    portions: tuple[str, ...] = ()

    @property
    def is_namespace(self) -> bool:
        return bool(self.portions)


class _Listings:
    """What path entries hold, each listed once: an environment has hundreds of roots, the host few that match."""

    def __init__(self) -> None:
        self._stems: dict[str, frozenset[str] | None] = {}

    def may_hold(self, entry: str, name: str) -> bool:
        """Whether a path entry may hold a module; its finder knows for certain."""
        if entry not in self._stems:
            self._stems[entry] = _stems(entry)
        stems = self._stems[entry]
        return stems is None or name.rpartition(".")[2] in stems


def _stems(entry: str) -> frozenset[str] | None:
    """What the names in a folder begin with, up to the first dot; None if only a finder can tell what is there."""
    if not isinstance(pkgutil.get_importer(entry or os.getcwd()), FileFinder):  # noqa: PTH109 - entries are strings
        return None
    try:
        return frozenset(name.partition(".")[0] for name in os.listdir(entry or "."))  # noqa: PTH208 - names only
    except OSError:
        return None


def _find(
    name: str, search: Sequence[str], exclude: Collection[str], listings: _Listings, *, top: bool
) -> _Found | None:
    for finder in sys.meta_path:
        if finder is PathFinder:
            found = _search_path(name, [entry for entry in search if listings.may_hold(entry, name)])
        else:
            found = _ask(finder, name, None if top else search, exclude)
        if found is not None:
            return found
    return None


def _search_path(name: str, search: Sequence[str]) -> _Found | None:
    """Search path entries as the path based finder does (PEP 420).

    `PathFinder` itself cannot be asked for a namespace below another one: it computes the portions from the parent,
    which is not imported here.
    """
    portions: list[str] = []
    for entry in search:
        finder = pkgutil.get_importer(entry or os.getcwd())  # noqa: PTH109 - a path entry is a string
        spec = None if finder is None else finder.find_spec(name)
        if spec is None:
            continue
        if spec.loader is not None:
            return _Found(spec.origin or entry)
        portions += spec.submodule_search_locations or ()
    return _Found(", ".join(portions), tuple(portions)) if portions else None


def _ask(finder: object, name: str, search: Sequence[str] | None, exclude: Collection[str]) -> _Found | None:
    """Ask any other finder: of built-in and frozen modules, or of an editable install."""
    find_spec = getattr(finder, "find_spec", None)
    spec = None if find_spec is None else find_spec(name, None if search is None else list(search), None)
    if spec is None:
        return None
    if spec.origin is None and spec.submodule_search_locations is not None:
        portions = tuple(folder for folder in spec.submodule_search_locations if not _lies_in(folder, exclude))
        return _Found(", ".join(portions), portions) if portions else None
    return None if _lies_in(spec.origin, exclude) else _Found(spec.origin or "unknown place")


def _lies_in(origin: str | None, folders: Collection[str]) -> bool:
    """Whether a finder that asks no path entries (an editable install's) answered from an excluded folder."""
    return bool(origin) and any(Path(str(origin)).is_relative_to(folder) for folder in folders if folder)
