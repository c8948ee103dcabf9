"""Sync: bring a plugin directory to what a lock pins.

Invariants:

- Everything is made aside, made durable with one flush, and renamed: wheels into the store, the environment, the
  generation, and last the link ``current``. A process killed anywhere leaves the old environment or the new one, and
  the next run removes what was left aside.
- Writers hold one lock, which the kernel frees when its holder dies. Readers need none.
- Nothing is requested from an index for a wheel that the store has; a sync with nothing to do sends no request and
  writes nothing.
- A wheel that is known to be revoked is never activated. Indexes in folders are always asked, those on a network before
  another environment is made active; where one cannot be reached and nothing must be downloaded, what was known before
  decides, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dioptra.plugins.clock import Clock
from dioptra.plugins.durability import flush, flush_tree
from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.revocation import Revocation, RevokedError, refuse_revoked
from dioptra.plugins.lock.model import Lock, TargetLock
from dioptra.plugins.plugin_directory.environment_builder import is_complete, plan_environment, stage_environment
from dioptra.plugins.plugin_directory.fetch import fetch_wheels
from dioptra.plugins.plugin_directory.generation import (
    Generation,
    next_number,
    read_generation,
    stage_generation,
    switch,
)
from dioptra.plugins.plugin_directory.host_imports import refuse_host_names
from dioptra.plugins.plugin_directory.known_revocations import read_known, remember
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.plan import SyncPlan, Target, choose_target, is_active, plan_sync, plan_target
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel, read_stored, stored_digests
from dioptra.plugins.plugin_directory.writing import clear, translated, writing


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
        target: The kind of worker that the host is, as the lock calls it.
        environment: Digest of the active environment.
        wheels: Its wheels, sorted by project.
        unasked: Why the indexes could not be asked for revocations; None if they were, or nothing was to be done.
    """

    changed: bool
    generation: int
    target: str
    environment: str
    wheels: tuple[SyncedWheel, ...]
    unasked: str | None = None


class OpenCatalogues(Protocol):
    """Opens the indexes that a lock names."""

    def __call__(self, *, local_only: bool) -> Mapping[str, Catalogue]:
        """Open them.

        Args:
            local_only: Whether to leave those out that are reached over a network.

        Returns:
            The indexes by name.

        Raises:
            IndexAccessError: One cannot be opened.
        """


