"""Revocations: wheels that must never run again, by digest. Pure values.

``revoked.json`` only ever grows: a malicious or leaked release stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dioptra.plugins import schema
from dioptra.plugins.errors import DioptraPluginsError, IntegrityError, MalformedDocumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One revoked wheel.

    Attributes:
        sha256: Lower-case hexadecimal digest of the wheel.
        project: Normalized project name.
        version: Its release.
        filename: Its file name.
        reason: Why.
        time: Aware UTC time.
    """

    sha256: str
    project: str
    version: str
    filename: str
    reason: str
    time: datetime


class RevokedError(IntegrityError):
    """Wheels were to be used that are revoked.

    Attributes:
        revocations: Them, sorted by project.
    """

    def __init__(self, revocations: Iterable[Revocation]) -> None:
        self.revocations = tuple(sorted(revocations, key=lambda item: (item.project, item.filename)))
        names = dict.fromkeys(f"{item.project} {item.version}" for item in self.revocations)
        projects = " ".join(dict.fromkeys(item.project for item in self.revocations))
        super().__init__(
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} revoked and must not run",
            why="\n".join(
                f"{item.filename}: {item.reason} (sha256 {item.sha256}, {schema.format_time(item.time)})"
                for item in self.revocations
            ),
            hint=f"lock other releases of {projects}: dioptra-plugins lock REQUIREMENT…",
        )


def revocations_to_json(revocations: Iterable[Revocation]) -> bytes:
    """Revocations as they are stored."""
    rows = {
        item.sha256: {
            "project": item.project,
            "version": item.version,
            "filename": item.filename,
            "reason": item.reason,
            "time": schema.format_time(item.time),
        }
        for item in revocations
    }
    return schema.dump({"schema": schema.SCHEMA, "revoked": rows})


def revocations_from_json(
    body: bytes, *, source: str, error: type[DioptraPluginsError] = MalformedDocumentError
) -> Mapping[str, Revocation]:
    """Read stored revocations.

    Args:
        body: Their bytes.
        source: Their address, for the error.
        error: What to raise.

    Returns:
        Revocations by digest.

    Raises:
        error: They are malformed or have a newer major schema.
    """
    document = schema.load(body, source=source, error=error)
    rows = document.get("revoked")
    if not isinstance(rows, dict):
        raise error(f"{source} is malformed", why="'revoked' is no object")
    try:
        return {
            sha256: Revocation(
                sha256=sha256,
                project=str(row["project"]),
                version=str(row["version"]),
                filename=str(row["filename"]),
                reason=str(row["reason"]),
                time=datetime.fromisoformat(str(row["time"])),
            )
            for sha256, row in rows.items()
        }
    except (KeyError, TypeError, ValueError) as problem:
        raise error(f"{source} is malformed", why=f"{type(problem).__name__}: {problem}") from problem


def refuse_revoked(sha256s: Iterable[str], revocations: Mapping[str, Revocation]) -> None:
    """Refuse wheels that are revoked.

    Args:
        sha256s: Digests of the wheels.
        revocations: What is revoked, by digest.

    Raises:
        RevokedError: Some of them are.
    """
    found = [revocations[sha256] for sha256 in sha256s if sha256 in revocations]
    if found:
        raise RevokedError(found)
