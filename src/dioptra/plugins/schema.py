"""Schema versions of persisted JSON documents: a newer minor is read, a newer major stops with a clear text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from dioptra.plugins.errors import DioptraPluginsError, MalformedDocumentError

SCHEMA = "1.0"
_MAJOR = 1


def dump(document: Mapping[str, object]) -> bytes:
    """JSON with a fixed form: the same document always gives the same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def load(
    body: bytes, *, source: str, error: type[DioptraPluginsError] = MalformedDocumentError
) -> Mapping[str, object]:
    """Parse a document and check its schema version.

    Args:
        body: The document.
        source: Its address, for the error.
        error: What to raise; by default the error of a document that an index holds.

    Returns:
        The document's top-level object.

    Raises:
        error: It is no JSON object, carries no schema version, or one of a newer major.
    """
    try:
        document = json.loads(body)
    except ValueError as problem:
        raise error(f"{source} is malformed", why=str(problem)) from problem
    found = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(found, str) or not found.partition(".")[0].isdigit():
        raise error(f"{source} is malformed", why="it is no JSON object with a 'schema' version")
    if int(found.partition(".")[0]) > _MAJOR:
        raise error(
            f"{source} has schema {found}",
            why=f"this version of dioptra-plugins reads up to {SCHEMA}",
            hint="install a dioptra-plugins that supports it",
        )
    return document


def format_time(time: datetime) -> str:
    """A UTC time as documents and PEP 700 write it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
