"""The metadata of a wheel on a server, read without the rest of it."""

from __future__ import annotations

import zipfile
import zlib

from dioptra.plugins.object_store.port import PAGE_LIMIT
from dioptra.plugins.object_store.ranged_file import NoRangesError, RangedFile, RangeReader
from dioptra.plugins.wheel.metadata import METADATA_LIMIT

_METADATA = ".dist-info/METADATA"


def read_remote_metadata(reader: RangeReader, url: str) -> bytes | None:
    """Read a wheel's METADATA by range requests.

    What is read is not held against the wheel's hash, as it is no more than a part of it: the whole wheel is, before
    it is installed.

    Args:
        reader: What reads parts of it.
        url: Its address.

    Returns:
        The file's bytes. None if the server sends wheels whole only, or if anything is odd about the archive: then
        the whole wheel has to be read, which tells what.

    Raises:
        ObjectNotFoundError: There is no such file.
        IndexAccessError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(RangedFile(reader, url, limit=PAGE_LIMIT)) as archive:
            found = [info for info in archive.infolist() if _is_metadata(info.filename)]
            if len(found) != 1 or found[0].file_size > METADATA_LIMIT:
                return None
            return archive.read(found[0])
    except (NoRangesError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return None


def _is_metadata(name: str) -> bool:
    return name.endswith(_METADATA) and name.count("/") == 1
