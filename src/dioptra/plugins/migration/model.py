"""What a migration knows of a raw plugin folder, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dioptra.manifest.model import EntryPoint


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file.

    Attributes:
        path: The file, with ``/``, relative to the raw folder.
        line: One-based line.
    """

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Finding:
    """Something of the old system in a source file.

    Attributes:
        place: Where.
        found: What the source says.
        action: Whether it was rewritten or is left to a person.
        advice: What it became, or what to do.
    """

    place: Place
    found: str
    action: Literal["rewritten", "review"]
    advice: str


@dataclass(frozen=True, slots=True, order=True)
class LeftOut:
    """A file or folder that is not migrated.

    Attributes:
        path: Its path with ``/``, relative to the raw folder.
        why: Why not.
    """

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFolder:
    """A raw plugin folder: the entry of `sys.path` that the old system copied to workers.

    Attributes:
        path: Where it is.
        files: All files below its packages, and its own modules, by path with ``/``; sorted.
        sources: The bytes of those that are Python source.
        links: Where those lead that are symbolic links.
        left_out: What is not migrated, sorted.
    """

    path: str
    files: tuple[str, ...]
    sources: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportUse:
    """One import of a module or of a name in it.

    Attributes:
        name: Its absolute dotted name.
        place: Where it is imported.
        is_optional: Whether the module goes on without it: it stands in a ``try`` that handles ImportError.
    """

    name: str
    place: Place
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A distribution that a project imports from.

    Attributes:
        distribution: Its normalized project name; None where it is not known.
        imported: The names it is imported by, sorted.
        places: Where, sorted.
        is_optional: Whether every place is optional.
        reason: How the distribution was found.
    """

    distribution: str | None
    imported: tuple[str, ...]
    places: tuple[Place, ...]
    is_optional: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """A plugin project that is to be made.

    Attributes:
        name: Normalized project name.
        files: The raw folder's files that belong to it, sorted.
        entry_points: Its ``dioptra.plugins`` group, sorted; empty for a library that other projects import.
        dependencies: What it imports, sorted by distribution.
    """

    name: str
    files: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    dependencies: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Everything that a migration does, before anything is written.

    Attributes:
        folder: What it starts from.
        sources: The Python sources after rewriting, by path.
        findings: What was rewritten and what is left to a person, sorted.
        projects: The projects to make, sorted by name.
    """

    folder: RawFolder
    sources: Mapping[str, bytes]
    findings: tuple[Finding, ...]
    projects: tuple[ProjectPlan, ...]
