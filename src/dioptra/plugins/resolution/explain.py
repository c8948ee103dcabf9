"""Finding out why there is no resolution, from what the search was left with.

The search ends with the requirements that met in its last dead end. They come from several releases of the same
project, because an older release was tried where a newer one did not fit. So a project's asker stands in the way of a
version only if every release of it that was tried refuses that version; askers without which there is still a
conflict are left out of the explanation.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Collection, Iterable, Sequence

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.resolution.candidates import ProjectFiles
from dioptra.plugins.resolution.errors import (
    Demand,
    HostConflictError,
    IndexVersions,
    NoMatchingReleaseError,
    ProjectNotFoundError,
    RequirementConflictError,
    ResolutionError,
    Shortage,
    UnusableReleaseError,
)
from dioptra.plugins.resolution.finder import Finder, Need, Release
from dioptra.plugins.resolution.model import Ask, Obstacle

_GRAVITY = (
    ProjectNotFoundError,
    HostConflictError,
    NoMatchingReleaseError,
    RequirementConflictError,
    UnusableReleaseError,
)
"""Which failure is told first where there are several: the one that no choice of releases could have avoided."""


def explain_failure(causes: Iterable[Need | Obstacle], asked: Sequence[Ask], finder: Finder) -> ResolutionError:
    """The error for a search that found nothing.

    Args:
        causes: The requirements and obstacles of its last dead end.
        asked: What the user asks for.
        finder: What there is.

    Returns:
        The gravest failure, which lists the others.

    Raises:
        IndexAccessError: A page could not be read.
    """
    needs: dict[NormalizedName, list[Need]] = {}
    obstacles: dict[NormalizedName, list[Obstacle]] = {}
    for cause in causes:
        if isinstance(cause, Need):
            needs.setdefault(cause.ask.project, []).append(cause)
        else:
            obstacles.setdefault(cause.by, []).append(cause)
    explainer = _Explainer(asked, finder)
    failures = [
        *(explainer.failure(project, needs[project], ()) for project in sorted(needs)),
        *(explainer.unusable(project, obstacles[project], ()) for project in sorted(obstacles)),
    ]
    failed = sorted((item for item in failures if item is not None), key=lambda item: _GRAVITY.index(type(item)))
    if not failed:
        # Each project has a candidate for what its last requirements ask; the search had ruled it out before.
        project = max(sorted(needs), key=lambda name: len(needs[name]))
        return explainer.conflict(project, needs[project], ())
    first, others = failed[0], failed[1:]
    if isinstance(first, UnusableReleaseError):
        return explainer.unusable(first.project, obstacles[first.project], others)
    return explainer.failure(first.project, needs[first.project], others) or first


class _Explainer:
    def __init__(self, asked: Sequence[Ask], finder: Finder) -> None:
        self._asked, self._finder = asked, finder

    def failure(
        self, project: NormalizedName, needs: Sequence[Need], others: Sequence[ResolutionError]
    ) -> ResolutionError | None:
        """What is wrong with a project; None if some version satisfies the askers."""
        provided = self._finder.provided(project)
        if provided is not None:
            refusing = [need for need in needs if provided.version not in need.accepted]
            if not refusing:
                return None
            return HostConflictError(
                project, self._demands(need.ask for need in refusing), found=provided.distribution, others=others
            )
        files = self._finder.files(project)
        if files is None:
            return ProjectNotFoundError(
                project,
                self._demands(need.ask for need in needs),
                searched=[(catalogue.name, catalogue.url) for catalogue in self._finder.searched(project)],
                elsewhere=[(catalogue.name, catalogue.url) for catalogue in self._finder.elsewhere(project)],
                nearest=self._nearest(project),
                others=others,
            )
        versions = [candidate.version for candidate in files.usable]
        askers = _minimal(_by_asker(needs), versions)
        if askers is None:
            yanked = not self._finder.matching(project, needs) and bool(files.yanked)
            return self._shortage(project, needs, files, Shortage.YANKED, others) if yanked else None
        core = [need for asker in askers for need in asker]
        if len(askers) > 1:
            return self.conflict(project, core, others)
        return self._shortage(project, core, files, _shortage(files, core), others)

    def conflict(
        self, project: NormalizedName, needs: Sequence[Need], others: Sequence[ResolutionError]
    ) -> ResolutionError:
        """The error for requirements that exclude each other."""
        files = self._finder.files(project)
        assert files is not None
        return RequirementConflictError(
            project, self._demands(need.ask for need in needs), available=_available(files), others=others
        )

    def unusable(
        self, project: NormalizedName, obstacles: Sequence[Obstacle], others: Sequence[ResolutionError]
    ) -> UnusableReleaseError:
        """The error for releases whose metadata forbids them."""
        newest_first = sorted(obstacles, key=lambda item: Version(item.by_version), reverse=True)
        known = [*self._asked, *(ask for asks in self._finder.releases.values() for ask in asks)]
        demands = self._demands(ask for ask in known if ask.project == project)
        return UnusableReleaseError(project, demands, obstacles=newest_first, others=others)

    def _shortage(
        self,
        project: NormalizedName,
        needs: Sequence[Need],
        files: ProjectFiles,
        shortage: Shortage,
        others: Sequence[ResolutionError],
    ) -> NoMatchingReleaseError:
        behind = tuple(_available(later) for later in self._finder.files_behind(files, project))
        return NoMatchingReleaseError(
            project,
            self._demands(need.ask for need in needs),
            shortage=shortage,
            available=_available(files),
            behind=behind,
            others=others,
        )

    def _nearest(self, project: NormalizedName) -> list[str]:
        names: set[str] = set()
        for catalogue in self._finder.catalogues:
            try:
                names.update(catalogue.project_names())
            except IndexAccessError:
                # Public indexes may refuse or cut the list of all projects. It only serves a suggestion here: the
                # project's own page was answered with "not found".
                continue
        return difflib.get_close_matches(project, sorted(names), n=3, cutoff=0.6)

    def _demands(self, asks: Iterable[Ask]) -> list[Demand]:
        """Who asks for what, without the bond between a project and its own extras."""
        once = list(dict.fromkeys(asks))
        grouped: dict[tuple[str, str], list[Ask]] = {}
        for ask in [ask for ask in once if ask.by != ask.project] or once:
            grouped.setdefault((ask.by, str(ask.requirement)), []).append(ask)
        demands = []
        for (by, _), group in sorted(grouped.items()):
            versions = sorted((Version(ask.by_version) for ask in group if ask.by), reverse=True)
            chain = self._chain((canonicalize_name(by), versions[0])) if versions else ()
            demands.append(Demand(requirement=group[0].requirement, by=by, versions=tuple(versions), chain=chain))
        return demands

    def _chain(self, release: Release) -> tuple[str, ...]:
        """The shortest way from what the user asked for to a release; empty where he asked for it directly."""
        queue: deque[tuple[Release, ...]] = deque((first,) for first in self._reached(self._asked))
        seen: set[Release] = set()
        while queue:
            way = queue.popleft()
            if way[-1] == release:
                return tuple(f"{project} {version}" for project, version in way) if len(way) > 1 else ()
            if way[-1] not in seen:
                seen.add(way[-1])
                queue.extend((*way, step) for step in self._reached(self._finder.releases[way[-1]]))
        return ()

    def _reached(self, asks: Iterable[Ask]) -> list[Release]:
        """The releases that were looked at and satisfy one of these requirements, newest first."""
        wanted = {
            release
            for ask in asks
            for release in self._finder.releases
            if release[0] == ask.project and ask.requirement.specifier.contains(release[1], prereleases=True)
        }
        return sorted(wanted, reverse=True)


def _by_asker(needs: Sequence[Need]) -> list[list[Need]]:
    """Needs grouped by the project that has them; each of the user's stands alone."""
    groups: dict[tuple[str, str], list[Need]] = {}
    for need in needs:
        own = str(need.ask.requirement) if not need.ask.by else ""
        groups.setdefault((need.ask.by, own), []).append(need)
    return [groups[key] for key in sorted(groups)]


