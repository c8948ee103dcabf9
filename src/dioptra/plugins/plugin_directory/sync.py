"""Sync: bring a plugin directory to what a lock pins.

Everything is made aside and renamed: wheels into the store, the environment, the generation, and last the link
``current``. A process killed anywhere leaves the old environment or the new one; the next run removes what was left
aside. Nothing is requested from an index for a wheel that the store has.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from packaging.utils import parse_wheel_filename

from dioptra.manifest.host_imports import host_collisions
from dioptra.manifest.model import InterpreterKey
from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import ConfigurationError, IntegrityError, UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.model import Lock, LockedWheel
from dioptra.plugins.plugin_directory.durability import flush, flush_tree
from dioptra.plugins.plugin_directory.environment_builder import (
    is_complete,
    keep_environment,
    plan_environment,
    stage_environment,
)
from dioptra.plugins.plugin_directory.generation import Generation, activate, next_number, read_current
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel, keep_staged, read_stored, stage_wheel
from dioptra.plugins.wheel.model import WHEEL_LIMIT

DOWNLOADS_AT_ONCE = 8


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
        host: The interpreter that will run the plugins.
        clock: Gives the generation's time.

    Returns:
        What is active now.

    Raises:
        UnsatisfiedError: The host does not provide what the lock says, or is not what the lock was made for.
        ConfigurationError: The plugin directory cannot be written.
        IndexAccessError: A wheel cannot be downloaded.
        IntegrityError: A wheel is not the locked one, is refused, overlaps another, or hides a name of the host.
    """
    key = _check_host(lock, host)
    lock_sha256 = hashlib.sha256(lock_bytes).hexdigest()
    fingerprint = _fingerprint(host, key)
    active = _unchanged(lock, directory, lock_sha256, fingerprint)
    if active is not None:
        return active
    with _writing(directory):
        active = _unchanged(lock, directory, lock_sha256, fingerprint)
        if active is not None:
            return active
        _clear(directory.tmp)
        stored, fetched = _provide_wheels(lock, directory, open_catalogues)
        description, links = plan_environment(key, stored)
        _refuse_collisions(stored, directory)
        if not is_complete(directory, description.digest):
            aside = directory.tmp / f"environment-{uuid.uuid4().hex}"
            stage_environment(description, links, aside)
            flush_tree(aside)
            keep_environment(directory, aside, description.digest)
            flush(directory.environments)
        versions = {distribution.project: str(distribution.version) for distribution in host.distributions}
        generation = Generation(
            number=next_number(directory),
            lock_sha256=lock_sha256,
            environment=description.digest,
            indexes=tuple((index.name, index.url) for index in lock.indexes),
            provided=tuple((item.project, versions[item.project], str(item.specifier)) for item in lock.provided),
            host_fingerprint=fingerprint,
            time=clock.now(),
        )
        activate(directory, generation)
    return _report(lock, generation, changed=True, fetched=fetched)


def _unchanged(lock: Lock, directory: PluginDirectory, lock_sha256: str, fingerprint: str) -> SyncReport | None:
    """The report of a sync that has nothing to do."""
    current = read_current(directory)
    if (
        current is None
        or (current.lock_sha256, current.host_fingerprint) != (lock_sha256, fingerprint)
        or not is_complete(directory, current.environment)
    ):
        return None
    return _report(lock, current, changed=False, fetched=frozenset())


