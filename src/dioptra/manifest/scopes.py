"""One walk over the syntax tree of a plugin module: names in, tasks and unseen registrations out.

Statements are followed in order, as if every branch of ``if``, ``try``, ``with`` and ``match`` ran (see
`dioptra.manifest.bindings.joined`). Bodies of functions run later, or never, so they are looked at last, with the
names as they stand at the end of the module; what registers there, in a class body or in a loop is unseen.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dioptra.manifest.bindings import (
    API,
    Binding,
    Defined,
    Definition,
    Foreign,
    Names,
    Nout,
    Register,
    attribute,
    bound_names,
    captured_names,
    imported,
    imported_from,
    is_api,
    joined,
    local_names,
    origin,
)
from dioptra.manifest.findings import Findings
from dioptra.manifest.signatures import task_entry
from dioptra.manifest.syntax import known_truth, last_name, literal_count, made_decorator, root_name, unpacked

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Scope:
    """The names of a module, class or function body, and the walk over its statements.

    Args:
        findings: Where to report.
        names: Names that are bound already.
        where: The place in words, where registrations cannot be followed; None at module level.
        runs_at_import: Whether importing the module runs it. What is called elsewhere may never be.
    """

    def __init__(
        self, findings: Findings, names: Names | None = None, where: str | None = None, *, runs_at_import: bool = True
    ) -> None:
        self.findings = findings
        self.names: Names = dict(names or {})
        self.where = where
        self.runs_at_import = runs_at_import
        self._in_branch = False
        self._stars: list[str] = []
        self._later: list[tuple[_Function, str]] = []

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Follow a whole body, then the functions that are defined in it."""
        self._block(body)
        while self._later:
            node, where = self._later.pop(0)
            names = self.names | dict.fromkeys(local_names(node))
            Scope(self.findings, names, where, runs_at_import=False).run(node.body)

    def _block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Import():
                self.names.update(imported(node))
            case ast.ImportFrom():
                self.names.update(imported_from(node, self.findings.package))
                if any(alias.name == "*" for alias in node.names):
                    self._stars.append(origin(node, self.findings.package))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._definition(node)
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign([target], value)
            case ast.AugAssign(target=target, value=value):
                self._expression(value)
                self._forget(bound_names(target))
            case ast.Delete(targets=targets):
                for deleted in targets:
                    self._forget(bound_names(deleted))
            case ast.Expr(value=ast.Call() as call):
                self._call_for_effect(call)
            case ast.If() | ast.Try() | ast.TryStar() | ast.Match():
                self._branches(node)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._expression(item.context_expr)
                    self._forget(bound_names(item.optional_vars))
                self._block(node.body)
            case ast.For() | ast.AsyncFor():
                self._expression(node.iter)
                self._forget(bound_names(node.target))
                self._loop(node)
            case ast.While(test=test):
                self._expression(test)
                self._loop(node)
            case _:
                self._children(node)

    def _branches(self, node: ast.If | ast.Try | ast.TryStar | ast.Match) -> None:
        before = self.names
        match node:
            case ast.If(test=test):
                self._condition(test)
                before, known = self.names, known_truth(test)
                taken = [body for body, truth in ((node.body, True), (node.orelse, False)) if known in {None, truth}]
                self.names = joined([self._branch(body, before) for body in taken])
            case ast.Match():
                self._expression(node.subject)
                before = self.names
                ends = [
                    self._branch(case.body, before | dict.fromkeys(captured_names(case.pattern))) for case in node.cases
                ]
                self.names = joined([*ends, before])
            case ast.Try() | ast.TryStar():
                ends = [self._branch([*node.body, *node.orelse], before)]
                for handler in node.handlers:
                    hidden = {handler.name: None} if handler.name else {}
                    ends.append(self._branch(handler.body, before | hidden))
                self.names = joined(ends)
                self._block(node.finalbody)

    def _branch(self, body: Sequence[ast.stmt], before: Mapping[str, Binding | None]) -> Names:
        """Follow one branch; returns the names at its end."""
        self.names = dict(before)
        outer, self._in_branch = self._in_branch, True
        self._block(body)
        self._in_branch = outer
        return self.names

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        with self._inside("a loop"):
            self._block(node.body)
        self._block(node.orelse)

    @contextmanager
    def _inside(self, where: str) -> Iterator[None]:
        outer = self.where
        self.where = outer or where
        try:
            yield
        finally:
            self.where = outer

    def _forget(self, names: Iterable[str]) -> None:
        self.names.update(dict.fromkeys(names))

    def _definition(self, node: Definition) -> None:
        register: Register | None = None
        nout: int | None = None
        others: list[tuple[ast.expr, Binding | None]] = []
        for decorator in reversed(node.decorator_list):
            meaning = self._meaning(decorator)
            if isinstance(meaning, Register):
                register = meaning
            elif isinstance(meaning, Nout) and meaning.made:
                nout = meaning.count
                if nout is None:
                    self.findings.unseen(decorator, f"task_nout of '{node.name}' is not a literal number")
            elif not isinstance(meaning, Defined):
                others.append((decorator, meaning))
        for decorator, meaning in others:
            self._other_decorator(decorator, meaning, is_seen=register is not None)
        defined = Defined(node, nout)
        if isinstance(node, ast.ClassDef):
            for part in (*node.bases, *node.keywords):
                self._expression(part)
            inner = Scope(self.findings, self.names, f"class '{node.name}'", runs_at_import=self.runs_at_import)
            inner._block(node.body)
            # Functions see the names around the class, not those in it (Python language reference, 4.2.2).
            self._later += inner._later
        else:
            for default in (*node.args.defaults, *node.args.kw_defaults):
                self._expression(default)
            self._later.append((node, f"function '{node.name}'"))
        self.names[node.name] = defined
        if register is not None:
            self._register(defined, register, node)

    def _other_decorator(self, decorator: ast.expr, meaning: Binding | None, *, is_seen: bool) -> None:
        self._expression(decorator)
        if is_seen or not self.runs_at_import:
            return  # what is registered in sight is hardly registered out of sight as well
        module = self.findings.may_register(meaning)
        root = root_name(decorator)
        if module is None and root is not None and root not in self.names and not hasattr(builtins, root):
            # Only a star import can have bound it.
            stars = (self.findings.may_register(Foreign(star, root)) for star in self._stars)
            module = next((star for star in stars if star), None)
        if module is not None:
            self.findings.unseen(
                decorator, f"decorator {ast.unparse(decorator)} comes from {module}, which may register tasks"
            )

    def _register(self, defined: Defined, register: Register, node: ast.AST) -> None:
        func = defined.node.name
        if self.where is not None:
            self.findings.unseen(node, f"'{func}' is registered inside {self.where}")
            return
        if register.unseen is not None:
            self.findings.unseen(node, f"{register.unseen} (task '{func}')")
        self.findings.add(
            task_entry(
                defined.node, func=func, sort_value=register.sort_value, label=register.label, nout=defined.nout
            ),
            line=getattr(node, "lineno", defined.node.lineno),
            certain=not self._in_branch,
            replaces=register.replace,
        )

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        meaning = self._meaning(value)
        plain = all(isinstance(target, ast.Name) for target in targets)
        if meaning is None or isinstance(meaning, Defined | Foreign) or not plain:
            pairs = unpacked(targets, value)
            if pairs is not None:
                for target, part in pairs:
                    self._assign([target], part)
                return
            self._expression(value)
        for target in targets:
            self._forget(bound_names(target))
            if isinstance(target, ast.Name):
                self.names[target.id] = meaning

    def _call_for_effect(self, call: ast.Call) -> None:
        """A call whose result nobody wants may be one that registers."""
        module = self.findings.may_register(self._meaning(call.func)) if self.runs_at_import else None
        if module is not None:
            self.findings.unseen(call, f"{ast.unparse(call.func)}() comes from {module}, which may register tasks")
        if not isinstance(self._meaning(call), Register | Nout):  # a decorator that is made and thrown away
            self._expression(call)

    def _expression(self, node: ast.AST | None) -> None:
        """Look for registrations in an expression."""
        match node:
            case None:
                pass
            case ast.Call():
                self._call(node)
            case ast.Name(ctx=ast.Load()):
                if is_api(self.names.get(node.id)):
                    self.findings.unseen(node, f"'{node.id}' is used in a way that cannot be followed{self._place}")
            case ast.Attribute(value=value):
                if is_api(self._meaning(node)) or (node.attr == "__dict__" and is_api(self._meaning(value))):
                    text = ast.unparse(node)
                    self.findings.unseen(node, f"'{text}' is used in a way that cannot be followed{self._place}")
                elif not is_api(self._meaning(value)):
                    self._expression(value)
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()], comparators=[right]):
                self._condition(left)
                self._condition(right)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._condition(operand)
            case ast.NamedExpr(target=target, value=value):
                self._assign([target], value)
            case ast.Lambda():
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    self._expression(default)
                names = self.names | dict.fromkeys(local_names(node))
                inner = Scope(self.findings, names, self.where or "a lambda")
                inner._expression(node.body)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inner = Scope(self.findings, self.names, self.where or "a comprehension")
                for generator in node.generators:
                    inner._expression(generator.iter)
                    inner._forget(bound_names(generator.target))
                inner._children(node)
            case ast.Subscript(value=value, slice=ast.Constant(value=str(text))) if text == API:
                if last_name(value) == "modules":
                    self.findings.unseen(node, f"{API} is taken from sys.modules{self._place}")
            case _:
                self._children(node)

    def _condition(self, node: ast.expr) -> None:
        """An expression of which only the truth counts: asking whether the registry is there does not use it."""
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                self._condition(value)
        elif not isinstance(node, ast.Name):
            self._expression(node)

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self._expression(child)

    @property
    def _place(self) -> str:
        return "" if self.where is None else f" inside {self.where}"

    def _call(self, call: ast.Call) -> None:
        callee = self._meaning(call.func)
        if isinstance(callee, Register):
            self._call_of_register(call, callee)
            return
        if last_name(call.func) in {"import_module", "__import__"} and any(
            isinstance(item, ast.Constant) and item.value == API for item in call.args
        ):
            self.findings.unseen(call, f"{API} is imported by a call{self._place}")
        defined = self._meaning(call)
        if isinstance(callee, Nout) and isinstance(defined, Defined):
            # The mark is set on the function itself, whatever the result is bound to.
            self.findings.set_nout(defined.node.name, defined.node.lineno, defined.nout)
            for name, binding in self.names.items():
                if isinstance(binding, Defined) and binding.node is defined.node:
                    self.names[name] = defined
        self._expression(call.func)
        for argument in (*call.args, *call.keywords):
            self._expression(argument)

    def _call_of_register(self, call: ast.Call, callee: Register) -> None:
        if not call.args and not callee.made:
            self.findings.unseen(call, f"what register() makes is used in a way that cannot be followed{self._place}")
            return
        target = self._meaning(call.args[0]) if len(call.args) == 1 else None
        if isinstance(target, Defined):
            self._register(target, callee if callee.made else made_decorator(call), call)
            return
        self.findings.unseen(call, f"register is called on something that is not defined in this module{self._place}")
        for argument in call.args:
            self._expression(argument)

    def _meaning(self, node: ast.expr) -> Binding | None:
        """What an expression stands for; looks only, reports nothing."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=value, attr=attr):
                return attribute(self._meaning(value), attr)
            case ast.NamedExpr(value=value):
                return self._meaning(value)
            case ast.Call(func=func, args=args):
                callee = self._meaning(func)
                if isinstance(callee, Foreign):
                    return callee
                if isinstance(callee, Nout) and not callee.made:
                    return Nout(made=True, count=literal_count(node))
                if isinstance(callee, Register) and not callee.made and not args:
                    return made_decorator(node)
                argument = self._meaning(args[0]) if len(args) == 1 else None
                if isinstance(callee, Register | Nout) and isinstance(argument, Defined):
                    return Defined(argument.node, callee.count) if isinstance(callee, Nout) else argument
                return None
            case _:
                return None
