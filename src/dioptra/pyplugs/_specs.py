"""Finding modules without importing anything, parents included.

`importlib.util.find_spec` imports the parents of a dotted name, which runs plugin code. This search asks the same
finders in the same order (the import system's reference, section "The meta path"; PEP 420 for namespace packages) and
follows the search locations of specs instead. Where a parent is imported already, its ``__path__`` is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder


def find_spec(name: str) -> ModuleSpec | None:
    """Find a module or package.

    Args:
        name: Its dotted name.

    Returns:
        Its spec, or None if no finder has it or it is no name. A namespace package's spec has no loader.
    """
    if not all(name.split(".")):
        return None  # finders may assume that no part is empty
    parent, _, _ = name.rpartition(".")
    path = package_path(parent) if parent else None
    if parent and path is None:
        return None
    for finder in list(sys.meta_path):
        if finder is PathFinder:
            spec = search_path(name, sys.path if path is None else path)
        else:
            # Finders without find_spec belong to the protocol that Python 3.12 removed.
            search = getattr(finder, "find_spec", None)
            spec = None if search is None else search(name, path, None)
        if spec is not None:
            return spec
    return None


def package_path(name: str) -> Sequence[str] | None:
    """Tell where the submodules of a package are searched.

    Args:
        name: The package's dotted name.

    Returns:
        Its path entries, or None if there is no such package (or the name is a plain module).
    """
    loaded = sys.modules.get(name)
    if loaded is not None:
        path = getattr(loaded, "__path__", None)
        return None if path is None else list(path)
    spec = find_spec(name)
    return None if spec is None or spec.submodule_search_locations is None else search_locations(spec)


def search_locations(spec: ModuleSpec) -> list[str]:
    """List a package spec's search locations, also where its parent is not imported.

    Args:
        spec: The spec of a package.

    Returns:
        Its path entries; empty for a plain module.
    """
    locations = spec.submodule_search_locations
    if locations is None:
        return []
    try:
        return list(locations)
    except KeyError:
        # A namespace path made by another finder computes itself from its parent in sys.modules, where it may be
        # missing; what the finder gave is kept in this attribute.
        return list(getattr(locations, "_path", ()))


def is_namespace(spec: ModuleSpec) -> bool:
    """Tell a PEP 420 namespace package from regular packages and modules.

    Args:
        spec: What a finder gave.

    Returns:
        Whether it has search locations and no file of its own.
    """
    return spec.submodule_search_locations is not None and spec.origin is None


def forget_listings(path: Iterable[str]) -> None:
    """Make path finders list their directories anew; files may have come within a time stamp's grain.

    Args:
        path: The path entries.
    """
    for entry in path:
        invalidate = getattr(sys.path_importer_cache.get(entry), "invalidate_caches", None)
        if invalidate is not None:
            invalidate()


def search_path(name: str, path: Iterable[str]) -> ModuleSpec | None:
    """Find a module or package in path entries, as the path based finder does, its package imported or not.

    Args:
        name: Its dotted name; only the last part is looked for in the entries.
        path: The path entries.

    Returns:
        The first spec with a loader, else that of a namespace package with all portions, else None.
    """
    import os
    import pkgutil

    portions: list[str] = []
    for entry in path:
        importer = pkgutil.get_importer(entry or os.getcwd())  # noqa: PTH109 - path entries are strings
        search = getattr(importer, "find_spec", None)
        found: ModuleSpec | None = None if search is None else search(name)
        if found is None:
            continue
        if found.loader is not None:
            return found
        portions.extend(found.submodule_search_locations or ())
    if not portions:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace
