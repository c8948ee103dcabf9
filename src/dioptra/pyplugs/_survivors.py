"""What is still referenced of modules that were unloaded.

A function that somebody kept runs the code it came with, whatever environment is active, and what it imports later
comes from the active one. So it must be gone before directories are entered that have other code under the same names.
Directories that share no name with the earlier ones, or have the same wheels, cannot be mixed up with them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import NamedTuple

from dioptra.pyplugs._leases import Directory


class _Left(NamedTuple):
    """What was unloaded when directories were left."""

    entries: tuple[str, ...]
    brought: Mapping[str, str]
    objects: dict[str, weakref.ref[object]]

    def alive(self) -> list[str]:
        return [name for name, reference in self.objects.items() if reference() is not None]


class Survivors:
    """Remembers what was unloaded, without keeping it alive."""

    def __init__(self) -> None:
        self._left: list[_Left] = []

    def remember(
        self, directories: Sequence[Directory], entries: tuple[str, ...], modules: Mapping[str, ModuleType]
    ) -> None:
        """Follow modules that are being unloaded, and the functions and classes that they define.

        Args:
            directories: The directories they came from.
            entries: Their path entries.
            modules: The modules by name.
        """
        objects: dict[str, weakref.ref[object]] = {}
        for name, module in modules.items():
            objects[name] = weakref.ref(module)
            for attribute, item in list(vars(module).items()):
                if isinstance(item, FunctionType | type) and getattr(item, "__module__", None) == name:
                    objects[f"{name}.{attribute}"] = weakref.ref(item)
        if objects:
            self._left.append(_Left(entries, _brought(directories), objects))

    def mixed_up_with(self, directories: Sequence[Directory]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Find what is still referenced of directories that others could be mixed up with.

        Args:
            directories: The directories that are to be entered.

        Returns:
            Sorted names of modules, functions and classes, and the path entries that they came from.
        """
        self._left = [left for left in self._left if left.alive()]
        if not self._left:
            return (), ()
        wanted = _brought(directories)
        if not any(_share_names(left.brought, wanted) for left in self._left):
            return (), ()
        _collect()
        mixed_up = [left for left in self._left if _share_names(left.brought, wanted) and left.alive()]
        names = {name for left in mixed_up for name in left.alive()}
        return tuple(sorted(names)), tuple(dict.fromkeys(entry for left in mixed_up for entry in left.entries))


def _brought(directories: Iterable[Directory]) -> dict[str, str]:
    """The import roots that directories bring, each with what tells the code apart: a wheel's digest, or a folder."""
    found: dict[str, str] = {}
    for directory in directories:
        if directory.environment is not None:
            roots = {root: wheel.sha256 for wheel in directory.environment.wheels for root in wheel.import_roots}
        elif directory.develop is not None:
            roots = dict.fromkeys(directory.develop.project.import_roots, directory.entry)
        else:
            names = (name.partition(".")[0] for name in os.listdir(directory.entry))  # noqa: PTH208 - names only
            roots = {name: directory.entry for name in names if name.isidentifier()}
        for root, code in roots.items():
            found.setdefault(root, code)
    return found


def _share_names(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two sets of import roots have different code under one name, or one below a name of the other."""
    return _reaches(one, other) or _reaches(other, one)


def _reaches(roots: Mapping[str, str], others: Mapping[str, str]) -> bool:
    for root, code in roots.items():
        parts = root.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            if name in others and others[name] != code:
                return True
    return False


def _collect() -> None:
    """Free what is only held by cycles and by caches of the type system."""
    import gc
    import typing

    # An annotation such as Optional[Picture] keeps the class in a cache of `typing` for ever.
    for clear in getattr(typing, "_cleanups", ()):
        clear()
    gc.collect()
