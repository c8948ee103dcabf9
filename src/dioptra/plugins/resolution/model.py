"""The stages of a resolution, each a type of its own: requirement → candidate → resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host_model import HostDistribution
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.model import IndexFile, ProjectPage

USER = ""
"""`Ask.by` of what the user asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One requirement and who has it.

    Attributes:
        requirement: Project, extras and versions; its marker holds for the target.
        by: Normalized project name of the release that asks; `USER` for the user.
        by_version: That release's version; empty for the user.
    """

    requirement: Requirement
    by: str = USER
    by_version: str = ""

    @property
    def project(self) -> NormalizedName:
        """The project that is asked for."""
        return canonicalize_name(self.requirement.name)

    @property
    def asker(self) -> str:
        """Who asks, in words."""
        return f"{self.by} {self.by_version}".rstrip() if self.by else "you"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which releases are wanted, beyond what requirements say.

    Attributes:
        pins: Versions to keep where they still satisfy, by project: those of an earlier lock.
        prereleases: Whether pre-releases are as good as final releases everywhere.
        plugins: Patterns of project names by the name of the index that alone may give them.
        uploaded_before: Files that were uploaded at this time or later, or at no known time, do not exist; aware UTC.
    """

    pins: Mapping[NormalizedName, Version] = field(default_factory=dict)
    prereleases: bool = False
    plugins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    uploaded_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelCandidate:
    """One wheel that would satisfy requirements.

    Attributes:
        project: Normalized name.
        version: Release.
        catalogue: The index it comes from.
        page: The page it was found on.
        file: The wheel.
    """

    project: NormalizedName
    version: Version
    catalogue: Catalogue
    page: ProjectPage
    file: IndexFile


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCandidate:
    """A distribution of the host: the only candidate of its name.

    Attributes:
        distribution: As the host has it.
    """

    distribution: HostDistribution

    @property
    def project(self) -> NormalizedName:
        """Normalized name."""
        return self.distribution.project

    @property
    def version(self) -> Version:
        """The version that requirements are compared with."""
        return self.distribution.counts_as


Candidate = WheelCandidate | HostCandidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a release that its index lists cannot be used after all; found in its metadata.

    Attributes:
        by: Normalized project name of the release.
        by_version: Its version.
        reason: What it demands and what there is, as the end of a sentence that starts with the release.
    """

    by: NormalizedName
    by_version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One candidate for every project.

    Attributes:
        candidates: Sorted by project.
        asks: Every requirement of the user and of the candidates that holds for the target.
    """

    candidates: tuple[Candidate, ...]
    asks: tuple[Ask, ...]


def parse_requirement(text: str) -> Requirement:
    """Read what a user asks for (PEP 508).

    Raises:
        ConfigurationError: It is no requirement, or names a direct URL.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as problem:
        raise ConfigurationError(
            f"'{text}' is no requirement", why=str(problem).splitlines()[0], hint="write PROJECT or 'PROJECT>=1.2'"
        ) from problem
    if requirement.url is not None:
        raise ConfigurationError(
            f"'{text}' names a direct URL",
            why="a lock pins releases of indexes only",
            hint="publish the project to an index and require it by name",
        )
    return requirement
