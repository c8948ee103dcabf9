"""Parsing core metadata (PyPA core metadata 2.x) as far as this package uses it."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from dioptra.plugins.wheel.model import CoreMetadata

METADATA_LIMIT = 1024 * 1024
"""Bytes that METADATA may have at most."""


class MalformedMetadataError(ValueError):
    """METADATA cannot be used.

    Attributes:
        problems: Every problem found, one line each.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(self.problems)


def parse_metadata(body: bytes) -> CoreMetadata:
    """Parse a METADATA file.

    Args:
        body: The file's bytes.

    Returns:
        The fields that resolving and showing need.

    Raises:
        MalformedMetadataError: It is too large, or a field is missing or invalid.
    """
    from packaging.metadata import Metadata  # with the standard library's e-mail parser, which our own pages spare

    if len(body) > METADATA_LIMIT:
        raise MalformedMetadataError((f"METADATA has {len(body)} bytes; at most {METADATA_LIMIT} are read",))
    try:
        # Fields that are not used here must not stop a wheel (real ones carry invalid classifiers and licences):
        # validation is lazy, per field that is asked for.
        parsed = Metadata.from_email(body, validate=False)
        return CoreMetadata(
            name=parsed.name,
            version=parsed.version,
            summary=parsed.summary or "",
            requires_python=parsed.requires_python,
            requires_dist=tuple(parsed.requires_dist or ()),
            provides_extra=frozenset(canonicalize_name(extra) for extra in parsed.provides_extra or ()),
        )
    except ExceptionGroup as group:
        raise MalformedMetadataError(tuple(str(problem) for problem in group.exceptions)) from group
    except ValueError as problem:
        raise MalformedMetadataError((str(problem),)) from problem
