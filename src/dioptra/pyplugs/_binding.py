"""Telling a task's coordinates from the task's own arguments.

`call` and its relatives take the coordinates by position or by keyword, and everything else belongs to the task.
Coordinates that are given by position leave the keywords of the same names to the task::

    call("p", "m", "f", package="x")            # the task gets package="x"
    call("p", "m", None, func="x")              # the plugin's first task gets func="x"
    call(package="p", plugin="m", func="f")     # all three are coordinates

The other keywords of the registry (``label``, and for `call_task` ``upstream_tasks``) never go to the task; a task's
own parameters of these names are given by position, or in ``task_kwargs``, whose items all go to the task::

    call("p", "m", "f", label="fast")                      # the task f that is labelled "fast"
    call("p", "m", "f", task_kwargs={"label": "cat"})      # the task gets label="cat"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dioptra.pyplugs._types import Coordinates


class Split(NamedTuple):
    """The arguments of `call`, told apart.

    Attributes:
        coordinates: The task.
        label: Its label, or None.
        own: The other keywords that are not the task's.
        args: The task's positional arguments.
        kwargs: The task's keyword arguments.
    """

    coordinates: Coordinates
    label: str | None
    own: Mapping[str, Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def split_arguments(function: str, args: Sequence[Any], kwargs: Mapping[str, Any], *, own: Sequence[str] = ()) -> Split:
    """Split the arguments of `call` into coordinates and the task's arguments.

    Args:
        function: Name of the function that was called, for the error.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        own: Further keywords that are not the task's.

    Returns:
        The parts.

    Raises:
        TypeError: The package or the plugin is missing, a coordinate or the label is no text, or an argument is
            given twice.
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
    label = rest.pop("label", None)
    if not isinstance(label, str | None):
        raise TypeError(
            f"{function}() takes a text as label, not {label!r}; a task's own parameter of that name goes "
            "into task_kwargs"
        )
    ours = {name: rest.pop(name) for name in own if name in rest}
    further = rest.pop("task_kwargs", None) or {}
    twice = sorted(rest.keys() & further.keys())
    if twice:
        raise TypeError(f"{function}() got the task's argument {twice[0]!r} twice: as keyword and in task_kwargs")
    return Split(Coordinates(package, plugin, func), label, ours, tuple(args[3:]), {**rest, **further})


def without_return_type(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Take the return type out of the arguments of `call_typed`.

    Args:
        args: Its positional arguments.
        kwargs: Its keyword arguments; ``_return_type`` is removed.

    Returns:
        The positional arguments of `call`.

    Raises:
        TypeError: It is missing.
    """
    if len(args) > 2:
        return (*args[:2], *args[3:])
    if "_return_type" not in kwargs:
        raise TypeError("call_typed() is missing the argument '_return_type'")
    del kwargs["_return_type"]
    return tuple(args)
