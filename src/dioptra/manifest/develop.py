"""A plugin project's source folder, read as if it were installed; nothing is built, imported or run.

The project is described by its ``pyproject.toml`` (PyPA's specification, PEP 621). Where its modules lie is found by
looking for what the entry points name: in the folders that build backends are told of there, in ``src`` and in the
project's folder itself.

The limit: entry points, and a version, that a backend computes are not seen. Without its entry points a project is
refused; without a version it counts as version 0.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dioptra.manifest.distribution import scan_distribution
from dioptra.manifest.editable import locate_modules
from dioptra.manifest.import_roots import import_roots
from dioptra.manifest.installed import GROUP, normalized
from dioptra.manifest.model import EntryPoint, TaskManifest
from dioptra.manifest.scanner import parse

_VERSION = re.compile(r"""^(?:__version__|VERSION|version)\s*(?::.*?)?=\s*["'](?P<version>[^"']+)["']""", re.MULTILINE)
_UNKNOWN_VERSION = "0"


class DevelopProjectError(ValueError):
    """A folder is no plugin project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopProject:
    """A plugin project as its files state it.

    Attributes:
        folder: The project's folder.
        project: Normalized project name.
        version: Its version with the local part ``+develop``.
        source: Folder that its modules are imported from.
        import_roots: Dotted names of its outermost regular packages and modules below `source`, sorted.
        manifest: Its tasks.
    """

    folder: Path
    project: str
    version: str
    source: str
    import_roots: tuple[str, ...]
    manifest: TaskManifest


def read_develop_project(folder: Path) -> DevelopProject:
    """Read a plugin project.

    Args:
        folder: The folder that holds its ``pyproject.toml``.

    Returns:
        The project. An entry point that names a module which is not there is a module with `error` in its manifest.

    Raises:
        DevelopProjectError: The folder has no ``pyproject.toml``, or that names no project or no entry points.
        OSError: A file cannot be read.
    """
    document = _document(folder / "pyproject.toml")
    table = document.get("project")
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(name, str):
        raise DevelopProjectError(f"{folder / 'pyproject.toml'} has no [project] with a name")
    entry_points = _entry_points(table, folder)
    values = [item.value for item in entry_points]
    sources = list(dict.fromkeys([*_configured_sources(document, folder), folder / "src", folder]))
    located: Mapping[str, Path] = {}
    for source in sources:
        located = locate_modules(values, site=source, recorded=(), source=None)
        if located:
            break
    else:
        source = next((item for item in sources if item.is_dir()), folder)
    roots = import_roots(located)
    version = _develop_version(_version(document, table, folder, roots))
    project = normalized(name)
    manifest = scan_distribution(
        project=project,
        version=version,
        entry_points=entry_points,
        files=located,
        read=lambda file: located[file].read_bytes(),
    )
    return DevelopProject(
        folder=folder,
        project=project,
        version=version,
        source=str(source),
        import_roots=roots,
        manifest=manifest,
    )


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise DevelopProjectError(f"{file} does not exist") from problem
    except ValueError as problem:  # TOML and UTF-8 errors
        raise DevelopProjectError(f"{file} is malformed: {problem}") from problem


def _entry_points(project: Mapping[str, Any], folder: Path) -> tuple[EntryPoint, ...]:
    groups = project.get("entry-points")
    group = groups.get(GROUP) if isinstance(groups, dict) else None
    if not isinstance(group, dict) or not group:
        raise DevelopProjectError(
            f'{folder / "pyproject.toml"} declares no plugins: it has no [project.entry-points."{GROUP}"]'
        )
    return tuple(EntryPoint(name=name, value=value) for name, value in group.items() if isinstance(value, str))


def _configured_sources(document: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Folders on the path that build backends are told of: hatchling, setuptools, uv, PDM and Poetry."""
    tool = document.get("tool")
    for package in _texts(_at(tool, "hatch", "build", "targets", "wheel", "packages")):
        yield (folder / package).parent
    for root in _texts(_at(tool, "hatch", "build", "targets", "wheel", "sources")):
        yield folder / root
    yield from (folder / root for root in _texts(_at(tool, "setuptools", "package-dir", "")))
    yield from (folder / root for root in _texts(_at(tool, "setuptools", "packages", "find", "where")))
    yield from (folder / root for root in _texts(_at(tool, "uv", "build-backend", "module-root")))
    yield from (folder / root for root in _texts(_at(tool, "pdm", "build", "package-dir")))
    packages = _at(tool, "poetry", "packages")
    for package in packages if isinstance(packages, list) else ():
        yield from (folder / root for root in _texts(_at(package, "from")))


def _at(found: object, *keys: str) -> object:
    """What is nested below keys; None where a table on the way is missing or none."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _texts(found: object) -> list[str]:
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, str)]


def _version(document: Mapping[str, Any], project: Mapping[str, Any], folder: Path, roots: Iterable[str]) -> str:
    """The static version, or one that a backend is told to read from a file."""
    static = project.get("version")
    if isinstance(static, str):
        return static
    tool = document.get("tool")
    setuptools = _at(tool, "setuptools", "dynamic", "version")
    for file in _texts(_at(setuptools, "file")):
        found = _read(folder / file).strip()
        if found:
            return found
    for dotted in _texts(_at(setuptools, "attr")):
        module, _, attribute = dotted.rpartition(".")
        value = _assigned(module, attribute, document, folder)
        if value:
            return value
    for file in (*_texts(_at(tool, "hatch", "version", "path")), *_texts(_at(tool, "pdm", "version", "path"))):
        match = _VERSION.search(_read(folder / file))
        if match is not None:
            return match["version"]
    # flit's way, whatever the backend is.
    for module in (*_texts(_at(tool, "flit", "module", "name")), *roots):
        value = _assigned(module, "__version__", document, folder)
        if value:
            return value
    return _UNKNOWN_VERSION


def _assigned(module: str, attribute: str, document: Mapping[str, Any], folder: Path) -> str | None:
    """The text that a module assigns to a name at its top level."""
    parts = module.split(".")
    for source in (*_configured_sources(document, folder), folder / "src", folder):
        path = source.joinpath(*parts)
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            tree = parse(_read(file).encode())
            for node in () if isinstance(tree, str) else tree.body:
                match node:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as value))
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str() as value))
                    ) if name == attribute:
                        return value
                    case _:
                        pass
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _develop_version(version: str) -> str:
    """A version with the local part that says it was never released (PyPA's version specifiers, local versions)."""
    return f"{version}{'.' if '+' in version else '+'}develop"
