"""Errors of the distribution side. Each carries data and says what happened, why, and which command helps.

The class decides the exit code of the command line:

====  ==========================================================================
1     `UnsatisfiedError`: no resolution, a stale lock, a failed check
2     `ConfigurationError`: a wrong argument, setting, lock or project
3     `IndexAccessError`: an index or store is unreachable, denied or malformed
4     `IntegrityError`: bytes or contents that must never be run
====  ==========================================================================

Foreign exceptions are translated into these once, at the port that meets them. `ObjectNotFoundError` and
`PreconditionFailedError` are answers of an object store that a caller is expected to handle; only the first of
them means absence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class DioptraPluginsError(Exception):
    """Base of all errors of this package.

    Attributes:
        what: What happened, naming the thing; one line.
        why: The cause: what was found and what was wanted. May have several lines.
        hint: The command or change that helps.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what, self.why, self.hint = what, why, hint

    def __str__(self) -> str:
        return self.what if self.why is None else f"{self.what}: {self.why}"


class UnsatisfiedError(DioptraPluginsError):
    """What was asked for cannot be had: no resolution, a stale lock, a failed check."""

    exit_code = 1


class ConfigurationError(DioptraPluginsError):
    """An argument, a setting, a lock file or a project is wrong; names the file and the line or key."""

    exit_code = 2


class IndexAccessError(DioptraPluginsError):
    """An index could not be read or written: unreachable, denied, missing bucket, malformed page."""

    exit_code = 3


class MalformedDocumentError(IndexAccessError):
    """A document of an index was read and is malformed, or has a newer major schema."""


class IntegrityError(DioptraPluginsError):
    """Bytes or contents that do not match what was promised, or that must not be run."""

    exit_code = 4


class WheelRefusedError(IntegrityError):
    """A wheel has problems that forbid installing or publishing it.

    Attributes:
        wheel: The wheel's file name.
        problems: Every problem found, one line each.
    """

    def __init__(self, wheel: str, problems: Sequence[str]) -> None:
        super().__init__(f"{wheel} is refused", why="\n".join(problems), hint=f"dioptra-plugins check {wheel}")
        self.wheel, self.problems = wheel, tuple(problems)


class ObjectNotFoundError(DioptraPluginsError):
    """The store answered that there is no such object: the only answer that means absence.

    Attributes:
        url: Where it was looked for.
    """

    exit_code = 3

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} does not exist")
        self.url = url


class PreconditionFailedError(DioptraPluginsError):
    """A conditional write lost: the object exists already, or is no longer the one that was read.

    Attributes:
        url: The object that was to be written.
    """

    exit_code = 3

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} was changed by somebody else")
        self.url = url
