"""The base of all errors of the runtime."""

from __future__ import annotations

from typing import ClassVar


class DioptraSDKError(Exception):
    """Base of all errors of `dioptra.sdk` and `dioptra.pyplugs`.

    Attributes:
        what: What happened, naming the thing; one line.
        why: The cause: what was found and what was wanted.
        hint: The command or change that helps.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what, self.why, self.hint = what, why, hint

    @property
    def summary(self) -> str:
        """What happened and why, without the hint."""
        return self.what if self.why is None else f"{self.what}: {self.why}"

    def __str__(self) -> str:
        return self.summary if self.hint is None else f"{self.summary}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # The default calls the class with `args`, which these constructors do not accept.
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(error_type: type[DioptraSDKError], args: tuple[object, ...]) -> DioptraSDKError:
    return error_type.__new__(error_type, *args)
