"""Generations: which environment was active when, and the one link that decides."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dioptra.manifest.environment import ENVIRONMENT_LINK
from dioptra.plugins import schema
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.plugin_directory.durability import flush, flush_tree
from dioptra.plugins.plugin_directory.layout import PluginDirectory

_FILE = "generation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One activation.

    Attributes:
        number: Counts up from 1.
        lock_sha256: Digest of the lock file's bytes.
        environment: Digest of the environment.
        indexes: Names and addresses of the lock's indexes.
        provided: What the host provides: project, version found, and what was asked of it.
        host_fingerprint: Changes when the host's distributions or interpreter change.
        time: When, aware UTC.
    """

    number: int
    lock_sha256: str
    environment: str
    indexes: tuple[tuple[str, str], ...]
    provided: tuple[tuple[str, str, str], ...]
    host_fingerprint: str
    time: datetime


def read_current(directory: PluginDirectory) -> Generation | None:
    """The active generation; None if nothing was activated yet.

    Raises:
        ConfigurationError: Its description is gone or malformed.
    """
    if not directory.current.is_symlink():
        return None
    file = directory.current / _FILE
    try:
        document = schema.load(file.read_bytes(), source=str(file), error=ConfigurationError)
        return Generation(
            number=int(str(document["number"])),
            lock_sha256=str(document["lock-sha256"]),
            environment=str(document["environment"]),
            indexes=tuple((str(name), str(url)) for name, url in _rows(document, "indexes")),
            provided=tuple((str(project), str(ver), str(spec)) for project, ver, spec in _rows(document, "provided")),
            host_fingerprint=str(document["host-fingerprint"]),
            time=datetime.fromisoformat(str(document["time"])),
        )
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise ConfigurationError(
            f"{directory.root} has a damaged generation",
            why=f"{file}: {problem}",
            hint="sync again; if this stays, remove the link 'current' and sync",
        ) from problem


def next_number(directory: PluginDirectory) -> int:
    """The number of the next generation."""
    if not directory.generations.is_dir():
        return 1
    numbers = [int(entry.name) for entry in directory.generations.iterdir() if entry.name.isdigit()]
    return max(numbers, default=0) + 1


def activate(directory: PluginDirectory, generation: Generation) -> None:
    """Write a generation and switch to it; the switch is one rename, and everything before it is durable.

    Raises:
        OSError: Something cannot be written; the old generation stays active.
    """
    folder = directory.tmp / f"generation-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    (folder / ENVIRONMENT_LINK).symlink_to(Path("..", "..", "environments", generation.environment))
    (folder / _FILE).write_bytes(
        schema.dump(
            {
                "schema": schema.SCHEMA,
                "number": generation.number,
                "lock-sha256": generation.lock_sha256,
                "environment": generation.environment,
                "indexes": [list(row) for row in generation.indexes],
                "provided": [list(row) for row in generation.provided],
                "host-fingerprint": generation.host_fingerprint,
                "time": generation.time.isoformat(),
            }
        )
    )
    directory.generations.mkdir(exist_ok=True)
    flush_tree(folder)
    folder.rename(directory.generation(generation.number))
    flush(directory.generations)
    link = directory.tmp / f"current-{uuid.uuid4().hex}"
    link.symlink_to(f"generations/{generation.number}")
    link.rename(directory.current)
    flush(directory.root)


def _rows(document: Mapping[str, object], key: str) -> list[list[object]]:
    value = document[key]
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise TypeError(f"{key!r} is not a list of rows")
    return value
