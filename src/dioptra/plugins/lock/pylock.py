"""Locks as files: PEP 751 ``pylock.plugins.toml``, which pip and uv can install too.

What PEP 751 has no place for lies under ``[tool.dioptra]``: the requirements, the indexes by name, and the kinds of
worker that the lock is for with what the host of each provides. Each package names its index under
``[packages.tool.dioptra]``, and which kinds take it, and with which wheel, where they differ. There is no time of
making, so that the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib

import tomli_w
from packaging.markers import Marker
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.lock.model import (
    Lock,
    LockedWheel,
    TargetLock,
)
from dioptra.plugins.schema import SCHEMA

_CREATED_BY = "dioptra-plugins"


def lock_digest(body: bytes) -> str:
    """The sha256 of a lock file's bytes, by which generations name it."""
    return hashlib.sha256(body).hexdigest()


def render(lock: Lock) -> str:
    """Write a lock as TOML.

    Args:
        lock: What was pinned.

    Returns:
        The file's text; the same lock always gives the same text.
    """
    pylock = Pylock(
        lock_version=Version("1.0"),
        created_by=_CREATED_BY,
        environments=[Marker(marker) for marker in _markers(lock)],
        requires_python=_requires_python(lock),
        packages=[_package(group, lock) for group in _packages(lock)],
        tool={
            "dioptra": {
                "schema": SCHEMA,
                "requirements": list(lock.requirements),
                "indexes": [{"name": index.name, "url": index.url} for index in lock.indexes],
                "targets": [_target(item) for item in lock.targets],
            }
        },
    )
    return tomli_w.dumps(dict(pylock.to_dict()))


def _markers(lock: Lock) -> list[str]:
    return list(dict.fromkeys(item.target.marker for item in lock.targets))


def _requires_python(lock: Lock) -> SpecifierSet:
    pythons = sorted({Version(item.target.python) for item in lock.targets})
    if len(pythons) == 1:
        return SpecifierSet(f"=={pythons[0]}.*")
    return SpecifierSet(f">={pythons[0]},<{pythons[-1].major}.{pythons[-1].minor + 1}")


def _target(item: TargetLock) -> dict[str, object]:
    target = item.target
    return {
        "name": target.name,
        "python": target.python,
        "implementation": target.implementation,
        "platform": target.platform,
        "marker": target.marker,
        "described": target.is_described,
        "provided": [
            {
                "name": given.project,
                "version": str(given.version),
                **({} if given.declared is None else {"declared": str(given.declared)}),
                "specifier": _sorted_specifier(given.specifier),
                "required-by": list(given.required_by),
            }
            for given in item.provided
        ],
    }


_Package = list[tuple[str, LockedWheel]]
"""One release from one index: for each target by name its wheel."""


def _packages(lock: Lock) -> list[_Package]:
    found: dict[tuple[NormalizedName, Version, str], _Package] = {}
    for item in lock.targets:
        for wheel in item.wheels:
            found.setdefault((wheel.project, wheel.version, wheel.index), []).append((item.target.name, wheel))
    return [found[key] for key in sorted(found)]


def _package(group: _Package, lock: Lock) -> Package:
    wheels = {wheel.filename: wheel for _, wheel in group}
    first = group[0][1]
    marker_of = {item.target.name: item.target.marker for item in lock.targets}
    markers = list(dict.fromkeys(marker_of[name] for name, _ in group))
    return Package(
        name=first.project,
        version=first.version,
        # Where every kind of worker needs it, nothing is to be told apart.
        marker=None if markers == _markers(lock) else Marker(" or ".join(f"({marker})" for marker in markers)),
        requires_python=first.requires_python,
        dependencies=[{"name": name} for name in sorted({name for _, wheel in group for name in wheel.dependencies})]
        or None,
        wheels=[
            PackageWheel(
                name=wheel.filename,
                url=wheel.url,
                size=wheel.size,
                upload_time=wheel.upload_time,
                hashes={"sha256": wheel.sha256},
            )
            for _, wheel in sorted(wheels.items())
        ],
        tool={"dioptra": _own_keys(group, lock)},
    )


def _own_keys(group: _Package, lock: Lock) -> dict[str, object]:
    """What PEP 751 has no place for; what is the same for every kind of worker is said once."""
    own: dict[str, object] = {"index": group[0][1].index}
    if len({wheel.filename for _, wheel in group}) > 1:
        own["wheels"] = {name: wheel.filename for name, wheel in group}
    elif len(group) < len(lock.targets):
        own["targets"] = [name for name, _ in group]
    if len({wheel.requires for _, wheel in group}) > 1:
        own["requires"] = {name: list(wheel.requires) for name, wheel in group}
    elif group[0][1].requires:
        own["requires"] = list(group[0][1].requires)
    return own


def _sorted_specifier(specifiers: SpecifierSet) -> str:
    return ",".join(sorted(str(specifier) for specifier in specifiers))
