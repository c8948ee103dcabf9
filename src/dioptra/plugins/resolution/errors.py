"""Why there is no resolution, as errors with data; `dioptra.plugins.resolution.explain` finds out which one it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_model import HostDistribution
from dioptra.plugins.resolution.model import Obstacle

_MOST_VERSIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One requirement and all that have it.

    Attributes:
        requirement: What is asked for.
        by: Normalized name of the project that asks; empty for the user.
        versions: The releases of it that ask, newest first; empty for the user.
        chain: How the newest of them came in, release after release as ``project version``, starting with one that
            the user asked for; empty where that is the asking release itself.
    """

    requirement: Requirement
    by: str
    versions: tuple[Version, ...] = ()
    chain: tuple[str, ...] = ()

    def __str__(self) -> str:
        asker = f"{self.by} {shorten(self.versions)}" if self.by else "you"
        came = f" (you → {' → '.join(self.chain)})" if self.chain else ""
        return f"{asker} asked for {shown(self.requirement)}{came}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVersions:
    """What one index has of a project.

    Attributes:
        index: Its configured name.
        url: Its address.
        versions: Versions with a wheel for the target, newest first.
        yanked: Those of `versions` that are yanked.
        elsewhere: Versions with wheels for other Pythons or platforms only, newest first.
        too_new: Versions that were uploaded too late for the policy, newest first.
    """

    index: str
    url: str
    versions: tuple[Version, ...]
    yanked: frozenset[Version] = frozenset()
    elsewhere: tuple[Version, ...] = ()
    too_new: tuple[Version, ...] = ()

    @property
    def where(self) -> str:
        """The index in words."""
        return f"the index '{self.index}' ({self.url})"


class Shortage(Enum):
    """Why an index that has a project has nothing to take."""

    NO_FILES = "no files at all"
    ONLY_SOURCES = "source distributions only"
    OTHER_TARGETS = "wheels for other Pythons or platforms only"
    YANKED = "yanked releases only"
    TOO_NEW = "releases after the date only"
    OUT_OF_RANGE = "other versions"


class ResolutionError(UnsatisfiedError):
    """There is no set of releases that satisfies all requirements.

    Attributes:
        project: The project in question.
        demands: Who asks for what of it.
        others: What else stood in the way, where several ways were tried.
    """

    def __init__(
        self,
        what: str,
        *,
        project: NormalizedName,
        demands: Sequence[Demand],
        findings: Sequence[str],
        hint: str,
        others: Sequence[ResolutionError] = (),
    ) -> None:
        lines = [*map(str, demands), *findings, *(f"besides, {other.what}" for other in others)]
        super().__init__(what, why="\n".join(lines), hint=hint)
        self.project, self.demands, self.others = project, tuple(demands), tuple(others)


class ProjectNotFoundError(ResolutionError):
    """No index has the project.

    Attributes:
        searched: The indexes, in order, as name and URL.
        elsewhere: Indexes that have it and may not give it, because a plugin is taken from its own index only.
        nearest: Names there that look like it, best first.
    """

    def __init__(
        self,
        project: NormalizedName,
        demands: Sequence[Demand],
        *,
        searched: Sequence[tuple[str, str]],
        nearest: Sequence[str],
        elsewhere: Sequence[tuple[str, str]] = (),
        others: Sequence[ResolutionError] = (),
    ) -> None:
        places, foreign = _places(searched), _places(elsewhere)
        findings = [f"searched the {'index' if len(searched) == 1 else 'indexes'} {places}"]
        if elsewhere:
            findings.append(
                f"{foreign} has it, but a plugin (what you require directly, or a pattern names) is taken from its "
                "own index only"
            )
            hint = f"if it belongs there: plugins = [\"{project}\"] in the [[indexes]] of '{elsewhere[0][0]}'"
        else:
            hint = f"did you mean {' or '.join(nearest)}?" if nearest else "publish it, or add the index that has it"
        super().__init__(
            f"there is no project '{project}'",
            project=project,
            demands=demands,
            findings=findings,
            hint=hint,
            others=others,
        )
        self.searched, self.elsewhere, self.nearest = tuple(searched), tuple(elsewhere), tuple(nearest)


class HostConflictError(ResolutionError):
    """The host holds the project at a version that does not satisfy.

    Attributes:
        found: What the host has.
    """

    def __init__(
        self,
        project: NormalizedName,
        demands: Sequence[Demand],
        *,
        found: HostDistribution,
        others: Sequence[ResolutionError] = (),
    ) -> None:
        stands_for = "" if found.declared is None else f", declared as {found.declared},"
        hint = "add --no-host to lock a release of its own, or change the host's installation"
        release = Version(found.version.base_version)
        if found.declared is None and all(demand.requirement.specifier.contains(release) for demand in demands):
            # A vendor's build: it sorts before the release that it was made of.
            hint = (
                f'if it stands for that release, say so in the settings: [tool.dioptra.host] {project} = "{release}"; '
                "else add --no-host to lock a release of its own"
            )
        super().__init__(
            f"the host's {project} {found.version}{stands_for} does not satisfy what is asked of it",
            project=project,
            demands=demands,
            findings=["what the host has is never replaced"],
            hint=hint,
            others=others,
        )
        self.found = found


