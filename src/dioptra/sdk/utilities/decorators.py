"""Decorators for plugin authors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from dioptra.sdk.exceptions import BaseOptionalDependencyError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def require_package(
    name: str,
    exc_message: str | None = None,
    exc_type: Callable[[str], BaseException] = BaseOptionalDependencyError,
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Make a function fail clearly when it is called without a package that it needs.

    The package is looked for when the function is called, not when it is defined, and is not imported.

    Args:
        name: The package's dotted import name.
        exc_message: What the exception says; None for a sentence that names the function and the package.
        exc_type: Makes the exception that is raised, from its message.

    Returns:
        A decorator. The function raises `exc_type` when the package cannot be found.
    """

    def decorator(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(function)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            from dioptra.pyplugs._loading import exists

            if not exists(name):
                message = f"{function.__qualname__} needs the package {name!r}, which is not installed"
                raise exc_type(exc_message or message)
            return function(*args, **kwargs)

        return checked

    return decorator
