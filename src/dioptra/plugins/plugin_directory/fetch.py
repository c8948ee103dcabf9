"""Downloading locked wheels: a file is trusted by its size and sha256, and by nothing else."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import BinaryIO

from dioptra.plugins.errors import ConfigurationError, IntegrityError
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.model import LockedWheel
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel, stage_wheel
from dioptra.plugins.wheel.model import WHEEL_LIMIT

DOWNLOADS_AT_ONCE = 8

_AHEAD = 2 * DOWNLOADS_AT_ONCE
"""Downloads that may be under way or wait to be unpacked: a bound on the memory of small ones."""

_LARGE = 1024 * 1024
"""Bytes from which a wheel is downloaded to disk and unpacked in its download's thread, where hashing and inflating
large pieces runs beside the others. Unpacking small wheels is interpreter work: several threads take longer than one,
and a file that is removed at once costs as much as one that stays."""


def fetch_wheels(
    wheels: Sequence[LockedWheel], catalogues: Mapping[str, Catalogue], aside: Path
) -> Mapping[str, tuple[Path, StoredWheel]]:
    """Download, verify and unpack wheels, several at a time.

    Args:
        wheels: What to fetch.
        catalogues: Indexes by name.
        aside: An existing folder on the store's file system.

    Returns:
        By sha256: the folder that is ready to be renamed into the store, and what it holds.

    Raises:
        ConfigurationError: An index is not configured.
        IndexAccessError: A wheel cannot be downloaded.
        IntegrityError: A wheel is not the locked file, or is refused.
        OSError: Something cannot be written.
    """
    unknown = sorted({wheel.index for wheel in wheels} - catalogues.keys())
    if unknown:
        raise ConfigurationError(
            f"the lock takes wheels from {', '.join(unknown)}, which is no configured index",
            why=f"configured: {', '.join(sorted(catalogues)) or 'none'}",
            hint=f"add --index {unknown[0]}=URL",
        )
    fetched: dict[str, tuple[Path, StoredWheel]] = {}
    waiting = iter(wheels)
    pending: dict[Future[BinaryIO | StoredWheel], LockedWheel] = {}
    workers = ThreadPoolExecutor(DOWNLOADS_AT_ONCE)
    try:
        while True:
            for wheel in itertools.islice(waiting, _AHEAD - len(pending)):
                pending[workers.submit(_fetch, wheel, catalogues[wheel.index], aside)] = wheel
            if not pending:
                return fetched
            for done in wait(pending, return_when=FIRST_COMPLETED).done:
                wheel, result = pending.pop(done), done.result()
                stored = result if isinstance(result, StoredWheel) else _stage(result, wheel, aside)
                fetched[wheel.sha256] = (aside / wheel.sha256, stored)
    finally:
        # After a failure, and after an interrupt, what has not started yet never does.
        workers.shutdown(wait=True, cancel_futures=True)


def _fetch(wheel: LockedWheel, catalogue: Catalogue, aside: Path) -> BinaryIO | StoredWheel:
    """Download one wheel. A large one is unpacked too, a small one is given back in memory for the caller to unpack."""
    if wheel.size < _LARGE:
        small = io.BytesIO()
        _download(wheel, catalogue, small)
        return small
    archive = aside / f"{wheel.sha256}.whl"
    with archive.open("x+b") as large:
        _download(wheel, catalogue, large)
        stored = _stage(large, wheel, aside)
    archive.unlink()
    return stored


def _download(wheel: LockedWheel, catalogue: Catalogue, file: BinaryIO) -> None:
    sink = _VerifyingSink(file, wheel)
    # The sink ends a download that is too long, and with the right error: here the limit only bounds all wheels.
    catalogue.download(wheel.project, wheel.filename, wheel.url, sink, limit=WHEEL_LIMIT)
    sink.finish()


def _stage(archive: BinaryIO, wheel: LockedWheel, aside: Path) -> StoredWheel:
    return stage_wheel(archive, wheel, aside / wheel.sha256)


class _VerifyingSink:
    """Takes a download, hashes it on the way, and stops it as soon as it cannot be the locked file."""

    def __init__(self, file: BinaryIO, wheel: LockedWheel) -> None:
        self._file, self._wheel = file, wheel
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, data: bytes, /) -> int:
        """Take the next bytes.

        Raises:
            IntegrityError: There are more than the lock says.
            ConfigurationError: They cannot be written; told apart here from failures of the index.
        """
        self._size += len(data)
        if self._size > self._wheel.size:
            raise self._mismatch(f"more than {self._wheel.size} bytes")
        self._digest.update(data)
        try:
            self._file.write(data)
        except OSError as problem:
            raise ConfigurationError(
                f"{self._wheel.filename} cannot be written to the plugin directory",
                why=str(problem),
                hint="check its owner, its permissions and the free space; the active environment is untouched",
            ) from problem
        return len(data)

    def finish(self) -> None:
        """Compare with the lock.

        Raises:
            IntegrityError: It is another file.
        """
        if self._size != self._wheel.size:
            raise self._mismatch(f"{self._size} bytes")
        if self._digest.hexdigest() != self._wheel.sha256:
            raise self._mismatch(f"sha256 {self._digest.hexdigest()}")

    def _mismatch(self, found: str) -> IntegrityError:
        return IntegrityError(
            f"{self._wheel.filename} from the index '{self._wheel.index}' is not the file that was locked",
            why=f"found {found}; wanted {self._wheel.size} bytes with sha256 {self._wheel.sha256}",
            hint="do not use this index until it is known who changed the file: published files never change",
        )
