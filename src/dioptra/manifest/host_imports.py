"""Whether import names of an environment are names that the host can import already.

Path order alone protects neither side: a regular package behind a host's PEP 420 namespace takes the namespace over.
So every import root is looked up in all finders of the interpreter, without importing anything.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
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
    collisions: dict[str, Collision] = {}
    for root in set(import_roots):
        parts = root.split(".")
        search: Sequence[str] = path
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            if name not in known:
                known[name] = _find(name, search, exclude, top=depth == 1)
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


def _find(name: str, search: Sequence[str], exclude: Collection[str], *, top: bool) -> _Found | None:
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        if find_spec is None:
            continue
        # Built-in and frozen modules are looked up only without a path, as the interpreter does for top-level names.
        spec = find_spec(name, None if top and not _searches_path(finder) else list(search), None)
        if spec is None:
            continue
        if spec.origin is None and spec.submodule_search_locations is not None:
            # The specification's own list is computed from parents that are not imported here, so the portions are
            # found as PEP 420 defines them.
            folders = (str(Path(entry or ".") / name.rpartition(".")[2]) for entry in search)
            portions = tuple(folder for folder in folders if Path(folder).is_dir())
            if portions:
                return _Found(", ".join(portions), portions)
            continue
        if not _lies_in(spec.origin, exclude):
            return _Found(spec.origin or "unknown place")
    return None


def _searches_path(finder: object) -> bool:
    return finder is PathFinder


def _lies_in(origin: str | None, folders: Collection[str]) -> bool:
    """Whether a finder that asks no path entries (an editable install's) answered from an excluded folder."""
    return bool(origin) and any(Path(str(origin)).is_relative_to(folder) for folder in folders if folder)
