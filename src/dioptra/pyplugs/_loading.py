"""Importing plugin modules, with absence told apart from failure.

Absence is decided by finders alone: a module is absent when none of them has a spec for it. Whatever is raised while
a module that exists is imported is a failure of that module. Message texts decide nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from dioptra.pyplugs._registrations import is_importing
from dioptra.pyplugs._specs import find_spec, forget_listings, is_namespace, package_path


class ModuleAbsentError(Exception):
    """No finder has the module.

    Attributes:
        name: Dotted name of the outermost package or module that is absent.
        cause: None; nothing was raised.
    """

    cause: None = None

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ImportFailedError(Exception):
    """A module exists and its import failed.

    Attributes:
        module: Dotted name of the module that could not be imported (the plugin or one of its packages).
        cause: What was raised.
    """

    def __init__(self, module: str, cause: BaseException) -> None:
        super().__init__(module, cause)
        self.module, self.cause = module, cause


def exists(name: str) -> bool:
    """Tell whether a module or package can be imported, importing nothing.

    Args:
        name: Its dotted name.

    Returns:
        Whether it is loaded or a finder has it.
    """
    if name in sys.modules or find_spec(name) is not None:
        return True
    parent = name.rpartition(".")[0]
    path = package_path(parent) if parent else sys.path
    if path is None:
        return False
    forget_listings(path)
    return find_spec(name) is not None


def holds_code(name: str) -> bool:
    """Tell whether a name is a module or regular package, importing nothing.

    A folder of pictures below the current folder is a namespace package to the import system; it is no plugin.

    Args:
        name: Its dotted name.

    Returns:
        Whether it is loaded or a finder has it, and it is no namespace package.
    """
    loaded = sys.modules.get(name)
    if loaded is not None:
        return getattr(loaded, "__file__", None) is not None or not hasattr(loaded, "__path__")
    if not exists(name):
        return False
    spec = find_spec(name)
    return spec is not None and not is_namespace(spec)


def load(name: str) -> ModuleType:
    """Import a module, one package after the other.

    When another thread is importing it, this waits for that import. A module that is being imported by this very
    thread (a plugin that looks itself up while it is imported) is a failure, because it has nothing to offer yet.

    Args:
        name: Its dotted name.

    Returns:
        The module, completely imported.

    Raises:
        ModuleAbsentError: It, or one of its packages, does not exist.
        ImportFailedError: It, or one of its packages, exists and raised something.
    """
    parts = name.split(".")
    module: ModuleType | None = None
    for count in range(1, len(parts) + 1):
        prefix = ".".join(parts[:count])
        if not exists(prefix):
            raise ModuleAbsentError(prefix)
        try:
            module = importlib.import_module(prefix)
        except (Exception, SystemExit) as cause:
            # A plugin that calls sys.exit() at import would otherwise end the worker.
            raise ImportFailedError(prefix, cause) from cause
    assert module is not None
    if is_importing(module):
        raise ImportFailedError(name, ImportError(f"{name} is looked up while it is being imported", name=name))
    return module
