"""Which files of a raw plugin folder go into which project; pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from dioptra.manifest.scanner import parse
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.migration.model import LeftOut, RawFolder


@dataclass(frozen=True, slots=True)
class Partition:
    """The files of a raw folder by project.

    Attributes:
        projects: Each project's files.
        dropped: Empty ``__init__.py`` of packages that several projects share: a regular package cannot be shared, a
            PEP 420 namespace can.
        left_out: Files beside the packages of no project.
    """

    projects: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def chosen_packages(folder: RawFolder, packages: Sequence[str]) -> RawFolder:
    """Keep some packages and modules of a raw folder.

    Args:
        folder: The folder.
        packages: Their names; none for all of them.

    Raises:
        ConfigurationError: One is not there.
    """
    tops = {path: _top(path) for path in folder.files}
    there = sorted(set(tops.values()))
    absent = [package for package in packages if package not in there]
    if absent:
        raise ConfigurationError(f"{folder.path} has no package {', '.join(absent)}", why=f"it has {', '.join(there)}")
    if not packages:
        return folder
    files = tuple(path for path, top in tops.items() if top in packages)
    others = {LeftOut(path.partition("/")[0], "it was not chosen") for path, top in tops.items() if top not in packages}
    return replace(
        folder,
        files=files,
        sources={path: source for path, source in folder.sources.items() if path in files},
        left_out=tuple(sorted({*folder.left_out, *others})),
    )


def one_project(folder: RawFolder, name: str | None) -> Partition:
    """Put everything into one project.

    Args:
        folder: The folder.
        name: The project's name; by default that of the only package.

    Raises:
        ConfigurationError: There are several packages and no name, or the name is none.
    """
    tops = sorted({_top(path) for path in folder.files})
    if name is None and len(tops) > 1:
        raise ConfigurationError(
            f"{folder.path} holds {len(tops)} packages: {', '.join(tops)}",
            why="one project of them needs a name",
            hint="add --name NAME, choose one with --package PACKAGE, or --split",
        )
    return Partition({_project_name(name or tops[0], hint="add --name NAME"): folder.files})


def one_project_each(folder: RawFolder) -> Partition:
    """Make a project of every sub-package, and of the modules that lie beside them.

    Args:
        folder: The folder.

    Raises:
        ConfigurationError: A package that would be shared has code in its ``__init__.py``, a package's name cannot be
            that of a project, or two have names that are equal as those of projects.
    """
    with_modules = {path.rpartition("/")[0] for path in folder.sources}
    units: dict[str, list[str]] = {}
    named: dict[str, str] = {}
    for path in folder.files:
        parts = path.split("/")
        own = len(parts) > 2 and any(f"{item}/".startswith(f"{parts[0]}/{parts[1]}/") for item in with_modules)
        unit = ".".join(parts[:2]) if own else _top(path)
        project = _project_name(unit, hint="rename it, or migrate it without --split and with --name NAME")
        if named.setdefault(project, unit) != unit:
            raise ConfigurationError(
                f"{folder.path} cannot be split",
                why=f"{named[project]} and {unit} would both be the project {project}",
                hint="rename one of them, or migrate it without --split",
            )
        units.setdefault(project, []).append(path)
    dropped = tuple(
        path
        for path in folder.sources
        if path.count("/") == 1
        and path.endswith("/__init__.py")
        and sum(any(_top(file) == _top(path) for file in files) for files in units.values()) > 1
    )
    for path in dropped:
        if _has_code(folder.sources[path]):
            raise ConfigurationError(
                f"{_top(path)} cannot be split",
                why=f"{path} has code of its own, and several projects can only share a package without one",
                hint="move that code into a module, or migrate it without --split",
            )
    projects: dict[str, tuple[str, ...]] = {}
    left_out: list[LeftOut] = []
    for unit, files in units.items():
        kept = tuple(file for file in files if file not in dropped)
        if any(file in folder.sources for file in kept):
            projects[unit] = kept
        else:
            left_out += (LeftOut(file, "it belongs to no module that is migrated") for file in kept)
    return Partition(projects, dropped, tuple(left_out))


def _project_name(name: str, *, hint: str) -> NormalizedName:
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as problem:
        raise ConfigurationError(
            f"{name!r} is no project name",
            why="wanted letters and digits, with dots, hyphens and underscores between them",
            hint=hint,
        ) from problem


def _top(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _has_code(source: bytes) -> bool:
    tree = parse(source)
    return isinstance(tree, str) or any(
        not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        for node in tree.body
    )
