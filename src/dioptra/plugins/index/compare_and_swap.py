"""Replacing an object that others replace too: try again, a little later each time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.index import layout
from dioptra.plugins.object_store.port import ObjectStore, StoredObject

ATTEMPTS = 40
"""Tries at one object before giving up; with 24 publishers at once a dozen are seen."""

_FIRST_WAIT, _LONGEST_WAIT = 0.02, 2.0

_T = TypeVar("_T")


def until_won(attempt: Callable[[], _T], what: str, clock: Clock) -> _T:
    """Repeat something until none of its conditional writes loses.

    Args:
        attempt: Reads, decides and writes; it is run from its beginning each time.
        what: What is written, for the error.
        clock: Waits between two tries.

    Returns:
        What the attempt returned.

    Raises:
        IndexAccessError: Others won every time.
    """
    wait = _FIRST_WAIT
    for _ in range(ATTEMPTS):
        try:
            return attempt()
        except PreconditionFailedError:
            # Full jitter keeps many writers from meeting again at the same moment.
            clock.sleep(random.uniform(0, wait))  # noqa: S311 - spreads load, guards nothing
            wait = min(wait * 1.6, _LONGEST_WAIT)
    raise IndexAccessError(
        f"{what} could not be written",
        why=f"others won {ATTEMPTS} times in a row",
        hint="run the same command again: what is written already is kept",
    )


def replace_document(
    store: ObjectStore, key: str, change: Callable[[StoredObject | None], bytes | None], clock: Clock
) -> bool:
    """Change one JSON document by compare-and-swap.

    Args:
        store: Where it lies.
        key: Its key.
        change: From the present object, or None, to the new bytes; None to leave it as it is.
        clock: Waits between two tries.

    Returns:
        Whether it was written.

    Raises:
        IndexAccessError: The store failed, or others kept winning.
    """

    def attempt() -> bool:
        try:
            present: StoredObject | None = store.read(key)
        except ObjectNotFoundError:
            present = None
        body = change(present)
        if body is None or (present is not None and body == present.body):
            return False
        store.write(
            key,
            body,
            expected=None if present is None else present.etag,
            content_type=layout.JSON,
            cache_control=layout.REVALIDATE,
        )
        return True

    return until_won(attempt, store.address(key), clock)
