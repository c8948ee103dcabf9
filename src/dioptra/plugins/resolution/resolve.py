"""Resolving: one version of every project that the requirements need, or the reason why there is none.

The search is resolvelib's. Host distributions are the only candidates of their names. A project is taken from the
first index that has it, never from the one with the highest version: a name that turns up on a later index changes
nothing. The same inputs give the same resolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.resolution.candidates import ProjectFiles, explain_none, matching, nearest_names, sort_files
from dioptra.plugins.resolution.model import Ask, Candidate, HostCandidate, Resolution, WheelCandidate
from dioptra.plugins.wheel.model import CoreMetadata

_Key = tuple[NormalizedName, str]
"""What resolvelib pins: a project, or one of its extras (which needs the project at the same version)."""

_ROUNDS = 200_000
_PAGES_AT_ONCE = 8


class _Extra:
    """A candidate's extra: the same wheel, with the extra's dependencies added."""

    __slots__ = ("candidate", "extra")

    def __init__(self, candidate: Candidate, extra: str) -> None:
        self.candidate, self.extra = candidate, extra


_Item = Candidate | _Extra


def resolve(requirements: Sequence[Requirement], catalogues: Sequence[Catalogue], host: Host) -> Resolution:
    """Find one version of every project.

    Args:
        requirements: What the user asks for.
        catalogues: Indexes in the order they are searched.
        host: The target, and what it provides.

    Returns:
        The candidates, with every requirement that was active.

    Raises:
        UnsatisfiedError: There is no such set; names who asks for what and which versions there are.
        IndexAccessError: An index cannot be read.
    """
    provider = _Provider(catalogues, host)
    asks = [Ask(requirement=requirement) for requirement in requirements]
    wanted = [item for ask in asks if provider.applies(ask.requirement.marker) for item in provider.split(ask)]
    provider.prefetch(key[0] for key in (provider.identify(item) for item in wanted))
    resolver: Resolver[tuple[Ask, str], _Item, _Key] = Resolver(provider, BaseReporter())
    try:
        result = resolver.resolve(wanted, max_rounds=_ROUNDS)
    except ResolutionImpossible as impossible:
        causes = [(cause.requirement[0]) for cause in impossible.causes]
        raise _conflict(causes, provider) from impossible
    except ResolutionTooDeep as deep:
        raise UnsatisfiedError(
            "no resolution was found",
            why=f"the search was stopped after {_ROUNDS} steps",
            hint="narrow the versions of the requirements",
        ) from deep
    candidates = [item for item in result.mapping.values() if not isinstance(item, _Extra)]
    active = {ask: None for key in result.mapping for ask, _ in result.criteria[key].iter_requirement()}
    return Resolution(candidates=tuple(sorted(candidates, key=lambda candidate: candidate.project)), asks=tuple(active))


class _Provider(AbstractProvider[tuple[Ask, str], _Item, _Key]):
    """What resolvelib asks about our projects; every answer is computed once."""

    def __init__(self, catalogues: Sequence[Catalogue], host: Host) -> None:
        self.catalogues, self.host = catalogues, host
        self._provided = {
            item.project: HostCandidate(project=item.project, version=item.version) for item in host.distributions
        }
        self._environment = dict(host.interpreter.marker_environment)
        self._files: dict[NormalizedName, ProjectFiles | None] = {}
        self._dependencies: dict[tuple[NormalizedName, str, str], list[tuple[Ask, str]]] = {}

    def applies(self, marker: Marker | None, extra: str = "") -> bool:
        """Whether a marker holds for the target."""
        return marker is None or marker.evaluate({**self._environment, "extra": extra})

    def split(self, ask: Ask) -> Iterator[tuple[Ask, str]]:
        """A requirement as resolvelib sees it: the project itself, and each extra that is asked for."""
        yield ask, ""
        for extra in sorted(ask.requirement.extras):
            yield ask, canonicalize_name(extra)

    def prefetch(self, projects: Iterable[NormalizedName]) -> None:
        """Read pages side by side before the search asks for them one by one."""
        missing = [name for name in dict.fromkeys(projects) if name not in self._files and name not in self._provided]
        if len(missing) > 1:
            with ThreadPoolExecutor(_PAGES_AT_ONCE) as workers:
                self._files.update(zip(missing, workers.map(self._read_files, missing), strict=True))

    def files(self, project: NormalizedName) -> ProjectFiles | None:
        """A project's files on the first index that has it; None if no index has."""
        if project not in self._files:
            self._files[project] = self._read_files(project)
        return self._files[project]

    def provided(self, project: NormalizedName) -> HostCandidate | None:
        """The host's distribution of a name."""
        return self._provided.get(project)

    def _read_files(self, project: NormalizedName) -> ProjectFiles | None:
        for catalogue in self.catalogues:
            page = catalogue.project(project)
            if page is not None:
                return sort_files(catalogue, page, self.host.interpreter)
        return None

    def identify(self, requirement_or_candidate: tuple[Ask, str] | _Item) -> _Key:
        if isinstance(requirement_or_candidate, tuple):
            ask, extra = requirement_or_candidate
            return ask.project, extra
        if isinstance(requirement_or_candidate, _Extra):
            return requirement_or_candidate.candidate.project, requirement_or_candidate.extra
        return requirement_or_candidate.project, ""

    def get_preference(
        self,
        identifier: _Key,
        resolutions: Mapping[_Key, _Item],
        candidates: Mapping[_Key, Iterator[_Item]],
        information: Mapping[_Key, Iterator[object]],
        backtrack_causes: Sequence[object],
    ) -> tuple[bool, bool, int, _Key]:
        """Fixed names first, then what caused a conflict, then the names with fewest choices."""
        del resolutions, information
        project = identifier[0]
        causes = {cause.requirement[0].project for cause in backtrack_causes}  # type: ignore[attr-defined]
        choices = sum(1 for _, _ in zip(candidates[identifier], range(2), strict=False))
        return project not in self._provided, project not in causes, choices, identifier

    def find_matches(
        self,
        identifier: _Key,
        requirements: Mapping[_Key, Iterator[tuple[Ask, str]]],
        incompatibilities: Mapping[_Key, Iterator[_Item]],
    ) -> list[_Item]:
        project, extra = identifier
        # An extra's candidates must satisfy what is asked of the project as well.
        asks = [ask for key in ((project, ""), identifier) for ask, _ in requirements.get(key, iter(()))]
        refused = {_version(item) for item in incompatibilities.get(identifier, iter(()))}
        found = self._matching(project, list(dict.fromkeys(asks)))
        kept = [candidate for candidate in found if candidate.version not in refused]
        return [_Extra(candidate, extra) for candidate in kept] if extra else list(kept)

    def _matching(self, project: NormalizedName, asks: Sequence[Ask]) -> Sequence[Candidate]:
        provided = self._provided.get(project)
        if provided is not None:
            fits = all(ask.requirement.specifier.contains(provided.version, prereleases=True) for ask in asks)
            return [provided] if fits else []
        files = self.files(project)
        return matching(files, asks) if files is not None else []

    def is_satisfied_by(self, requirement: tuple[Ask, str], candidate: _Item) -> bool:
        return requirement[0].requirement.specifier.contains(_version(candidate), prereleases=True)

    def get_dependencies(self, candidate: _Item) -> list[tuple[Ask, str]]:
        base, extra = (candidate.candidate, candidate.extra) if isinstance(candidate, _Extra) else (candidate, "")
        if isinstance(base, HostCandidate):
            # What the host has is complete by itself; its extras cannot be checked from here.
            return []
        key = (base.project, str(base.version), extra)
        if key not in self._dependencies:
            self._dependencies[key] = list(self._read_dependencies(base, extra))
            self.prefetch(ask.project for ask, _ in self._dependencies[key])
        return self._dependencies[key]

    def _read_dependencies(self, base: WheelCandidate, extra: str) -> Iterator[tuple[Ask, str]]:
        metadata: CoreMetadata = base.catalogue.metadata(base.page, base.file)
        if extra:
            itself = Requirement(f"{base.project}=={base.version}")
            yield Ask(requirement=itself, by=base.project, by_version=str(base.version)), ""
        for requirement in metadata.requires_dist:
            if self.applies(requirement.marker, extra) and (not extra or not self.applies(requirement.marker)):
                yield from self.split(Ask(requirement=requirement, by=base.project, by_version=str(base.version)))


