"""The content-addressed store: one folder a wheel, named by the wheel's sha256, never written again.

``<sha256>/files/`` holds the unpacked wheel, ``<sha256>/wheel.json`` what it is and its installed files. A folder of
that name is complete: it is made aside, made durable and renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dioptra.manifest.codec import MalformedManifestError, wheel_from_json, wheel_to_json
from dioptra.manifest.distribution import scan_distribution
from dioptra.manifest.import_roots import import_roots
from dioptra.manifest.model import EnvironmentWheel, SchemaVersionError, TaskManifest
from dioptra.plugins.errors import ConfigurationError, IntegrityError
from dioptra.plugins.lock.model import LockedWheel
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.wheel.check import installed_path
from dioptra.plugins.wheel.model import WheelContents
from dioptra.plugins.wheel.unpack import unpack_wheel

FILES = "files"
_DESCRIPTION = "wheel.json"
_PATHS = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWheel:
    """A wheel in the store.

    Attributes:
        wheel: What it is, with its task manifest.
        paths: Its installed files, relative to a path entry.
    """

    wheel: EnvironmentWheel
    paths: tuple[str, ...]


def stored_digests(directory: PluginDirectory) -> frozenset[str]:
    """Which wheels the store has.

    Raises:
        OSError: The store cannot be read.
    """
    try:
        return frozenset(os.listdir(directory.store))  # noqa: PTH208 - names only
    except FileNotFoundError:
        return frozenset()


def read_stored(directory: PluginDirectory, sha256: str) -> StoredWheel:
    """Read what the store says of a wheel that it has.

    Raises:
        IntegrityError: Its folder cannot be read.
        ConfigurationError: A newer version of this program wrote it.
    """
    folder = directory.stored_wheel(sha256)
    file = folder / _DESCRIPTION
    try:
        body = file.read_bytes()
        wheel = wheel_from_json(body, source=str(file))
        paths = json.loads(body)[_PATHS]
        if wheel.sha256 != sha256 or not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise MalformedManifestError(str(file), "it is no description of this wheel")
    except SchemaVersionError as newer:
        raise ConfigurationError(str(newer), hint="install a dioptra-plugins that supports it") from newer
    except (OSError, KeyError, MalformedManifestError) as problem:
        raise IntegrityError(
            f"the stored wheel {folder} is damaged",
            why=str(problem),
            hint=f"remove the folder {folder} and sync again",
        ) from problem
    return StoredWheel(wheel=wheel, paths=tuple(paths))


def stage_wheel(archive: BinaryIO, locked: LockedWheel, folder: Path) -> StoredWheel:
    """Check and unpack a verified download into a folder aside.

    Args:
        archive: The wheel, seekable, whose sha256 is the locked one.
        locked: What the lock says of it.
        folder: An absent folder on the store's file system.

    Returns:
        What the store will hold.

    Raises:
        WheelRefusedError: The wheel has problems.
        IntegrityError: It is another project or version than the lock says.
        OSError: It cannot be written.
    """
    files = folder / FILES
    folder.mkdir()
    files.mkdir()
    contents = unpack_wheel(archive, locked.filename, files)
    if (contents.name.project, contents.name.version) != (locked.project, locked.version):
        raise IntegrityError(
            f"{locked.filename} is not what the lock says",
            why=f"found {contents.name.project} {contents.name.version}, wanted {locked.project} {locked.version}",
            hint="write the lock anew with: dioptra-plugins lock",
        )
    installed = (installed_path(line.path, contents.dist_info) for line in contents.files)
    paths = tuple(sorted(path for path in installed if path is not None))
    wheel = EnvironmentWheel(
        project=locked.project,
        version=str(locked.version),
        filename=locked.filename,
        sha256=locked.sha256,
        import_roots=import_roots(paths),
        manifest=_manifest(files, paths, contents) if contents.entry_points else None,
    )
    (folder / _DESCRIPTION).write_bytes(_description(wheel, paths))
    return StoredWheel(wheel=wheel, paths=paths)


def _description(wheel: EnvironmentWheel, paths: Iterable[str]) -> bytes:
    # One file a wheel: creating files is what a sync's time goes into.
    document = {**json.loads(wheel_to_json(wheel)), _PATHS: list(paths)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _manifest(files: Path, paths: Iterable[str], contents: WheelContents) -> TaskManifest:
    return scan_distribution(
        project=contents.name.project,
        version=str(contents.name.version),
        entry_points=contents.entry_points,
        files=paths,
        read=lambda path: (files / path).read_bytes(),
    )
