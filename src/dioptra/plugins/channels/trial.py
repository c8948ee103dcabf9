"""Trying a project on the workers that follow a channel, before it is released."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import ObjectNotFoundError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index import layout
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.pages import parse_project_page
from dioptra.plugins.index.publish import publish
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import Lock, TargetLock
from dioptra.plugins.object_store.port import ObjectReader, ObjectStore
from dioptra.plugins.resolution.model import Policy
from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.development_version import (
    content_digest,
    development_version,
    local_label,
    with_version,
)
from dioptra.plugins.wheel.model import WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentRelease:
    """What stands for an author's present source.

    Attributes:
        project: Normalized name.
        version: Its development version.
        is_new: Whether it was published now; else the channel has that very content already.
    """

    project: NormalizedName
    version: Version
    is_new: bool


def publish_development_release(
    wheel: Path, store: ObjectStore, present: Lock | None, *, clock: Clock
) -> DevelopmentRelease:
    """Publish a wheel under a development version, unless the channel pins its content already.

    Args:
        wheel: What the project's own build gave.
        store: The index's store.
        present: The channel's lock; None for a new channel.
        clock: Gives the time that the version tells.

    Raises:
        WheelRefusedError: The wheel has problems.
        UnsatisfiedError: The project is archived or quarantined.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    read_wheel(wheel, wheel.name)
    name, content = WheelName.parse(wheel.name), content_digest(wheel)
    for pinned in () if present is None else present.wheels:
        if pinned.project == name.project and pinned.version.local == local_label(content):
            return DevelopmentRelease(project=name.project, version=pinned.version, is_new=False)
    version = development_version(name.version, _versions(store, name.project), clock.now(), content)
    with tempfile.TemporaryDirectory() as folder:
        publish([with_version(wheel, version, Path(folder))], store, clock=clock)
    return DevelopmentRelease(project=name.project, version=version, is_new=True)


def trial_lock(
    present: Lock | None,
    release: DevelopmentRelease,
    hosts: Sequence[Host],
    catalogues: Sequence[Catalogue],
    plugins: Mapping[str, Sequence[str]],
) -> Lock:
    """A channel's lock with one project at its development release, and with whatever else that needs.

    Args:
        present: The channel's lock; None for a new channel.
        release: The development release.
        hosts: The kinds of worker to lock for.
        catalogues: Indexes in the order they are searched.
        plugins: Patterns of plugin names by index.

    Returns:
        The lock. A wheel that stays at its version stays the same file from the same index.

    Raises:
        UnsatisfiedError: What it needs does not go with what the channel pins.
        IndexAccessError: An index cannot be read.
    """
    asked = trial_requirements(() if present is None else present.requirements, release.project, release.version)
    targets = {} if present is None else {item.target.name: item for item in present.targets}
    pins = {name: _pins(item) for name, item in targets.items()}
    policy = Policy(pins=next(iter(pins.values()), {}), plugins={name: tuple(found) for name, found in plugins.items()})
    made = make_lock(asked, catalogues, hosts, policy, pins)
    names = {index.name for index in made.indexes}
    others = (index for index in (() if present is None else present.indexes) if index.name not in names)
    kept = tuple(_kept(item, targets) for item in made.targets)
    return replace(made, indexes=(*made.indexes, *others), targets=kept)


def trial_requirements(present: Sequence[str], project: NormalizedName, version: Version) -> tuple[str, ...]:
    """What is asked for when a project is tried: the same as before, and of the project exactly one version.

    Args:
        present: The requirements that the channel's lock was made from.
        project: The project's normalized name.
        version: The version to try.
    """
    asked: list[str] = []
    found = False
    for text in present:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == project:
            found = True
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            asked.append(f"{requirement.name}{extras}=={version}{marker}")
        else:
            asked.append(text)
    return tuple(asked) if found else (*asked, f"{project}=={version}")


def _pins(target: TargetLock) -> Mapping[NormalizedName, Version]:
    return {wheel.project: wheel.version for wheel in target.wheels}


def _kept(made: TargetLock, present: Mapping[str, TargetLock]) -> TargetLock:
    if made.target.name not in present:
        return made
    before = {(wheel.project, wheel.version): wheel for wheel in present[made.target.name].wheels}
    return replace(made, wheels=tuple(before.get((wheel.project, wheel.version), wheel) for wheel in made.wheels))


def _versions(store: ObjectReader, project: NormalizedName) -> frozenset[Version]:
    try:
        page = parse_project_page(project, store.read(layout.project_page_json_key(project)))
    except ObjectNotFoundError:
        return frozenset()
    names = (file.filename for file in page.files if file.filename.endswith(".whl"))
    return frozenset(WheelName.parse(name).version for name in names)
