"""Following a channel from a plugin directory: one conditional request where nothing changed.

``channels/<identity of the index>/<name>.json`` in the plugin directory holds what was followed last: the head with its
ETag, the lock, and the highest serial that was ever seen, below which a worker does not go back. The file's time of
change is when the index last answered.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dioptra.plugins import schema
from dioptra.plugins.channels.model import ChannelHead, head_from_json, head_to_json
from dioptra.plugins.channels.reading import lock_of_head
from dioptra.plugins.durability import replace_file
from dioptra.plugins.errors import ConfigurationError, IntegrityError, ObjectNotFoundError, UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.object_store.port import ObjectReader

_FOLDER = "channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a plugin directory follows.

    Attributes:
        url: Address of the index.
        head: The channel's head.
        etag: The head's ETag; empty where the store gives none.
        highest: The highest serial that was ever seen.
        lock_bytes: The lock that the head names.
        is_new: Whether the head was read now and differs from what was followed before.
    """

    url: str
    head: ChannelHead
    etag: str
    highest: int
    lock_bytes: bytes
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownChannel:
    """A channel that a plugin directory has followed.

    Attributes:
        name: The channel.
        followed: What it was followed to.
        asked: When the index last answered, aware UTC.
    """

    name: str
    followed: Followed
    asked: datetime


def known_channels(root: Path) -> tuple[KnownChannel, ...]:
    """The channels that a plugin directory has followed, sorted by name.

    Args:
        root: The plugin directory.

    Raises:
        ConfigurationError: What is known of one cannot be read or is malformed.
    """
    found = []
    for path in sorted((root / _FOLDER).glob("*/*.json"), key=lambda path: (path.stem, path)):
        asked = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        found.append(KnownChannel(name=path.stem, followed=_parse(path), asked=asked))
    return tuple(found)


def look(store: ObjectReader, root: Path, name: str, *, allow_lower: bool = False) -> Followed:
    """Read a channel's head and lock, as far as they changed.

    Args:
        store: The index's store.
        root: The plugin directory.
        name: The channel.
        allow_lower: Whether a serial below the highest that was seen is taken.

    Returns:
        What is to be followed now; nothing was written.

    Raises:
        UnsatisfiedError: There is no such channel.
        IntegrityError: The channel went back, or its lock is not the one that the head names.
        ConfigurationError: What the plugin directory holds of the channel is malformed.
        IndexAccessError: The index cannot be read.
    """
    known = _read(root, store.url, name)
    try:
        stored = store.read_if_changed(layout.channel_head_key(name), "" if known is None else known.etag)
    except ObjectNotFoundError as absent:
        raise UnsatisfiedError(
            f"there is no channel '{name}' at {store.url}",
            hint="dioptra-plugins channel list shows those that are there",
        ) from absent
    if stored is None:
        assert known is not None, "without a known ETag the request has no condition"
        return known
    head = head_from_json(stored.body, source=stored.url)
    if known is not None and known.head == head:
        return Followed(url=known.url, head=head, etag=stored.etag, highest=known.highest, lock_bytes=known.lock_bytes)
    highest = 0 if known is None else known.highest
    if head.serial < highest and not allow_lower:
        raise IntegrityError(
            f"the channel '{name}' at {store.url} went back from serial {highest} to {head.serial}",
            why="serials only grow: the index was restored from a copy, or somebody replays an old lock",
            hint="add --allow-lower-serial if you know why",
        )
    is_same_lock = known is not None and known.head.sha256 == head.sha256
    lock_bytes = known.lock_bytes if known is not None and is_same_lock else lock_of_head(store, name, head)
    return Followed(
        url=store.url,
        head=head,
        etag=stored.etag,
        highest=max(highest, head.serial) if not allow_lower else head.serial,
        lock_bytes=lock_bytes,
        is_new=True,
    )


def remember(store: ObjectReader, root: Path, name: str, followed: Followed) -> None:
    """Keep what is followed, once it is active.

    Args:
        store: The index's store.
        root: The plugin directory.
        name: The channel.
        followed: What `look` gave.

    Raises:
        ConfigurationError: It cannot be written.
        IndexAccessError: The index's descriptor cannot be read.
    """
    body = schema.dump(
        {
            "schema": schema.SCHEMA,
            "url": followed.url,
            "etag": followed.etag,
            "highest": followed.highest,
            "head": head_to_json(followed.head).decode(),
            "lock": followed.lock_bytes.decode(),
        }
    )
    place = _find(root, store.url, name) or root / _FOLDER / read_descriptor(store).identity / f"{name}.json"
    try:
        if place.exists() and place.read_bytes() == body:
            os.utime(place)  # its time says when the index last answered
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, body)
    except OSError as problem:
        raise ConfigurationError(f"{place} cannot be written", why=str(problem)) from problem


def _find(root: Path, url: str, name: str) -> Path | None:
    """The file of a channel; by the index's address, so that its identity need not be asked for each time."""
    for path in sorted((root / _FOLDER).glob(f"*/{name}.json")):
        if _parse(path).url == url:
            return path
    return None


def _read(root: Path, url: str, name: str) -> Followed | None:
    path = _find(root, url, name)
    return None if path is None else _parse(path)


def _parse(path: Path) -> Followed:
    try:
        document = schema.load(path.read_bytes(), source=str(path), error=ConfigurationError)
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem
    url, etag, highest = document.get("url"), document.get("etag"), document.get("highest")
    head, lock = document.get("head"), document.get("lock")
    if not (isinstance(url, str) and isinstance(etag, str) and type(highest) is int):
        raise ConfigurationError(f"{path} is malformed", why="'url', 'etag' or 'highest' is missing", hint=f"rm {path}")
    if not isinstance(head, str) or not isinstance(lock, str):
        raise ConfigurationError(f"{path} is malformed", why="'head' or 'lock' is missing", hint=f"rm {path}")
    parsed = head_from_json(head.encode(), source=str(path))
    if hashlib.sha256(lock.encode()).hexdigest() != parsed.sha256:
        raise ConfigurationError(f"{path} is malformed", why="its lock is not that of its head", hint=f"rm {path}")
    return Followed(url=url, head=parsed, etag=etag, highest=highest, lock_bytes=lock.encode())
