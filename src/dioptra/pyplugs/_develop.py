"""Develop folders: a plugin project's source that stands in for its distribution and may change at any time."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from dioptra.pyplugs._unloading import extension_modules, is_below
from dioptra.sdk.exceptions import PluginDirectoryError

if TYPE_CHECKING:
    from dioptra.manifest.develop import DevelopProject
    from dioptra.manifest.git import SourceState

_Fingerprint = tuple[tuple[str, int, int], ...]


class DevelopFolder:
    """One project's folder, as it was when its files were looked at last.

    Args:
        folder: Absolute path of the project.

    Attributes:
        folder: Absolute path of the project.
        project: What its files say.
        state: The commit that is checked out, and whether files differ from it.
        reads: How often it was read.

    Raises:
        PluginDirectoryError: It is no plugin project, or cannot be read.
    """

    project: DevelopProject
    state: SourceState

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.reads = 0
        self.read()

    def read(self) -> None:
        """Read the project anew.

        Raises:
            PluginDirectoryError: It is no plugin project, or cannot be read.
        """
        from pathlib import Path

        from dioptra.manifest.develop import DevelopProjectError, read_develop_project
        from dioptra.manifest.git import source_state

        try:
            self.project = read_develop_project(Path(self.folder))
            # Taken before the commit is asked for, so that a change in between is seen as one.
            self._fingerprint = self._look()
            self.state = source_state(self.folder)
            self.reads += 1
        except (DevelopProjectError, OSError) as problem:
            raise PluginDirectoryError(
                self.folder,
                why=str(problem),
                hint="develop folders are plugin projects with a pyproject.toml; dioptra-plugins new makes one",
            ) from problem

    @property
    def places(self) -> tuple[str, ...]:
        """Files and folders that its modules are imported from, with links as they are and resolved."""
        found = []
        for root in self.project.import_roots:
            path = os.path.join(self.project.source, *root.split("."))  # noqa: PTH118 - path entries are strings
            found += [path, f"{path}.py"]
        return tuple(dict.fromkeys((*found, *map(os.path.realpath, found))))

    def has_changed(self) -> bool:
        """Whether a source file, or the project's description, differs from what was read last.

        Raises:
            PluginDirectoryError: The folder cannot be read any more.
        """
        try:
            return self._look() != self._fingerprint
        except OSError as problem:
            raise PluginDirectoryError(self.folder, why=str(problem)) from problem

    def loaded(self) -> dict[str, ModuleType]:
        """Its modules that are loaded and can be imported anew; extension modules stay as they are."""
        places = self.places
        found = {
            name: module
            for name, module in list(sys.modules.items())
            if isinstance(file := getattr(module, "__file__", None), str) and is_below(file, places)
        }
        extensions = set(extension_modules(found.items()))
        return {name: module for name, module in found.items() if name not in extensions}

    def _look(self) -> _Fingerprint:
        description = os.path.join(self.folder, "pyproject.toml")  # noqa: PTH118 - path entries are strings
        found = [description]
        for place in self.places:
            if place.endswith(".py"):
                found.append(place)
            for folder, folders, files in os.walk(place):
                folders[:] = sorted(name for name in folders if name.isidentifier() and name != "__pycache__")
                found += [os.path.join(folder, file) for file in sorted(files) if file.endswith(".py")]  # noqa: PTH118
        return tuple(mark for path in found if (mark := _mark(path)) is not None)


def _mark(path: str) -> tuple[str, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - looked at before every call
    except FileNotFoundError:
        return None
    return path, status.st_mtime_ns, status.st_size