def _version(item: _Item) -> Version:
    return item.candidate.version if isinstance(item, _Extra) else item.version


def _conflict(causes: Sequence[Ask], provider: _Provider) -> UnsatisfiedError:
    """The error for requirements that nothing satisfies together."""
    projects = sorted({ask.project for ask in causes})
    project = projects[0]
    asks = sorted(
        {ask: None for ask in causes if ask.project == project}, key=lambda ask: (ask.by, str(ask.requirement))
    )
    lines = [f"{ask.asker} asked for {_shown(ask.requirement)}" for ask in asks]
    provided = provider.provided(project)
    if provided is not None:
        return UnsatisfiedError(
            f"the host's {project} {provided.version} does not satisfy what is asked of it",
            why="\n".join(lines),
            hint="add --no-host to lock a release of its own, or change the host's installation",
        )
    files = provider.files(project)
    if files is None:
        names = {name for catalogue in provider.catalogues for name in catalogue.project_names()}
        nearest = nearest_names(project, sorted(names))
        searched = ", ".join(f"'{catalogue.name}' ({catalogue.url})" for catalogue in provider.catalogues)
        return UnsatisfiedError(
            f"there is no project '{project}'",
            why="\n".join([*lines, f"searched the index {searched}"]),
            hint=f"did you mean {' or '.join(nearest)}?" if nearest else "publish it, or add the index that has it",
        )
    alone = [ask for ask in asks if not matching(files, [ask])]
    if alone:
        return UnsatisfiedError(
            f"no release of {project} satisfies {_shown(alone[0].requirement)}",
            why="\n".join([*lines, explain_none(project, files, alone[:1])]),
            hint="ask for a version that is there, or publish the one that is wanted",
        )
    return UnsatisfiedError(
        f"no release of {project} satisfies all that is asked of it",
        why="\n".join([*lines, explain_none(project, files, asks)]),
        hint="loosen one of the requirements, or publish releases that agree",
    )


def _shown(requirement: Requirement) -> str:
    return (
        f"{requirement.name}{requirement.specifier}" if requirement.specifier else f"{requirement.name} (any version)"
    )
