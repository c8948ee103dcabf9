"""Reading a raw plugin folder from disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dioptra.manifest.raw_folder import module_name
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.migration.imports import imports_of
from dioptra.plugins.migration.model import LeftOut, RawFolder

_LEFT_BEHIND = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_BYTECODE = (".pyc", ".pyo")
_SECRETS = frozenset({".aws", ".env", ".netrc", ".pypirc", ".ssh"})


def read_raw_folder(path: Path) -> RawFolder:
    """Read a raw plugin folder.

    Args:
        path: The folder that stands on `sys.path`: tasks are called by the names of its packages and modules.

    Returns:
        Its files. Caches and bytecode are passed over; links to files are followed; links to folders, projects, what
        belongs to no package, and files in which tools keep secrets are left out.

    Raises:
        ConfigurationError: It is no folder, it is a package itself, holds no Python module, or cannot be read.
    """
    if not path.is_dir():
        raise ConfigurationError(f"{path} is not a folder")
    if (path / "__init__.py").exists():
        raise ConfigurationError(
            f"{path} is a package",
            why="it has an __init__.py, and tasks are called by their names below the folder that is on the path",
            hint=f"dioptra-plugins migrate {path.absolute().parent} --package {path.absolute().name}",
        )
    reading = _Reading(path)
    try:
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            reading.top(entry)
        sources = {file: (path / file).read_bytes() for file in reading.files if file.endswith(".py")}
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem
    if not sources:
        raise ConfigurationError(f"{path} holds no Python package", why="no folder in it has a module")
    _refuse_package(path, sources)
    return RawFolder(
        path=str(path),
        files=tuple(sorted(reading.files)),
        sources=sources,
        links=reading.links,
        left_out=tuple(sorted(reading.left_out)),
    )


@dataclass(slots=True)
class _Reading:
    root: Path
    files: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def top(self, entry: os.DirEntry[str]) -> None:
        """Take what may be a package or a module of the folder itself."""
        if _is_passed_over(entry.name):
            return
        if entry.is_dir(follow_symlinks=False):
            below = Path(entry.path)
            if (below / "pyproject.toml").exists() and (below / "src").is_dir():
                self._leave(entry, "it is a project of its own")
            elif not entry.name.isidentifier() or not any(below.rglob("*.py")):
                self._leave(entry, "it is no package with modules")
            else:
                self._take(entry)
        elif entry.is_file() and entry.name.endswith(".py") and entry.name.removesuffix(".py").isidentifier():
            self._take(entry)
        elif entry.is_file():
            self._leave(entry, "it belongs to no package")
        else:
            self._take(entry)

    def _take(self, entry: os.DirEntry[str]) -> None:
        if _is_passed_over(entry.name):
            return
        if entry.name in _SECRETS or entry.name.startswith(".env."):
            self._leave(entry, "it may hold secrets")
        elif entry.is_dir(follow_symlinks=False):
            for below in os.scandir(entry.path):
                self._take(below)
        elif entry.is_file():
            self.files.append(self._name(entry))
            if entry.is_symlink():
                self.links[self._name(entry)] = str(Path(entry.path).readlink())
        elif entry.is_symlink():
            self._leave(entry, "it is a link to a folder" if entry.is_dir() else "it is a link to nothing")
        else:
            self._leave(entry, "it is no regular file")

    def _leave(self, entry: os.DirEntry[str], why: str) -> None:
        self.left_out.append(LeftOut(self._name(entry), why))

    def _name(self, entry: os.DirEntry[str]) -> str:
        return Path(entry.path).relative_to(self.root).as_posix()


def _is_passed_over(name: str) -> bool:
    return name in _LEFT_BEHIND or name.endswith(_BYTECODE)


def _refuse_package(path: Path, sources: Mapping[str, bytes]) -> None:
    """Refuse a namespace package given as the folder above it: its tasks would get other names."""
    name = path.resolve().name
    tops = {source.partition("/")[0].removesuffix(".py") for source in sources}
    if name in tops:
        return
    for file, source in sources.items():
        for use in imports_of(source, module=module_name(file) or name, path=file):
            first, *rest = use.name.split(".")
            if first == name and rest and rest[0] in tops:
                raise ConfigurationError(
                    f"{path} is a package",
                    why=f"{use.place} imports {use.name}, so that the folder above it was on the path",
                    hint=f"dioptra-plugins migrate {path.absolute().parent} --package {name}",
                )
