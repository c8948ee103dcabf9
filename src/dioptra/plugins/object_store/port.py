"""The object store port: the few operations an index needs from a bucket or a directory.

Promises every adapter keeps, and `tests/contract` checks:

- Only a definite "not found" answer raises `ObjectNotFoundError`. A refused, failed, cut or timed-out request, a
  missing bucket or a missing root directory raises `IndexAccessError` with the URL and the status.
- A reader sees the whole old object or the whole new one, never a part.
- Writes are conditional always. Where two writers race, exactly one wins; the other gets
  `PreconditionFailedError`.
- An ETag is opaque and unquoted; equal ETags of one key mean equal bytes.
- Keys are relative POSIX paths below the store's root; a listing shows what was written before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PAGE_LIMIT = 64 * 1024 * 1024
"""Bytes that a page, record or other document may have at most."""


class Sink(Protocol):
    """Where downloaded bytes go: a file, or something that counts and hashes them."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object that was read.

    Attributes:
        url: Its full address, after redirects; relative links in the body refer to it.
        body: Its bytes.
        etag: Its entity tag, unquoted; empty where the store gave none.
        content_type: Media type with parameters as the store gave it; empty where unknown.
    """

    url: str
    body: bytes
    etag: str
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    """One line of a listing.

    Attributes:
        key: Key relative to the store's root.
        etag: Entity tag, unquoted.
        size: Size in bytes.
    """

    key: str
    etag: str
    size: int


class ObjectReader(Protocol):
    """What can be read below one root: a bucket prefix, a directory, a web folder."""

    @property
    def url(self) -> str:
        """The root as shown to people, without credentials and without a trailing slash."""

    def address(self, key: str) -> str:
        """The full URL of a key (``s3://``, ``file://`` or ``http(s)://``), percent-encoded."""

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one object whole.

        Raises:
            ObjectNotFoundError: There is none.
            IndexAccessError: It could not be read, or is larger than `limit` bytes.
        """

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one object whole, unless it still has an ETag; then None. An empty ETag is none.

        Raises:
            ObjectNotFoundError: There is none.
            IndexAccessError: It could not be read, or is larger than `limit` bytes.
        """

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        """Write one object's bytes to `sink`, never more than `limit` bytes, without holding it in memory.

        Raises:
            ObjectNotFoundError: There is none.
            IndexAccessError: It could not be read, or is larger than `limit` bytes.
        """


class ListedReader(ObjectReader, Protocol):
    """A root that can be listed too."""

    def list(self, prefix: str) -> Iterator[ObjectEntry]:
        """All objects whose key starts with `prefix` (a plain string prefix, as S3 has it), sorted by key.

        Raises:
            IndexAccessError: The listing failed at any page.
        """


class ObjectStore(ListedReader, Protocol):
    """A root that can be listed and written too."""

    def write(
        self,
        key: str,
        body: bytes | Path,
        *,
        expected: str | None,
        content_type: str,
        cache_control: str,
    ) -> str:
        """Write one object in one atomic, conditional step.

        Args:
            key: Where to.
            body: The bytes, or a file to stream them from.
            expected: The ETag that the present object must have; None if there must be no object.
            content_type: Media type to serve it with.
            cache_control: ``Cache-Control`` to serve it with.

        Returns:
            The new object's ETag.

        Raises:
            PreconditionFailedError: The object exists already, or has another ETag, or is gone. A request that was
                sent again because its answer got lost may meet its own success this way: compare what is there.
            IndexAccessError: It could not be written.
        """

    def delete(self, key: str) -> None:
        """Remove one object; an absent one is no error.

        Raises:
            IndexAccessError: It could not be removed.
        """

    def keeps_trailing_slash_keys(self) -> bool:
        """Whether a key may end in ``/`` and be served beside the keys below it (probed by writing one)."""
