"""Downloading locked wheels and unpacking them, several at a time."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import BinaryIO

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.download import download_locked
from dioptra.plugins.lock.model import LockedWheel
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel, stage_wheel

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
        download_locked(wheel, catalogue, small)
        return small
    archive = aside / f"{wheel.sha256}.whl"
    with archive.open("x+b") as large:
        download_locked(wheel, catalogue, large)
        stored = _stage(large, wheel, aside)
    archive.unlink()
    return stored


def _stage(archive: BinaryIO, wheel: LockedWheel, aside: Path) -> StoredWheel:
    return stage_wheel(archive, wheel, aside / wheel.sha256)
