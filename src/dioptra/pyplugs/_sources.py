"""Reading what is declared: by active environments, develop and raw folders, and distributions of the host.

What was read of a path entry is kept as long as the entry's folder has the same time of change, so that a plugin that
is installed while the process runs is found, and a lookup reads nothing twice. Of editable installs the files count as
well. Raw folders are scanned again when the content of a module has changed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._discovery import Catalogue, Declared
from dioptra.pyplugs._leases import Directory
from dioptra.pyplugs._rules import Rules
from dioptra.pyplugs._specs import find_spec
from dioptra.pyplugs._types import BrokenModule, Provenance
from dioptra.pyplugs._unloading import is_below

if TYPE_CHECKING:
    from dioptra.manifest.installed import InstalledDistribution
    from dioptra.manifest.model import EnvironmentWheel, ModuleEntry

_Key = tuple[object, ...]


class Declarations(NamedTuple):
    """What was found on some path entries.

    Attributes:
        declared: Distributions with plugins.
        broken: Distributions whose entry points or files cannot be read.
        editable: Distributions whose files lie elsewhere and may change at any time.
        state: The files of those, as they were.
    """

    declared: tuple[Declared, ...] = ()
    broken: tuple[BrokenModule, ...] = ()
    editable: tuple[InstalledDistribution, ...] = ()
    state: tuple[object, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether editable distributions are as they were when they were read."""
        return not self.editable or _state(self.editable) == self.state


class Sources:
    """Reads declarations and keeps the catalogue of what is reachable now. May be used from any thread.

    Args:
        activation: The process's plugin directories.
    """

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self._lock = threading.RLock()
        self._read: dict[_Key, Declarations] = {}
        self._scanned: dict[str, tuple[bytes, tuple[ModuleEntry, ...]]] = {}
        self._catalogue: tuple[list[Declarations], Catalogue] = ([], Catalogue(()))

    def catalogue(self, rules: Rules) -> Catalogue:
        """The catalogue of everything that active plugin directories and the host declare.

        Args:
            rules: What of it may be used.
        """
        with self._lock:
            found = self._declarations()
            known, catalogue = self._catalogue
            same = len(known) == len(found) and all(one is other for one, other in zip(known, found, strict=True))
            if not same or catalogue.rules != rules:
                catalogue = Catalogue(self._standing(found), rules)
                self._catalogue = found, catalogue
            return catalogue

    def broken(self) -> tuple[BrokenModule, ...]:
        """Distributions whose entry points or files cannot be read."""
        with self._lock:
            return tuple(broken for item in self._declarations() for broken in item.broken)

    def raw_modules(self) -> Iterator[tuple[Directory, ModuleEntry]]:
        """Scan the modules of raw folders, whether or not a distribution declares them."""
        for directory in self._activation.directories:
            if directory.is_raw:
                for module in self._scan_folder(directory.entry):
                    yield directory, module

    def raw_module(self, name: str) -> Iterator[tuple[Directory, ModuleEntry]]:
        """Scan one module in every raw folder that has it.

        Args:
            name: Its dotted name.
        """
        path = os.path.join(*name.split("."))  # noqa: PTH118 - path entries are strings
        for directory in self._activation.directories:
            if directory.is_raw:
                place = os.path.join(directory.entry, path)  # noqa: PTH118 - path entries are strings
                if os.path.isfile(f"{place}.py") or os.path.isdir(place):  # noqa: PTH112, PTH113
                    yield from ((directory, item) for item in self._scan_folder(directory.entry) if item.name == name)

    def raw_entries(self) -> list[str]:
        """Path entries of the active raw folders."""
        return [item.entry for item in self._activation.directories if item.is_raw]

    def directory_of(self, file: str) -> str | None:
        """The active plugin directory that a file lies in, or None for the host.

        Args:
            file: A module's file.
        """
        return next((item.directory for item in self._activation.directories if is_below(file, item.roots)), None)

    def wheel_of(self, module: str) -> tuple[Directory, EnvironmentWheel] | None:
        """The wheel of an active environment that a module is imported from, declared or not.

        Args:
            module: Its dotted name.
        """
        environments = [(item, item.environment) for item in self._activation.directories if item.environment]
        file = _file_of(module) if environments else None
        if file is None:
            return None
        for directory, environment in environments:
            if is_below(file, directory.roots):
                return next(((directory, wheel) for wheel in environment.wheels if _brings(wheel, module)), None)
        return None

    def forget(self) -> None:
        """Read everything anew the next time."""
        with self._lock:
            self._read.clear()
            self._scanned.clear()
            self._catalogue = [], Catalogue(())

    def _standing(self, found: Sequence[Declarations]) -> list[Declared]:
        """What is declared, without the distributions that develop folders stand in for."""
        stand_ins = {folder.project.project: folder.folder for folder in self._activation.develop}
        return [
            declared
            for item in found
            for declared in item.declared
            if stand_ins.get(declared.manifest.project) in {None, declared.plugin_directory}
        ]

    def _declarations(self) -> list[Declarations]:
        directories = self._activation.directories
        own = [root for directory in directories for root in directory.roots]
        host = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - path entries are strings
        path = [entry for entry in host if not is_below(entry, own)]
        key: _Key = tuple((entry, _changed(entry)) for entry in path)
        kept = {key: self._kept(key) or _read_installed(path, None)}
        for directory in directories:
            if directory.develop is not None:
                key = directory.develop, directory.develop.reads
                kept[key] = self._read.get(key) or _read_develop(directory)
            elif directory.environment is not None:
                key = directory.directory, directory.entry
                kept[key] = self._read.get(key) or _read_environment(directory)
            else:
                key = directory.directory, directory.entry, _changed(directory.entry)
                kept[key] = self._kept(key) or _read_installed([directory.entry], directory.directory)
        self._read = kept
        return list(kept.values())

    def _kept(self, key: _Key) -> Declarations | None:
        known = self._read.get(key)
        return known if known is not None and known.is_current else None

    def _scan_folder(self, root: str) -> tuple[ModuleEntry, ...]:
        import hashlib

        from dioptra.manifest.raw_folder import scan_folder

        sources = dict(_python_files(root))
        digest = hashlib.blake2b()
        for path, source in sources.items():
            digest.update(f"{path}\0{len(source)}\0".encode("utf-8", "surrogateescape"))
            digest.update(source)
        with self._lock:
            known = self._scanned.get(root)
            if known is None or known[0] != digest.digest():
                known = self._scanned[root] = digest.digest(), scan_folder(sources)
            return known[1]


