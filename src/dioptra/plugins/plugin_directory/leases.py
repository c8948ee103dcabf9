"""Which environments are in use: their jobs hold a shared lock on the environment's lease file."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from dioptra.manifest.environment import LEASE_FILE
from dioptra.plugins.plugin_directory.layout import PluginDirectory


@contextlib.contextmanager
def unused(directory: PluginDirectory, digest: str) -> Iterator[bool]:
    """Keep jobs from entering an environment, if none is in it.

    Args:
        directory: The plugin directory.
        digest: The environment's.

    Yields:
        Whether it is in nobody's use; then nobody can enter it inside the block. A job that comes meanwhile waits, and
        looks again for what is active.

    Raises:
        OSError: The lease file cannot be read.
    """
    try:
        descriptor = os.open(directory.environment(digest) / LEASE_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True  # without a lease file nobody can be in it
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def is_leased(directory: PluginDirectory, digest: str) -> bool:
    """Whether a job uses an environment right now.

    Raises:
        OSError: The lease file cannot be read.
    """
    with unused(directory, digest) as is_unused:
        return not is_unused
