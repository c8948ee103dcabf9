"""Changing a plugin directory: one writer at a time, everything made aside, and nothing left of what was killed."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.plugin_directory.generation import read_generation, remove_abandoned
from dioptra.plugins.plugin_directory.layout import PluginDirectory


@contextlib.contextmanager
def writing(directory: PluginDirectory) -> Iterator[None]:
    """Hold the writers' lock, with the folders there and what killed runs left removed.

    The kernel frees the lock when its holder dies.

    Args:
        directory: The plugin directory; made if absent.

    Raises:
        OSError: It cannot be written to.
        ConfigurationError: Its active generation is malformed.
    """
    directory.locks.mkdir(parents=True, exist_ok=True)
    with (directory.locks / "sync.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in (directory.tmp, directory.store, directory.environments, directory.generations):
            folder.mkdir(parents=True, exist_ok=True)
        clear(directory.tmp)
        remove_abandoned(directory, read_generation(directory))
        try:
            yield
        except BaseException:
            # What cannot be removed now is removed by the next run; why this one failed says more.
            with contextlib.suppress(OSError):
                clear(directory.tmp)
            raise


def clear(tmp: Path) -> None:
    """Empty the folder for what is made aside; nobody else writes there while the lock is held.

    Raises:
        OSError: Something cannot be removed.
    """
    for left in tmp.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


@contextlib.contextmanager
def translated(directory: PluginDirectory) -> Iterator[None]:
    """Tell of a plugin directory that cannot be read or written in terms of its user.

    Raises:
        ConfigurationError: What is done inside met an `OSError`.
    """
    try:
        yield
    except OSError as problem:
        raise ConfigurationError(
            f"the plugin directory {directory.root} cannot be used",
            why=str(problem),
            hint="check its owner, its permissions and the free space; the active environment is untouched",
        ) from problem
