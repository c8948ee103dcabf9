"""Filters of listings: names or patterns. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dioptra.pyplugs._rules import normalized_project
from dioptra.pyplugs._types import BrokenModule, TaskDescription, TaskListing


def matching(
    tasks: Iterable[TaskDescription],
    broken: Iterable[BrokenModule],
    *,
    package: str | None = None,
    plugin: str | None = None,
    func: str | None = None,
    distribution: str | None = None,
    label: str | None = None,
) -> TaskListing:
    """Keep what matches every filter.

    Args:
        tasks: In the order in which they are listed.
        broken: Broken modules, in any order.
        package: Name or pattern of the package; None for all.
        plugin: Name or pattern of the plugin; None for all.
        func: Name or pattern of the task; None for all.
        distribution: Name or pattern of the distribution; None for all.
        label: Name or pattern of the label; None for all.

    Returns:
        The tasks that match, and the broken modules that match as far as the filters concern modules.
    """
    kept = list(tasks)
    for attribute, pattern in (("package", package), ("plugin", plugin), ("func", func), ("label", label)):
        if pattern is not None:
            kept = [task for task in kept if _matches(getattr(task, attribute), pattern)]
    kept_broken = [
        item
        for item in broken
        if _is(item.module.rpartition(".")[0], package) and _is(item.module.rpartition(".")[2], plugin)
    ]
    if distribution is not None:
        wanted = normalized_project(distribution)
        kept = [task for task in kept if _matches(task.provenance.distribution, wanted)]
        kept_broken = [item for item in kept_broken if _matches(item.provenance.distribution, wanted)]
    return TaskListing(
        tuple(kept),
        tuple(sorted(kept_broken, key=lambda item: (item.module, item.provenance.distribution or ""))),
    )


def _is(value: str, pattern: str | None) -> bool:
    return pattern is None or _matches(value, pattern)


def _matches(value: str | None, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return value is not None and fnmatchcase(value, pattern)