def _python_files(root: str) -> Iterator[tuple[str, bytes]]:
    """Paths below a folder and their content; what vanishes or cannot be read meanwhile is no module."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name.isidentifier() and name != "__pycache__")
        below = os.path.relpath(folder, root)
        prefix = "" if below == os.curdir else f"{below.replace(os.sep, '/')}/"
        for file in sorted(files):
            if file.endswith(".py"):
                try:
                    with open(os.path.join(folder, file), "rb") as stream:  # noqa: PTH118, PTH123 - many small files
                        yield f"{prefix}{file}", stream.read()
                except (FileNotFoundError, NotADirectoryError):
                    continue


def _file_of(module: str) -> str | None:
    """The file that a module was imported from, or would be."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        return getattr(loaded, "__file__", None)
    spec = find_spec(module)
    return None if spec is None else spec.origin


def _brings(wheel: EnvironmentWheel, module: str) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in wheel.import_roots)


def _changed(entry: str) -> int:
    try:
        return os.stat(entry).st_mtime_ns  # noqa: PTH116 - on the way of every first lookup
    except OSError:
        return 0


def _read_environment(directory: Directory) -> Declarations:
    assert directory.environment is not None
    indexes = directory.indexes
    return Declarations(
        tuple(
            Declared(wheel.manifest, wheel.sha256, directory.directory, directory.entry, indexes.get(wheel.project))
            for wheel in directory.environment.wheels
            if wheel.manifest is not None
        )
    )


def _read_develop(directory: Directory) -> Declarations:
    assert directory.develop is not None
    folder = directory.develop
    declared = Declared(
        folder.project.manifest,
        plugin_directory=directory.directory,
        site=directory.entry,
        commit=folder.state.commit,
        dirty=folder.state.dirty,
    )
    return Declarations((declared,))


def _read_installed(path: Sequence[str], plugin_directory: str | None) -> Declarations:
    from dioptra.manifest.installed import import_folder, installed_plugins, scan_installed

    declared: list[Declared] = []
    broken: list[BrokenModule] = []
    distributions = installed_plugins(path)
    editable = tuple(item for item in distributions if item.editable and item.error is None)
    state = _state(editable)  # before they are scanned, so that a change in between is seen as one
    for distribution in distributions:
        error = distribution.error
        if error is None:
            try:
                site = import_folder(distribution)
                manifest = scan_installed(distribution)
                declared.append(Declared(manifest, None, plugin_directory, None if site is None else str(site)))
                continue
            except OSError as problem:
                error = str(problem)
        provenance = Provenance(distribution.project, distribution.version, plugin_directory=plugin_directory)
        broken.append(BrokenModule("", error, None, provenance._replace(sources=("entry-point",))))
    return Declarations(tuple(declared), tuple(broken), editable, state)


def _state(editable: Iterable[InstalledDistribution]) -> tuple[object, ...]:
    from dioptra.manifest.installed import module_files

    found: list[object] = []
    for distribution in editable:
        try:
            found += ((file, _changed(str(path))) for file, path in module_files(distribution).items())
        except OSError as problem:
            found.append(str(problem))
    return tuple(found)
