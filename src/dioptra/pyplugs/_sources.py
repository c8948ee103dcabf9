"""Reading what is declared: by active environments, raw folders and distributions installed in the host.

What was read of a path entry is kept as long as the entry's folder has the same time of change, so that a plugin that
is installed while the process runs is found, and a lookup reads nothing twice.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._discovery import Catalogue, Declared
from dioptra.pyplugs._leases import Directory
from dioptra.pyplugs._types import BrokenModule, Provenance
from dioptra.pyplugs._unloading import is_below

if TYPE_CHECKING:
    from dioptra.manifest.model import EnvironmentWheel, ModuleEntry

_Key = tuple[tuple[str, int], ...]


class Declarations(NamedTuple):
    """What was found on some path entries.

    Attributes:
        declared: Distributions with plugins.
        broken: Distributions whose entry points or files cannot be read.
    """

    declared: tuple[Declared, ...] = ()
    broken: tuple[BrokenModule, ...] = ()


class Sources:
    """Reads declarations and keeps the catalogue of what is reachable now. May be used from any thread.

    Args:
        activation: The process's plugin directories.
    """

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self._lock = threading.RLock()
        self._read: dict[tuple[str | None, _Key], Declarations] = {}
        self._catalogue: tuple[list[Declarations], Catalogue] = ([], Catalogue(()))

    def catalogue(self) -> Catalogue:
        """The catalogue of everything that active plugin directories and the host declare."""
        with self._lock:
            found = self._declarations()
            known, catalogue = self._catalogue
            if len(known) != len(found) or any(one is not other for one, other in zip(known, found, strict=True)):
                catalogue = Catalogue(declared for item in found for declared in item.declared)
                self._catalogue = found, catalogue
            return catalogue

    def broken(self) -> tuple[BrokenModule, ...]:
        """Distributions whose entry points or files cannot be read."""
        with self._lock:
            return tuple(broken for item in self._declarations() for broken in item.broken)

    def raw_modules(self) -> Iterator[tuple[Directory, ModuleEntry]]:
        """Scan the modules of raw folders that mention the registry, whether or not a distribution declares them."""
        for directory in self._activation.directories:
            if directory.environment is None:
                for module in _scan_folder(directory.entry):
                    yield directory, module

    def raw_entries(self) -> list[str]:
        """Path entries of the active raw folders."""
        return [item.entry for item in self._activation.directories if item.environment is None]

    def directory_of(self, file: str) -> str | None:
        """The active plugin directory that a file lies in, or None for the host.

        Args:
            file: A module's file.
        """
        return next((item.directory for item in self._activation.directories if is_below(file, item.roots)), None)

    def wheel_of(self, module: str) -> tuple[Directory, EnvironmentWheel] | None:
        """The wheel of an active environment that brings a module, declared or not.

        Args:
            module: Its dotted name.
        """
        for directory in self._activation.directories:
            for wheel in () if directory.environment is None else directory.environment.wheels:
                if any(module == root or module.startswith(f"{root}.") for root in wheel.import_roots):
                    return directory, wheel
        return None

    def _declarations(self) -> list[Declarations]:
        directories = self._activation.directories
        own = [root for directory in directories for root in directory.roots]
        host = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - path entries are strings
        path = [entry for entry in host if not is_below(entry, own)]
        key: tuple[str | None, _Key] = None, tuple((entry, _changed(entry)) for entry in path)
        kept = {key: self._read.get(key) or _read_installed(path, None)}
        for directory in directories:
            if directory.environment is None:
                key = directory.directory, ((directory.entry, _changed(directory.entry)),)
                kept[key] = self._read.get(key) or _read_installed([directory.entry], directory.directory)
            else:
                key = directory.directory, ((directory.entry, 0),)
                kept[key] = self._read.get(key) or _read_environment(directory)
        self._read = kept
        return list(kept.values())


def _changed(entry: str) -> int:
    try:
        return os.stat(entry).st_mtime_ns  # noqa: PTH116 - on the way of every first lookup
    except OSError:
        return 0


def _read_environment(directory: Directory) -> Declarations:
    assert directory.environment is not None
    return Declarations(
        tuple(
            Declared(wheel.manifest, wheel.sha256, directory.directory, directory.entry)
            for wheel in directory.environment.wheels
            if wheel.manifest is not None
        )
    )


def _read_installed(path: Sequence[str], plugin_directory: str | None) -> Declarations:
    from dioptra.manifest.installed import installed_plugins, scan_installed

    declared: list[Declared] = []
    broken: list[BrokenModule] = []
    for distribution in installed_plugins(path):
        error = distribution.error
        if error is None:
            try:
                declared.append(Declared(scan_installed(distribution), None, plugin_directory))
                continue
            except OSError as problem:
                error = str(problem)
        provenance = Provenance(distribution.project, distribution.version, plugin_directory=plugin_directory)
        broken.append(BrokenModule("", error, None, provenance._replace(sources=("entry-point",))))
    return Declarations(tuple(declared), tuple(broken))


def _scan_folder(root: str) -> Iterator[ModuleEntry]:
    from pathlib import Path

    from dioptra.manifest.scanner import scan_module

    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name.isidentifier() and not name.startswith("_"))
        package = Path(folder).relative_to(root).parts
        for file in sorted(files):
            stem = file.removesuffix(".py")
            is_package = stem == "__init__" and bool(package)
            if stem == file or not (is_package or (stem.isidentifier() and not stem.startswith("_"))):
                continue
            source = (Path(folder) / file).read_bytes()
            # A raw folder may hold whole libraries; only modules that speak of the registry are worth parsing.
            if b"pyplugs" in source:
                name = ".".join(package if is_package else (*package, stem))
                yield scan_module(source, name=name, path="/".join((*package, file)))
