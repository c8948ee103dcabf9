"""Which wheels of a project a target can use, and which of them satisfy requirements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, NormalizedName
from packaging.version import Version

from dioptra.plugins.host_model import TargetInterpreter
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.revocation import Revocation
from dioptra.plugins.resolution.model import Ask, Policy, WheelCandidate
from dioptra.plugins.wheel.model import WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFiles:
    """A project's files on one index, sorted by whether the target can use them.

    Attributes:
        catalogue: The index.
        usable: One candidate a version, the best wheel of each, newest version first.
        yanked: Versions of `usable` whose wheel is yanked.
        unusable: Versions that only have wheels for other Pythons or platforms, newest first.
        without_wheel: Whether there are files, but no wheel at all.
        revoked: Revocations by version, of wheels that could be used otherwise.
        too_new: Versions that only have files which the policy leaves out, newest first.
    """

    catalogue: Catalogue
    usable: tuple[WheelCandidate, ...]
    yanked: frozenset[Version]
    unusable: tuple[Version, ...]
    without_wheel: bool
    revoked: Mapping[Version, Revocation] = field(default_factory=dict)
    too_new: tuple[Version, ...] = ()


Ranks = Mapping[Tag, int]
"""The place of each tag among those that a target supports, the most wanted first."""


def tag_ranks(target: TargetInterpreter) -> Ranks:
    """Rank a target's tags; it takes longer than to sort a project's files, and is done once for all of them."""
    return {tag: position for position, tag in enumerate(target.tags)}


def sort_files(
    catalogue: Catalogue,
    page: ProjectPage,
    target: TargetInterpreter,
    ranks: Ranks,
    uploaded_before: datetime | None = None,
) -> ProjectFiles:
    """Sort a project's files for a target.

    Of several wheels of one version the one with the tags that the target wants most is taken, then the one with the
    highest build tag (PyPA binary distribution format); a yanked one only where the version has no other (PEP 592). A
    revoked wheel is never taken.

    Args:
        catalogue: Where the page is from.
        page: All files of the project.
        target: Interpreter, platform and tags.
        ranks: The target's tags, ranked.
        uploaded_before: See `Policy`.
    """
    best: dict[Version, tuple[tuple[bool, int, tuple[int, str]], WheelCandidate]] = {}
    seen: set[Version] = set()
    revocations = catalogue.revocations()
    revoked: dict[Version, Revocation] = {}
    too_new: set[Version] = set()
    for file in page.files:
        name = _wheel_name(file, page.project)
        if name is None:
            continue
        if uploaded_before is not None and (file.upload_time is None or file.upload_time >= uploaded_before):
            too_new.add(name.version)
            continue
        seen.add(name.version)
        found = [ranks[tag] for tag in name.tags if tag in ranks]
        if not found or not python_fits(file.requires_python, target):
            continue
        revocation = None if file.sha256 is None else revocations.get(file.sha256)
        if revocation is not None:
            revoked[name.version] = revocation
            continue
        build = name.build or (0, "")
        order = (file.yanked is None, -min(found), (build[0], build[1]))
        candidate = WheelCandidate(
            project=page.project, version=name.version, catalogue=catalogue, page=page, file=file
        )
        if name.version not in best or order > best[name.version][0]:
            best[name.version] = (order, candidate)
    usable = tuple(best[version][1] for version in sorted(best, reverse=True))
    return ProjectFiles(
        catalogue=catalogue,
        usable=usable,
        yanked=frozenset(candidate.version for candidate in usable if candidate.file.yanked is not None),
        unusable=tuple(sorted(seen - best.keys() - revoked.keys(), reverse=True)),
        without_wheel=bool(page.files) and not seen and not too_new,
        revoked=revoked,
        too_new=tuple(sorted(too_new - seen, reverse=True)),
    )


def python_fits(requires_python: SpecifierSet | None, target: TargetInterpreter) -> bool:
    """Whether the target's Python satisfies ``Requires-Python``; its pre-releases count."""
    return requires_python is None or requires_python.contains(target.python_full_version, prereleases=True)


def accepted_versions(files: ProjectFiles, requirement: Requirement) -> frozenset[Version]:
    """The usable versions that one requirement accepts, yanked ones and pre-releases with the others."""
    return frozenset(
        candidate.version
        for candidate in files.usable
        if requirement.specifier.contains(candidate.version, prereleases=True)
    )


def choose(
    files: ProjectFiles, asks: Sequence[Ask], accepted: Collection[Version], policy: Policy
) -> list[WheelCandidate]:
    """The candidates that may be taken, the most wanted first: a pinned one, then the newest.

    Pre-releases are among them where a requirement names one, where the policy wants them, or where nothing else
    satisfies (PEP 440). Yanked releases are among them only where the user pins one exactly (PEP 592).

    Args:
        files: The project's files.
        asks: All requirements of the project.
        accepted: The versions that every one of them accepts.
        policy: Pins and pre-releases.
    """
    wanted = [
        candidate
        for candidate in files.usable
        if candidate.version in accepted
        and (candidate.version not in files.yanked or any(_pins(ask, candidate.version) for ask in asks))
    ]
    final = [candidate for candidate in wanted if not candidate.version.is_prerelease]
    if len(final) < len(wanted):
        asked_for = policy.prereleases or any(ask.requirement.specifier.prereleases for ask in asks)
        wanted = wanted if asked_for else final or wanted
    pinned = [candidate for candidate in wanted if policy.pins.get(candidate.project) == candidate.version]
    return [*pinned, *(candidate for candidate in wanted if candidate not in pinned)] if pinned else wanted


def _pins(ask: Ask, version: Version) -> bool:
    """Whether the user asks for exactly this version."""
    return not ask.by and any(
        specifier.operator in {"==", "==="}
        and not specifier.version.endswith(".*")
        and specifier.contains(version, prereleases=True)
        for specifier in ask.requirement.specifier
    )


def _wheel_name(file: IndexFile, project: NormalizedName) -> WheelName | None:
    if not file.filename.endswith(".whl"):
        return None
    try:
        name = WheelName.parse(file.filename)
    except InvalidWheelFilename:
        return None  # public indexes carry old files whose names are no longer valid; no installer takes them
    return name if name.project == project else None
