"""Finding the tasks of a plugin module in its syntax tree; nothing is imported or run.

A scan never fails: source that cannot be read gives a `ModuleEntry` with `error`, a registration that cannot be
followed gives one with `dynamic`, beside the tasks that were seen.

Names are followed in the order in which the module's body binds them, through ``if``, ``try``, ``with``, ``for`` and
``match`` blocks at module level. That is what the interpreter would see if every block ran once, which is right for
imports under conditions and for version checks; what a loop or a function registers is dynamic.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from dataclasses import dataclass

from dioptra.manifest.model import ModuleEntry, Parameter, ParameterKind, TaskEntry

_API = "dioptra.pyplugs"
_REGISTER, _NOUT = "register", "task_nout"

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class _Module:
    """A name bound to a module (``dioptra``, ``dioptra.pyplugs``)."""

    name: str


@dataclass(frozen=True, slots=True)
class _Register:
    """A name bound to `register`, or to ``register(sort_value=…)``."""

    sort_value: float = 0.0
    called: bool = False


@dataclass(frozen=True, slots=True)
class _Nout:
    """A name bound to `task_nout`, or to ``task_nout(n)``."""

    count: int | None = None


@dataclass(frozen=True, slots=True)
class _Defined:
    """A name bound to a function or class of this module."""

    node: _Definition


_Binding = _Module | _Register | _Nout | _Defined


class _Unseen(Exception):  # noqa: N818 - a signal between two functions of this module, never an error of a caller
    """Something is a registration, but not one that can be followed."""

    def __init__(self, node: ast.AST, why: str) -> None:
        super().__init__(why)
        self.reason = f"line {getattr(node, 'lineno', 1)}: {why}"


def scan_module(source: bytes, *, name: str, path: str) -> ModuleEntry:
    """Find the tasks that a module registers.

    Args:
        source: The module's bytes, in any encoding that Python accepts (PEP 263).
        name: Its dotted import name.
        path: Its file's path, for the entry.

    Returns:
        Its tasks in order of definition, with what could not be seen.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as problem:
        # ValueError: null bytes; RecursionError is left to the caller's limits as Python's own compiler does.
        line = getattr(problem, "lineno", None)
        where = f"line {line}: " if line else ""
        return ModuleEntry(name=name, path=path, error=f"{type(problem).__name__}: {where}{_message(problem)}")
    scan = _Scan(name)
    scan.block(tree.body)
    return ModuleEntry(
        name=name,
        path=path,
        doc=ast.get_docstring(tree) or "",
        tasks=tuple(scan.tasks.values()),
        dynamic="; ".join(scan.unseen) or None,
    )


def describe_callable(source: bytes, *, module: str, attribute: str, entry_point: str) -> TaskEntry:
    """Describe what a ``module:attribute`` entry point names.

    Args:
        source: The module's bytes; must parse.
        module: Its dotted import name.
        attribute: Dotted path inside it.
        entry_point: The entry point's name.

    Returns:
        The task, with its signature where the attribute is a plain function or class of the module.
    """
    package, _, plugin = module.rpartition(".")
    func = attribute.rpartition(".")[2]
    body: Iterable[ast.stmt] = ast.parse(source).body
    node: _Definition | None = None
    for part in attribute.split("."):
        node = next((found for found in _definitions(body) if found.name == part), None)
        body = node.body if isinstance(node, ast.ClassDef) else ()
    if node is None:
        return TaskEntry(package=package, plugin=plugin, func=func, entry_point=entry_point)
    return _task(node, package=package, plugin=plugin, func=func, entry_point=entry_point)


def _definitions(body: Iterable[ast.stmt]) -> Iterable[_Definition]:
    return (node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))


def _message(problem: Exception) -> str:
    return problem.msg if isinstance(problem, SyntaxError) else str(problem)


