"""A lock and all its wheels in one file, for workers that reach no index.

A bundle is a zip archive that is not compressed (wheels are already): the lock as it was, ``wheels/<file name>`` for
each locked wheel, and ``revoked.json`` with what its indexes had revoked when it was made. Nothing in it is trusted
beyond the lock: wheels are compared with it when they are read.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from dioptra.plugins.errors import ConfigurationError, IndexAccessError
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.revocation import Revocation, refuse_revoked, revocations_from_json, revocations_to_json
from dioptra.plugins.lock.download import download_locked
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.lock.pylock_parser import parse
from dioptra.plugins.object_store.port import PAGE_LIMIT, Sink
from dioptra.plugins.wheel.model import CoreMetadata

_LOCK, _WHEELS, _REVOKED = "pylock.plugins.toml", "wheels/", "revoked.json"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened bundle.

    Attributes:
        lock: The lock.
        lock_bytes: Its bytes.
        catalogues: What stands in for the lock's indexes, by name.
    """

    lock: Lock
    lock_bytes: bytes
    catalogues: Mapping[str, Catalogue]


def write_bundle(path: Path, lock: Lock, lock_bytes: bytes, catalogues: Mapping[str, Catalogue]) -> None:
    """Write a bundle in one step.

    Args:
        path: Where to.
        lock: The parsed lock.
        lock_bytes: The lock file's bytes.
        catalogues: The lock's indexes by name.

    Raises:
        IndexAccessError: A wheel cannot be downloaded.
        IntegrityError: A wheel is not the locked one, or is revoked.
        ConfigurationError: The bundle cannot be written.
    """
    revocations: dict[str, Revocation] = {}
    for catalogue in catalogues.values():
        revocations |= catalogue.revocations()
    refuse_revoked((wheel.sha256 for wheel in lock.wheels), revocations)
    try:
        descriptor, aside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be written", why=str(problem)) from problem
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_LOCK, lock_bytes)
            archive.writestr(_REVOKED, revocations_to_json(revocations.values()))
            for wheel in lock.wheels:
                with tempfile.TemporaryFile() as copy:
                    download_locked(wheel, catalogues[wheel.index], copy)
                    copy.seek(0)
                    with archive.open(zipfile.ZipInfo(f"{_WHEELS}{wheel.filename}"), "w", force_zip64=True) as member:
                        while chunk := copy.read(_CHUNK):
                            member.write(chunk)
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be written", why=str(problem)) from problem
    finally:
        Path(aside).unlink(missing_ok=True)


def open_bundle(path: Path) -> Bundle:
    """Open a bundle.

    Args:
        path: The file.

    Raises:
        ConfigurationError: It cannot be read, or is no bundle.
    """
    lock_bytes = _member(path, _LOCK)
    try:
        lock = parse(lock_bytes.decode("utf-8"), source=f"{path}/{_LOCK}")
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{path} is no bundle", why=f"its lock is no UTF-8: {problem}") from problem
    revocations = revocations_from_json(_member(path, _REVOKED), source=f"{path}/{_REVOKED}", error=ConfigurationError)
    return Bundle(
        lock=lock,
        lock_bytes=lock_bytes,
        catalogues={index.name: _BundledIndex(index.name, index.url, path, revocations) for index in lock.indexes},
    )


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(name)
            if info.file_size > PAGE_LIMIT:
                raise ConfigurationError(f"{path} is no bundle", why=f"{name} has {info.file_size} bytes")
            return archive.read(info)
    except FileNotFoundError as missing:
        raise ConfigurationError(
            f"there is no bundle {path}", hint="dioptra-plugins lock bundle makes one"
        ) from missing
    except (OSError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as problem:
        raise ConfigurationError(f"{path} is no bundle", why=str(problem)) from problem


class _BundledIndex:
    """What a bundle has of one index: wheels by file name, nothing to resolve with."""

    def __init__(self, name: str, url: str, path: Path, revocations: Mapping[str, Revocation]) -> None:
        self._name, self._url, self._path, self._revocations = name, url, path, revocations

    @property
    def name(self) -> str:
        """The index's name in the lock."""
        return self._name

    @property
    def url(self) -> str:
        """The index's address in the lock; nothing is requested from it."""
        return self._url

    @property
    def is_local(self) -> bool:
        """It is a file."""
        return True

    def project(self, project: NormalizedName) -> ProjectPage | None:
        """Nothing: a bundle has no pages."""
        del project
        return None

    def project_names(self) -> tuple[NormalizedName, ...]:
        """Nothing: a bundle has no pages."""
        return ()

    def revocations(self) -> Mapping[str, Revocation]:
        """What was revoked when the bundle was made."""
        return self._revocations

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        """Nothing is resolved from a bundle."""
        raise IndexAccessError(f"{self._path} has no metadata of {page.project} {file.filename}")

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        """Where the file is for people."""
        del page
        return f"{self._path}/{_WHEELS}{file.filename}"

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        """Copy a wheel out of the bundle."""
        del project, url, limit  # the lock bounds it
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(f"{_WHEELS}{filename}") as member:
                while chunk := member.read(_CHUNK):
                    sink.write(chunk)
        except (OSError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as problem:
            raise IndexAccessError(f"{filename} cannot be read from {self._path}", why=str(problem)) from problem