def _minimal(askers: list[list[Need]], versions: Collection[Version]) -> list[list[Need]] | None:
    """Askers that leave no version, as few as dropping one after another gives; None if all of them leave one."""
    allowed = [frozenset[Version]().union(*(need.accepted for need in asker)) for asker in askers]

    def leaves_none(kept: Iterable[int]) -> bool:
        return frozenset(versions).intersection(*(allowed[position] for position in kept)) == frozenset()

    kept = list(range(len(askers)))
    if not leaves_none(kept):
        return None
    for position in range(len(askers)):
        without = [other for other in kept if other != position]
        if without and leaves_none(without):
            kept = without
    return [askers[position] for position in kept]


def _shortage(files: ProjectFiles, needs: Sequence[Need]) -> Shortage:
    if _fits_any(files.too_new, needs) and not _fits_any(files.unusable, needs):
        return Shortage.TOO_NEW
    if not files.usable and not files.unusable:
        return Shortage.ONLY_SOURCES if files.without_wheel else Shortage.NO_FILES
    return Shortage.OTHER_TARGETS if _fits_any(files.unusable, needs) else Shortage.OUT_OF_RANGE


def _fits_any(versions: Iterable[Version], needs: Sequence[Need]) -> bool:
    specifiers = [need.ask.requirement.specifier for need in needs]
    return any(specifier.contains(version, prereleases=True) for version in versions for specifier in specifiers)


def _available(files: ProjectFiles) -> IndexVersions:
    return IndexVersions(
        index=files.catalogue.name,
        url=files.catalogue.url,
        versions=tuple(candidate.version for candidate in files.usable),
        yanked=files.yanked,
        elsewhere=files.unusable,
        too_new=files.too_new,
    )
