"""The record of a published file: the index's source of truth, written once and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.utils import InvalidWheelFilename, NormalizedName
from packaging.version import Version

from dioptra.plugins import schema
from dioptra.plugins.errors import MalformedDocumentError
from dioptra.plugins.wheel.model import WheelContents, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one published wheel.

    Attributes:
        filename: The wheel's file name.
        project: Normalized project name.
        version: Release.
        sha256: Lower-case hexadecimal digest of the wheel.
        size: Bytes.
        upload_time: Aware UTC time of the first publication, whole seconds.
        requires_python: As METADATA has it; empty for any.
        requires_dist: Dependencies as METADATA has them.
        provides_extra: Extras, sorted.
        summary: One line; empty where there is none.
        metadata_sha256: Digest of the PEP 658 sidecar.
        tasks_sha256: Digest of the task manifest; None for a wheel that is no plugin package.
    """

    filename: str
    project: NormalizedName
    version: Version
    sha256: str
    size: int
    upload_time: datetime
    requires_python: str
    requires_dist: tuple[str, ...]
    provides_extra: tuple[str, ...]
    summary: str
    metadata_sha256: str
    tasks_sha256: str | None


def make_record(
    contents: WheelContents,
    *,
    sha256: str,
    size: int,
    metadata_sha256: str,
    tasks_sha256: str | None,
    upload_time: datetime,
) -> Record:
    """The record of a wheel that is about to be published."""
    metadata = contents.metadata
    return Record(
        filename=contents.name.filename,
        project=contents.name.project,
        version=contents.name.version,
        sha256=sha256,
        size=size,
        upload_time=upload_time.astimezone(UTC).replace(microsecond=0),
        requires_python=str(metadata.requires_python or ""),
        requires_dist=tuple(str(requirement) for requirement in metadata.requires_dist),
        provides_extra=tuple(sorted(metadata.provides_extra)),
        summary=metadata.summary,
        metadata_sha256=metadata_sha256,
        tasks_sha256=tasks_sha256,
    )


def record_to_json(record: Record) -> bytes:
    """The record as it is stored."""
    return schema.dump(
        {
            "schema": schema.SCHEMA,
            "filename": record.filename,
            "sha256": record.sha256,
            "size": record.size,
            "upload-time": schema.format_time(record.upload_time),
            "requires-python": record.requires_python,
            "requires-dist": list(record.requires_dist),
            "provides-extra": list(record.provides_extra),
            "summary": record.summary,
            "metadata-sha256": record.metadata_sha256,
            "tasks-sha256": record.tasks_sha256,
        }
    )


def record_from_json(body: bytes, *, source: str) -> Record:
    """Read a stored record.

    Args:
        body: The record's bytes.
        source: Its address, for the error.

    Raises:
        MalformedDocumentError: It is malformed or has a newer major schema.
    """
    document = schema.load(body, source=source)
    try:
        return record_from_fields(document)
    except (KeyError, TypeError, ValueError, InvalidWheelFilename) as problem:
        raise MalformedDocumentError(f"{source} is malformed", why=f"{type(problem).__name__}: {problem}") from problem


def record_from_fields(fields: Mapping[str, object]) -> Record:
    """Build a record from its JSON fields.

    Raises:
        KeyError: A field is missing.
        TypeError: A field has the wrong type.
        ValueError: A field's text is invalid.
        InvalidWheelFilename: The file name is no wheel's.
    """
    name = WheelName.parse(_text(fields, "filename"))
    size, tasks = fields["size"], fields.get("tasks-sha256")
    if not isinstance(size, int):
        raise TypeError("'size' is not a number")
    return Record(
        filename=name.filename,
        project=name.project,
        version=name.version,
        sha256=_text(fields, "sha256"),
        size=size,
        upload_time=datetime.fromisoformat(_text(fields, "upload-time")),
        requires_python=_text(fields, "requires-python"),
        requires_dist=_texts(fields, "requires-dist"),
        provides_extra=_texts(fields, "provides-extra"),
        summary=_text(fields, "summary"),
        metadata_sha256=_text(fields, "metadata-sha256"),
        tasks_sha256=None if tasks is None else _text(fields, "tasks-sha256"),
    )


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise TypeError(f"{key!r} is not a string")
    return value


def _texts(fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = fields[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{key!r} is not a list of strings")
    return tuple(value)
