"""Taking the modules of plugin directories out of a process again.

Only pure Python modules can be unloaded: an extension module stays loaded in the process whatever `sys.modules` says,
and its types would be mixed with those of another version.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType


def modules_below(roots: Collection[str]) -> dict[str, ModuleType]:
    """Find the loaded modules that come from folders.

    Args:
        roots: The folders, as they may occur in module files.

    Returns:
        The modules by the name they have in `sys.modules`. A namespace package counts when all its portions are
        below the folders; one that the host shares stays.
    """
    return {name: module for name, module in list(sys.modules.items()) if _comes_from(module, roots)}


def extension_modules(modules: Iterable[tuple[str, ModuleType]]) -> tuple[str, ...]:
    """Name the extension modules among modules, sorted.

    Args:
        modules: Names and modules.
    """
    suffixes = tuple(EXTENSION_SUFFIXES)
    return tuple(
        sorted(name for name, module in modules if (getattr(module, "__file__", None) or "").endswith(suffixes))
    )


def unload(modules: Mapping[str, ModuleType]) -> None:
    """Remove modules from `sys.modules`, and from the packages that stay.

    Args:
        modules: What `modules_below` returned, or a part of it.
    """
    for name, module in modules.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
        parent_name, _, attribute = name.rpartition(".")
        parent = sys.modules.get(parent_name)
        if parent is not None and getattr(parent, attribute, None) is module:
            delattr(parent, attribute)


def load_again(modules: Mapping[str, ModuleType]) -> None:
    """Undo `unload`.

    Args:
        modules: What was unloaded.
    """
    for name, module in modules.items():
        sys.modules[name] = module
        parent_name, _, attribute = name.rpartition(".")
        if parent_name in sys.modules:
            setattr(sys.modules[parent_name], attribute, module)


def forget_finders(roots: Collection[str]) -> None:
    """Drop the import system's cached directory listings below folders.

    Args:
        roots: The folders.
    """
    for entry in list(sys.path_importer_cache):
        if is_below(entry, roots):
            sys.path_importer_cache.pop(entry, None)


def is_below(path: str, roots: Iterable[str]) -> bool:
    """Tell whether a path is one of some folders or lies below one.

    Args:
        path: An absolute path.
        roots: The folders.
    """
    return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def _comes_from(module: object, roots: Collection[str]) -> bool:
    if not isinstance(module, ModuleType):
        return False  # anything may be put into sys.modules
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return is_below(file, roots)
    try:
        portions = list(getattr(module, "__path__", ()))
    except (KeyError, AttributeError, TypeError):
        # A namespace path whose parent left sys.modules cannot be computed any more; it has nothing of ours.
        return False
    return bool(portions) and all(isinstance(portion, str) and is_below(portion, roots) for portion in portions)
