"""Checking the channels of an index: heads, current locks, and the wheels that these name."""

from __future__ import annotations

from collections.abc import Iterator

from dioptra.plugins.channels.model import ChannelReference
from dioptra.plugins.channels.promote import missing_wheels
from dioptra.plugins.channels.reading import channel_names, read_channel_lock
from dioptra.plugins.errors import (
    ConfigurationError,
    IntegrityError,
    MalformedDocumentError,
    ObjectNotFoundError,
    UnsatisfiedError,
)
from dioptra.plugins.index import layout
from dioptra.plugins.index.revocation import RevokedError, refuse_revoked, revocations_from_json
from dioptra.plugins.index.verify import Difference
from dioptra.plugins.lock.pylock_parser import parse
from dioptra.plugins.object_store.port import ListedReader


def verify_channels(store: ListedReader) -> Iterator[Difference]:
    """Check that every channel's current lock can be followed.

    Args:
        store: The index's store.

    Yields:
        What is wrong, by channel.

    Raises:
        IndexAccessError: The index cannot be read.
    """
    for name in channel_names(store):
        key = layout.channel_head_key(name)
        try:
            yield from (Difference(key=key, problem=problem) for problem in _problems(store, name))
        except IntegrityError as problem:
            yield Difference(key=key, problem=f"{problem.what}: {problem.why}", is_integrity=True)
        except (MalformedDocumentError, UnsatisfiedError, ConfigurationError) as problem:
            yield Difference(key=key, problem=f"{problem.what}: {problem.why}")


def _problems(store: ListedReader, name: str) -> Iterator[str]:
    current = read_channel_lock(store, ChannelReference(name))
    try:
        lock = parse(current.body.decode(), source=f"{name}@{current.serial}")
    except UnicodeDecodeError as problem:
        yield f"{name}@{current.serial} is no text: {problem}"
        return
    for wheel in missing_wheels(store, lock):
        yield f"{name}@{current.serial} pins {wheel.filename}, which is not in this index"
    try:
        stored = store.read(layout.REVOKED_KEY)
    except ObjectNotFoundError:
        return
    try:
        refuse_revoked((wheel.sha256 for wheel in lock.wheels), revocations_from_json(stored.body, source=stored.url))
    except RevokedError as revoked:
        yield f"{name}@{current.serial} pins what is revoked, so that workers refuse it: {revoked.what}"
