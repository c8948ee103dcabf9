"""Tasks as attributes: ``tasks.<package>.<plugin>.<func>``, for notebooks and the interactive prompt.

Invariants:

- Walking, completing, `repr`, `help`, `inspect.signature` and `inspect.getdoc` import nothing of a plugin; only a call
  does. Everything shown comes from the listing.
- The listing is asked anew at every step, so that a tree never shows what is no longer there.
- Names that start with an underscore are refused before the listing is asked: interactive shells probe every object
  for many of them.
- One node may be a package and a plugin at once. Where a plugin's task and a module below the plugin have one name,
  the attribute is the task; the module's tasks are reached by `dioptra.pyplugs.call`, as are all names that cannot be
  written as an attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dioptra.pyplugs._suggest import nearest

if TYPE_CHECKING:
    from inspect import Signature

    from dioptra.pyplugs._types import Provenance, TaskDescription

CallTask: TypeAlias = "Callable[[TaskDescription, tuple[Any, ...], dict[str, Any]], Any]"


class SourceText(NamedTuple):
    """Stands in a signature for an annotation, or a default that is no literal: only its source is known."""

    text: str

    def __repr__(self) -> str:
        return self.text


class _LazySignature:
    """Gives ``__signature__`` to the instances only: a class that had one would not show that of its ``__init__``."""

    def __get__(self, handle: TaskHandle | None, owner: type[TaskHandle]) -> Signature:
        if handle is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute '__signature__'")
        return signature_of(handle.description)


class TaskHandle:
    """A task that is called like the function it stands for.

    All arguments go to the task, whatever their names are. Handles of the same task are equal. ``__doc__``,
    ``__name__``, ``__qualname__``, ``__module__`` and ``__signature__`` are those of the task.

    Args:
        description: The task.
        call: Calls a task, given its description and its positional and keyword arguments.

    Attributes:
        description: The task, as its source states it.
    """

    __signature__ = _LazySignature()

    def __init__(self, description: TaskDescription, call: CallTask) -> None:
        self.description = description
        self._call = call
        self.__name__ = self.__qualname__ = description.func
        self.__module__ = description.module
        self.__doc__ = description.docstring or None

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task.

        Args:
            args: The task's positional arguments.
            kwargs: The task's keyword arguments.

        Returns:
            What the function given as `call` returns: inside a flow a future, elsewhere what the task returns.

        Raises:
            DioptraSDKError: The task cannot be found or loaded.
        """
        return self._call(self.description, args, kwargs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskHandle):
            return NotImplemented
        return _coordinates(self.description) == _coordinates(other.description)

    def __hash__(self) -> int:
        return hash(_coordinates(self.description))

    def __repr__(self) -> str:
        task = self.description
        return f"<task {task.module}.{task.func}{task.signature}{_origin(task.provenance)}>"


