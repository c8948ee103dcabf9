"""Reading a raw plugin folder from disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dioptra.manifest.raw_folder import module_name
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.migration.imports import imports_of
from dioptra.plugins.migration.model import RawFolder

_LEFT_BEHIND = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_BYTECODE = (".pyc", ".pyo")


def read_raw_folder(path: Path) -> RawFolder:
    """Read a raw plugin folder.

    Args:
        path: The folder that stands on `sys.path`: tasks are called by the names of its packages and modules.

    Returns:
        Its files. Caches and bytecode are passed over; links to files are followed, links to folders are left out.

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
    files: list[str] = []
    left_out: list[str] = []
    try:
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if entry.name in _LEFT_BEHIND or entry.name.endswith(_BYTECODE):
                continue
            if entry.is_dir(follow_symlinks=False) and entry.name.isidentifier():
                below = list(_files(Path(entry.path), path, left_out))
                if any(file.endswith(".py") for file in below):
                    files += below
                    continue
            elif entry.is_file() and entry.name.endswith(".py") and entry.name.removesuffix(".py").isidentifier():
                files.append(entry.name)
                continue
            left_out.append(entry.name)
        sources = {file: (path / file).read_bytes() for file in files if file.endswith(".py")}
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem
    if not sources:
        raise ConfigurationError(f"{path} holds no Python package", why="no folder in it has a module")
    _refuse_package(path, sources)
    return RawFolder(path=str(path), files=tuple(sorted(files)), sources=sources, left_out=tuple(sorted(left_out)))


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


def _files(folder: Path, root: Path, left_out: list[str]) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = Path(entry.path).relative_to(root).as_posix()
        if entry.name in _LEFT_BEHIND or entry.name.endswith(_BYTECODE):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), root, left_out)
        elif entry.is_file():
            yield name
        else:
            left_out.append(name)
