"""A remote file that is read in parts, so that a small member of a large archive costs a request or two."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Protocol

_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRange:
    """Consecutive bytes of a file.

    Attributes:
        body: The bytes.
        first: Offset of the first of them.
        total: Size of the whole file in bytes.
        etag: The file's entity tag as the server sent it; empty where there is none.
    """

    body: bytes
    first: int
    total: int
    etag: str = ""


class RangeReader(Protocol):
    """What can read parts of files (RFC 9110, section 14)."""

    def read_range(self, url: str, first: int | None, size: int, *, etag: str = "") -> FileRange | None:
        """Read bytes of one address.

        Args:
            url: The address.
            first: Offset of the first byte; None for the last `size` bytes of the file.
            size: How many bytes; fewer come where the file ends.
            etag: What the file must still be; empty for anything.

        Returns:
            The bytes; None if the server sends files whole only, or the file is another one by now.

        Raises:
            ObjectNotFoundError: There is no such file.
            IndexAccessError: It cannot be read.
        """


class NoRangesError(Exception):
    """The server sends files whole only, the file changed between two reads, or too much of it would be read."""


class RangedFile(io.RawIOBase):
    """A remote file, seekable and read-only, as `zipfile` takes it.

    Args:
        reader: What reads it.
        url: Its address.
        limit: Bytes that may be read in all.

    Raises:
        NoRangesError: It cannot be read in parts; reading may raise it, too.
        ObjectNotFoundError: There is no such file.
        IndexAccessError: It cannot be read.
    """

    def __init__(self, reader: RangeReader, url: str, *, limit: int) -> None:
        super().__init__()
        self._reader, self._url, self._left = reader, url, limit
        # An archive's directory is at its end, and a wheel's metadata stands last but for it.
        self._block = self._fetch(None, _BLOCK, "")
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read anywhere."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move; see `io.IOBase.seek`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._block.total}[whence]
        if start + offset < 0:
            raise ValueError("a file has no bytes before its first")
        self._position = start + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, all that are left if it is negative."""
        left = max(0, self._block.total - self._position)
        size = left if size < 0 else min(size, left)
        start = self._position - self._block.first
        if start < 0 or start + size > len(self._block.body):
            self._block = self._fetch(self._position, max(size, _BLOCK), self._block.etag)
            start = 0
        found = self._block.body[start : start + size]
        self._position += len(found)
        return found

    def _fetch(self, first: int | None, size: int, etag: str) -> FileRange:
        if size > self._left:
            raise NoRangesError
        self._left -= size
        found = self._reader.read_range(self._url, first, size, etag=etag)
        if found is None:
            raise NoRangesError
        return found
