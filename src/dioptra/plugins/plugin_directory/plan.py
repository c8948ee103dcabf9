"""What a sync has to do, decided before anything is touched; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from packaging.utils import parse_wheel_filename

from dioptra.manifest.environment import environment_digest
from dioptra.manifest.model import InterpreterKey
from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.lock.model import Lock, LockedWheel, TargetLock
from dioptra.plugins.lock.pylock import lock_digest
from dioptra.plugins.plugin_directory.generation import Generation, ProvidedByHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a sync is to make active.

    Attributes:
        lock_sha256: Digest of the lock file's bytes.
        environment: Digest of the environment.
        interpreter: Whom it serves.
        host_fingerprint: The host's, as it is now.
        provided: What the host provides of what the lock asks.
    """

    lock_sha256: str
    environment: str
    interpreter: InterpreterKey
    host_fingerprint: str
    provided: tuple[ProvidedByHost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """Which wheels come from where.

    Attributes:
        reuse: Wheels that the store has.
        fetch: Wheels that must be downloaded.
    """

    reuse: tuple[LockedWheel, ...]
    fetch: tuple[LockedWheel, ...]


def choose_target(lock: Lock, host: Host) -> TargetLock:
    """Find out which kind of worker a host is.

    Of several that fit it is the one that installs the least of what the host has itself, and uses the most of it.

    Args:
        lock: The lock.
        host: The host.

    Raises:
        UnsatisfiedError: It is none of them; carries every difference from the nearest.
    """
    compared = [
        (item, [*_unfit_target(item, host), *_unfit_wheels(item, host), *_unfit_provided(item, host)])
        for item in lock.targets
    ]
    fitting = [item for item, problems in compared if not problems]
    if fitting:
        present = {distribution.project for distribution in host.distributions}
        return min(
            fitting,
            key=lambda item: (sum(wheel.project in present for wheel in item.wheels), -len(item.provided)),
        )
    nearest, problems = min(compared, key=lambda pair: len(pair[1]))
    what = "this host is not what the lock was made for"
    if len(lock.targets) > 1:
        names = ", ".join(item.target.name for item in lock.targets)
        what = f"this host is none of those that the lock is for ({names}); the nearest is {nearest.target.name}"
    raise UnsatisfiedError(
        what,
        why="\n".join(problems),
        hint="write a lock for this host with dioptra-plugins lock, or install what it should provide",
    )


def plan_target(lock: TargetLock, lock_bytes: bytes, host: Host) -> Target:
    """Name the environment that a lock and a host make.

    Args:
        lock: What a host like this installs.
        lock_bytes: The whole lock file's bytes.
        host: The host.

    Raises:
        UnsatisfiedError: The host is only described.
    """
    if host.key is None:
        raise UnsatisfiedError(
            "an environment can only be made for an interpreter that is here",
            why=f"Python {host.interpreter.python_full_version} is only described",
        )
    versions = {distribution.project: str(distribution.version) for distribution in host.distributions}
    return Target(
        lock_sha256=lock_digest(lock_bytes),
        environment=environment_digest(host.key, (wheel.sha256 for wheel in lock.wheels)),
        interpreter=host.key,
        host_fingerprint=_fingerprint(host, host.key),
        provided=tuple(
            ProvidedByHost(
                project=item.project,
                version=versions[item.project],
                declared=None if item.declared is None else str(item.declared),
                specifier=str(item.specifier),
            )
            for item in lock.provided
        ),
    )


def is_active(target: Target, active: Generation | None) -> bool:
    """Whether a generation is the target already, on the host as it is now."""
    return active is not None and (active.lock_sha256, active.environment, active.host_fingerprint) == (
        target.lock_sha256,
        target.environment,
        target.host_fingerprint,
    )


def plan_sync(lock: TargetLock, stored: Collection[str]) -> SyncPlan:
    """Decide which wheels must be downloaded.

    Args:
        lock: What to install.
        stored: Digests of the wheels that the store has.
    """
    return SyncPlan(
        reuse=tuple(wheel for wheel in lock.wheels if wheel.sha256 in stored),
        fetch=tuple(wheel for wheel in lock.wheels if wheel.sha256 not in stored),
    )


def _unfit_target(lock: TargetLock, host: Host) -> list[str]:
    """Markers were evaluated for the lock's target: on another Python or system other wheels may be needed.

    Processor and system version are left to the wheels' tags, which say more of them than the platform's name.
    """
    interpreter = host.interpreter
    problems = []
    if (lock.target.implementation, lock.target.python) != (interpreter.implementation, host.python):
        problems.append(
            f"it is for {lock.target.implementation} {lock.target.python}, "
            f"this host runs {interpreter.implementation} {interpreter.python_full_version}"
        )
    if lock.target.platform.partition("-")[0] != interpreter.platform.partition("-")[0]:
        problems.append(f"it is for {lock.target.platform}, this host is {interpreter.platform}")
    return problems


def _unfit_wheels(lock: TargetLock, host: Host) -> list[str]:
    tags = frozenset(host.interpreter.tags)
    python = host.interpreter.python_full_version
    problems = []
    for wheel in lock.wheels:
        if tags.isdisjoint(parse_wheel_filename(wheel.filename)[3]):
            problems.append(f"{wheel.filename} does not fit Python {python} on {host.interpreter.platform}")
        if wheel.requires_python is not None and not wheel.requires_python.contains(python, prereleases=True):
            problems.append(f"{wheel.filename} wants Python {wheel.requires_python}, found {python}")
    return problems


def _unfit_provided(lock: TargetLock, host: Host) -> list[str]:
    present = {distribution.project: distribution.version for distribution in host.distributions}
    problems = []
    for item in lock.provided:
        version = present.get(item.project)
        wanted = f"{item.project}: wanted {item.specifier}" if len(item.specifier) else f"{item.project}: wanted"
        if version is None:
            problems.append(f"{wanted} from the host, found none")
        elif item.declared is not None:
            # What the settings say of one build says nothing of another.
            if version != item.version:
                build = f"{item.project}: wanted {item.version} from the host, which the lock takes for {item.declared}"
                problems.append(f"{build}, found {version}")
        elif not item.specifier.contains(version, prereleases=True):
            problems.append(f"{wanted} from the host, found {version}")
    return problems


def _fingerprint(host: Host, key: InterpreterKey) -> str:
    lines = [key.cache_tag, key.soabi, key.platform, host.interpreter.python_full_version]
    lines += sorted(f"{distribution.project}=={distribution.version}" for distribution in host.distributions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
