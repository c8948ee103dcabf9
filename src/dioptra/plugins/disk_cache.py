"""Bytes kept on disk from one run to the next; losing them costs time and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

_DIGEST_SIZE = hashlib.sha256().digest_size


class DiskCache:
    """A folder of entries, each in a file of its own; any number of processes may share it.

    A damaged or unreadable entry counts as absent, and one that cannot be written is not kept: no command fails
    because of its cache.

    Args:
        folder: Where the entries are; made when the first is kept.
        limit: Bytes that all entries may have; the ones that were not used for longest go first.
    """

    def __init__(self, folder: Path, *, limit: int = 512 * 1024 * 1024) -> None:
        self._folder, self._limit = folder, limit
        self._is_trimmed = False

    def get(self, key: str) -> bytes | None:
        """The bytes of an entry; None if there is none.

        Args:
            key: Any text.
        """
        path = self._path(key)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        digest, body = stored[:_DIGEST_SIZE], stored[_DIGEST_SIZE:]
        if hashlib.sha256(body).digest() != digest:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return body

    def put(self, key: str, body: bytes) -> None:
        """Keep an entry in place of an earlier one.

        Args:
            key: Any text.
            body: Its bytes.
        """
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(hashlib.sha256(body).digest() + body)
                Path(name).replace(path)
            except OSError:
                Path(name).unlink()
        if not self._is_trimmed:
            self._is_trimmed = True
            self._trim()

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / name[:2] / name[2:]

    def _trim(self) -> None:
        with contextlib.suppress(OSError):
            entries = [(path, path.stat()) for path in self._folder.glob("*/*")]
            entries.sort(key=lambda entry: entry[1].st_mtime)
            size = sum(status.st_size for _, status in entries)
            for path, status in entries:
                if size <= self._limit:
                    break
                path.unlink()
                size -= status.st_size
