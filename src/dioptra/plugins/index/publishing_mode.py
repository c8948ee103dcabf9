"""Who may write to an index at once: many, where the store keeps conditions atomic, else one.

The descriptor says which. ``index init`` races the store before it says "concurrent"; a writer makes sure with one
request that the store heeds conditions at all, for an index may have been copied to another server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dioptra.plugins.errors import PreconditionFailedError, UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.descriptor import Descriptor, read_descriptor
from dioptra.plugins.object_store.port import PAGE_LIMIT, ObjectEntry, ObjectStore, Sink, StoredObject

_CANARY = b"Conditional writes are tried on this object.\n"


def open_for_writing(store: ObjectStore, canary: str = layout.CANARY_KEY) -> tuple[Descriptor, ObjectStore]:
    """Read an index's descriptor and make sure that writing here is safe.

    Args:
        store: The index's store.
        canary: The key on which conditions are tried; the writer may write there.

    Returns:
        The descriptor, and the store to write with.

    Raises:
        UnsatisfiedError: The store ignores conditions, and the index is not made for a single publisher.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    descriptor = read_descriptor(store)
    if descriptor.publishing == "single":
        return descriptor, SinglePublisherStore(store)
    if not _refuses_to_create_again(store, canary):
        raise unsafe_store(store.url, "it overwrote an object that was to be created only if it was absent")
    return descriptor, store


def unsafe_store(url: str, found: str) -> UnsatisfiedError:
    """The refusal to let several publishers write to a store that would lose their releases."""
    return UnsatisfiedError(
        f"{url} does not keep conditional writes, so that publishers at once would lose releases",
        why=found,
        hint=f"dioptra-plugins doctor {url} says more; if nobody else ever publishes there: "
        f"dioptra-plugins index init {url} --single-publisher",
    )


def _refuses_to_create_again(store: ObjectStore, canary: str) -> bool:
    def create() -> bool:
        try:
            store.write(
                canary,
                _CANARY,
                expected=None,
                content_type="text/plain",
                cache_control=layout.REVALIDATE,
            )
        except PreconditionFailedError:
            return False
        return True

    # The first writer of an index creates it; it is there for all others.
    return not create() or not create()


class SinglePublisherStore:
    """A store whose conditions are checked here, before each write: enough for one publisher, and for no more."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    @property
    def url(self) -> str:
        """The root; see the port."""
        return self._inner.url

    def address(self, key: str) -> str:
        """The URL of a key; see the port."""
        return self._inner.address(key)

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one object; see the port."""
        return self._inner.read(key, limit=limit)

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one object if it changed; see the port."""
        return self._inner.read_if_changed(key, etag, limit=limit)

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        """Copy one object; see the port."""
        self._inner.download(key, sink, limit=limit)

    def list(self, prefix: str) -> Iterator[ObjectEntry]:
        """List objects; see the port."""
        return self._inner.list(prefix)

    def write(
        self, key: str, body: bytes | Path, *, expected: str | None, content_type: str, cache_control: str
    ) -> str:
        """Write one object if it is as expected; see the port."""
        present = next((entry.etag for entry in self._inner.list(key) if entry.key == key), None)
        if present != expected:
            raise PreconditionFailedError(self.address(key))
        return self._inner.write(key, body, expected=expected, content_type=content_type, cache_control=cache_control)

    def delete(self, key: str) -> None:
        """Remove one object; see the port."""
        self._inner.delete(key)

    def keeps_trailing_slash_keys(self) -> bool:
        """Whether keys may end in ``/``; see the port."""
        return self._inner.keeps_trailing_slash_keys()
