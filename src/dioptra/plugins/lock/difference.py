"""What changed from one lock to another; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.lock.model import Lock, TargetLock

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
        targets: The kinds of worker for which it is so, in the order of the locks; empty if for all.
    """

    project: NormalizedName
    kind: Kind
    before: Pinned | None
    after: Pinned | None
    targets: tuple[str, ...] = ()


def compare_locks(first: Lock, second: Lock) -> tuple[Change, ...]:
    """Compare two locks.

    Args:
        first: The earlier one.
        second: The later one.

    Returns:
        Changes sorted by project, each once for all kinds of worker for which it is the same.
    """
    pairs = _pairs(first, second)
    found: dict[Change, list[str]] = {}
    for name, before, after in pairs:
        for change in _compare(_pinned(before), _pinned(after)):
            found.setdefault(change, []).append(name)
    changes = [
        change if len(names) == len(pairs) else replace(change, targets=tuple(names)) for change, names in found.items()
    ]
    return tuple(sorted(changes, key=lambda change: (change.project, change.targets)))


def _pairs(first: Lock, second: Lock) -> list[tuple[str, TargetLock | None, TargetLock | None]]:
    """What stands for one kind of worker in both locks: by name, or the only one each has."""
    if len(first.targets) == len(second.targets) == 1:
        return [(second.targets[0].target.name, first.targets[0], second.targets[0])]
    was = {item.target.name: item for item in first.targets}
    is_now = {item.target.name: item for item in second.targets}
    return [(name, was.get(name), is_now.get(name)) for name in {**was, **is_now}]


def _compare(was: Mapping[NormalizedName, Pinned], is_now: Mapping[NormalizedName, Pinned]) -> Iterator[Change]:
    for project in was.keys() | is_now.keys():
        before, after = was.get(project), is_now.get(project)
        if before != after:
            yield Change(project=project, kind=_kind(before, after), before=before, after=after)


def _pinned(target: TargetLock | None) -> Mapping[NormalizedName, Pinned]:
    if target is None:
        return {}
    found = {
        wheel.project: Pinned(version=wheel.version, place=wheel.index, sha256=wheel.sha256) for wheel in target.wheels
    }
    return found | {item.project: Pinned(version=item.version, place="", sha256="") for item in target.provided}


def _kind(before: Pinned | None, after: Pinned | None) -> Kind:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if before.version != after.version:
        return "upgraded" if before.version < after.version else "downgraded"
    return "other file" if before.place == after.place else "moved"
