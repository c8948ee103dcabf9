"""Which locked releases have newer ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import Lock, TargetLock
from dioptra.plugins.resolution.candidates import sort_files, tag_ranks
from dioptra.plugins.resolution.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """A project with newer releases than the locked one.

    Attributes:
        project: Its name.
        locked: The locked version.
        allowed: The newest that all requirements together allow.
        newest: The newest final release that the target can use.
    """

    project: NormalizedName
    locked: Version
    allowed: Version
    newest: Version


def find_outdated(
    lock: Lock, target: TargetLock, catalogues: Mapping[str, Catalogue], host: Host, policy: Policy
) -> tuple[Outdated, ...]:
    """Compare what a kind of worker installs with the indexes.

    Args:
        lock: The lock.
        target: The kind of worker.
        catalogues: Its indexes by name, in the order they are searched.
        host: A host like that.
        policy: Which releases are wanted; without pins.

    Returns:
        What has newer releases, sorted by project.

    Raises:
        IndexAccessError: An index cannot be read.
    """
    try:
        upgraded = make_lock(lock.requirements, tuple(catalogues.values()), [host], policy)
        allowed = {wheel.project: wheel.version for wheel in upgraded.wheels}
    except UnsatisfiedError:
        # What is locked may hold together although the index has lost a release since; then nothing newer does.
        allowed = {}
    found = []
    ranks = tag_ranks(host.interpreter)
    for wheel in target.wheels:
        catalogue = catalogues[wheel.index]
        page = catalogue.project(wheel.project)
        files = None if page is None else sort_files(catalogue, page, host.interpreter, ranks)
        usable = [item.version for item in files.usable if item.version not in files.yanked] if files else []
        final = [version for version in usable if not version.is_prerelease]
        newest = max([*final, allowed.get(wheel.project, wheel.version), wheel.version])
        if newest > wheel.version:
            fits = max(allowed.get(wheel.project, wheel.version), wheel.version)
            found.append(Outdated(project=wheel.project, locked=wheel.version, allowed=fits, newest=newest))
    return tuple(found)
