"""Going back to what was active before, and staying there."""

from __future__ import annotations

from collections.abc import Sequence

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.lock.pylock_parser import parse
from dioptra.plugins.plugin_directory.generation import Generation
from dioptra.plugins.plugin_directory.hold import Hold, read_hold, remove_hold, write_hold
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.sync import OpenCatalogues, SyncReport, sync
from dioptra.plugins.plugin_directory.writing import translated, writing


def earlier_generation(generations: Sequence[Generation], number: int | None) -> Generation:
    """The generation to go back to.

    Args:
        generations: All that are kept, the oldest first; the last one is active.
        number: Its number; None for the newest whose lock is another one than the active one's.

    Raises:
        UnsatisfiedError: There is none.
    """
    if not generations:
        raise UnsatisfiedError("nothing was active yet", hint="dioptra-plugins sync LOCK")
    active = generations[-1]
    for generation in reversed(generations):
        if generation.number == number or (number is None and generation.lock_sha256 != active.lock_sha256):
            return generation
    there = ", ".join(str(generation.number) for generation in generations)
    if number is None:
        raise UnsatisfiedError(
            "there is no earlier environment", why=f"the generations that are kept ({there}) are all of the same lock"
        )
    raise UnsatisfiedError(
        f"there is no generation {number}", why=f"kept: {there}", hint="dioptra-plugins history shows them"
    )


def rollback(
    chosen: Generation,
    lock_bytes: bytes,
    directory: PluginDirectory,
    open_catalogues: OpenCatalogues,
    host: Host,
    clock: Clock,
) -> SyncReport:
    """Make what an earlier generation had active again, and hold the directory at it.

    It is held first: a run that is killed in between is finished by the next sync, which keeps what is held.

    Args:
        chosen: The generation.
        lock_bytes: Its lock.
        directory: The plugin directory.
        open_catalogues: Gives the indexes by name, for wheels that were collected.
        host: The running interpreter.
        clock: Gives times.

    Returns:
        What is active now.

    Raises:
        UnsatisfiedError: Its lock does not fit the host any more.
        ConfigurationError: The plugin directory cannot be read or written.
        IndexAccessError: A wheel that was collected cannot be downloaded.
        IntegrityError: A wheel of it is revoked, or not the locked one.
    """
    with translated(directory), writing(directory):
        before = read_hold(directory)
        write_hold(directory, Hold(generation=chosen.number, since=clock.now().replace(microsecond=0)))
    try:
        lock = parse(lock_bytes.decode(), source=f"generation {chosen.number}")
        return sync(lock, lock_bytes, directory, open_catalogues, host, clock)
    except BaseException:
        # What was active still is; so the directory stays as it was, following or held.
        with translated(directory), writing(directory):
            if before is None:
                remove_hold(directory)
            else:
                write_hold(directory, before)
        raise