class NoMatchingReleaseError(ResolutionError):
    """The index that has the project has no release that a requirement accepts.

    Attributes:
        shortage: Why not.
        available: What the deciding index has.
        behind: What the indexes after it have; they are never asked.
    """

    def __init__(
        self,
        project: NormalizedName,
        demands: Sequence[Demand],
        *,
        shortage: Shortage,
        available: IndexVersions,
        behind: Sequence[IndexVersions] = (),
        others: Sequence[ResolutionError] = (),
    ) -> None:
        requirements = {str(demand.requirement.specifier): demand.requirement for demand in demands}
        wanted = shown(next(iter(requirements.values()))) if len(requirements) == 1 else "what is asked of it"
        super().__init__(
            f"no release of {project} satisfies {wanted}",
            project=project,
            demands=demands,
            findings=[_available(project, available, shortage), *map(_behind, behind)],
            hint=_HINTS[shortage],
            others=others,
        )
        self.shortage, self.available, self.behind = shortage, available, tuple(behind)


class RequirementConflictError(ResolutionError):
    """Requirements that nothing satisfies together, though each is satisfied alone.

    Attributes:
        available: What the deciding index has.
    """

    def __init__(
        self,
        project: NormalizedName,
        demands: Sequence[Demand],
        *,
        available: IndexVersions,
        others: Sequence[ResolutionError] = (),
    ) -> None:
        super().__init__(
            f"no release of {project} satisfies all that is asked of it",
            project=project,
            demands=demands,
            findings=[_available(project, available, Shortage.OUT_OF_RANGE)],
            hint="loosen one of the requirements, or publish releases that agree",
            others=others,
        )
        self.available = available


class UnusableReleaseError(ResolutionError):
    """The releases that fit cannot be used for what their metadata says.

    Attributes:
        obstacles: What each of them says, newest release first.
    """

    def __init__(
        self,
        project: NormalizedName,
        demands: Sequence[Demand],
        *,
        obstacles: Sequence[Obstacle],
        others: Sequence[ResolutionError] = (),
    ) -> None:
        super().__init__(
            f"no release of {project} that is asked for can be used",
            project=project,
            demands=demands,
            findings=[f"{item.by} {item.by_version} {item.reason}" for item in obstacles[:_MOST_VERSIONS]],
            hint="ask for another version, or publish a release that the target can use",
            others=others,
        )
        self.obstacles = tuple(obstacles)


class SearchTooLongError(UnsatisfiedError):
    """The search was stopped before it found a resolution or showed that there is none.

    Attributes:
        rounds: Steps that were made.
    """

    def __init__(self, rounds: int) -> None:
        super().__init__(
            "no resolution was found",
            why=f"the search was stopped after {rounds} steps",
            hint="narrow the versions of the requirements",
        )
        self.rounds = rounds


_HINTS = {
    Shortage.NO_FILES: "publish a release of it",
    Shortage.ONLY_SOURCES: "build a wheel of it and publish that",
    Shortage.OTHER_TARGETS: "publish a wheel for this target, or lock for another Python with --python X.Y --no-host",
    Shortage.YANKED: "ask for another version, or pin the yanked one exactly (PROJECT==VERSION) if you must",
    Shortage.TOO_NEW: "lock without --exclude-newer, or with a later date",
    Shortage.OUT_OF_RANGE: "ask for a version that is there, or publish the one that is wanted",
}


def _places(indexes: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"'{name}' ({url})" for name, url in indexes)


def shown(requirement: Requirement) -> str:
    """A requirement in words."""
    if requirement.url is not None:
        return f"{requirement.name} @ {requirement.url}"
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier or ' (any version)'}"


def shorten(versions: Sequence[Version]) -> str:
    """Versions in words, cut where they are many."""
    text = ", ".join(str(version) for version in versions[:_MOST_VERSIONS])
    return f"{text} and {len(versions) - _MOST_VERSIONS} more" if len(versions) > _MOST_VERSIONS else text


def _available(project: NormalizedName, there: IndexVersions, shortage: Shortage) -> str:
    if shortage is Shortage.NO_FILES:
        return f"{there.where} has the project {project}, but no files of it"
    if shortage is Shortage.ONLY_SOURCES:
        return f"{there.where} has {project} only as source distributions; only wheels are installed"
    if shortage is Shortage.OTHER_TARGETS and not there.versions:
        return f"{there.where} has {project} only for other Pythons or platforms: {shorten(there.elsewhere)}"
    if shortage is Shortage.YANKED:
        return f"{there.where} has it only yanked: {shorten([v for v in there.versions if v in there.yanked])}"
    text = f"{there.where} has the versions {', '.join(_marked(there)) or 'none'}"
    if there.elsewhere:
        text += f", and for other Pythons or platforms {shorten(there.elsewhere)}"
    return f"{text}, and uploaded too late {shorten(there.too_new)}" if there.too_new else text


def _marked(there: IndexVersions) -> list[str]:
    texts = [f"{v} (yanked)" if v in there.yanked else str(v) for v in there.versions[:_MOST_VERSIONS]]
    rest = len(there.versions) - len(texts)
    return [*texts[:-1], f"{texts[-1]} and {rest} more"] if rest else texts


def _behind(there: IndexVersions) -> str:
    versions = shorten(there.versions or there.elsewhere)
    return f"{there.where} has {versions}, but it is taken from no other index than the one that decides"
