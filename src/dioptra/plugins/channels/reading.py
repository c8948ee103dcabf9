"""Reading the channels of an index."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from dioptra.plugins.channels.model import ChannelHead, ChannelReference, head_from_json
from dioptra.plugins.errors import IntegrityError, ObjectNotFoundError, UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.object_store.port import ListedReader, ObjectReader, StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLock:
    """One lock of a channel.

    Attributes:
        channel: The channel's name.
        serial: Its number.
        body: The lock's bytes.
        is_current: Whether the head names it.
    """

    channel: str
    serial: int
    body: bytes
    is_current: bool


def channel_names(store: ListedReader) -> tuple[str, ...]:
    """The channels of an index, sorted.

    Raises:
        IndexAccessError: The index cannot be listed.
    """
    keys = (entry.key for entry in store.list(layout.CHANNELS_PREFIX))
    names = (key.removeprefix(layout.CHANNELS_PREFIX).removesuffix(layout.HEAD_NAME) for key in keys if _is_head(key))
    return tuple(sorted(names))


def read_head(store: ObjectReader, name: str) -> ChannelHead:
    """Read a channel's head.

    Raises:
        UnsatisfiedError: There is no such channel.
        IndexAccessError: It cannot be read or is malformed.
    """
    return _head(_head_object(store, name))


def read_channel_lock(store: ObjectReader, reference: ChannelReference) -> ChannelLock:
    """Read one of a channel's locks.

    Args:
        store: The index's store.
        reference: The channel; without a serial its current lock.

    Raises:
        UnsatisfiedError: There is no such channel or serial.
        IntegrityError: The current lock is not the one that the head names.
        IndexAccessError: It cannot be read or is malformed.
    """
    head = read_head(store, reference.name)
    serial = head.serial if reference.serial is None else reference.serial
    if serial > head.serial or serial in head.skipped:
        raise _no_serial(store, reference.name, serial, head)
    if serial == head.serial:
        body = lock_of_head(store, reference.name, head)
        return ChannelLock(channel=reference.name, serial=serial, body=body, is_current=True)
    try:
        stored = store.read(layout.channel_lock_key(reference.name, serial))
    except ObjectNotFoundError as absent:
        raise _no_serial(store, reference.name, serial, head) from absent
    return ChannelLock(channel=reference.name, serial=serial, body=stored.body, is_current=False)


def current_lock(store: ObjectReader, name: str) -> ChannelLock | None:
    """Read a channel's current lock; None if there is no such channel.

    Args:
        store: The index's store.
        name: The channel.

    Raises:
        IntegrityError: It is not the one that the head names.
        UnsatisfiedError: The head names one that is not there.
        IndexAccessError: It cannot be read or is malformed.
    """
    try:
        head = _head(store.read(layout.channel_head_key(name)))
    except ObjectNotFoundError:
        return None
    return ChannelLock(channel=name, serial=head.serial, body=lock_of_head(store, name, head), is_current=True)


def lock_of_head(store: ObjectReader, name: str, head: ChannelHead) -> bytes:
    """Read the lock that a head names.

    Args:
        store: The index's store.
        name: The channel.
        head: Its head.

    Raises:
        UnsatisfiedError: It is not there.
        IntegrityError: It is another one.
        IndexAccessError: It cannot be read.
    """
    try:
        stored = store.read(layout.channel_lock_key(name, head.serial))
    except ObjectNotFoundError as absent:
        raise _no_serial(store, name, head.serial, head) from absent
    found = hashlib.sha256(stored.body).hexdigest()
    if found != head.sha256:
        raise IntegrityError(
            f"{stored.url} is not the lock that the channel names", why=f"sha256 {found}, wanted {head.sha256}"
        )
    return stored.body


def history(store: ObjectReader, name: str) -> Iterator[ChannelLock]:
    """All locks that have been a channel's current one, the newest first.

    Raises:
        UnsatisfiedError: There is no such channel.
        IndexAccessError: The index cannot be read.
    """
    head = read_head(store, name)
    for serial in range(head.serial, 0, -1):
        if serial not in head.skipped:
            yield read_channel_lock(store, ChannelReference(name, serial))


def _is_head(key: str) -> bool:
    return key.endswith(layout.HEAD_NAME) and key.count("/") == 2


def _head_object(store: ObjectReader, name: str) -> StoredObject:
    try:
        return store.read(layout.channel_head_key(name))
    except ObjectNotFoundError as absent:
        raise UnsatisfiedError(
            f"there is no channel '{name}' at {store.url}",
            hint="dioptra-plugins channel list shows those that are there",
        ) from absent


def _head(stored: StoredObject) -> ChannelHead:
    return head_from_json(stored.body, source=stored.url)


def _no_serial(store: ObjectReader, name: str, serial: int, head: ChannelHead) -> UnsatisfiedError:
    return UnsatisfiedError(
        f"the channel '{name}' at {store.url} has no serial {serial}",
        why=f"its current serial is {head.serial}",
        hint=f"dioptra-plugins channel history {name}",
    )
