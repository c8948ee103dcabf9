"""A project's files as an index lists them, whatever page format they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName


@dataclass(frozen=True, slots=True)
class InlineMetadata:
    """What our own pages say of a wheel's dependencies, as text: of most files nobody asks.

    Attributes:
        requires_dist: ``Requires-Dist`` lines.
        provides_extra: Names of its extras.
    """

    requires_dist: tuple[str, ...]
    provides_extra: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """One file of a project page (PEP 503, 592, 658, 691, 700, 714).

    Attributes:
        filename: The distribution's file name; wheels and others alike.
        url: Address: absolute, or relative to the page it was read from.
        hashes: Hash name to lower-case hexadecimal digest; may be empty on a foreign index.
        size: Bytes, or None where the index does not say.
        upload_time: Aware UTC time, or None.
        requires_python: Python versions it runs on; None for any.
        yanked: None if it is not yanked; else the reason, which may be empty.
        metadata_hashes: None if there is no PEP 658 sidecar; else its hashes, which may be empty.
        inline_metadata: Dependencies that our own pages carry in the page itself; None on a foreign index.
    """

    filename: str
    url: str
    hashes: tuple[tuple[str, str], ...] = ()
    size: int | None = None
    upload_time: datetime | None = None
    requires_python: SpecifierSet | None = None
    yanked: str | None = None
    metadata_hashes: tuple[tuple[str, str], ...] | None = None
    inline_metadata: InlineMetadata | None = None

    @property
    def sha256(self) -> str | None:
        """The file's sha256 where the index gives it."""
        return dict(self.hashes).get("sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """All files of one project.

    Attributes:
        project: Normalized name.
        url: Address of the page; relative file URLs refer to it.
        files: In the page's order.
        status: Status of the project (PEP 792), such as ``active`` or ``archived``.
        status_reason: Why it has that status; may be empty.
    """

    project: NormalizedName
    url: str
    files: tuple[IndexFile, ...]
    status: str = "active"
    status_reason: str = ""
