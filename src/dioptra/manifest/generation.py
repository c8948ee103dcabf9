"""What the runtime reads of a plugin directory's generations: where wheels came from, and which lock was synced.

A managed plugin directory switches by replacing one link, so the link is followed once and what it led to is used from
then on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dioptra.manifest.codec import MalformedManifestError
from dioptra.manifest.environment import GENERATION_FILE, GENERATIONS
from dioptra.manifest.model import SCHEMA, SchemaVersionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the wheels of a generation came from.

    Attributes:
        lock_sha256: Digest of the lock file that was synced.
        indexes: URL of the index of each wheel, by normalized project name.
    """

    lock_sha256: str
    indexes: Mapping[str, str] = field(default_factory=dict)


def read_origin(generation: Path) -> Origin:
    """Read where a generation's wheels came from.

    Args:
        generation: The generation's folder.

    Raises:
        OSError: It cannot be read.
        MalformedManifestError: It is no generation.
        SchemaVersionError: A newer major version wrote it.
    """
    file = generation / GENERATION_FILE
    try:
        document = json.loads(file.read_bytes())
        schema = str(document["schema"])
        if int(schema.partition(".")[0]) > int(SCHEMA.partition(".")[0]):
            raise SchemaVersionError(str(file), schema)
        urls = {row["name"]: row["url"] for row in document["indexes"]}
        indexes = {project: urls[name] for project, name in document.get("wheels", {}).items()}
        return Origin(lock_sha256=str(document["lock-sha256"]), indexes=indexes)
    except SchemaVersionError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise MalformedManifestError(str(file), f"{type(problem).__name__}: {problem}") from problem


def find_generation(root: Path, lock_sha256: str) -> Path | None:
    """Find the newest generation that a lock was synced into.

    Args:
        root: The plugin directory.
        lock_sha256: Digest of the lock file.

    Returns:
        The generation's folder; None if the lock was never synced here, or its generations are collected.

    Raises:
        OSError: The generations cannot be read.
        MalformedManifestError: One of them is malformed.
        SchemaVersionError: A newer major version wrote one.
    """
    try:
        names = os.listdir(root / GENERATIONS)  # noqa: PTH208 - names only
    except FileNotFoundError:
        return None
    for number in sorted((int(name) for name in names if name.isascii() and name.isdigit()), reverse=True):
        folder = root / GENERATIONS / str(number)
        if read_origin(folder).lock_sha256 == lock_sha256:
            return folder
    return None
