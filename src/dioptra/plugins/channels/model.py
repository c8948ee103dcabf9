"""A channel's head: which of its locks is current."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from dioptra.plugins import schema
from dioptra.plugins.errors import ConfigurationError, MalformedDocumentError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_REFERENCE = re.compile(r"(?P<name>[^@]+)(@(?P<serial>[1-9][0-9]{0,8}))?")
_DIGEST = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHead:
    """The content of a channel's ``head.json``.

    Attributes:
        serial: Number of the current lock; it only grows.
        sha256: Lower-case hexadecimal digest of that lock.
        time: When it was promoted; aware UTC, in whole seconds.
        revocations: Digest of the index's ``revoked.json`` when the head was written; empty if there was none.
        skipped: Serials that were never current: their promotion was interrupted. Sorted.
    """

    serial: int
    sha256: str
    time: datetime
    revocations: str = ""
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelReference:
    """A channel, or one of its serials, as a user names it: ``NAME`` or ``NAME@SERIAL``."""

    name: str
    serial: int | None = None

    def __str__(self) -> str:
        return self.name if self.serial is None else f"{self.name}@{self.serial}"


def parse_reference(text: str) -> ChannelReference:
    """Read ``NAME`` or ``NAME@SERIAL``.

    Raises:
        ConfigurationError: It is neither.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or not _NAME.fullmatch(match["name"]):
        raise ConfigurationError(
            f"'{text}' is no channel",
            why="wanted lower-case letters, digits and hyphens, and @SERIAL for one of its locks",
            hint="such as production or production@12",
        )
    return ChannelReference(match["name"], int(match["serial"]) if match["serial"] else None)


def parse_name(text: str) -> str:
    """Read the name of a channel, without a serial.

    Raises:
        ConfigurationError: It is none.
    """
    reference = parse_reference(text)
    if reference.serial is not None:
        raise ConfigurationError(
            f"'{text}' names one lock of a channel", why="wanted the channel itself", hint=reference.name
        )
    return reference.name


def head_to_json(head: ChannelHead) -> bytes:
    """A head as it is stored."""
    return schema.dump(
        {
            "schema": schema.SCHEMA,
            "serial": head.serial,
            "sha256": head.sha256,
            "time": schema.format_time(head.time),
            "revocations": head.revocations,
            "skipped": list(head.skipped),
        }
    )


def head_from_json(body: bytes, *, source: str) -> ChannelHead:
    """Read a stored head.

    Args:
        body: Its bytes.
        source: Its address, for errors.

    Raises:
        MalformedDocumentError: It is malformed or has a newer major schema.
    """
    document = schema.load(body, source=source)
    serial, sha256, skipped = document.get("serial"), document.get("sha256"), document.get("skipped", [])
    revocations = document.get("revocations", "")
    if type(serial) is not int or serial < 1:
        raise MalformedDocumentError(f"{source} is malformed", why=f"'serial' is {serial!r}, wanted a positive number")
    if not isinstance(sha256, str) or not sha256 or not _DIGEST.fullmatch(sha256):
        raise MalformedDocumentError(f"{source} is malformed", why=f"'sha256' is {sha256!r}")
    if not isinstance(revocations, str) or not _DIGEST.fullmatch(revocations):
        raise MalformedDocumentError(f"{source} is malformed", why=f"'revocations' is {revocations!r}")
    if not isinstance(skipped, list) or not all(type(item) is int for item in skipped):
        raise MalformedDocumentError(f"{source} is malformed", why=f"'skipped' is {skipped!r}")
    try:
        time = datetime.fromisoformat(str(document.get("time")))
    except ValueError as problem:
        raise MalformedDocumentError(f"{source} is malformed", why=f"'time': {problem}") from problem
    return ChannelHead(serial=serial, sha256=sha256, time=time, revocations=revocations, skipped=tuple(sorted(skipped)))