class _Scan:
    """One walk over a module's body: names in, tasks and unseen registrations out."""

    def __init__(self, module: str) -> None:
        self.package, _, self.plugin = module.rpartition(".")
        self.names: dict[str, _Binding] = {}
        self.tasks: dict[str, TaskEntry] = {}
        self.nouts: dict[str, int] = {}
        self.unseen: list[str] = []

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            try:
                self.statement(statement)
            except _Unseen as unseen:
                self.unseen.append(unseen.reason)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Import():
                self.import_(node)
            case ast.ImportFrom():
                self.import_from(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.definition(node)
            case ast.Assign(targets=targets, value=value):
                self.assign([target.id for target in targets if isinstance(target, ast.Name)], value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self.assign([name], value)
            case ast.Expr(value=ast.Call() as call):
                self.call_statement(call)
            case ast.If(body=body, orelse=orelse):
                self.block(body)
                self.block(orelse)
            case ast.Try() | ast.TryStar():
                self.block(node.body)
                for handler in node.handlers:
                    self.block(handler.body)
                self.block(node.orelse)
                self.block(node.finalbody)
            case ast.With(body=body):
                self.block(body)
            case ast.Match(cases=cases):
                for case in cases:
                    self.block(case.body)
            case ast.For() | ast.AsyncFor() | ast.While():
                self.inside(node, "a loop")
            case _:
                self.inside(node, "an expression")

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname is not None:
                self.bind(alias.asname, _Module(alias.name) if alias.name in {"dioptra", _API} else None)
            else:
                top = alias.name.partition(".")[0]
                self.bind(top, _Module(top) if top == "dioptra" else None)

    def import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            binding: _Binding | None = None
            if node.level == 0 and node.module == _API:
                if alias.name == "*":
                    self.names[_REGISTER], self.names[_NOUT] = _Register(), _Nout()
                    continue
                binding = _api_name(alias.name)
            elif node.level == 0 and node.module == "dioptra" and alias.name == "pyplugs":
                binding = _Module(_API)
            self.bind(alias.asname or alias.name, binding)

    def bind(self, name: str, binding: _Binding | None) -> None:
        if binding is None:
            self.names.pop(name, None)
        else:
            self.names[name] = binding

    def definition(self, node: _Definition) -> None:
        registers: list[_Register] = []
        nout: int | None = None
        try:
            for decorator in node.decorator_list:
                meaning = self.meaning(decorator)
                if isinstance(meaning, _Register):
                    registers.append(meaning)
                elif isinstance(meaning, _Nout):
                    if meaning.count is None:
                        raise _Unseen(decorator, "task_nout is used without a literal number")
                    nout = meaning.count
        finally:
            self.names[node.name] = _Defined(node)
        if nout is not None:
            self.nouts[node.name] = nout
        else:
            self.nouts.pop(node.name, None)
        if registers:
            self.register(node, node.name, registers[-1].sort_value)
        self.inside(node, f"'{node.name}'", skip_decorators=True)

    def register(self, node: _Definition, func: str, sort_value: float) -> None:
        # A later definition of the same name takes the earlier one's place, as it does at run time.
        self.tasks.pop(func, None)
        self.tasks[func] = _task(
            node,
            package=self.package,
            plugin=self.plugin,
            func=func,
            sort_value=sort_value,
            nout=self.nouts.get(node.name),
        )

    def assign(self, names: list[str], value: ast.expr) -> None:
        meaning = self.meaning(value)
        if meaning is None and isinstance(value, ast.Call):
            self.call_statement(value)
        for name in names:
            self.bind(name, meaning)

    def call_statement(self, call: ast.Call) -> None:
        """``register(f)`` and ``register(sort_value=1)(f)`` as statements."""
        meaning = self.meaning(call.func)
        if not isinstance(meaning, _Register):
            self.inside(ast.Expr(value=call), "an expression")
            return
        if not meaning.called and not call.args:
            return  # a decorator that is made and thrown away
        target = self.names.get(call.args[0].id) if call.args and isinstance(call.args[0], ast.Name) else None
        if not isinstance(target, _Defined):
            raise _Unseen(call, "register is called on something that is not defined in this module")
        self.register(target.node, target.node.name, meaning.sort_value or _sort_value(call))

    def meaning(self, node: ast.expr) -> _Binding | None:
        """What an expression stands for, as far as registering goes."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=value, attr=attr):
                owner = self.meaning(value)
                if isinstance(owner, _Module):
                    if owner.name == _API:
                        return _api_name(attr)
                    if f"{owner.name}.{attr}" == _API:
                        return _Module(_API)
                return None
            case ast.Call(func=func):
                callee = self.meaning(func)
                if isinstance(callee, _Register) and not callee.called and not node.args:
                    return _Register(_sort_value(node), called=True)
                if isinstance(callee, _Nout):
                    return _Nout(_literal_count(node))
                return None
            case _:
                return None

    def inside(self, node: ast.AST, where: str, *, skip_decorators: bool = False) -> None:
        """Look for registrations where they cannot be followed."""
        skipped = {id(item) for item in getattr(node, "decorator_list", ())} if skip_decorators else set()
        waiting = [child for child in ast.iter_child_nodes(node) if id(child) not in skipped]
        while waiting:
            current = waiting.pop()
            if isinstance(current, ast.Name | ast.Attribute) and isinstance(current.ctx, ast.Load):
                meaning = self.meaning(current)
                if isinstance(meaning, _Register):
                    raise _Unseen(current, f"register is used inside {where}")
            waiting.extend(ast.iter_child_nodes(current))


def _api_name(name: str) -> _Binding | None:
    if name == _REGISTER:
        return _Register()
    return _Nout() if name == _NOUT else None


def _sort_value(call: ast.Call) -> float:
    for keyword in call.keywords:
        if keyword.arg != "sort_value":
            raise _Unseen(call, f"register is called with {'**' if keyword.arg is None else keyword.arg}")
        try:
            value = ast.literal_eval(keyword.value)
        except ValueError:
            value = None
        if not isinstance(value, int | float):
            raise _Unseen(call, "sort_value is not a literal number")
        return float(value)
    return 0.0


def _literal_count(call: ast.Call) -> int | None:
    value = call.args[0] if call.args else next((item.value for item in call.keywords if item.arg == "nout"), None)
    return value.value if isinstance(value, ast.Constant) and type(value.value) is int else None


def _task(
    node: _Definition,
    *,
    package: str,
    plugin: str,
    func: str,
    sort_value: float = 0.0,
    nout: int | None = None,
    entry_point: str | None = None,
) -> TaskEntry:
    is_class = isinstance(node, ast.ClassDef)
    doc = ast.get_docstring(node, clean=False)
    return TaskEntry(
        package=package,
        plugin=plugin,
        func=func,
        parameters=_class_parameters(node) if isinstance(node, ast.ClassDef) else _parameters(node.args),
        returns=None if isinstance(node, ast.ClassDef) or node.returns is None else ast.unparse(node.returns),
        doc=inspect.cleandoc(doc) if doc else "",
        line=node.lineno,
        sort_value=sort_value,
        nout=nout,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_class=is_class,
        entry_point=entry_point,
    )


def _class_parameters(node: ast.ClassDef) -> tuple[Parameter, ...]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _parameters(item.args)[1:]
    return ()


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    positional: list[tuple[ast.arg, ParameterKind]] = [
        *((item, "positional_only") for item in arguments.posonlyargs),
        *((item, "positional_or_keyword") for item in arguments.args),
    ]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults
    found = [_parameter(item, kind, default) for (item, kind), default in zip(positional, defaults, strict=True)]
    if arguments.vararg is not None:
        found.append(_parameter(arguments.vararg, "var_positional", None))
    found += [
        _parameter(item, "keyword_only", default)
        for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg is not None:
        found.append(_parameter(arguments.kwarg, "var_keyword", None))
    return tuple(found)


def _parameter(item: ast.arg, kind: ParameterKind, default: ast.expr | None) -> Parameter:
    return Parameter(
        name=item.arg,
        kind=kind,
        annotation=None if item.annotation is None else ast.unparse(item.annotation),
        default=None if default is None else ast.unparse(default),
    )