class TaskTree:
    """Packages, plugins and tasks as attributes.

    Args:
        listing: Gives every task that there is; it has to be cheap, for it is called at every step.
        call: Calls a task, given its description and its positional and keyword arguments.
        path: The names that led here; none for the root.
    """

    __slots__ = ("_call", "_listing", "_path")

    def __init__(
        self, listing: Callable[[], Iterable[TaskDescription]], call: CallTask, *, path: tuple[str, ...] = ()
    ) -> None:
        self._listing = listing
        self._call = call
        self._path = path

    def __getattr__(self, name: str) -> Any:
        # First, because copying and unpickling ask for such names while the attributes of the tree are not set.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        own, below = self._read()
        if name in own:
            return TaskHandle(own[name], self._call)
        if name in below:
            return TaskTree(self._listing, self._call, path=(*self._path, name))
        # Without an object the interpreter does not add suggestions of its own to these.
        raise AttributeError(self._absent(name, {*own, *below}), name=name, obj=None)

    def __dir__(self) -> list[str]:
        own, below = self._read()
        return sorted(name for name in {*own, *below} if is_attribute(name))

    def __repr__(self) -> str:
        own, below = self._read()
        lines = [f"  {task.func}{task.signature}" for task in own.values()]
        plugins: dict[str, int] = {}
        for tasks in below.values():
            for task in tasks:
                plugins[task.module] = plugins.get(task.module, 0) + 1
        cut = len("".join(f"{part}." for part in self._path))
        lines += [f"  {module[cut:]} ({count} task{'s'[: count > 1]})" for module, count in sorted(plugins.items())]
        return "\n".join([self._title(own), *lines])

    def _title(self, own: dict[str, TaskDescription]) -> str:
        where = ".".join(self._path)
        if own:
            return f"<plugin {where}{_origin(next(iter(own.values())).provenance)}>"
        return f"<package {where}>" if where else "<tasks>"

    def _read(self) -> tuple[dict[str, TaskDescription], dict[str, list[TaskDescription]]]:
        """The tasks of the plugin of this path by name, and those of modules below it by the next name."""
        here = ".".join(self._path)
        prefix = f"{here}." if here else ""
        own: dict[str, TaskDescription] = {}
        below: dict[str, list[TaskDescription]] = {}
        for task in self._listing():
            module = task.module
            if module == here:
                # Of distributions that claim one task, the listing has several; calling it tells of the conflict.
                own.setdefault(task.func, task)
            elif module.startswith(prefix):
                below.setdefault(module[len(prefix) :].partition(".")[0], []).append(task)
        return own, below

    def _absent(self, name: str, choices: set[str]) -> str:
        where = ".".join(self._path) or "tasks"
        found = nearest(name, filter(is_attribute, choices))
        hint = f"did you mean {' or '.join(map(repr, found))}?" if found else "'dioptra-plugins list' shows all tasks"
        return f"{where} has no plugin or task {name!r}; {hint}"


def installed_tasks() -> TaskTree:
    """Everything that the default registry lists, as `dioptra.pyplugs.tasks`."""
    from dioptra.pyplugs._default import default_registry
    from dioptra.pyplugs._tasks import run_or_submit

    def call(task: TaskDescription, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = default_registry.find(task.package, task.plugin, task.func, label=task.label)
        return run_or_submit(found, args, kwargs)

    return TaskTree(lambda: default_registry.list_tasks().tasks, call)


def is_attribute(name: str) -> bool:
    """Tell whether a name of a package, plugin or task is offered as an attribute.

    Args:
        name: One name, without dots.

    Returns:
        Whether it can be written behind a dot and does not start with an underscore.
    """
    return name.isidentifier() and not iskeyword(name) and not name.startswith("_")


def signature_of(task: TaskDescription) -> Signature:
    """Make a task's signature from its source.

    Args:
        task: The task.

    Returns:
        Annotations are `SourceText`, and so are defaults unless they are literals. A signature that cannot be seen
        takes any arguments.

    Raises:
        ValueError: The description's signature cannot be read.
    """
    from inspect import Parameter, Signature

    from dioptra.manifest.model import UNSEEN_SIGNATURE

    if task.signature == UNSEEN_SIGNATURE:
        return Signature(
            [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)],
        )
    kinds = {
        "positional_only": Parameter.POSITIONAL_ONLY,
        "positional_or_keyword": Parameter.POSITIONAL_OR_KEYWORD,
        "var_positional": Parameter.VAR_POSITIONAL,
        "keyword_only": Parameter.KEYWORD_ONLY,
        "var_keyword": Parameter.VAR_KEYWORD,
    }
    parameters = [
        Parameter(
            item.name,
            kinds[item.kind],
            annotation=Parameter.empty if item.annotation is None else SourceText(item.annotation),
            default=Parameter.empty if item.default is None else _default(item.default),
        )
        for item in task.parameters
    ]
    returns = task.returns
    return Signature(parameters, return_annotation=Signature.empty if returns is None else SourceText(returns))


def _default(text: str) -> object:
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # all that literal_eval documents
        return SourceText(text)


def _coordinates(task: TaskDescription) -> tuple[str, str, str]:
    return task.package, task.plugin, task.func


def _origin(provenance: Provenance) -> str:
    if provenance.distribution is not None:
        version = "" if provenance.version is None else f" {provenance.version}"
        return f" of {provenance.distribution}{version}"
    return "" if provenance.plugin_directory is None else f" in {provenance.plugin_directory}"
