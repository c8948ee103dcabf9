"""What a name of a plugin module stands for, as far as registering tasks goes.

A scope maps names to bindings. A name that is bound to anything else is there with None, so that it can be told from
a name that nothing in the module binds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

API = "dioptra.pyplugs"
_TOP, _, _LAST = API.partition(".")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Module:
    """An imported module.

    Attributes:
        name: Its dotted name.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Register:
    """``register``, or the decorator that ``register(sort_value=…)`` makes.

    Attributes:
        made: Whether it is the decorator already.
        sort_value: The value that was given.
        label: The value that was given.
        replace: The value that was given.
        unseen: What of the call cannot be seen, or None.
    """

    made: bool = False
    sort_value: float = 0.0
    label: str | None = None
    replace: bool = False
    unseen: str | None = None


@dataclass(frozen=True, slots=True)
class Nout:
    """``task_nout``, or the decorator that ``task_nout(n)`` makes.

    Attributes:
        made: Whether it is the decorator already.
        count: The number that was given; None where it cannot be seen.
    """

    made: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Defined:
    """A function or class of the module itself.

    Attributes:
        node: Its definition.
        nout: What ``task_nout`` says of it, or None.
    """

    node: Definition
    nout: int | None = None


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that was imported from another module.

    Attributes:
        module: Dotted name of that module.
        name: Dotted path inside it; its beginning may name a sub-module.
    """

    module: str
    name: str


Binding = Module | Register | Nout | Defined | Foreign
Names = dict[str, Binding | None]


def attribute(owner: Binding | None, name: str) -> Binding | None:
    """The binding of an attribute.

    Args:
        owner: What the attribute is taken of.
        name: The attribute.
    """
    if isinstance(owner, Foreign):
        return Foreign(owner.module, f"{owner.name}.{name}")
    if not isinstance(owner, Module):
        return None
    if owner.name == API:
        return Register() if name == "register" else Nout() if name == "task_nout" else None
    if f"{owner.name}.{name}" == API:
        return Module(API)
    return None if owner.name == _TOP else Foreign(owner.name, name)


def is_api(binding: Binding | None) -> bool:
    """Whether a binding leads to ``register``."""
    return isinstance(binding, Register) or (isinstance(binding, Module) and binding.name in {_TOP, API})


def imported(node: ast.Import) -> Iterator[tuple[str, Binding]]:
    """Names that an ``import`` statement binds, with their bindings."""
    for alias in node.names:
        if alias.asname is not None:
            yield alias.asname, Module(alias.name)
        else:
            top = alias.name.partition(".")[0]
            yield top, Module(top)


def imported_from(node: ast.ImportFrom, package: str) -> Iterator[tuple[str, Binding | None]]:
    """Names that a ``from … import`` statement binds; of a star import those of the API, if it is one.

    Args:
        node: The statement.
        package: Dotted name of the package that the module lies in.
    """
    module = Module(origin(node, package))
    for alias in node.names:
        if alias.name != "*":
            yield alias.asname or alias.name, attribute(module, alias.name)
        elif module.name == API:
            yield "register", Register()
            yield "task_nout", Nout()


def origin(node: ast.ImportFrom, package: str) -> str:
    """The absolute name of the module that a ``from … import`` statement imports from (PEP 328)."""
    if node.level == 0:
        return node.module or ""
    parts = package.split(".") if package else []
    kept = parts[: len(parts) - (node.level - 1)]
    return ".".join([*kept, node.module] if node.module else kept)


def joined(branches: Iterable[Mapping[str, Binding | None]]) -> Names:
    """Names after a statement of which one branch runs.

    A name that leads to the API in one branch leads there afterwards: a fallback for an installation without
    `dioptra` must not hide what registers where it is there.

    Args:
        branches: The names at the end of each branch; where they differ, the earlier of equal rank counts.
    """
    found: Names = {}
    for names in branches:
        for name, binding in names.items():
            if name not in found or _rank(binding) > _rank(found[name]):
                found[name] = binding
    return found


def _rank(binding: Binding | None) -> int:
    if is_api(binding) or isinstance(binding, Nout):
        return 3
    return {Foreign: 2, Module: 2, Defined: 1}.get(type(binding), 0)


def bound_names(target: ast.expr | None) -> Iterator[str]:
    """Names that an assignment to a target binds."""
    if target is not None:
        yield from (
            node.id
            for node in ast.walk(target)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del)
        )


def captured_names(pattern: ast.pattern) -> Iterator[str]:
    """Names that a ``case`` pattern binds (PEP 634)."""
    for node in ast.walk(pattern):
        name = node.rest if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)
        if isinstance(name, str):
            yield name


def local_names(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Names that are local to a function: they hide those around it in its whole body."""
    arguments = node.args
    found = {
        item.arg
        for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        if item is not None
    }
    elsewhere: set[str] = set()
    waiting: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    while waiting:
        item = waiting.pop()
        match item:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.Import() | ast.ImportFrom():
                found.update((alias.asname or alias.name).partition(".")[0] for alias in item.names)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                elsewhere.update(names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
            case _:
                pass
        waiting.extend(ast.iter_child_nodes(item))
    return found - elsewhere
