"""Environments on disk as the runtime reads them: what one entry of ``DIOPTRA_PLUGIN_DIR`` is and holds.

A managed plugin directory switches environments by replacing one link; so the link is followed once, and what it led
to is used from then on.
"""

from __future__ import annotations

import enum
import json
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from dioptra.manifest.codec import MalformedManifestError, environment_from_json
from dioptra.manifest.model import SCHEMA, EnvironmentDescription, InterpreterKey, SchemaVersionError

ENVIRONMENT_FILE = "environment.json"
SITE = "site"
LEASE_FILE = "lease"
GENERATION_FILE = "generation.json"
GENERATIONS = "generations"
CURRENT = "current"
ENVIRONMENT_LINK = "environment"

REVOKED_FILE = "revoked.json"

LAYOUT = 1
"""Version of an environment's layout on disk; part of its digest."""


class PluginDirectoryKind(enum.Enum):
    """What one entry of ``DIOPTRA_PLUGIN_DIR`` can be."""

    MANAGED = "managed plugin directory"
    GENERATION = "generation of a plugin directory"
    ENVIRONMENT = "environment"
    RAW = "raw plugin folder"


class DanglingCurrentError(OSError):
    """`current` of a plugin directory leads nowhere.

    Attributes:
        root: The plugin directory.
        target: Where the link leads.
    """

    def __init__(self, root: Path, target: Path) -> None:
        super().__init__(f"{root / CURRENT} leads to {target}, which is no environment")
        self.root, self.target = root, target


def interpreter_key() -> InterpreterKey:
    """The running interpreter, as environments tell interpreters apart."""
    return InterpreterKey(
        cache_tag=sys.implementation.cache_tag or "",
        soabi=sysconfig.get_config_var("SOABI") or "",
        platform=sysconfig.get_platform(),
    )


def environment_digest(interpreter: InterpreterKey, sha256s: Iterable[str], layout: int = LAYOUT) -> str:
    """The name of the environment that holds exactly these wheels for this interpreter.

    Args:
        interpreter: Whom it serves.
        sha256s: Digests of its wheels, in any order.
        layout: Version of the layout.

    Returns:
        Lower-case hexadecimal sha256.
    """
    import hashlib  # loads OpenSSL, which reading an environment does not need

    covered = {
        "interpreter": [interpreter.cache_tag, interpreter.soabi, interpreter.platform],
        "layout": layout,
        "wheels": sorted(set(sha256s)),
    }
    return hashlib.sha256(json.dumps(covered, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def read_environment(path: Path) -> EnvironmentDescription:
    """Read an environment's description.

    Args:
        path: The environment's folder.

    Raises:
        FileNotFoundError: There is no environment, or no longer.
        OSError: It cannot be read.
        MalformedManifestError: It is no description.
        SchemaVersionError: A newer major version wrote it, or its layout is newer.
    """
    file = path / ENVIRONMENT_FILE
    environment = environment_from_json(file.read_bytes(), source=str(file))
    if environment.layout > LAYOUT:
        raise SchemaVersionError(f"the layout of {path}", str(environment.layout), str(LAYOUT))
    return environment


def read_revoked(root: Path) -> dict[str, str]:
    """Read what a plugin directory knows to be revoked.

    Args:
        root: The plugin directory.

    Returns:
        Reasons by sha256 of wheels; empty where nothing is known.

    Raises:
        OSError: It cannot be read.
        MalformedManifestError: It is malformed.
        SchemaVersionError: A newer major version wrote it.
    """
    file = root / REVOKED_FILE
    try:
        body = file.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        document = json.loads(body)
        found = str(document["schema"])
        if int(found.partition(".")[0]) > int(SCHEMA.partition(".")[0]):
            raise SchemaVersionError(str(file), found)
        return {str(sha256): str(row["reason"]) for sha256, row in document["revoked"].items()}
    except SchemaVersionError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise MalformedManifestError(str(file), f"{type(problem).__name__}: {problem}") from problem


def classify(path: Path) -> PluginDirectoryKind:
    """Tell what an existing folder is.

    Args:
        path: One entry of ``DIOPTRA_PLUGIN_DIR``.

    Returns:
        Managed, if it has the link ``current`` or a folder ``generations`` or ``store`` that holds no Python module
        (a raw folder may have packages of these names); a generation or an environment, if it has the description of
        one; else raw.

    Raises:
        OSError: It cannot be looked into.
    """
    if (path / CURRENT).is_symlink() or any(_holds_no_module(path / name) for name in (GENERATIONS, "store")):
        return PluginDirectoryKind.MANAGED
    if (path / ENVIRONMENT_FILE).is_file():
        return PluginDirectoryKind.ENVIRONMENT
    if (path / GENERATION_FILE).is_file() and os.path.lexists(path / ENVIRONMENT_LINK):
        return PluginDirectoryKind.GENERATION
    return PluginDirectoryKind.RAW


def _holds_no_module(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return not any(entry.name.endswith(".py") for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def current_environment(root: Path) -> Path | None:
    """The active environment of a managed plugin directory, with every link resolved once.

    Args:
        root: The plugin directory.

    Returns:
        The environment's real folder; None if nothing was activated yet.

    Raises:
        DanglingCurrentError: `current` leads to something that is no environment.
        OSError: The links cannot be read.
    """
    generation = current_generation(root)
    return None if generation is None else environment_of(generation, root=root)


def current_generation(root: Path) -> Path | None:
    """The active generation of a managed plugin directory, with every link resolved once.

    Args:
        root: The plugin directory.

    Returns:
        The generation's real folder, which may be missing; None if nothing was activated yet.

    Raises:
        OSError: The link cannot be read.
    """
    link = root / CURRENT
    # `current` is read once, and everything behind it belongs to one generation.
    return Path(os.path.realpath(link)) if os.path.lexists(link) else None


def environment_of(generation: Path, *, root: Path) -> Path:
    """The environment of a generation.

    Args:
        generation: The generation's folder.
        root: Its plugin directory, for the error.

    Returns:
        The environment's real folder.

    Raises:
        DanglingCurrentError: There is no environment.
        OSError: The link cannot be read.
    """
    environment = Path(os.path.realpath(generation / ENVIRONMENT_LINK))
    if not (environment / ENVIRONMENT_FILE).is_file():
        raise DanglingCurrentError(root, environment)
    return environment
