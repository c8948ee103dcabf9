"""`dioptra.sdk.plugin_dirs` itself: a context manager and decorator over the process's activation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar, cast

from dioptra.pyplugs._activation import Activation, Entered, Request
from dioptra.pyplugs._rules import normalized_project
from dioptra.sdk.exceptions import PLUGIN_DIR_VARIABLE

_Function = TypeVar("_Function", bound=Callable[..., Any])


class PluginDirectories:
    """Context manager and decorator that makes plugin directories active; see `dioptra.sdk.plugin_dirs`.

    Args:
        activation: The process's plugin directories.
        directories: The directories; empty to read ``DIOPTRA_PLUGIN_DIR`` on every entry.
        develop: Folders of plugin projects that stand in for their distributions.
        prefer: Distributions that are used where several declare a task.
    """

    def __init__(
        self,
        activation: Activation,
        directories: Sequence[str | os.PathLike[str]] = (),
        *,
        develop: Sequence[str | os.PathLike[str]] = (),
        prefer: Iterable[str] = (),
    ) -> None:
        self._activation = activation
        # Relative paths mean the folder that is current when they are given.
        self._directories = tuple(map(absolute, directories))
        self._develop = tuple(map(absolute, develop))
        self._prefer = tuple(map(normalized_project, prefer))
        self._stack: list[Entered | None] = []

    def __enter__(self) -> tuple[str, ...]:
        request = Request(self._directories or configured_directories(), self._develop, self._prefer)
        entered = self._activation.enter(request)
        self._stack.append(entered)
        return () if entered is None else entered.entries

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._activation.leave(self._stack.pop())

    def __call__(self, function: _Function) -> _Function:
        """Make a function, or a coroutine function, run with the plugin directories active.

        Args:
            function: The function.

        Returns:
            The function, wrapped; every call enters and leaves.
        """
        import functools
        import inspect

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with self._copy():
                    return await function(*args, **kwargs)

            return cast("_Function", run_async)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._copy():
                return function(*args, **kwargs)

        return cast("_Function", run)

    def _copy(self) -> PluginDirectories:
        return PluginDirectories(self._activation, self._directories, develop=self._develop, prefer=self._prefer)


def absolute(path: str | os.PathLike[str]) -> str:
    """A path without relative parts; links stay, because `current` is one."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps "..", Path.resolve follows links


def configured_directories() -> tuple[str, ...]:
    """The plugin directories of ``DIOPTRA_PLUGIN_DIR``, absolute and in order; empty where it is unset or empty."""
    value = os.environ.get(PLUGIN_DIR_VARIABLE, "")
    return tuple(absolute(entry) for entry in value.split(os.pathsep) if entry)


@contextmanager
def active_or_configured(activation: Activation) -> Iterator[None]:
    """Keep what is active, or enter what ``DIOPTRA_PLUGIN_DIR`` says.

    Args:
        activation: The process's plugin directories.

    Raises:
        DioptraSDKError: As for `Activation.enter`.
    """
    # Entered again, because a run that ends in another thread must not take them away from this one.
    again = activation.enter_again()
    if again is None:
        with PluginDirectories(activation):
            yield
        return
    try:
        yield
    finally:
        activation.leave(again)
