"""What there is: the host's distributions and the indexes' projects, each read once.

A plugin (what the user requires directly, and what a pattern of an index names) is read from its own index only:
absence there is final, so that nobody can put one on a public index. Any other project is taken from the first index
that has it, never from the one with the highest version: a name that turns up on a later index changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.resolution.candidates import (
    ProjectFiles,
    accepted_versions,
    choose,
    python_fits,
    sort_files,
    tag_ranks,
)
from dioptra.plugins.resolution.model import Ask, Candidate, HostCandidate, Obstacle, Policy, WheelCandidate
from dioptra.plugins.wheel.model import CoreMetadata

_PAGES_AT_ONCE = 8

Release = tuple[NormalizedName, Version]


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """A requirement as the search sees it. Needs are compared by identity, which is quick.

    Attributes:
        ask: The requirement.
        extra: The extra of the project that this need stands for; empty for the project itself.
        accepted: The versions that the requirement accepts.
    """

    ask: Ask
    extra: str
    accepted: frozenset[Version]


class Finder:
    """Answers the search from catalogues and host; every answer is computed once.

    Args:
        catalogues: Indexes in the order they are searched.
        host: The target, and what it provides.
        policy: Which releases are wanted.
        direct: The projects that the user requires.
    """

    def __init__(
        self, catalogues: Sequence[Catalogue], host: Host, policy: Policy, direct: Collection[NormalizedName] = ()
    ) -> None:
        self.catalogues, self.target, self.policy = tuple(catalogues), host.interpreter, policy
        self._direct = frozenset(direct)
        self._ranks = tag_ranks(self.target)
        self.releases: dict[Release, tuple[Ask, ...]] = {}
        """What the releases that were looked at ask for, extras included."""
        self._provided = {item.project: HostCandidate(distribution=item) for item in host.distributions}
        self._environment = dict(host.interpreter.marker_environment)
        self._files: dict[NormalizedName, ProjectFiles | None] = {}
        self._metadata: dict[Release, CoreMetadata] = {}
        self._accepted: dict[tuple[NormalizedName, Requirement], frozenset[Version]] = {}
        self._needs: dict[tuple[Release, str], tuple[Need | Obstacle, ...]] = {}

    def provided(self, project: NormalizedName) -> HostCandidate | None:
        """The host's distribution of a name."""
        return self._provided.get(project)

    def files(self, project: NormalizedName) -> ProjectFiles | None:
        """A project's files on the first index that has it; None if no index has.

        Raises:
            IndexAccessError: A page could not be read.
        """
        if project not in self._files:
            self._files[project] = self._read_first(project)
        return self._files[project]

    def searched(self, project: NormalizedName) -> tuple[Catalogue, ...]:
        """The indexes that a project may come from: its own for a plugin, else all of them in order."""
        for catalogue in self.catalogues:
            if any(fnmatchcase(project, pattern) for pattern in self.policy.plugins.get(catalogue.name, ())):
                return (catalogue,)
        return self.catalogues[:1] if project in self._direct else self.catalogues

    def elsewhere(self, project: NormalizedName) -> tuple[Catalogue, ...]:
        """The indexes that have a project and may not give it.

        Raises:
            IndexAccessError: A page could not be read.
        """
        others = [catalogue for catalogue in self.catalogues if catalogue not in self.searched(project)]
        return tuple(catalogue for catalogue in others if catalogue.project(project) is not None)

    def files_behind(self, files: ProjectFiles, project: NormalizedName) -> Iterator[ProjectFiles]:
        """The project's files on the indexes that are searched after the one it is taken from.

        Raises:
            IndexAccessError: A page could not be read.
        """
        for catalogue in self.catalogues:
            if catalogue is files.catalogue or (
                catalogue in self.searched(project)
                and self.catalogues.index(catalogue) < self.catalogues.index(files.catalogue)
            ):
                continue
            found = self._read_files(project, [catalogue])
            if found is not None:
                yield found

    def needs(self, asks: Sequence[Ask]) -> tuple[Need, ...]:
        """Requirements as the search sees them: of each the project itself, and every extra that is asked for.

        Those whose marker does not hold for the target are left out.

        Raises:
            IndexAccessError: A page could not be read.
        """
        active = [ask for ask in asks if self._applies(ask.requirement.marker)]
        self._prefetch(ask.project for ask in active)
        return tuple(need for ask in active for need in self._split(ask))

    def dependencies(self, candidate: WheelCandidate, extra: str) -> tuple[Need | Obstacle, ...]:
        """What a wheel needs, or with `extra` what that extra needs on top of the wheel itself.

        Raises:
            IndexAccessError: Metadata or a page could not be read.
            IntegrityError: A sidecar or wheel does not have the hash that its page gives.
        """
        release = (candidate.project, candidate.version)
        key = (release, extra)
        if key not in self._needs:
            asks: list[Ask] = []
            obstacles: list[Obstacle] = []
            for found in self._read_dependencies(candidate, extra):
                if isinstance(found, Obstacle):
                    obstacles.append(found)
                else:
                    asks.append(found)
            self.releases[release] = tuple(dict.fromkeys((*self.releases.get(release, ()), *asks)))
            if obstacles:
                self._needs[key] = tuple(obstacles)
            else:
                self._prefetch(ask.project for ask in asks)
                self._needs[key] = tuple(need for ask in asks for need in self._split(ask))
        return self._needs[key]

    def matching(self, project: NormalizedName, needs: Sequence[Need]) -> Sequence[Candidate]:
        """The candidates that satisfy all needs of a project, the most wanted first."""
        provided = self._provided.get(project)
        if provided is not None:
            return [provided] if all(provided.version in need.accepted for need in needs) else []
        files = self.files(project)
        if files is None:
            return []
        accepted = frozenset.intersection(*(need.accepted for need in needs))
        return choose(files, [need.ask for need in needs], accepted, self.policy)

    def _read_files(self, project: NormalizedName, catalogues: Iterable[Catalogue]) -> ProjectFiles | None:
        for catalogue in catalogues:
            page = catalogue.project(project)
            if page is not None:
                return sort_files(catalogue, page, self.target, self._ranks, self.policy.uploaded_before)
        return None

    def _prefetch(self, projects: Iterable[NormalizedName]) -> None:
        """Read pages side by side before the search asks for them one by one."""
        missing = [name for name in dict.fromkeys(projects) if name not in self._files and name not in self._provided]
        if len(missing) > 1 and not all(catalogue.is_local for catalogue in self.catalogues):
            with ThreadPoolExecutor(_PAGES_AT_ONCE) as workers:
                self._files.update(zip(missing, workers.map(self._read_first, missing), strict=True))

    def _read_first(self, project: NormalizedName) -> ProjectFiles | None:
        return self._read_files(project, self.searched(project))

    def _split(self, ask: Ask) -> Iterator[Need]:
        accepted = self._accepted_versions(ask)
        yield Need(ask, "", accepted)
        for extra in sorted({canonicalize_name(extra) for extra in ask.requirement.extras}):
            yield Need(ask, extra, accepted)

    def _accepted_versions(self, ask: Ask) -> frozenset[Version]:
        key = (ask.project, ask.requirement)
        if key not in self._accepted:
            self._accepted[key] = self._compute_accepted(ask)
        return self._accepted[key]

    def _compute_accepted(self, ask: Ask) -> frozenset[Version]:
        if ask.requirement.url is not None:
            # Who has the name does not thereby have what the URL points to.
            return frozenset()
        provided = self._provided.get(ask.project)
        if provided is not None:
            # What the host has counts as it is: a vendor's pre-release satisfies ">=2.4".
            fits = ask.requirement.specifier.contains(provided.version, prereleases=True)
            return frozenset({provided.version} if fits else ())
        files = self.files(ask.project)
        return frozenset() if files is None else accepted_versions(files, ask.requirement)

    def _read_dependencies(self, candidate: WheelCandidate, extra: str) -> Iterator[Ask | Obstacle]:
        metadata = self._read_metadata(candidate)
        version = str(candidate.version)
        if not python_fits(metadata.requires_python, self.target):
            # Pages need not carry Requires-Python (PEP 503 makes it optional), so the metadata decides.
            reason = f"needs Python {metadata.requires_python}; the target is {self.target.python_full_version}"
            yield Obstacle(by=candidate.project, by_version=version, reason=reason)
        if extra:
            itself = Requirement(f"{candidate.project}=={version}")
            yield Ask(requirement=itself, by=candidate.project, by_version=version)
        for requirement in metadata.requires_dist:
            if not self._applies(requirement.marker, extra) or (extra and self._applies(requirement.marker)):
                continue
            if requirement.url is not None:
                reason = f"needs {requirement.name} from a direct URL; a lock pins releases of indexes only"
                yield Obstacle(by=candidate.project, by_version=version, reason=reason)
            yield Ask(requirement=requirement, by=candidate.project, by_version=version)

    def _read_metadata(self, candidate: WheelCandidate) -> CoreMetadata:
        release = (candidate.project, candidate.version)
        if release not in self._metadata:
            self._metadata[release] = candidate.catalogue.metadata(candidate.page, candidate.file)
        return self._metadata[release]

    def _applies(self, marker: Marker | None, extra: str = "") -> bool:
        """Whether a marker holds for the target."""
        return marker is None or marker.evaluate(self._environment_with(extra))

    def _environment_with(self, extra: str) -> Mapping[str, str]:
        return {**self._environment, "extra": extra}
