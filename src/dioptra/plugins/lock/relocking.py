"""Locking again: what of the present lock is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.lock.lock_file import read_lock


def pins_to_keep(path: Path, upgraded: Sequence[str]) -> dict[NormalizedName, Version]:
    """The versions that a lock pins, to be kept where they still satisfy.

    Args:
        path: The present lock; there need be none.
        upgraded: Projects whose versions are not kept.

    Raises:
        ConfigurationError: The lock is malformed, or does not pin what is to be upgraded.
    """
    pins: dict[NormalizedName, Version] = {}
    if path.exists():
        pins = {wheel.project: wheel.version for wheel in read_lock(path).wheels}
    for name in upgraded:
        project = canonicalize_name(name)
        if project not in pins:
            raise ConfigurationError(
                f"{path} does not pin {project}",
                why=f"it pins {', '.join(sorted(pins)) or 'nothing'}",
                hint="leave out --upgrade-package for what is new",
            )
        del pins[project]
    return pins


def parse_cutoff(text: str) -> datetime:
    """Read a day or a time (ISO 8601); without a zone it is UTC, a day means its beginning.

    Raises:
        ConfigurationError: It is neither.
    """
    try:
        found = datetime.fromisoformat(text) if len(text) > len("2026-01-01") else _midnight(date.fromisoformat(text))
    except ValueError as problem:
        raise ConfigurationError(
            f"'{text}' is no date", why=str(problem), hint="write 2026-11-23 or 2026-11-23T12:00:00Z"
        ) from problem
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
