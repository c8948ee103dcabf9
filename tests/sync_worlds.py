"""Locks, hosts and indexes for tests of sync: real values, and one index in memory that counts what is asked of it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from packaging.tags import parse_tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.manifest.environment import interpreter_key
from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.host_model import Host, HostDistribution, TargetInterpreter
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.revocation import Revocation
from dioptra.plugins.lock.model import (
    Lock,
    LockedIndex,
    LockedWheel,
    LockTarget,
    ProvidedDistribution,
    TargetLock,
)
from dioptra.plugins.object_store.port import Sink
from dioptra.plugins.wheel.model import CoreMetadata, WheelName

PLATFORM = "linux-x86_64"


class FixedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Always the same."""
        return datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        """Nothing waits here."""


@dataclass
class MemoryIndex:
    """A catalogue of wheels in memory.

    Attributes:
        wheels: File names and bytes.
        downloads: File names asked for, in order.
        piece: Bytes that a download hands on at a time.
        revoked: Revocations by digest.
    """

    wheels: dict[str, bytes] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)
    piece: int = 64 * 1024
    revoked: dict[str, Revocation] = field(default_factory=dict)
    name: str = "main"
    url: str = "memory:main"
    is_local: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def project(self, project: NormalizedName) -> ProjectPage | None:
        """Sync asks for no page."""
        raise AssertionError(f"sync read the page of {project}")

    def project_names(self) -> tuple[NormalizedName, ...]:
        """Sync asks for no names."""
        raise AssertionError("sync read the root page")

    def revocations(self) -> Mapping[str, Revocation]:
        """What is revoked."""
        return self.revoked

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        """Sync asks for no metadata."""
        raise AssertionError(f"sync read metadata of {file.filename}")

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        """Where a file would be."""
        return f"{self.url}/{file.filename}"

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        """Hand on a wheel in pieces; what is not there is an access error, as in a real catalogue."""
        with self._guard:
            self.downloads.append(filename)
        if filename not in self.wheels:
            raise IndexAccessError(f"{self.url}/{project}/{filename} is missing")
        body = self.wheels[filename]
        for start in range(0, len(body), self.piece):
            sink.write(body[start : start + self.piece])


def locked(
    wheels: Mapping[str, bytes] | Sequence[tuple[str, bytes]], *, index: str = "main"
) -> tuple[LockedWheel, ...]:
    """Lock these wheel files as they are."""
    found = []
    for filename, body in wheels.items() if isinstance(wheels, Mapping) else wheels:
        name = WheelName.parse(filename)
        found.append(
            LockedWheel(
                project=name.project,
                version=name.version,
                index=index,
                filename=filename,
                url=f"memory:{index}/{filename}",
                sha256=hashlib.sha256(body).hexdigest(),
                size=len(body),
            )
        )
    return tuple(sorted(found, key=lambda wheel: wheel.project))


def make_lock(wheels: Sequence[LockedWheel], *, provided: Sequence[ProvidedDistribution] = ()) -> Lock:
    """A lock for `make_host`'s host."""
    return Lock(
        requirements=tuple(f"{wheel.project}=={wheel.version}" for wheel in wheels),
        indexes=(LockedIndex(name="main", url="memory:old-place"),),
        targets=(TargetLock(target=make_target(), wheels=tuple(wheels), provided=tuple(provided)),),
    )


def make_target(python: str = "3.11", implementation: str = "cpython", platform: str = PLATFORM) -> LockTarget:
    """The kind of worker that `make_host`'s host is, by default."""
    return LockTarget(
        name=f"{implementation}{python}-{platform}",
        python=python,
        implementation=implementation,
        platform=platform,
        marker=f'python_version == "{python}"',
    )


def make_host(distributions: Mapping[str, str] | None = None, *, python: str = "3.11.7") -> Host:
    """A CPython on Linux that takes pure wheels, and its own interpreter key."""
    return Host(
        interpreter=TargetInterpreter(
            python_full_version=python,
            implementation="cpython",
            platform=PLATFORM,
            tags=tuple(sorted(parse_tag("py3-none-any"), key=str)),
            marker_environment=(),
        ),
        key=interpreter_key(),
        distributions=tuple(
            HostDistribution(project=canonicalize_name(name), version=Version(version))
            for name, version in sorted((distributions or {}).items())
        ),
    )
