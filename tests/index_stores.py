"""Doubles of an index's outside world: a clock that stands still, and stores that fail or are interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.object_store.port import PAGE_LIMIT, ObjectEntry, ObjectReader, ObjectStore, Sink, StoredObject


class InstantClock:
    """A clock that stands still and does not wait."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        del seconds


class CountingReader:
    """A reader that tells what it was asked for."""

    def __init__(self, inner: ObjectReader) -> None:
        self._inner = inner
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return self._inner.url

    def address(self, key: str) -> str:
        return self._inner.address(key)

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        self.asked.append(key)
        return self._inner.read(key, limit=limit)

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        self.asked.append(key)
        return self._inner.read_if_changed(key, etag, limit=limit)

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        self.asked.append(key)
        self._inner.download(key, sink, limit=limit)


class _WatchedStore:
    """A store where something sees every call before it is made."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    def _called(self, operation: str, key: str) -> None:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return self._inner.url

    def address(self, key: str) -> str:
        return self._inner.address(key)

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        self._called("read", key)
        return self._inner.read(key, limit=limit)

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        self._called("read", key)
        return self._inner.read_if_changed(key, etag, limit=limit)

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        self._called("download", key)
        self._inner.download(key, sink, limit=limit)

    def list(self, prefix: str) -> Iterator[ObjectEntry]:
        self._called("list", prefix)
        return self._inner.list(prefix)

    def write(
        self, key: str, body: bytes | Path, *, expected: str | None, content_type: str, cache_control: str
    ) -> str:
        self._called("write", key)
        return self._inner.write(key, body, expected=expected, content_type=content_type, cache_control=cache_control)

    def delete(self, key: str) -> None:
        self._called("delete", key)
        self._inner.delete(key)

    def keeps_trailing_slash_keys(self) -> bool:
        return False


class FailingStore(_WatchedStore):
    """A store whose calls fail from the N-th on, as if its publisher had been killed there."""

    def __init__(self, inner: ObjectStore, fail_at: int) -> None:
        super().__init__(inner)
        self._left = fail_at
        self._lock = threading.Lock()
        self.failed = False

    def _called(self, operation: str, key: str) -> None:
        with self._lock:
            self._left -= 1
            if self._left < 0:
                self.failed = True
                raise IndexAccessError("throttled", why="status 503")


class InterruptedStore(_WatchedStore):
    """A store where something happens just before the first write of a key that starts with a prefix."""

    def __init__(self, inner: ObjectStore, prefix: str, happen: Callable[[], object]) -> None:
        super().__init__(inner)
        self._prefix = prefix
        self._happen: Callable[[], object] | None = happen

    def _called(self, operation: str, key: str) -> None:
        if operation == "write" and self._happen is not None and key.startswith(self._prefix):
            happen, self._happen = self._happen, None
            happen()
