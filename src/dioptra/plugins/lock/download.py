"""Downloading a locked wheel: a file is trusted by its size and sha256, and by nothing else."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from dioptra.plugins.errors import ConfigurationError, IntegrityError
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.model import LockedWheel
from dioptra.plugins.wheel.model import WHEEL_LIMIT


def download_locked(wheel: LockedWheel, catalogue: Catalogue, file: BinaryIO) -> None:
    """Download one wheel and compare it with the lock on the way.

    Args:
        wheel: What to download.
        catalogue: The index that has it.
        file: Where to write it.

    Raises:
        IndexAccessError: It cannot be downloaded.
        IntegrityError: It is not the locked file.
        ConfigurationError: It cannot be written.
    """
    sink = _VerifyingSink(file, wheel)
    # The sink ends a download that is too long, and with the right error: here the limit only bounds all wheels.
    catalogue.download(wheel.project, wheel.filename, wheel.url, sink, limit=WHEEL_LIMIT)
    sink.finish()


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
                f"{self._wheel.filename} cannot be written",
                why=str(problem),
                hint="check the folder's owner, its permissions and the free space; nothing that was there is touched",
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
