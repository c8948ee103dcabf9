"""What changed from one lock to another; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.lock.model import Lock

Kind = Literal["added", "removed", "upgraded", "downgraded", "other file", "moved"]
"""`other file`: the same version with another wheel; `moved`: the same version from elsewhere, as from the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What a lock says of a project.

    Attributes:
        version: Its version.
        place: Name of its index; empty where the host provides it.
        sha256: The wheel's digest; empty where the host provides it.
    """

    version: Version
    place: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One project that is pinned otherwise.

    Attributes:
        project: Its name.
        kind: How.
        before: What the first lock says; None if nothing.
        after: What the second says; None if nothing.
    """

    project: NormalizedName
    kind: Kind
    before: Pinned | None
    after: Pinned | None


def compare_locks(first: Lock, second: Lock) -> tuple[Change, ...]:
    """Compare two locks.

    Args:
        first: The earlier one.
        second: The later one.

    Returns:
        Changes sorted by project.
    """
    was, is_now = _pinned(first), _pinned(second)
    changes = []
    for project in sorted(was.keys() | is_now.keys()):
        before, after = was.get(project), is_now.get(project)
        if before != after:
            changes.append(Change(project=project, kind=_kind(before, after), before=before, after=after))
    return tuple(changes)


def _pinned(lock: Lock) -> dict[NormalizedName, Pinned]:
    found = {
        wheel.project: Pinned(version=wheel.version, place=wheel.index, sha256=wheel.sha256) for wheel in lock.wheels
    }
    return found | {item.project: Pinned(version=item.version, place="", sha256="") for item in lock.provided}


def _kind(before: Pinned | None, after: Pinned | None) -> Kind:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if before.version != after.version:
        return "upgraded" if before.version < after.version else "downgraded"
    return "other file" if before.place == after.place else "moved"
