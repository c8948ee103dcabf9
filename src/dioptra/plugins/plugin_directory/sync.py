"""Sync: bring a plugin directory to what a lock pins.

Invariants:

- Everything is made aside, made durable with one flush, and renamed: wheels into the store, the environment, the
  generation, and last the link ``current``. A process killed anywhere leaves the old environment or the new one, and
  the next run removes what was left aside.
- Writers hold one lock, which the kernel frees when its holder dies. Readers need none.
- Nothing is requested from an index for a wheel that the store has; a sync with nothing to do writes nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.plugin_directory.durability import flush, flush_tree
from dioptra.plugins.plugin_directory.environment_builder import is_complete, plan_environment, stage_environment
from dioptra.plugins.plugin_directory.fetch import fetch_wheels
from dioptra.plugins.plugin_directory.generation import (
    Generation,
    next_number,
    read_generation,
    remove_abandoned,
    stage_generation,
    switch,
)
from dioptra.plugins.plugin_directory.host_imports import refuse_host_names
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.plan import SyncPlan, Target, is_active, plan_sync, plan_target
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel, read_stored, stored_digests


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedWheel:
    """One wheel of the active environment.

    Attributes:
        project: Normalized project name.
        version: Release.
        sha256: Digest.
        size: Bytes of the wheel file.
        fetched: Whether it was downloaded now; otherwise the store had it.
    """

    project: str
    version: str
    sha256: str
    size: int
    fetched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync did.

    Attributes:
        changed: Whether another generation is active now.
        generation: Number of the active generation.
        environment: Digest of the active environment.
        wheels: Its wheels, sorted by project.
    """

    changed: bool
    generation: int
    environment: str
    wheels: tuple[SyncedWheel, ...]


def sync(
    lock: Lock,
    lock_bytes: bytes,
    directory: PluginDirectory,
    open_catalogues: Callable[[], Mapping[str, Catalogue]],
    host: Host,
    clock: Clock,
) -> SyncReport:
    """Activate what a lock pins.

    Args:
        lock: The parsed lock.
        lock_bytes: The lock file's bytes, which name the generation's lock.
        directory: Where to; made if absent.
        open_catalogues: Gives the indexes by name; called only if something must be downloaded.
        host: The interpreter that will run the plugins: the running one.
        clock: Gives the generation's time.

    Returns:
        What is active now.

    Raises:
        UnsatisfiedError: The host does not provide what the lock says, or is not what the lock was made for.
        ConfigurationError: The plugin directory cannot be read or written, or the lock names an unknown index.
        IndexAccessError: A wheel cannot be downloaded.
        IntegrityError: A wheel is not the locked one, is refused, overlaps another, or brings a name of the host.
    """
    target = plan_target(lock, lock_bytes, host)
    with _translated(directory):
        # Asked first without the writers' lock: a directory that is read-only, or just being written, can be used.
        active = _unchanged(target, directory)
        if active is None:
            with _writing(directory):
                active = _unchanged(target, directory)
                if active is None:
                    plan = plan_sync(lock, stored_digests(directory))
                    generation = _install(lock, plan, target, directory, open_catalogues, clock)
                    return _report(lock, generation, plan)
    return _report(lock, active, None)


def _unchanged(target: Target, directory: PluginDirectory) -> Generation | None:
    """The active generation if it is the target and its environment is there."""
    active = read_generation(directory)
    return active if is_active(target, active) and is_complete(directory, target.environment) else None


def _install(
    lock: Lock,
    plan: SyncPlan,
    target: Target,
    directory: PluginDirectory,
    open_catalogues: Callable[[], Mapping[str, Catalogue]],
    clock: Clock,
) -> Generation:
    """Make the target's wheels, environment and generation aside, then rename them into place and switch."""
    tmp = directory.tmp
    indexes = {index.name: index.url for index in lock.indexes}
    stored = [read_stored(directory, wheel.sha256) for wheel in plan.reuse]
    fetched: Mapping[str, tuple[Path, StoredWheel]] = {}
    if plan.fetch:
        catalogues = open_catalogues()
        indexes |= {name: catalogue.url for name, catalogue in catalogues.items() if name in indexes}
        fetched = fetch_wheels(plan.fetch, catalogues, tmp)
        stored += [entry for _, entry in fetched.values()]
    description, links = plan_environment(target.interpreter, stored)
    refuse_host_names(stored, directory)

    renames = [(folder, directory.stored_wheel(sha256)) for sha256, (folder, _) in fetched.items()]
    if not is_complete(directory, target.environment):
        stage_environment(description, links, tmp / "environment")
        renames.append((tmp / "environment", directory.environment(target.environment)))
    generation = Generation(
        number=next_number(directory),
        lock_sha256=target.lock_sha256,
        environment=target.environment,
        indexes=tuple(indexes.items()),
        wheels=tuple((wheel.project, wheel.index) for wheel in lock.wheels),
        provided=target.provided,
        host_fingerprint=target.host_fingerprint,
        time=clock.now(),
    )
    stage_generation(generation, tmp / "generation")
    renames.append((tmp / "generation", directory.generation(generation.number)))

    # Contents first, then the names that lead to them, then the one link that makes them count: a power cut between
    # two of these steps leaves the old link and whole folders.
    flush_tree(tmp)
    for staged, place in renames:
        _put(staged, place, tmp)
    for folder in (directory.store, directory.store.parent, directory.environments, directory.generations):
        flush(folder)
    # Nothing is left to be done after the switch, so that a run killed behind it leaves nothing behind.
    _clear(tmp)
    switch(directory, generation.number)
    flush(directory.root)
    return generation


def _put(staged: Path, place: Path, tmp: Path) -> None:
    if place.exists():
        # Only a folder that somebody damaged can be there: whole ones are used as they are.
        place.rename(tmp / f"damaged-{place.name}")
    staged.rename(place)


def _report(lock: Lock, generation: Generation, plan: SyncPlan | None) -> SyncReport:
    fetched = frozenset(wheel.sha256 for wheel in plan.fetch) if plan else frozenset()
    return SyncReport(
        changed=plan is not None,
        generation=generation.number,
        environment=generation.environment,
        wheels=tuple(
            SyncedWheel(
                project=wheel.project,
                version=str(wheel.version),
                sha256=wheel.sha256,
                size=wheel.size,
                fetched=wheel.sha256 in fetched,
            )
            for wheel in lock.wheels
        ),
    )


@contextlib.contextmanager
def _writing(directory: PluginDirectory) -> Iterator[None]:
    """Hold the writers' lock, with the folders there and what killed runs left removed."""
    directory.locks.mkdir(parents=True, exist_ok=True)
    with (directory.locks / "sync.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in (directory.tmp, directory.store, directory.environments, directory.generations):
            folder.mkdir(parents=True, exist_ok=True)
        _clear(directory.tmp)
        remove_abandoned(directory, read_generation(directory))
        try:
            yield
        except BaseException:
            # What cannot be removed now is removed by the next run; why this one failed says more.
            with contextlib.suppress(OSError):
                _clear(directory.tmp)
            raise


def _clear(tmp: Path) -> None:
    """Empty the folder for what is made aside; nobody else writes there while the lock is held."""
    for left in tmp.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


@contextlib.contextmanager
def _translated(directory: PluginDirectory) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise ConfigurationError(
            f"the plugin directory {directory.root} cannot be used",
            why=str(problem),
            hint="check its owner, its permissions and the free space; the active environment is untouched",
        ) from problem
