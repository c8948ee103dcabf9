"""What may change about published files and projects: yanks, removals and project status (PEP 592, 792).

State lies beside the immutable records, one object a file and one a project, and is replaced by compare-and-swap. A
file without state is neither yanked nor removed; a project without state is active.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from dioptra.plugins import schema
from dioptra.plugins.errors import MalformedDocumentError

Status = Literal["active", "archived", "deprecated", "quarantined"]
"""Status of a project; what clients and publishers do about it is in PEP 792."""

STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A tombstone: the file is gone, and its release can never carry other bytes.

    Attributes:
        sha256: Digest of the file that was removed.
        reason: Why.
        time: Aware UTC time.
    """

    sha256: str
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """The state of one published file.

    Attributes:
        yanked: None if it is not yanked; else the reason, which may be empty.
        removed: Its tombstone, or None.
    """

    yanked: str | None = None
    removed: Removal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectState:
    """The state of a project.

    Attributes:
        status: Its status.
        reason: Why; may be empty.
    """

    status: Status = "active"
    reason: str = ""


UNTOUCHED = FileState()
ACTIVE = ProjectState()


def file_state_to_json(state: FileState) -> bytes:
    """The state as it is stored."""
    removed = state.removed
    return schema.dump(
        {
            "schema": schema.SCHEMA,
            "yanked": state.yanked,
            "removed": None
            if removed is None
            else {"sha256": removed.sha256, "reason": removed.reason, "time": schema.format_time(removed.time)},
        }
    )


def file_state_from_json(body: bytes, *, source: str) -> FileState:
    """Read the state of a file.

    Args:
        body: Its bytes.
        source: Its address, for the error.

    Raises:
        MalformedDocumentError: It is malformed or has a newer major schema.
    """
    document = schema.load(body, source=source)
    yanked, removed = document.get("yanked"), document.get("removed")
    if not isinstance(yanked, str | None) or not isinstance(removed, dict | None):
        raise _malformed(source, "'yanked' is no reason, or 'removed' no object")
    return FileState(yanked=yanked, removed=None if removed is None else _removal(removed, source))


def project_state_to_json(state: ProjectState) -> bytes:
    """The state as it is stored."""
    return schema.dump({"schema": schema.SCHEMA, "status": state.status, "reason": state.reason})


def project_state_from_json(body: bytes, *, source: str) -> ProjectState:
    """Read the state of a project.

    Args:
        body: Its bytes.
        source: Its address, for the error.

    Raises:
        MalformedDocumentError: It is malformed, has an unknown status, or a newer major schema.
    """
    document = schema.load(body, source=source)
    status, reason = document.get("status"), document.get("reason", "")
    if status not in STATUSES or not isinstance(reason, str):
        raise _malformed(source, f"'status' is {status!r}, none of {', '.join(STATUSES)}")
    return ProjectState(status=status, reason=reason)


def _removal(fields: Mapping[str, object], source: str) -> Removal:
    try:
        return Removal(
            sha256=str(fields["sha256"]),
            reason=str(fields["reason"]),
            time=datetime.fromisoformat(str(fields["time"])),
        )
    except (KeyError, ValueError) as problem:
        raise _malformed(source, f"{type(problem).__name__}: {problem}") from problem


def _malformed(source: str, why: str) -> MalformedDocumentError:
    return MalformedDocumentError(f"{source} is malformed", why=why)
