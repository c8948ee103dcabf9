"""Telling a task's coordinates from the task's own arguments.

`call` and its relatives take the coordinates by position or by keyword, and everything else belongs to the task.
Coordinates that are given by position leave the keywords of the same names to the task::

    call("p", "m", "f", package="x")            # the task gets package="x"
    call("p", "m", None, func="x")              # the plugin's first task gets func="x"
    call(package="p", plugin="m", func="f")     # all three are coordinates
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dioptra.pyplugs._types import Coordinates


def split_arguments(
    function: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Coordinates, tuple[Any, ...], dict[str, Any]]:
    """Split the arguments of `call` into coordinates and the task's arguments.

    Args:
        function: Name of the function that was called, for the error.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Returns:
        The coordinates, and the task's positional and keyword arguments.

    Raises:
        TypeError: The package or the plugin is missing, or a coordinate is no text.
    """
    given, rest = list(args[:3]), dict(kwargs)
    for name in ("package", "plugin", "func")[len(given) :]:
        if name in rest:
            given.append(rest.pop(name))
        elif name == "func":
            given.append(None)
        else:
            raise TypeError(f"{function}() is missing the argument {name!r}")
    package, plugin, func = given
    if not isinstance(package, str) or not isinstance(plugin, str) or not isinstance(func, str | None):
        raise TypeError(f"{function}() takes texts as package, plugin and func, not {package!r}, {plugin!r}, {func!r}")
    return Coordinates(package, plugin, func), tuple(args[3:]), rest