def sync(
    lock: Lock,
    lock_bytes: bytes,
    directory: PluginDirectory,
    open_catalogues: OpenCatalogues,
    host: Host,
    clock: Clock,
) -> SyncReport:
    """Activate what a lock pins.

    Args:
        lock: The parsed lock.
        lock_bytes: The lock file's bytes, which name the generation's lock.
        directory: Where to; made if absent.
        open_catalogues: Gives the indexes by name; those on a network only if another environment is to be made active.
        host: The interpreter that will run the plugins: the running one.
        clock: Gives the generation's time.

    Returns:
        What is active now.

    Raises:
        UnsatisfiedError: The host is no kind of worker that the lock was made for, or does not provide what it says.
        ConfigurationError: The plugin directory cannot be read or written, or the lock names an unknown index.
        IndexAccessError: A wheel cannot be downloaded.
        IntegrityError: A wheel is not the locked one, is revoked or refused, overlaps another, or brings a name of the
            host.
    """
    mine = choose_target(lock, host)
    target = plan_target(mine, lock_bytes, host)
    with translated(directory):
        refuse_revoked((wheel.sha256 for wheel in mine.wheels), read_known(directory))
        # Asked first without the writers' lock: a directory that is read-only, or just being written, can be used.
        active = _unchanged(target, directory)
        if active is None:
            with writing(directory):
                active = _unchanged(target, directory)
                if active is None:
                    plan = plan_sync(mine, stored_digests(directory))
                    asked = _ask_indexes(mine, plan, target, directory, open_catalogues)
                    indexes = {index.name: index.url for index in lock.indexes}
                    indexes |= {name: found.url for name, found in asked.catalogues.items() if name in indexes}
                    generation = _install(mine, lock_bytes, plan, target, indexes, directory, asked.catalogues, clock)
                    return _report(mine, generation, plan, unasked=asked.unasked)
        _refuse_locally_revoked(mine, directory, open_catalogues)
    return _report(mine, active, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The indexes, after they were asked for revocations.

    Attributes:
        catalogues: By name; none where they could not be opened.
        unasked: Why not, or None.
    """

    catalogues: Mapping[str, Catalogue]
    unasked: str | None = None


def _ask_indexes(
    lock: TargetLock,
    plan: SyncPlan,
    target: Target,
    directory: PluginDirectory,
    open_catalogues: OpenCatalogues,
) -> _Asked:
    """Open the indexes and refuse what they have revoked; nobody is asked about what is active already."""
    active = read_generation(directory)
    if not lock.wheels or (active is not None and active.environment == target.environment and not plan.fetch):
        return _Asked(catalogues={})
    try:
        catalogues = open_catalogues(local_only=False)
        revocations = _revocations(catalogues)
    except IndexAccessError as problem:
        if plan.fetch:
            raise
        # The locked set is here: an outage must not keep a worker from it.
        return _Asked(catalogues={}, unasked=str(problem))
    remember(directory, revocations.values())
    refuse_revoked((wheel.sha256 for wheel in lock.wheels), revocations)
    return _Asked(catalogues=catalogues)


def _refuse_locally_revoked(lock: TargetLock, directory: PluginDirectory, open_catalogues: OpenCatalogues) -> None:
    """Ask the indexes that cost no request about what is active already."""
    try:
        revocations = _revocations(open_catalogues(local_only=True))
    except IndexAccessError:
        return  # a folder that is not mounted now; nothing is taken from it
    found = [revocations[wheel.sha256] for wheel in lock.wheels if wheel.sha256 in revocations]
    if found:
        with writing(directory):
            remember(directory, found)
        raise RevokedError(found)


def _revocations(catalogues: Mapping[str, Catalogue]) -> Mapping[str, Revocation]:
    return {
        sha256: revocation
        for catalogue in catalogues.values()
        for sha256, revocation in catalogue.revocations().items()
    }


def _unchanged(target: Target, directory: PluginDirectory) -> Generation | None:
    """The active generation if it is the target and its environment is there."""
    active = read_generation(directory)
    return active if is_active(target, active) and is_complete(directory, target.environment) else None


def _install(
    lock: TargetLock,
    lock_bytes: bytes,
    plan: SyncPlan,
    target: Target,
    indexes: Mapping[str, str],
    directory: PluginDirectory,
    catalogues: Mapping[str, Catalogue],
    clock: Clock,
) -> Generation:
    """Make the target's wheels, environment and generation aside, then rename them into place and switch."""
    tmp = directory.tmp
    stored = [read_stored(directory, wheel.sha256) for wheel in plan.reuse]
    fetched: Mapping[str, tuple[Path, StoredWheel]] = {}
    if plan.fetch:
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
        target=lock.target.name,
        indexes=tuple(indexes.items()),
        wheels=tuple((wheel.project, wheel.index) for wheel in lock.wheels),
        provided=target.provided,
        host_fingerprint=target.host_fingerprint,
        time=clock.now(),
    )
    stage_generation(generation, lock_bytes, tmp / "generation")
    renames.append((tmp / "generation", directory.generation(generation.number)))

    # Contents first, then the names that lead to them, then the one link that makes them count: a power cut between
    # two of these steps leaves the old link and whole folders.
    flush_tree(tmp)
    for staged, place in renames:
        _put(staged, place, tmp)
    for folder in (directory.store, directory.store.parent, directory.environments, directory.generations):
        flush(folder)
    # Nothing is left to be done after the switch, so that a run killed behind it leaves nothing behind.
    clear(tmp)
    switch(directory, generation.number)
    flush(directory.root)
    return generation


def _put(staged: Path, place: Path, tmp: Path) -> None:
    if place.exists():
        # Only a folder that somebody damaged can be there: whole ones are used as they are.
        place.rename(tmp / f"damaged-{place.name}")
    staged.rename(place)


def _report(
    lock: TargetLock, generation: Generation, plan: SyncPlan | None, *, unasked: str | None = None
) -> SyncReport:
    fetched = frozenset(wheel.sha256 for wheel in plan.fetch) if plan else frozenset()
    return SyncReport(
        changed=plan is not None,
        generation=generation.number,
        target=lock.target.name,
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
        unasked=unasked,
    )
