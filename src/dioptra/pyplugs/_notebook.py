"""Plugin directories without a ``with`` block, for notebooks and interactive sessions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from dioptra.pyplugs._activation import Request
from dioptra.pyplugs._default import default_registry
from dioptra.pyplugs._plugin_dirs import absolute, configured_directories
from dioptra.pyplugs._rules import normalized_project
from dioptra.sdk.exceptions import PLUGIN_DIR_VARIABLE, PluginDirectoryError


def activate(
    lock: str | os.PathLike[str] | None = None,
    *,
    develop: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    prefer: Iterable[str] = (),
) -> tuple[str, ...]:
    """Make plugin directories active until `deactivate`, or until something else is activated.

    A develop folder is the source of a plugin project: it stands in for the distribution of the same name, wherever
    that is installed. Its modules are imported anew when one of its files has changed since they were imported, at the
    next call; its tasks are listed with the version ``X.Y+develop``, the commit and whether files differ from it.

    Args:
        lock: A lock that was synced into a directory of ``DIOPTRA_PLUGIN_DIR``; its environment is entered, whatever is
            current there. None for what is current.
        develop: Folders of plugin projects, or one folder.
        prefer: Distributions that are used where several declare a task, the most preferred first.

    Returns:
        The path entries.

    Raises:
        PluginDirectoryError: A directory or develop folder is missing or unusable, or the lock was never synced.
        EnvironmentInUseError: A ``with plugin_dirs()`` block is active.
        StaleModuleError: Extension modules of other directories stay loaded, or something imported from them is still
            referenced.
        HostCollisionError: An environment or develop folder brings import names that the host has.
    """
    folders = [develop] if isinstance(develop, str | os.PathLike) else list(develop)
    directories = configured_directories()
    request = Request(
        directories if lock is None else _with_lock(absolute(lock), directories),
        tuple(map(absolute, folders)),
        tuple(map(normalized_project, prefer)),
    )
    entered = default_registry.activation.hold(request)
    return () if entered is None else entered.entries


def deactivate() -> None:
    """Undo `activate`; nothing happens where nothing was activated."""
    default_registry.activation.hold(Request())


def _with_lock(lock: str, directories: Sequence[str]) -> tuple[str, ...]:
    """The plugin directories, with the generation of a lock in place of the directory that it was synced into."""
    import hashlib
    from pathlib import Path

    from dioptra.manifest.environment import PluginDirectoryKind, classify
    from dioptra.manifest.generation import find_generation

    try:
        digest = hashlib.sha256(Path(lock).read_bytes()).hexdigest()
    except OSError as problem:
        raise PluginDirectoryError(lock, why=f"the lock cannot be read: {problem.strerror}") from problem
    for position, directory in enumerate(directories):
        path = Path(directory)
        try:
            if not path.is_dir() or classify(path) is not PluginDirectoryKind.MANAGED:
                continue
            generation = find_generation(path, digest)
        except (OSError, ValueError) as problem:
            raise PluginDirectoryError(directory, why=str(problem), hint="dioptra-plugins repair") from problem
        if generation is not None:
            return (*directories[:position], str(generation), *directories[position + 1 :])
    why = f"the lock was not synced into {', '.join(directories)}" if directories else f"{PLUGIN_DIR_VARIABLE} is unset"
    raise PluginDirectoryError(lock, why=why, hint=f"dioptra-plugins sync {lock}")
