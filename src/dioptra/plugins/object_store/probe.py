"""Finding out what a store really does, by trying it: a server that accepts a condition may still ignore it.

Everything is tried on keys with one prefix of its own, which are removed again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.object_store.port import ObjectStore

_WRITERS = 8
_ROUNDS = 5
_SKEW_SECONDS = 60.0
"""Signatures are refused at 15 minutes; upload times are already wrong before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried.

    Attributes:
        check: What.
        passed: Whether the store does as an index needs it; None where it does not matter or could not be told.
        detail: What was seen.
        decides: Whether publishing side by side is safe only if it passed.
    """

    check: str
    passed: bool | None
    detail: str
    decides: bool = False


@runtime_checkable
class RemoteStore(Protocol):
    """What a store on a network can be asked beside its objects."""

    def server_time(self) -> datetime | None:
        """The time of the server's last answer, aware UTC; None where it says none."""

    def accepts_anonymous_writes(self, key: str) -> bool:
        """Whether somebody without credentials can write a key; what was written is removed."""


def probe_publishing(store: ObjectStore) -> tuple[Finding, ...]:
    """Try what publishing side by side relies on: of many writers exactly one wins, and listings are complete.

    Args:
        store: The store.

    Returns:
        Findings that decide: publishing side by side is safe where all passed.

    Raises:
        IndexAccessError: The store cannot be read or written at all.
    """
    with _own_keys(store) as prefix:
        found = (_race_creation(store, prefix), _race_replacement(store, prefix), _listing(store, prefix))
    return tuple(replace(item, decides=True) for item in found)


def probe_store(store: ObjectStore, clock: Clock) -> tuple[Finding, ...]:
    """Try everything that an index relies on.

    Args:
        store: The store.
        clock: The local time.

    Returns:
        One finding a check.

    Raises:
        IndexAccessError: The store cannot be read or written at all.
    """
    findings = list(probe_publishing(store))
    with _own_keys(store) as prefix:
        findings.append(_absence(store, prefix))
        if isinstance(store, RemoteStore):
            open_to_all = store.accepts_anonymous_writes(f"{prefix}anonymous")
            detail = "anybody can write here" if open_to_all else "refused"
            findings.append(Finding(check="anonymous writing", passed=not open_to_all, detail=detail))
    slashes = store.keeps_trailing_slash_keys()
    detail = "kept" if slashes else "not kept: clients ask for index.html, as in a folder"
    findings.append(Finding(check="keys that end in /", passed=True if slashes else None, detail=detail))
    if isinstance(store, RemoteStore):
        findings.append(_clock_skew(store, clock))
    return tuple(findings)


@contextmanager
def _own_keys(store: ObjectStore) -> Iterator[str]:
    prefix = f"simple/.dioptra-probe-{uuid.uuid4()}-"
    try:
        yield prefix
    finally:
        for key in [entry.key for entry in store.list(prefix)]:
            store.delete(key)


def _write(store: ObjectStore, key: str, body: bytes, expected: str | None) -> bool:
    try:
        store.write(key, body, expected=expected, content_type="text/plain", cache_control="no-store")
    except PreconditionFailedError:
        return False
    return True


def _race(write: Callable[[int], bool]) -> int:
    with ThreadPoolExecutor(_WRITERS) as writers:
        return sum(writers.map(write, range(_WRITERS)))


def _race_creation(store: ObjectStore, prefix: str) -> Finding:
    check = "creating only what is absent (If-None-Match: *)"
    for number in range(_ROUNDS):
        key = f"{prefix}created-{number}"
        winners = _race(lambda writer, key=key: _write(store, key, str(writer).encode(), None))  # type: ignore[misc]  # the key of this round
        if winners != 1:
            return _lost(check, winners, number)
    return Finding(check=check, passed=True, detail=f"one of {_WRITERS} won in each of {_ROUNDS} rounds")


def _race_replacement(store: ObjectStore, prefix: str) -> Finding:
    check = "replacing only what was read (If-Match)"
    key = f"{prefix}replaced"
    _write(store, key, b"first", None)
    for number in range(_ROUNDS):
        etag = store.read(key).etag
        try:
            winners = _race(lambda writer, etag=etag: _write(store, key, f"{etag} {writer}".encode(), etag))  # type: ignore[misc]  # the tag of this round
        except IndexAccessError as problem:
            return Finding(check=check, passed=False, detail=f"refused: {problem.why or problem}")
        if winners != 1:
            return _lost(check, winners, number)
    return Finding(check=check, passed=True, detail=f"one of {_WRITERS} won in each of {_ROUNDS} rounds")


def _lost(check: str, winners: int, number: int) -> Finding:
    detail = f"{winners} of {_WRITERS} writers at once were told that they won (round {number + 1})"
    return Finding(check=check, passed=False, detail=detail)


def _listing(store: ObjectStore, prefix: str) -> Finding:
    keys = [f"{prefix}listed-{number}" for number in range(20)]
    for key in keys:
        _write(store, key, b"x", None)
        if key not in {entry.key for entry in store.list(f"{prefix}listed-")}:
            return Finding(check="listing after writing", passed=False, detail="a new object was not listed at once")
    return Finding(check="listing after writing", passed=True, detail=f"{len(keys)} new objects were listed at once")


def _absence(store: ObjectStore, prefix: str) -> Finding:
    check = "absent objects are 404"
    try:
        store.read(f"{prefix}absent")
    except ObjectNotFoundError:
        return Finding(check=check, passed=True, detail="not found")
    except IndexAccessError as problem:
        return Finding(check=check, passed=False, detail=f"{problem.why or problem}: allow listing, or uv stops")
    return Finding(check=check, passed=False, detail="an object that nobody wrote was read")


def _clock_skew(store: RemoteStore, clock: Clock) -> Finding:
    time = store.server_time()
    if time is None:
        return Finding(check="clocks", passed=None, detail="the server gives no time")
    seconds = (clock.now() - time.astimezone(UTC)).total_seconds()
    detail = f"this machine is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the server"
    return Finding(check="clocks", passed=abs(seconds) < _SKEW_SECONDS, detail=detail)
