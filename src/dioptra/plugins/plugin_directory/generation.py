"""Generations: which environment was active when, and the one link that decides.

The active generation has the highest number: going back to an earlier environment is a new generation too. A folder
with a higher number was made by a run that was killed before it could switch.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dioptra.manifest.codec import MalformedManifestError
from dioptra.manifest.environment import ENVIRONMENT_LINK, GENERATION_FILE, read_environment
from dioptra.manifest.model import EnvironmentDescription, SchemaVersionError
from dioptra.plugins import schema
from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
from dioptra.plugins.lock.model import LOCK_FILENAME
from dioptra.plugins.plugin_directory.layout import PluginDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidedByHost:
    """A distribution that the host provided when a generation was made.

    Attributes:
        project: Normalized project name.
        version: The version the host had.
        declared: The release that it stands for, as the lock says; None where it says nothing.
        specifier: What the lock asks of it.
    """

    project: str
    version: str
    declared: str | None = None
    specifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One activation.

    Attributes:
        number: Counts up from 1.
        lock_sha256: Digest of the lock file's bytes.
        environment: Digest of the environment.
        target: The kind of worker that the host is, as the lock calls it.
        indexes: Names and addresses of the lock's indexes.
        wheels: Name of the index of each wheel, by project.
        provided: What the host provided.
        host_fingerprint: Changes when the host's distributions or interpreter change.
        time: When, aware UTC.
    """

    number: int
    lock_sha256: str
    environment: str
    target: str
    indexes: tuple[tuple[str, str], ...]
    wheels: tuple[tuple[str, str], ...]
    provided: tuple[ProvidedByHost, ...]
    host_fingerprint: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentState:
    """What a plugin directory has active.

    Attributes:
        generation: The activation.
        environment: What the environment holds.
        path: The environment's folder.
    """

    generation: Generation
    environment: EnvironmentDescription
    path: Path


def read_current(directory: PluginDirectory) -> CurrentState | None:
    """The active generation with its environment; None if nothing was activated yet.

    Raises:
        ConfigurationError: Something of it is gone or malformed.
    """
    generation = read_generation(directory)
    if generation is None:
        return None
    path = directory.environment(generation.environment)
    try:
        environment = read_environment(path)
    except (OSError, MalformedManifestError, SchemaVersionError) as problem:
        raise ConfigurationError(
            f"the active environment of {directory.root} cannot be read",
            why=str(problem),
            hint=f"remove the folder {path} and sync again",
        ) from problem
    return CurrentState(generation=generation, environment=environment, path=path)


def read_generation(directory: PluginDirectory) -> Generation | None:
    """The active generation; None if nothing was activated yet.

    Raises:
        ConfigurationError: Its description is gone or malformed.
    """
    try:
        if not directory.current.is_symlink():
            return None
    except OSError as problem:
        raise ConfigurationError(f"{directory.current} cannot be read", why=str(problem)) from problem
    return _read(
        directory.current / GENERATION_FILE,
        f"the active generation of {directory.root}",
        f"remove the link {directory.current} and sync again",
    )


def read_generations(directory: PluginDirectory) -> tuple[Generation, ...]:
    """All generations that are kept, the oldest first.

    Raises:
        ConfigurationError: One is malformed.
        OSError: They cannot be listed.
    """
    folders = [directory.generation(number) for number in sorted(_numbers(directory))]
    return tuple(
        _read(folder / GENERATION_FILE, f"generation {folder.name} of {directory.root}", f"remove the folder {folder}")
        for folder in folders
    )


def _read(file: Path, name: str, hint: str) -> Generation:
    try:
        document = schema.load(file.read_bytes(), source=str(file), error=ConfigurationError)
        return Generation(
            number=int(str(document["number"])),
            lock_sha256=str(document["lock-sha256"]),
            environment=str(document["environment"]),
            target=str(document.get("target", "")),
            indexes=tuple((str(row["name"]), str(row["url"])) for row in _rows(document, "indexes")),
            wheels=tuple((str(name), str(index)) for name, index in _object(document, "wheels").items()),
            provided=tuple(
                ProvidedByHost(
                    project=str(row["project"]),
                    version=str(row["version"]),
                    declared=str(row["declared"]) if row.get("declared") is not None else None,
                    specifier=str(row["specifier"]),
                )
                for row in _rows(document, "provided")
            ),
            host_fingerprint=str(document["host-fingerprint"]),
            time=datetime.fromisoformat(str(document["time"])),
        )
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise ConfigurationError(f"{name} cannot be read", why=f"{file}: {problem}", hint=hint) from problem


def next_number(directory: PluginDirectory) -> int:
    """The number of the next generation.

    Raises:
        OSError: The generations cannot be listed.
    """
    return max(_numbers(directory), default=0) + 1


def remove_abandoned(directory: PluginDirectory, active: Generation | None) -> None:
    """Remove generations that were never active: their run was killed before it could switch.

    Raises:
        OSError: One cannot be removed.
    """
    for number in _numbers(directory):
        if active is None or number > active.number:
            shutil.rmtree(directory.generation(number))


def read_generation_lock(directory: PluginDirectory, number: int) -> bytes:
    """The lock that a generation was made from.

    Args:
        directory: The plugin directory.
        number: The generation's.

    Raises:
        UnsatisfiedError: There is no such generation.
        ConfigurationError: It cannot be read.
    """
    try:
        return (directory.generation(number) / LOCK_FILENAME).read_bytes()
    except FileNotFoundError as absent:
        there = ", ".join(map(str, sorted(_numbers(directory)))) or "none"
        raise UnsatisfiedError(
            f"{directory.root} has no generation {number}", why=f"the generations there are: {there}"
        ) from absent
    except OSError as problem:
        raise ConfigurationError(f"{directory.root} cannot be read", why=str(problem)) from problem


def stage_generation(generation: Generation, lock_bytes: bytes, folder: Path) -> None:
    """Write a generation, with the lock that it was made from, into an absent folder aside.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir()
    (folder / ENVIRONMENT_LINK).symlink_to(Path("..", "..", "environments", generation.environment))
    document = {
        "schema": schema.SCHEMA,
        "number": generation.number,
        "lock-sha256": generation.lock_sha256,
        "environment": generation.environment,
        "target": generation.target,
        "indexes": [{"name": name, "url": url} for name, url in generation.indexes],
        "wheels": dict(generation.wheels),
        "provided": [
            {
                "project": item.project,
                "version": item.version,
                "declared": item.declared,
                "specifier": item.specifier,
            }
            for item in generation.provided
        ],
        "host-fingerprint": generation.host_fingerprint,
        "time": generation.time.isoformat(),
    }
    (folder / LOCK_FILENAME).write_bytes(lock_bytes)
    (folder / GENERATION_FILE).write_bytes(schema.dump(document))


def switch(directory: PluginDirectory, number: int) -> None:
    """Make a generation the active one: one rename, which happens or does not.

    Raises:
        OSError: The link cannot be written; the old generation stays active.
    """
    link = directory.tmp / "current"
    link.symlink_to(f"generations/{number}")
    link.rename(directory.current)


def _numbers(directory: PluginDirectory) -> list[int]:
    try:
        names = os.listdir(directory.generations)  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []
    return [int(name) for name in names if name.isascii() and name.isdigit()]


def _object(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise TypeError(f"{key!r} is no object")
    return value


def _rows(document: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    value = document[key]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise TypeError(f"{key!r} is not a list of objects")
    return value
