"""Deciding what projects a raw plugin folder becomes; pure."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dioptra.manifest.model import EntryPoint, ModuleEntry
from dioptra.manifest.raw_folder import is_private, module_name, scan_folder
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.migration.comparison import PRIVATE
from dioptra.plugins.migration.dependencies import dependencies_of
from dioptra.plugins.migration.imports import imports_of
from dioptra.plugins.migration.model import Dependency, Finding, Migration, Place, ProjectPlan, RawFolder
from dioptra.plugins.migration.old_names import TODAY
from dioptra.plugins.migration.partition import Partition
from dioptra.plugins.migration.rewriting import rewrite, with_names_of_today


def plan_migration(folder: RawFolder, partition: Partition, *, installed: Mapping[str, Sequence[str]]) -> Migration:
    """Decide what a raw plugin folder becomes.

    Args:
        folder: The folder.
        partition: Its files by project.
        installed: Distributions by the top-level names that they bring, to guess dependencies from.

    Returns:
        The projects, the rewritten sources and what is left to a person.

    Raises:
        ConfigurationError: No module registers a task.
    """
    rewritten = {path: rewrite(source, path=path) for path, source in folder.sources.items()}
    sources = {path: module.source for path, module in rewritten.items() if path not in partition.dropped}
    modules = {path: dotted for path in sources if (dotted := module_name(path)) is not None}
    uses = {path: imports_of(sources[path], module=dotted, path=path) for path, dotted in modules.items()}
    found_entries = scan_folder(sources, with_private=True)
    entries = [entry for entry in found_entries if not is_private(entry.name)]
    if not entries:
        where = "public modules" if found_entries else "modules"
        raise ConfigurationError(
            f"{folder.path} holds no task", why=f"none of its {len(sources)} {where} registers one with pyplugs"
        )
    owner_of = {path: name for name, files in partition.projects.items() for path in files}
    owners = {dotted: owner_of[path] for path, dotted in modules.items()}
    projects = []
    for name, files in sorted(partition.projects.items()):
        siblings = {dotted: "" if owner in (name, None) else owner for dotted, owner in _with_packages(owners).items()}
        imported = [use for path in files for use in uses.get(path, ())]
        found = dependencies_of(imported, siblings=siblings, installed=installed)
        projects.append(
            ProjectPlan(
                name=name,
                files=tuple(sorted(files)),
                entry_points=_entry_points([entry.path for entry in entries if owner_of[entry.path] == name]),
                dependencies=tuple(_beside(dependency, owners) for dependency in found),
            )
        )
    dropped = [
        Finding(place=Place(path, 1), found=path, action="rewritten", advice="left out: several projects share it")
        for path in partition.dropped
    ]
    findings = [finding for path in sources for finding in rewritten[path].findings]
    findings += _taken_names(sources)
    findings += _private_tasks(found_entries)
    findings += [
        Finding(place=Place(path, 1), found=path, action="review", advice=f"its content was copied from {target}")
        for path, target in folder.links.items()
    ]
    return Migration(
        folder=replace(folder, left_out=tuple(sorted({*folder.left_out, *partition.left_out}))),
        sources=sources,
        findings=tuple(sorted([*findings, *dropped])),
        projects=tuple(projects),
    )


def tasks_before(folder: RawFolder) -> tuple[ModuleEntry, ...]:
    """The plugin modules of a raw folder as it is, read with the framework's present name for its earlier one."""
    sources = {path: with_names_of_today(source) for path, source in folder.sources.items()}
    return scan_folder(sources, with_private=True)


def _private_tasks(entries: Iterable[ModuleEntry]) -> Iterator[Finding]:
    for entry in entries:
        if is_private(entry.name):
            for task in entry.tasks:
                place = Place(entry.path, task.line)
                yield Finding(place=place, found=f"task {task.func}", action="review", advice=f"{PRIVATE}: rename it")


def _taken_names(paths: Iterable[str]) -> Iterator[Finding]:
    """Top-level names that no environment may bring: a worker refuses to hide its own modules."""
    first = {path.partition("/")[0].removesuffix(".py"): path for path in sorted(paths, reverse=True)}
    for name, path in first.items():
        if name in sys.stdlib_module_names or name == TODAY:
            whose = "dioptra-plugins" if name == TODAY else "the standard library"
            advice = f"{whose} has this name, and workers refuse another one: rename it, and who calls its tasks"
            yield Finding(place=Place(path, 1), found=name, action="review", advice=advice)


def _with_packages(owners: Mapping[str, str]) -> dict[str, str | None]:
    """The projects of modules and of the packages above them; None for a package that several projects share."""
    found: dict[str, str | None] = dict(owners)
    for dotted, owner in owners.items():
        parts = dotted.split(".")
        for package in (".".join(parts[:count]) for count in range(1, len(parts))):
            if found.setdefault(package, owner) != owner:
                found[package] = None
    return found


def _entry_points(paths: Sequence[str]) -> tuple[EntryPoint, ...]:
    """One entry point for each sub-package with plugin modules, or for the whole package if some lie in it directly.

    Args:
        paths: The plugin modules' files.
    """
    values = {".".join(path.split("/")[: 2 if path.count("/") > 1 else 1]).removesuffix(".py") for path in paths}
    values = {value for value in values if "." not in value or value.partition(".")[0] not in values}
    last_names = Counter(value.rpartition(".")[2] for value in values)
    named = {value: last if last_names[last := value.rpartition(".")[2]] == 1 else value for value in values}
    return tuple(EntryPoint(name=named[value], value=value) for value in sorted(values))


def _beside(dependency: Dependency, modules: Mapping[str, str]) -> Dependency:
    """Tell of a module beside the one that imports it: Python 2 would have taken that."""
    if dependency.distribution is not None:
        return dependency
    (imported,) = dependency.imported
    folders = {place.path.rpartition("/")[0].replace("/", ".") for place in dependency.places}
    if not any(f"{folder}.{imported}" in modules for folder in folders):
        return dependency
    return replace(dependency, reason=f"a module {imported} lies beside: write `from . import {imported}`")
