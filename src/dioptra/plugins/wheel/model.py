"""What a wheel says of itself, parsed and typed. No input or output here."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import BuildTag, NormalizedName, parse_wheel_filename
from packaging.version import Version

from dioptra.manifest.model import EntryPoint

ENTRY_POINT_GROUP = "dioptra.plugins"
"""Entry point group that makes a distribution a plugin package."""

WHEEL_LIMIT = 5 * 1024**3
"""Bytes of the largest wheel: what one S3 PUT takes, and conditional writes are single PUTs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelName:
    """A parsed wheel file name (PyPA binary distribution format).

    Attributes:
        filename: As given.
        project: Normalized project name.
        version: Release.
        build: Build tag; empty where there is none.
        tags: Compatibility tags, expanded.
    """

    filename: str
    project: NormalizedName
    version: Version
    build: BuildTag
    tags: frozenset[Tag]

    @classmethod
    def parse(cls, filename: str) -> WheelName:
        """Parse a file name.

        Raises:
            packaging.utils.InvalidWheelFilename: It is not a wheel's name.
        """
        project, version, build, tags = parse_wheel_filename(filename)
        return cls(filename=filename, project=project, version=version, build=build, tags=tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The part of core metadata that resolving and showing need.

    Attributes:
        name: Project name as the author writes it.
        version: Release.
        summary: One line; empty where there is none.
        requires_python: Python versions it runs on; None for any.
        requires_dist: Dependencies with extras and markers.
        provides_extra: Normalized names of its extras.
    """

    name: str
    version: Version
    summary: str = ""
    requires_python: SpecifierSet | None = None
    requires_dist: tuple[Requirement, ...] = ()
    provides_extra: frozenset[NormalizedName] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLine:
    """One line of RECORD: a path and what its bytes must be.

    Attributes:
        path: Path inside the wheel.
        algorithm: Hash name; empty for the files that carry none.
        digest: Hash in URL-safe base64 without padding.
        size: Bytes, or None where the line leaves it out.
    """

    path: str
    algorithm: str
    digest: str
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContents:
    """A wheel that was read and found sound.

    Attributes:
        name: Its parsed file name.
        metadata: Its core metadata.
        metadata_bytes: METADATA as it stands in the wheel (the PEP 658 sidecar).
        dist_info: Name of its ``.dist-info`` folder.
        entry_points: Its ``dioptra.plugins`` group; empty for a wheel that is no plugin package.
        files: Every file with its RECORD line, in archive order.
    """

    name: WheelName
    metadata: CoreMetadata
    metadata_bytes: bytes
    dist_info: str
    entry_points: tuple[EntryPoint, ...]
    files: tuple[RecordLine, ...]
