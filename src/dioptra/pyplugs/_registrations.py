"""What decorators registered, visible only for modules that were imported completely.

Invariants:

- A registration belongs to the module object that was in `sys.modules` when it was made, and to that run of its code.
  When the import fails, the import system removes that object, and its registrations are gone with it; when a module
  is imported anew or reloaded, it starts from nothing. So one module imported twice never doubles, and a failed import
  leaves nothing.
- While a module is being imported its registrations are invisible to every thread. Whoever needs them imports the
  module first: the import system makes a second thread wait for the first.
- The same holds for the module that calls `register` on a function of another module.
- One name in one module stands for one task. `__main__` is free to register it again: cells of a notebook run twice.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from dioptra.pyplugs._types import Function
from dioptra.sdk.exceptions import DuplicateTaskError, RegistrationError


class Registration(NamedTuple):
    """One call of `register`.

    Attributes:
        func: The function or class.
        sort_value: The plugin's place among the plugins of its package.
        label: What it was labelled with, or None.
        registrar: The module that called `register`.
    """

    func: Function
    sort_value: float
    label: str | None
    registrar: ModuleType | None


class ModuleTable(NamedTuple):
    """The registrations of one run of one module's code, in order.

    Attributes:
        module: The module.
        spec: Its spec, which `importlib.reload` replaces.
        registrations: Its registrations by task name.
    """

    module: ModuleType
    spec: object
    registrations: dict[str, Registration]

    def is_of(self, module: ModuleType | None) -> bool:
        """Whether these are the registrations of the module as it was run last."""
        return self.module is module and self.spec is getattr(module, "__spec__", None)


class Registrations:
    """Tables of registrations, one for each module. All methods may be called from any thread.

    Args:
        base: Registrations that are seen as well; of one name the own one counts.
    """

    def __init__(self, base: Registrations | None = None) -> None:
        self._base = base
        self._lock = threading.RLock()
        self._tables: dict[str, ModuleTable] = {}

    def add(self, func: Any, *, sort_value: Any, label: Any, replace: bool, registrar: str | None) -> None:
        """Record a registration; it becomes visible when the modules it involves are imported.

        Args:
            func: The function or class; it is called by its ``__name__``, in the module of its ``__module__``.
            sort_value: The plugin's place among the plugins of its package, smallest first.
            label: A text that groups tasks of a plugin, or None.
            replace: Whether it may take the place of another task of its name.
            registrar: Dotted name of the module that registers it, or None where that is unknown.

        Raises:
            RegistrationError: The object is not callable, has no name or no module in `sys.modules`, the sort value
                is not a number, or the label no text.
            DuplicateTaskError: The module has registered something else under this name.
        """
        name, module_name = getattr(func, "__name__", None), getattr(func, "__module__", None)
        if not callable(func) or not isinstance(name, str) or not isinstance(module_name, str):
            raise RegistrationError(
                f"{func!r} cannot be registered",
                why="a task is a function or class with a name and a module",
                hint="register a function defined with def at the top level of a plugin module",
            )
        if isinstance(sort_value, bool) or not isinstance(sort_value, int | float) or sort_value != sort_value:
            raise RegistrationError(
                f"{module_name}.{name} cannot be registered", why=f"sort_value is {sort_value!r}, not a number"
            )
        if label is not None and not isinstance(label, str):
            raise RegistrationError(f"{module_name}.{name} cannot be registered", why=f"label is {label!r}, no text")
        module = sys.modules.get(module_name)
        if module is None:
            raise RegistrationError(
                f"{module_name}.{name} cannot be registered", why=f"module {module_name!r} is not in sys.modules"
            )
        registration = Registration(func, sort_value, label, sys.modules.get(registrar) if registrar else module)
        with self._lock:
            table = self._tables.get(module_name)
            if table is None or not table.is_of(module):
                table = ModuleTable(module, getattr(module, "__spec__", None), {})
                self._tables[module_name] = table
            known = table.registrations.get(name)
            if known is not None and not (replace or known.func is func or module_name == "__main__"):
                raise DuplicateTaskError(module_name, name, _place(known.func), _place(func))
            # A later registration takes the earlier one's place and stands last, as in the static manifest.
            table.registrations.pop(name, None)
            table.registrations[name] = registration

    def visible(self, module_name: str) -> Mapping[str, Registration]:
        """Give the registrations of a completely imported module.

        Args:
            module_name: Its dotted name.

        Returns:
            The registrations by task name, in order; empty where there are none, or none yet.
        """
        own = self._own(module_name)
        return own if self._base is None else {**self._base.visible(module_name), **own}

    def modules(self) -> list[str]:
        """Name the modules that have visible registrations, sorted."""
        with self._lock:
            names = {name for name in list(self._tables) if self._own(name)}
        return sorted(names if self._base is None else names.union(self._base.modules()))

    def take(self, module_names: Iterable[str]) -> dict[str, ModuleTable]:
        """Remove the registrations of modules.

        Args:
            module_names: Their dotted names.

        Returns:
            What was removed, for `put_back`.
        """
        with self._lock:
            return {name: self._tables.pop(name) for name in module_names if name in self._tables}

    def put_back(self, tables: Mapping[str, ModuleTable]) -> None:
        """Restore registrations that `take` removed.

        Args:
            tables: What `take` returned.
        """
        with self._lock:
            self._tables.update(tables)

    def tables(self) -> dict[str, ModuleTable]:
        """Copy all own registrations, for `restore`."""
        with self._lock:
            return {
                name: table._replace(registrations=dict(table.registrations)) for name, table in self._tables.items()
            }

    def restore(self, tables: Mapping[str, ModuleTable]) -> dict[str, ModuleType]:
        """Bring the own registrations back to a copy.

        Args:
            tables: What `tables` returned.

        Returns:
            Modules that have registered something only since, by name. They have to be imported anew to register
            again.
        """
        with self._lock:
            later = {
                name: table.module
                for name, table in self._tables.items()
                if name not in tables or not tables[name].is_of(table.module)
            }
            self._tables = {
                name: table._replace(registrations=dict(table.registrations)) for name, table in tables.items()
            }
            return later

    def _own(self, module_name: str) -> Mapping[str, Registration]:
        with self._lock:
            table = self._tables.get(module_name)
            if table is None:
                return {}
            # In this order: at the very end of an import the module leaves sys.modules for a moment.
            if is_importing(table.module):
                return {}
            if not table.is_of(sys.modules.get(module_name)):
                del self._tables[module_name]
                return {}
            return {name: item for name, item in table.registrations.items() if _is_settled(item.registrar)}


def is_importing(module: ModuleType) -> bool:
    """Tell whether a module's code is still running for the first time.

    Args:
        module: A module in `sys.modules`.

    Returns:
        Whether its import has begun and not ended.
    """
    # The flag by which the import system itself decides whether a second thread has to wait. A module without a
    # spec (the main script, a notebook) is never "imported": what it registers counts at once.
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _is_settled(module: ModuleType | None) -> bool:
    if module is None:
        return True
    return not is_importing(module) and sys.modules.get(getattr(module, "__name__", "")) is module


def _place(func: Any) -> str:
    import inspect

    code = getattr(inspect.unwrap(func), "__code__", None)
    return repr(func) if code is None else f"{code.co_filename}:{code.co_firstlineno}"
