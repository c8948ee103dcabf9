"""Whether tasks can be called after a migration as they were called before; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dioptra.manifest.model import ModuleEntry
from dioptra.manifest.raw_folder import is_private

PRIVATE = "entry points do not offer the tasks of a private module"


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A task that is called otherwise, or not at all.

    Attributes:
        task: Its dotted name: package, plugin and function.
        before: Its signature in the raw folder; None if it was not there.
        after: Its signature in the projects; None if it is not there.
    """

    task: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The tasks of a raw folder against those of plugin projects.

    Attributes:
        tasks: Dotted names of all tasks that are the same, sorted.
        differences: The others, sorted.
        unseen: Modules whose tasks are not compared, each with the reason, sorted: private ones, and those whose tasks
            cannot all be seen without importing them.
    """

    tasks: tuple[str, ...]
    differences: tuple[Difference, ...]
    unseen: tuple[str, ...]


def compare_tasks(before: Iterable[ModuleEntry], after: Iterable[ModuleEntry]) -> Comparison:
    """Compare coordinates, signatures, and what decorators say of the tasks.

    Args:
        before: The plugin modules of the raw folder.
        after: Those of the projects that it became.
    """
    earlier, new = list(before), list(after)
    old = [entry for entry in earlier if not is_private(entry.name)]
    unseen = {f"{entry.name}: {why}" for entry in (*old, *new) if (why := entry.error or entry.dynamic)}
    unseen |= {
        f"{entry.name}: {PRIVATE}: {', '.join(task.func for task in entry.tasks) or entry.error or entry.dynamic}"
        for entry in earlier
        if is_private(entry.name)
    }
    was, is_now = _signatures(old), _signatures(new)
    names = sorted(was.keys() | is_now.keys())
    return Comparison(
        tasks=tuple(name for name in names if was.get(name) == is_now.get(name)),
        differences=tuple(
            Difference(name, was.get(name), is_now.get(name)) for name in names if was.get(name) != is_now.get(name)
        ),
        unseen=tuple(sorted(unseen)),
    )


def _signatures(entries: Iterable[ModuleEntry]) -> dict[str, str]:
    found = {}
    for entry in entries:
        for task in entry.tasks:
            kind = "class " if task.is_class else "async " if task.is_async else ""
            said = {"label": task.label, "nout": task.nout, "sort_value": task.sort_value or None}
            marks = "".join(f", {name}={value!r}" for name, value in said.items() if value is not None)
            found[f"{entry.name}.{task.func}"] = f"{kind}{task.signature}{marks}"
    return found
