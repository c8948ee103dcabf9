"""Locking again: what of the present lock is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.lock.lock_file import read_lock


def pins_to_keep(path: Path, upgraded: Sequence[str]) -> dict[str, dict[NormalizedName, Version]]:
    """The versions that a lock pins, to be kept where they still satisfy.

    Args:
        path: The present lock; there need be none.
        upgraded: Projects whose versions are not kept.

    Returns:
        Versions by project, for each kind of worker by its name.

    Raises:
        ConfigurationError: The lock is malformed, or does not pin what is to be upgraded.
    """
    lock = read_lock(path) if path.exists() else None
    pinned = frozenset() if lock is None else frozenset(wheel.project for wheel in lock.wheels)
    free = frozenset(canonicalize_name(name) for name in upgraded)
    if free - pinned:
        raise ConfigurationError(
            f"{path} does not pin {', '.join(sorted(free - pinned))}",
            why=f"it pins {', '.join(sorted(pinned)) or 'nothing'}",
            hint="leave out --upgrade-package for what is new",
        )
    return {
        item.target.name: {wheel.project: wheel.version for wheel in item.wheels if wheel.project not in free}
        for item in (() if lock is None else lock.targets)
    }


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
