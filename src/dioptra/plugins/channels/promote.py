"""Promoting a lock: it becomes a channel's next serial, by compare-and-swap.

The lock is written first, under a number of its own that is never used for another one; then the head is replaced. A
promotion that is killed in between leaves a number that the next one skips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from dioptra.plugins.channels.model import ChannelHead, head_from_json, head_to_json
from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import ObjectNotFoundError, PreconditionFailedError, UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.compare_and_swap import until_won
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.revocation import refuse_revoked, revocations_from_json
from dioptra.plugins.index.views import files_of_view
from dioptra.plugins.lock.model import Lock, LockedWheel
from dioptra.plugins.object_store.port import ObjectReader, ObjectStore, StoredObject

_READS_AT_ONCE = 16
_OWN_PROJECT = canonicalize_name("dioptra-plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What became of a promotion.

    Attributes:
        channel: The channel.
        serial: The serial that is current now.
        sha256: The lock's digest.
        changed: Whether another lock was current before.
    """

    channel: str
    serial: int
    sha256: str
    changed: bool


def missing_wheels(store: ObjectReader, lock: Lock) -> tuple[LockedWheel, ...]:
    """The wheels of a lock that an index does not have.

    Args:
        store: The index's store.
        lock: The lock.

    Raises:
        UnsatisfiedError: The index has other bytes under a wheel's name.
        IndexAccessError: The index cannot be read.
    """
    projects = sorted({wheel.project for wheel in lock.wheels})
    with ThreadPoolExecutor(_READS_AT_ONCE) as readers:
        pages = readers.map(lambda project: _read(store, layout.project_page_json_key(project)), projects)
    # What a page names is what workers find: a file that was removed has a record still.
    published = {
        filename: file.record.sha256
        for page in pages
        if page is not None
        for filename, file in files_of_view(page.body).items()
    }
    pairs = [(wheel, published.get(wheel.filename)) for wheel in lock.wheels]
    others = [
        f"{wheel.filename}: sha256 {found}, the lock has {wheel.sha256}"
        for wheel, found in pairs
        if found not in (None, wheel.sha256)
    ]
    if others:
        raise UnsatisfiedError(f"{store.url} has other files under locked names", why="\n".join(others))
    return tuple(wheel for wheel, found in pairs if found is None)


def refuse_missing(store: ObjectReader, missing: Sequence[LockedWheel]) -> None:
    """Refuse a lock of which wheels are not in the index.

    Raises:
        UnsatisfiedError: Some are missing; names them all.
    """
    if missing:
        raise UnsatisfiedError(
            f"{store.url} lacks {len(missing)} of the locked wheels",
            why="\n".join(f"{wheel.filename} (locked from the index '{wheel.index}')" for wheel in missing),
            hint="promote with --mirror, which copies them into the index first",
        )


def refuse_host(lock: Lock) -> None:
    """Refuse a lock that leaves out what one particular host happens to have.

    Raises:
        UnsatisfiedError: It was made against a host that nobody described.
    """
    given = [
        f"{item.project} {item.version}"
        for target in lock.targets
        for item in target.provided
        if item.project != _OWN_PROJECT and not target.target.is_described
    ]
    if given:
        raise UnsatisfiedError(
            "this lock was made for the host that it was locked on",
            why=f"it leaves out what that host provides: {', '.join(given)}; workers without that could not follow it",
            hint="lock with --for FILE, which dioptra-plugins worker describe writes on a worker, or with --no-host; "
            "or promote with --for-this-host if all workers are like it",
        )


def promote(
    store: ObjectStore, lock: Lock, lock_bytes: bytes, channel: str, *, clock: Clock, onto: int | None = None
) -> Promotion:
    """Make a lock a channel's current one.

    Args:
        store: The index's store.
        lock: The lock; all its wheels are in the index.
        lock_bytes: Its file.
        channel: The channel's name; it is made if there is none.
        clock: Gives the time, and waits between two tries.
        onto: The serial that the lock was made from, which must still be the current one (0 if there was no channel);
            None for whatever is current.

    Returns:
        The promotion; the same lock again changes nothing.

    Raises:
        RevokedError: Wheels of it are revoked.
        UnsatisfiedError: Another serial than `onto` is current.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    _, store = open_for_writing(store, layout.CHANNELS_CANARY_KEY)
    digest = hashlib.sha256(lock_bytes).hexdigest()

    def attempt() -> Promotion:
        # The head first: whoever revokes after it was read changes it, and this promotion starts again.
        stored = _read(store, layout.channel_head_key(channel))
        head = None if stored is None else head_from_json(stored.body, source=stored.url)
        revoked = _read(store, layout.REVOKED_KEY)
        if revoked is not None:
            refuse_revoked(
                (wheel.sha256 for wheel in lock.wheels), revocations_from_json(revoked.body, source=revoked.url)
            )
        if head is not None and head.sha256 == digest:
            return Promotion(channel=channel, serial=head.serial, sha256=digest, changed=False)
        present = 0 if head is None else head.serial
        if onto not in (None, present):
            raise UnsatisfiedError(
                f"somebody else has promoted {channel}@{present}",
                why=f"this lock was made from {f'{channel}@{onto}' if onto else 'no lock of the channel'}",
                hint="run the command again, which starts from the present lock",
            )
        serial = _write_lock(store, channel, present + 1, lock_bytes)
        skipped = (*(() if head is None else head.skipped), *range(present + 1, serial))
        new = ChannelHead(
            serial=serial,
            sha256=digest,
            time=clock.now().replace(microsecond=0),
            revocations="" if revoked is None else hashlib.sha256(revoked.body).hexdigest(),
            skipped=skipped,
        )
        store.write(
            layout.channel_head_key(channel),
            head_to_json(new),
            expected=None if stored is None else stored.etag,
            content_type=layout.JSON,
            cache_control=layout.REVALIDATE,
        )
        return Promotion(channel=channel, serial=serial, sha256=digest, changed=True)

    return until_won(attempt, f"the channel '{channel}' at {store.url}", clock)


def _write_lock(store: ObjectStore, channel: str, serial: int, lock_bytes: bytes) -> int:
    """Write a lock under the first number from `serial` on that is free, or holds the same lock already."""
    while True:
        key = layout.channel_lock_key(channel, serial)
        try:
            store.write(key, lock_bytes, expected=None, content_type=layout.TOML, cache_control=layout.IMMUTABLE)
        except PreconditionFailedError:
            if store.read(key).body != lock_bytes:
                serial += 1
                continue
        return serial


def _read(store: ObjectReader, key: str) -> StoredObject | None:
    try:
        return store.read(key)
    except ObjectNotFoundError:
        return None
