"""The content-addressed store: one folder a wheel, named by the wheel's sha256, never written again.

``<sha256>/files/`` holds the unpacked wheel, ``wheel.json`` what it is, ``paths.txt`` its installed files. A folder of
that name is complete: it is made aside, made durable and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from dioptra.manifest.codec import MalformedManifestError, wheel_from_json, wheel_to_json
from dioptra.manifest.distribution import scan_distribution
from dioptra.manifest.model import EnvironmentWheel, SchemaVersionError, TaskManifest
from dioptra.plugins.errors import IntegrityError
from dioptra.plugins.lock.model import LockedWheel
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.wheel.check import installed_path
from dioptra.plugins.wheel.import_roots import import_roots
from dioptra.plugins.wheel.model import WheelContents
from dioptra.plugins.wheel.unpack import unpack_wheel

FILES = "files"
_DESCRIPTION, _PATHS = "wheel.json", "paths.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWheel:
    """A wheel in the store.

    Attributes:
        wheel: What it is, with its task manifest.
        paths: Its installed files, relative to a path entry.
    """

    wheel: EnvironmentWheel
    paths: tuple[str, ...]


def read_stored(directory: PluginDirectory, sha256: str) -> StoredWheel | None:
    """Look a wheel up in the store.

    Returns:
        The wheel; None if the store does not have it.

    Raises:
        IntegrityError: Its folder is there and cannot be read.
    """
    folder = directory.stored_wheel(sha256)
    try:
        wheel = wheel_from_json((folder / _DESCRIPTION).read_bytes(), source=str(folder / _DESCRIPTION))
        paths = (folder / _PATHS).read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        if not folder.exists():
            return None
        raise _damaged(folder, str(missing)) from missing
    except (OSError, UnicodeDecodeError, MalformedManifestError, SchemaVersionError) as problem:
        raise _damaged(folder, str(problem)) from problem
    return StoredWheel(wheel=wheel, paths=tuple(paths.splitlines()))


def stage_wheel(archive: Path, locked: LockedWheel, folder: Path) -> StoredWheel:
    """Check and unpack a verified download into a folder aside.

    Args:
        archive: The wheel file, whose sha256 is the locked one.
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
    files.mkdir(parents=True)
    contents = unpack_wheel(archive, locked.filename, files)
    if (contents.name.project, contents.name.version) != (locked.project, locked.version):
        raise IntegrityError(
            f"{locked.filename} is not what the lock says",
            why=f"found {contents.name.project} {contents.name.version}, wanted {locked.project} {locked.version}",
        )
    installed = (installed_path(line.path, contents.dist_info) for line in contents.files)
    paths = tuple(sorted(path for path in installed if path is not None))
    wheel = EnvironmentWheel(
        project=locked.project,
        version=str(locked.version),
        filename=locked.filename,
        sha256=locked.sha256,
        import_roots=import_roots(paths),
        manifest=_manifest(archive, contents) if contents.entry_points else None,
    )
    (folder / _DESCRIPTION).write_bytes(wheel_to_json(wheel))
    (folder / _PATHS).write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    return StoredWheel(wheel=wheel, paths=paths)


def keep_staged(directory: PluginDirectory, folder: Path, sha256: str) -> None:
    """Rename a staged and durable wheel into the store.

    Raises:
        OSError: It cannot be renamed.
    """
    directory.store.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(directory.stored_wheel(sha256))
    except OSError as problem:
        if problem.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise
        # The same bytes are there already; a rename onto a folder that is not empty changes nothing.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _manifest(archive: Path, contents: WheelContents) -> TaskManifest:
    with zipfile.ZipFile(archive) as wheel:
        return scan_distribution(
            project=contents.name.project,
            version=str(contents.name.version),
            entry_points=contents.entry_points,
            files=[line.path for line in contents.files],
            read=wheel.read,
        )


def _damaged(folder: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"the stored wheel {folder} is damaged", why=why, hint=f"remove the folder {folder} and sync again"
    )
