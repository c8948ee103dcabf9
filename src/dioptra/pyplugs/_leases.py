"""Which environment a plugin directory gives, and the lease that keeps it while a job uses it.

The lease is a shared `flock` on the environment's lease file. It belongs to the open file, so children that inherit
the descriptor keep the environment as well; a collector takes the exclusive lock before it removes anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from dioptra.sdk.exceptions import PluginDirectoryError, RevokedEnvironmentError

if TYPE_CHECKING:
    from pathlib import Path

    from dioptra.manifest.model import EnvironmentDescription, InterpreterKey
    from dioptra.pyplugs._develop import DevelopFolder

_ATTEMPTS = 10
_NO_INDEXES: Mapping[str, str] = MappingProxyType({})


class Directory(NamedTuple):
    """One entry of ``DIOPTRA_PLUGIN_DIR``, ready to go on the path.

    Attributes:
        directory: The entry, absolute.
        entry: The path entry it gives.
        environment: What the environment holds; None for folders.
        roots: Folders that the modules of this entry may be loaded from.
        lease: The descriptor that holds the lease; None for folders.
        indexes: URL of the index of each wheel, by project, where `current` led to the environment.
        develop: The develop folder, where it is one.
    """

    directory: str
    entry: str
    environment: EnvironmentDescription | None = None
    roots: tuple[str, ...] = ()
    lease: int | None = None
    indexes: Mapping[str, str] = _NO_INDEXES
    develop: DevelopFolder | None = None

    @property
    def is_raw(self) -> bool:
        """Whether it is a raw plugin folder."""
        return self.environment is None and self.develop is None


def develop_directory(folder: DevelopFolder) -> Directory:
    """The path entry of a develop folder.

    Args:
        folder: The folder.
    """
    source = folder.project.source
    return Directory(folder.folder, source, roots=_roots(source), develop=folder)


def open_directory(directory: str) -> Directory:
    """Resolve an entry of ``DIOPTRA_PLUGIN_DIR`` and lease its environment.

    Args:
        directory: Absolute path of a managed plugin directory, one of its generations, an environment or a raw plugin
            folder.

    Returns:
        What to put on the path. Close its lease with `release`.

    Raises:
        PluginDirectoryError: It is missing, is no folder, has no generation yet, is damaged, was written by a newer
            version, or its environment was made for another interpreter.
        RevokedEnvironmentError: Its environment holds revoked wheels.
    """
    from pathlib import Path

    from dioptra.manifest import environment as layout

    path = Path(directory)
    if not path.is_dir():
        raise PluginDirectoryError(
            directory,
            why="it is not a folder" if path.exists() else "it does not exist",
            hint="correct DIOPTRA_PLUGIN_DIR, or create the directory with dioptra-plugins sync LOCK",
        )
    kind = layout.classify(path)
    if kind is layout.PluginDirectoryKind.RAW:
        return Directory(directory, directory, roots=_roots(directory))
    for _attempt in range(_ATTEMPTS):
        if kind is layout.PluginDirectoryKind.ENVIRONMENT:
            folder, indexes = path.resolve(), _NO_INDEXES
        else:
            folder, indexes = _active_environment(directory, path, kind is layout.PluginDirectoryKind.GENERATION)
        lease = _take_lease(directory, folder)
        if lease is None:
            continue  # collected between reading the link and taking the lease: read the link again
        try:
            return _open_environment(directory, folder, lease, indexes)
        except BaseException:
            os.close(lease)
            raise
    raise PluginDirectoryError(
        directory, why="its environment was removed while it was entered", hint="dioptra-plugins verify"
    )


def release(directory: Directory) -> None:
    """Give back the lease of a directory.

    Args:
        directory: What `open_directory` returned.
    """
    if directory.lease is not None:
        os.close(directory.lease)


def _active_environment(directory: str, path: Path, is_generation: bool) -> tuple[Path, Mapping[str, str]]:
    """The environment's folder of a generation or of the active one, and where its wheels came from."""
    from dioptra.manifest.environment import current_generation, environment_of
    from dioptra.manifest.generation import read_origin

    try:
        generation = path if is_generation else current_generation(path)
        if generation is not None:
            environment = environment_of(generation, root=path)
            try:
                return environment, read_origin(generation).indexes
            except FileNotFoundError:
                return environment, _NO_INDEXES  # an environment works without anybody knowing where it came from
    except (OSError, ValueError) as problem:
        raise PluginDirectoryError(directory, why=str(problem), hint="dioptra-plugins repair") from problem
    raise PluginDirectoryError(directory, why="nothing was synced into it yet", hint="dioptra-plugins sync LOCK")


def _take_lease(directory: str, folder: Path) -> int | None:
    """Lease an environment; None if it is gone."""
    import fcntl

    from dioptra.manifest.environment import ENVIRONMENT_FILE, LEASE_FILE

    try:
        descriptor = os.open(folder / LEASE_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as problem:
        if (folder / ENVIRONMENT_FILE).exists():
            raise PluginDirectoryError(
                directory, why=f"{folder / LEASE_FILE} is missing", hint="dioptra-plugins repair"
            ) from problem
        return None
    except OSError as problem:
        raise PluginDirectoryError(directory, why=str(problem)) from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # A collector that held the lock before may have removed what the name stood for.
        alive = _is_same_file(descriptor, folder / LEASE_FILE) and (folder / ENVIRONMENT_FILE).exists()
    except OSError as problem:
        os.close(descriptor)
        raise PluginDirectoryError(
            directory, why=f"{folder / LEASE_FILE} cannot be locked: {problem.strerror}"
        ) from problem
    if not alive:
        os.close(descriptor)
        return None
    os.set_inheritable(descriptor, True)
    return descriptor


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), named)


def _open_environment(directory: str, folder: Path, lease: int, indexes: Mapping[str, str]) -> Directory:
    from dioptra.manifest.environment import SITE, interpreter_key, read_environment

    try:
        description = read_environment(folder)
    except (OSError, ValueError) as problem:
        raise PluginDirectoryError(
            directory, why=f"{folder} cannot be read: {problem}", hint="dioptra-plugins repair"
        ) from problem
    running = interpreter_key()
    if description.interpreter != running:
        raise PluginDirectoryError(
            directory,
            why=f"environment {description.digest[:12]} was made for {_interpreter(description.interpreter)}, "
            f"this is {_interpreter(running)}",
            hint="sync again with the interpreter that runs the flow",
        )
    _refuse_revoked(directory, description, folder.parent.parent)
    site = folder / SITE
    if not site.is_dir():
        raise PluginDirectoryError(directory, why=f"{site} is missing", hint="dioptra-plugins repair")
    store = folder.parent.parent / "store"
    roots = (*_roots(str(site)), *(_roots(str(store)) if store.is_dir() else ()))
    return Directory(directory, str(site), description, roots, lease, indexes)


def _refuse_revoked(directory: str, environment: EnvironmentDescription, root: Path) -> None:
    from dioptra.manifest.environment import read_revoked

    try:
        reasons = read_revoked(root)
    except (OSError, ValueError) as problem:
        raise PluginDirectoryError(directory, why=str(problem), hint="dioptra-plugins repair") from problem
    revoked = {wheel.filename: reasons[wheel.sha256] for wheel in environment.wheels if wheel.sha256 in reasons}
    if revoked:
        raise RevokedEnvironmentError(directory, revoked)


def _roots(path: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((path, os.path.realpath(path))))


def _interpreter(key: InterpreterKey) -> str:
    return f"{key.cache_tag} {key.soabi or 'without SOABI'} on {key.platform}"
