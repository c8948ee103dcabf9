"""The lock: exactly what a worker installs. Values only; `dioptra.plugins.lock.pylock` reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

LOCK_FILENAME = "pylock.plugins.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedIndex:
    """An index that a lock refers to by name.

    Attributes:
        name: Configured name.
        url: Address at locking time, without credentials; a worker may configure another for the name.
    """

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedWheel:
    """One wheel to install.

    Attributes:
        project: Normalized name.
        version: Release.
        index: Name of the index it comes from.
        filename: Wheel file name.
        url: Where it was when locking; a hint.
        sha256: Lower-case hexadecimal digest.
        size: Bytes.
        upload_time: Aware UTC time, or None.
        requires_python: Python versions it runs on; None for any.
        dependencies: Normalized names of the locked projects it needs, sorted.
        requires: Its requirements that hold for the target, without markers, sorted; of provided projects too.
    """

    project: NormalizedName
    version: Version
    index: str
    filename: str
    url: str
    sha256: str
    size: int
    upload_time: datetime | None = None
    requires_python: SpecifierSet | None = None
    dependencies: tuple[NormalizedName, ...] = ()
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidedDistribution:
    """A distribution of the host that satisfied a requirement and is therefore not installed.

    Attributes:
        project: Normalized name.
        version: The host's version when locking.
        declared: The release that the settings say this version stands for; None where they say nothing.
        specifier: All that the locked wheels and the user ask of it, joined.
        required_by: Who asks: normalized project names, sorted; empty name for the user's own requirement.
    """

    project: NormalizedName
    version: Version
    declared: Version | None = None
    specifier: SpecifierSet
    required_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTarget:
    """A kind of worker that a lock was made for.

    Attributes:
        name: What people call it.
        python: Python version, ``X.Y``.
        implementation: `sys.implementation.name`.
        platform: `sysconfig.get_platform`.
        marker: Environment marker (PEP 508) that holds on it. Targets that differ only in what they provide share one.
        is_described: Whether somebody described it on purpose; else it is the host that the lock was made on.
    """

    name: str
    python: str
    implementation: str
    platform: str
    marker: str
    is_described: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLock:
    """What one kind of worker installs.

    Attributes:
        target: Which.
        wheels: Sorted by project.
        provided: Sorted by project.
    """

    target: LockTarget
    wheels: tuple[LockedWheel, ...]
    provided: tuple[ProvidedDistribution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A whole lock.

    Attributes:
        requirements: What the user asked for, as written, sorted.
        indexes: The indexes it names, in the order they were searched.
        targets: At least one, in the order they were given; their names differ.
    """

    requirements: tuple[str, ...]
    indexes: tuple[LockedIndex, ...]
    targets: tuple[TargetLock, ...]

    @property
    def wheels(self) -> tuple[LockedWheel, ...]:
        """The wheels of all targets, each file once, sorted by project, version and file name."""
        found = {wheel.filename: wheel for target in self.targets for wheel in target.wheels}
        return tuple(sorted(found.values(), key=lambda wheel: (wheel.project, wheel.version, wheel.filename)))
