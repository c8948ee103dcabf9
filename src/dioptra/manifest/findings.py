"""What a walk over a plugin module reports: tasks, and registrations that cannot be followed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from dioptra.manifest.bindings import Binding, Foreign
from dioptra.manifest.model import TaskEntry


class Findings:
    """What a walk has found so far.

    Args:
        module: The module's dotted name.
        package: Dotted name of the package that relative imports start from.
        may_register: Whether a module, by its dotted name, may hold decorators that register.
    """

    def __init__(self, module: str, package: str, may_register: Callable[[str], bool]) -> None:
        self.module, self.package = module, package
        self._may_register = may_register
        self.tasks: dict[str, TaskEntry] = {}
        self._certain: set[str] = set()
        self._twice: list[str] = []
        self._unseen: dict[tuple[int, str], None] = {}

    @property
    def dynamic(self) -> str | None:
        """Why not all tasks can be seen, with the lines; None if they can."""
        return "; ".join(f"line {line}: {why}" for line, why in sorted(self._unseen)) or None

    def unseen(self, node: ast.AST, why: str) -> None:
        """Report a registration that cannot be followed.

        Args:
            node: Where it stands.
            why: What cannot be seen.
        """
        self._unseen[getattr(node, "lineno", 1), why] = None

    @property
    def error(self) -> str | None:
        """Why the module cannot be imported although its source can be read; None if nothing is known."""
        return "; ".join(self._twice) or None

    def add(self, task: TaskEntry, *, line: int, certain: bool, replaces: bool) -> None:
        """Report a task.

        Args:
            task: The task.
            line: Where it is registered.
            certain: Whether that is certain to run. A name that is registered in both branches of an ``if`` is
                registered once.
            replaces: Whether it may take the place of another task of its name.
        """
        known = self.tasks.pop(task.func, None)
        same = known is not None and known.line == task.line
        if certain and task.func in self._certain and not replaces and not same:
            self._twice.append(
                f"DuplicateTaskError: line {line}: task {task.func!r} is registered twice; "
                "use another name, or register(replace=True)"
            )
        if certain:
            self._certain.add(task.func)
        # A later registration of a name takes the earlier one's place and stands last, as it does at run time.
        self.tasks[task.func] = task

    def set_nout(self, func: str, line: int, nout: int | None) -> None:
        """Report what ``task_nout`` says of a task after it was registered.

        Args:
            func: The task's name.
            line: The line of its definition; another definition of the name is left alone.
            nout: The number of results.
        """
        task = self.tasks.get(func)
        if task is not None and task.line == line:
            self.tasks[func] = replace(task, nout=nout)

    def may_register(self, binding: Binding | None) -> str | None:
        """The module of an imported name, if what it holds may register tasks."""
        if not isinstance(binding, Foreign):
            return None
        parts = binding.name.split(".")
        names = [".".join([binding.module, *parts[:depth]]) for depth in range(len(parts))]
        return next((name for name in reversed(names) if name and self._may_register(name)), None)
