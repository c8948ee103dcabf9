"""Resolving: one version of every project that the requirements need, or the reason why there is none.

Where taking the best release of everything comes to rest, that is the answer; else the search is resolvelib's, which is
complete. Host distributions are the only candidates of their names. The same
inputs give the same resolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution as Search
from resolvelib.structs import RequirementInformation

from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.revocation import Revocation, RevokedError
from dioptra.plugins.resolution.errors import SearchTooLongError
from dioptra.plugins.resolution.explain import explain_failure
from dioptra.plugins.resolution.finder import Finder, Need
from dioptra.plugins.resolution.model import Ask, Candidate, HostCandidate, Obstacle, Policy, Resolution, WheelCandidate
from dioptra.plugins.resolution.propagation import propagate

_Key = tuple[NormalizedName, str]
"""What resolvelib pins: a project, or one of its extras (which needs the project at the same version)."""

_OBSTACLE: _Key = (canonicalize_name(""), "")
"""The key of every obstacle; nothing ever satisfies it."""

_ROUNDS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """A candidate as the search sees it: itself, or with the dependencies of one extra added."""

    candidate: Candidate
    extra: str

    @property
    def version(self) -> Version:
        return self.candidate.version


def resolve(
    requirements: Sequence[Requirement],
    catalogues: Sequence[Catalogue],
    host: Host,
    policy: Policy = Policy(),  # noqa: B008 - it is immutable
) -> Resolution:
    """Find one version of every project.

    Args:
        requirements: What the user asks for.
        catalogues: Indexes in the order they are searched.
        host: The target, and what it provides.
        policy: Which releases are wanted beyond that.

    Returns:
        The candidates, with every requirement that holds among them.

    Raises:
        ResolutionError: There is no such set; says who asks for what and which versions there are.
        SearchTooLongError: None was found in a bounded number of steps.
        IndexAccessError: An index cannot be read.
        IntegrityError: Metadata does not have the hash that its page gives, or only revoked releases would do.
    """
    direct = {canonicalize_name(requirement.name) for requirement in requirements}
    finder = Finder(catalogues, host, policy, direct)
    # The order in which requirements are written must not decide which releases are taken.
    asks = sorted({str(requirement): Ask(requirement=requirement) for requirement in requirements}.items())
    needs = finder.needs([ask for _, ask in asks])
    pinned = propagate(needs, finder)
    if pinned is not None:
        resolution = _reached(needs, pinned, finder)
        # Projects that only need each other may have kept others from a better release.
        if len(resolution.candidates) == len(pinned):
            return resolution
    return _reached(needs, _search(needs, finder), finder)


def _search(needs: Sequence[Need], finder: Finder) -> Mapping[NormalizedName, Candidate]:
    # Resolver.resolve() itself runs in circles where releases that were given up need each other.
    search: Search[Need | Obstacle, _Item, _Key] = Search(_Provider(finder), BaseReporter())
    try:
        state = search.resolve(needs, max_rounds=_ROUNDS)
    except ResolutionImpossible as impossible:
        causes = [cause.requirement for cause in impossible.causes]
        _refuse_revoked(causes, finder)
        raise explain_failure(causes, [need.ask for need in needs], finder) from impossible
    except ResolutionTooDeep as deep:
        raise SearchTooLongError(_ROUNDS) from deep
    return {item.candidate.project: item.candidate for item in state.mapping.values()}


def _reached(needs: Iterable[Need], pinned: Mapping[NormalizedName, Candidate], finder: Finder) -> Resolution:
    """What is needed of all that is pinned: a search keeps pins that nobody needs any more."""
    candidates: dict[NormalizedName, Candidate] = {}
    asks: dict[Ask, None] = {}
    seen: set[_Key] = set()
    waiting: list[Need | Obstacle] = list(needs)
    while waiting:
        need = waiting.pop()
        assert isinstance(need, Need), "an obstacle is never satisfied"
        asks[need.ask] = None
        key = (need.ask.project, need.extra)
        if key in seen:
            continue
        seen.add(key)
        candidate = pinned[need.ask.project]
        candidates[candidate.project] = candidate
        if isinstance(candidate, WheelCandidate):
            waiting.extend(finder.dependencies(candidate, need.extra))
    return Resolution(
        candidates=tuple(candidates[project] for project in sorted(candidates)),
        asks=tuple(sorted(asks, key=lambda ask: (ask.project, ask.by, str(ask.requirement)))),
    )


def _refuse_revoked(causes: Iterable[Need | Obstacle], finder: Finder) -> None:
    """Say so where only revoked releases would have satisfied somebody: that is no lack of releases."""
    found: dict[str, Revocation] = {}
    for cause in causes:
        files = finder.files(cause.ask.project) if isinstance(cause, Need) and not cause.accepted else None
        if files is not None and isinstance(cause, Need):
            specifier = cause.ask.requirement.specifier
            for version, revocation in files.revoked.items():
                if specifier.contains(version, prereleases=True):
                    found[revocation.sha256] = revocation
    if found:
        raise RevokedError(found.values())


class _Provider(AbstractProvider[Need | Obstacle, _Item, _Key]):
    """Tells resolvelib about our projects."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def identify(self, requirement_or_candidate: Need | Obstacle | _Item) -> _Key:
        match requirement_or_candidate:
            case Need(ask=ask, extra=extra):
                return ask.project, extra
            case _Item(candidate=candidate, extra=extra):
                return candidate.project, extra
            case Obstacle():
                return _OBSTACLE

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[_Key],
        resolutions: Mapping[_Key, _Item],
        candidates: Mapping[_Key, Iterator[_Item]],
        information: Mapping[_Key, Iterator[RequirementInformation[Need | Obstacle, _Item]]],
        backtrack_causes: Sequence[RequirementInformation[Need | Obstacle, _Item]],
    ) -> Iterable[_Key]:
        """Fixed names first, then what took part in the last conflict; the rest by `get_preference`.

        This bounds the number of names that are weighed in each round, on which the cost of a search depends.
        """
        del resolutions, candidates, information
        names = list(identifiers)
        for key in names:
            if self._finder.provided(key[0]) is not None:
                return [key]
        causes = {self.identify(cause.requirement) for cause in backtrack_causes}
        causes |= {self.identify(cause.parent) for cause in backtrack_causes if cause.parent is not None}
        return [key for key in names if key in causes] or names

    def get_preference(
        self,
        identifier: _Key,
        resolutions: Mapping[_Key, _Item],
        candidates: Mapping[_Key, Iterator[_Item]],
        information: Mapping[_Key, Iterator[RequirementInformation[Need | Obstacle, _Item]]],
        backtrack_causes: Sequence[RequirementInformation[Need | Obstacle, _Item]],
    ) -> tuple[bool, _Key]:
        """Names that have one candidate left come before those with a choice."""
        del resolutions, information, backtrack_causes
        left = candidates[identifier]
        next(left, None)
        return next(left, None) is not None, identifier

    def find_matches(
        self,
        identifier: _Key,
        requirements: Mapping[_Key, Iterator[Need | Obstacle]],
        incompatibilities: Mapping[_Key, Iterator[_Item]],
    ) -> list[_Item]:
        """The candidates left for a name; see `AbstractProvider.find_matches`."""
        if identifier == _OBSTACLE:
            return []
        project, extra = identifier
        # An extra's candidates must satisfy what is asked of the project as well.
        keys = (identifier, (project, "")) if extra else (identifier,)
        needs = [need for key in keys for need in requirements.get(key, iter(())) if isinstance(need, Need)]
        refused = {item.version for item in incompatibilities.get(identifier, iter(()))}
        found = self._finder.matching(project, needs)
        return [_Item(candidate, extra) for candidate in found if candidate.version not in refused]

    def is_satisfied_by(self, requirement: Need | Obstacle, candidate: _Item) -> bool:
        """Whether a requirement accepts a candidate of its name."""
        return isinstance(requirement, Need) and candidate.version in requirement.accepted

    def get_dependencies(self, candidate: _Item) -> Sequence[Need | Obstacle]:
        """What a candidate needs in turn."""
        if isinstance(candidate.candidate, HostCandidate):
            # What the host has is complete by itself; its extras cannot be checked from here.
            return ()
        return self._finder.dependencies(candidate.candidate, candidate.extra)
