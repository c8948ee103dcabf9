"""Which wheels of a project may be chosen, and why the others may not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, NormalizedName
from packaging.version import Version

from dioptra.plugins.host_model import TargetInterpreter
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.resolution.model import Ask, WheelCandidate
from dioptra.plugins.wheel.model import WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFiles:
    """A project's files on one index, sorted by whether the target can use them.

    Attributes:
        catalogue: The index.
        usable: One candidate a version, the best wheel of each, newest version first.
        yanked: Versions of `usable` whose wheel is yanked.
        unusable: Versions that only have wheels for other Pythons or platforms.
        without_wheel: Whether there are files, but no wheel at all.
    """

    catalogue: Catalogue
    usable: tuple[WheelCandidate, ...]
    yanked: frozenset[Version]
    unusable: tuple[Version, ...]
    without_wheel: bool


def sort_files(catalogue: Catalogue, page: ProjectPage, target: TargetInterpreter) -> ProjectFiles:
    """Sort a project's files for a target.

    Args:
        catalogue: Where the page is from.
        page: All files of the project.
        target: Interpreter, platform and tags.
    """
    rank: dict[Tag, int] = {tag: position for position, tag in enumerate(target.tags)}
    best: dict[Version, tuple[tuple[bool, int, tuple[int, str]], WheelCandidate]] = {}
    seen: set[Version] = set()
    for file in page.files:
        name = _wheel_name(file, page.project)
        if name is None:
            continue
        seen.add(name.version)
        ranks = [rank[tag] for tag in name.tags if tag in rank]
        if not ranks or not _python_fits(file, target):
            continue
        # Yanked last, then the most specific tags, then the highest build tag.
        build = name.build or (0, "")
        order = (file.yanked is None, -min(ranks), (build[0], build[1]))
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
        unusable=tuple(sorted(seen - best.keys(), reverse=True)),
        without_wheel=bool(page.files) and not seen,
    )


def matching(files: ProjectFiles, asks: Sequence[Ask]) -> list[WheelCandidate]:
    """The candidates that satisfy all requirements, newest first.

    Pre-releases count where a requirement names one, or where nothing else satisfies (PEP 440). Yanked releases
    count only where the user pins one exactly (PEP 592).
    """
    pinned = {version for ask in asks if not ask.by for version in _exact_pins(ask)}
    wanted = [
        candidate
        for candidate in files.usable
        if (candidate.version not in files.yanked or candidate.version in pinned)
        and all(ask.requirement.specifier.contains(candidate.version, prereleases=True) for ask in asks)
    ]
    if any(ask.requirement.specifier.prereleases for ask in asks):
        return wanted
    return [candidate for candidate in wanted if not candidate.version.is_prerelease] or wanted


def explain_none(project: NormalizedName, files: ProjectFiles, asks: Sequence[Ask]) -> str:
    """Why an index that has a project has no candidate for these requirements."""
    where = f"the index '{files.catalogue.name}' ({files.catalogue.url})"
    if files.without_wheel:
        return f"{where} has {project} only as source distributions; only wheels are installed"
    if not files.usable:
        return f"{where} has {project} only for other Pythons or platforms: {_versions(files.unusable)}"
    satisfying = [
        candidate
        for candidate in files.usable
        if all(ask.requirement.specifier.contains(candidate.version, prereleases=True) for ask in asks)
    ]
    if satisfying:
        return f"{where} has it only yanked: {_versions(item.version for item in satisfying)}"
    text = f"{where} has the versions {_versions(item.version for item in files.usable)}"
    fitting = [
        version
        for version in files.unusable
        if all(ask.requirement.specifier.contains(version, prereleases=True) for ask in asks)
    ]
    return f"{text}, and for other Pythons or platforms {_versions(fitting)}" if fitting else text


def nearest_names(project: str, names: Iterable[str]) -> list[str]:
    """Project names that look like `project`, best first."""
    return difflib.get_close_matches(project, list(names), n=3, cutoff=0.6)


def _wheel_name(file: IndexFile, project: NormalizedName) -> WheelName | None:
    if not file.filename.endswith(".whl"):
        return None
    try:
        name = WheelName.parse(file.filename)
    except InvalidWheelFilename:
        return None  # public indexes carry old files whose names are no longer valid; no installer takes them
    return name if name.project == project else None


def _python_fits(file: IndexFile, target: TargetInterpreter) -> bool:
    return file.requires_python is None or file.requires_python.contains(target.python_full_version, prereleases=True)


def _exact_pins(ask: Ask) -> Iterable[Version]:
    return (
        Version(specifier.version)
        for specifier in ask.requirement.specifier
        if specifier.operator in {"==", "==="} and not specifier.version.endswith(".*")
    )


def _versions(versions: Iterable[Version], most: int = 8) -> str:
    shown = [str(version) for version in versions]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