def _report(lock: Lock, generation: Generation, *, changed: bool, fetched: frozenset[str]) -> SyncReport:
    return SyncReport(
        changed=changed,
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


def _check_host(lock: Lock, host: Host) -> InterpreterKey:
    """Compare the lock with the host; returns the key that environments on it are named by."""
    key = host.key
    if key is None:
        raise UnsatisfiedError("an environment can only be made for an interpreter that is here")
    problems: list[str] = []
    tags = frozenset(host.interpreter.tags)
    for wheel in lock.wheels:
        if tags.isdisjoint(parse_wheel_filename(wheel.filename)[3]):
            problems.append(f"{wheel.filename} does not fit {key.cache_tag} on {key.platform}")
        python = host.interpreter.python_full_version
        if wheel.requires_python is not None and not wheel.requires_python.contains(python, prereleases=True):
            problems.append(f"{wheel.filename} wants Python {wheel.requires_python}, found {python}")
    present = {distribution.project: distribution.version for distribution in host.distributions}
    for item in lock.provided:
        version = present.get(item.project)
        if version is None:
            problems.append(f"{item.project}: wanted {item.specifier or 'any version'}, not installed in the host")
        elif not item.specifier.contains(version, prereleases=True):
            problems.append(f"{item.project}: wanted {item.specifier}, the host has {version}")
    if problems:
        raise UnsatisfiedError(
            "this host is not what the lock was made for",
            why="\n".join(problems),
            hint="lock again on this host, or lock with --no-host",
        )
    return key


def _fingerprint(host: Host, key: InterpreterKey) -> str:
    lines = [key.cache_tag, key.soabi, key.platform]
    lines += [f"{distribution.project}=={distribution.version}" for distribution in host.distributions]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _provide_wheels(
    lock: Lock, directory: PluginDirectory, open_catalogues: Callable[[], Mapping[str, Catalogue]]
) -> tuple[list[StoredWheel], frozenset[str]]:
    """Bring every locked wheel into the store; returns them with the digests that were downloaded."""
    stored = {wheel.sha256: read_stored(directory, wheel.sha256) for wheel in lock.wheels}
    missing = [wheel for wheel in lock.wheels if stored[wheel.sha256] is None]
    if missing:
        catalogues = open_catalogues()
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as workers:
            staged = list(workers.map(lambda wheel: _fetch(wheel, directory, catalogues), missing))
        flush_tree(directory.tmp)
        for wheel, (folder, entry) in zip(missing, staged, strict=True):
            keep_staged(directory, folder, wheel.sha256)
            stored[wheel.sha256] = entry
        flush(directory.store)
    return [entry for entry in stored.values() if entry is not None], frozenset(wheel.sha256 for wheel in missing)


def _fetch(
    wheel: LockedWheel, directory: PluginDirectory, catalogues: Mapping[str, Catalogue]
) -> tuple[Path, StoredWheel]:
    """Download, verify and unpack one wheel aside."""
    catalogue = catalogues.get(wheel.index)
    if catalogue is None:
        raise ConfigurationError(
            f"the lock takes {wheel.filename} from the index '{wheel.index}', which is not configured",
            hint=f"add --index {wheel.index}=URL",
        )
    folder = directory.tmp / f"wheel-{uuid.uuid4().hex}"
    archive = folder.with_suffix(".whl")
    with archive.open("xb") as file:
        sink = _VerifyingSink(file, wheel)
        catalogue.download(wheel.project, wheel.filename, wheel.url, sink, limit=WHEEL_LIMIT)
        sink.finish()
    entry = stage_wheel(archive, wheel, folder)
    archive.unlink()
    return folder, entry


class _VerifyingSink:
    """Takes a download and stops it as soon as it cannot be the locked file."""

    def __init__(self, file: BinaryIO, wheel: LockedWheel) -> None:
        self._file, self._wheel = file, wheel
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, data: bytes, /) -> int:
        self._size += len(data)
        if self._size > self._wheel.size:
            raise self._mismatch(f"more than {self._wheel.size} bytes")
        self._digest.update(data)
        return self._file.write(data)

    def finish(self) -> None:
        if self._size != self._wheel.size:
            raise self._mismatch(f"{self._size} bytes")
        if self._digest.hexdigest() != self._wheel.sha256:
            raise self._mismatch(f"sha256 {self._digest.hexdigest()}")

    def _mismatch(self, found: str) -> IntegrityError:
        return IntegrityError(
            f"{self._wheel.filename} from the index '{self._wheel.index}' is not the file that was locked",
            why=f"found {found}; wanted {self._wheel.size} bytes with sha256 {self._wheel.sha256}",
            hint="do not use this index until it is known who changed the file; published files never change",
        )


def _refuse_collisions(stored: Sequence[StoredWheel], directory: PluginDirectory) -> None:
    roots = {root: entry.wheel for entry in stored for root in entry.wheel.import_roots}
    # An environment of this directory that is active in this very process is not the host.
    own = str(directory.root.resolve())
    collisions = host_collisions(roots, exclude=[own])
    if collisions:
        raise IntegrityError(
            "the locked wheels would hide names of the host",
            why="\n".join(f"{collision.name}: the host has it at {collision.origin}" for collision in collisions),
            hint="lock on this host without --no-host, so that what it has is provided by it",
        )


def _clear(tmp: Path) -> None:
    """Remove what killed runs left aside; nobody else writes there while the lock is held."""
    if tmp.exists():
        shutil.rmtree(tmp)
    tmp.mkdir()


@contextlib.contextmanager
def _writing(directory: PluginDirectory) -> Iterator[None]:
    """Hold the directory's lock; the kernel frees it when its holder dies."""
    try:
        directory.locks.mkdir(parents=True, exist_ok=True)
        with (directory.locks / "sync.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                shutil.rmtree(directory.tmp, ignore_errors=True)
    except OSError as problem:
        raise ConfigurationError(
            f"the plugin directory {directory.root} cannot be written",
            why=str(problem),
            hint="check its owner, its permissions and the free space; the active environment is untouched",
        ) from problem
