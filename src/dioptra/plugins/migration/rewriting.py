"""Rewriting what a module says of the old framework and of Prefect 1; everything else keeps every byte.

The syntax tree tells where names stand, so that strings and comments are never touched and the layout stays.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field

from dioptra.manifest.scanner import parse
from dioptra.plugins.migration.model import Finding, Place
from dioptra.plugins.migration.old_names import EARLIER, TASK_KEYWORDS, TODAY, is_below, judge

_PREFECT_TASK = frozenset({"prefect.task", "prefect.utilities.tasks.task"})
_PREFECT_TASK_CLASS = frozenset({"prefect.Task", "prefect.core.Task", "prefect.core.task.Task"})
_IMPORTERS = frozenset({"importlib.import_module", "__import__"})
_EARLIER_TOP = EARLIER.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A module after rewriting.

    Attributes:
        source: Its bytes, in the encoding they had.
        findings: What was done and what is left, in order.
    """

    source: bytes
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    """A replacement within one line; offsets count bytes of UTF-8, as the syntax tree does."""

    line: int
    start: int
    end: int
    text: str


_KEPT = "surrogateescape"
"""Bytes that are of no character stay what they are."""


@dataclass(slots=True)
class _Report:
    path: str
    lines: list[bytes]
    edits: list[_Edit] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def rewritten(self, line: int, found: str, today: str) -> None:
        finding = Finding(place=Place(self.path, line), found=found, action="rewritten", advice=f"now {today}")
        self.findings.append(finding)

    def review(self, line: int, found: str, advice: str) -> None:
        self.findings.append(Finding(place=Place(self.path, line), found=found, action="review", advice=advice))


def rewrite(source: bytes, *, path: str) -> Rewritten:
    """Rewrite a module's imports, and the dotted names that they bring.

    Args:
        source: The module's bytes, in any encoding that Python accepts (PEP 263).
        path: Its path, for findings.

    Returns:
        The module. Source that cannot be parsed stays as it is and is left to a person.
    """
    tree = parse(source)
    if isinstance(tree, str):
        line = re.search(r"line (\d+)", tree)
        place = Place(path, int(line[1]) if line else 1)
        return Rewritten(source, (Finding(place=place, found=path, action="review", advice=tree),))
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    # Python imports a module with bytes of another encoding in its comments, but does not run it as a script.
    text = source.decode(encoding, _KEPT)
    report = _Report(path, [line.encode("utf-8", _KEPT) for line in io.StringIO(text, newline="")])
    for number, row in enumerate(report.lines, start=1):
        if row.decode("utf-8", "replace").encode() != row:
            report.review(number, "a comment", f"it has bytes that are not {encoding}: write it in UTF-8")
    bound = {"__import__": "__import__", **_imported_names(tree)}
    has_today = _imports_earlier(tree)
    parts_of_attributes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                _import(node, report)
            case ast.ImportFrom(level=0):
                _import_from(node, report)
            case ast.Attribute() if id(node) not in parts_of_attributes:
                _attribute(node, bound, report, has_today=has_today)
            case ast.Call() if (called := _full_name(node.func, bound)) in _PREFECT_TASK:
                _task_arguments(node, report)
            case ast.Call(args=[ast.Constant(value=str() as name), *_]) if called in _IMPORTERS:
                _import_by_text(node, name, report)
            case ast.ClassDef() if any(_full_name(base, bound) in _PREFECT_TASK_CLASS for base in node.bases):
                report.review(node.lineno, f"class {node.name}", "Prefect 3 runs functions, not task classes")
            case ast.Constant(value=str() as text) if is_below(text, EARLIER):
                report.review(node.lineno, repr(text), f"{EARLIER} is {TODAY} today")
            case _:
                pass
    findings = tuple(sorted(set(report.findings)))
    if not report.edits:
        return Rewritten(source, findings)
    return Rewritten(_edited(report).decode("utf-8", _KEPT).encode(encoding, _KEPT), findings)


def with_names_of_today(source: bytes) -> bytes:
    """A module as it would be read if the old framework had always had its present name.

    It is made from the syntax tree and not by editing, so that `rewrite` can be held against it.

    Args:
        source: The module's bytes.

    Returns:
        Source of the same definitions, without comments; as it is if it cannot be parsed or says nothing of the
        earlier name.
    """
    tree = parse(source)
    if isinstance(tree, str) or _EARLIER_TOP.encode() not in source:
        return source
    return ast.unparse(ast.fix_missing_locations(_Renaming(_imported_names(tree)).visit(tree))).encode()


class _Renaming(ast.NodeTransformer):
    def __init__(self, bound: Mapping[str, str]) -> None:
        self._bound = bound

    def visit_Import(self, node: ast.Import) -> ast.Import:
        names = [ast.alias(_of_today(alias.name), alias.asname) for alias in node.names]
        if any(alias.name == _EARLIER_TOP for alias in node.names):
            names.append(ast.alias(TODAY))
        return ast.Import(names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if node.module is None or node.level:
            return node
        moved = [alias for alias in node.names if f"{node.module}.{alias.name}" == EARLIER]
        if not moved:
            return ast.ImportFrom(_of_today(node.module), node.names, 0)
        rest = [alias for alias in node.names if alias not in moved]
        today = ast.Import([ast.alias(TODAY, alias.asname or alias.name) for alias in moved])
        return [today, ast.ImportFrom(node.module, rest, 0)] if rest else today

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if _full_name(node, self._bound) == EARLIER:
            return ast.Name(id=TODAY, ctx=ast.Load())
        self.generic_visit(node)
        return node


def _of_today(name: str) -> str:
    return TODAY + name.removeprefix(EARLIER) if is_below(name, EARLIER) else name


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What names of a module stand for: the full names of what any of its imports binds."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            bound.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return bound


def _imports_earlier(tree: ast.Module) -> bool:
    """Whether an import of the module binds the present top-level package once it is rewritten."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    return any(is_below(alias.name, EARLIER) and not alias.asname for node in imports for alias in node.names)


def _dotted(node: ast.expr) -> str | None:
    """The text of a name, or of attributes of a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _full_name(node: ast.expr, bound: Mapping[str, str]) -> str | None:
    first, dot, rest = (_dotted(node) or "").partition(".")
    return f"{bound[first]}{dot}{rest}" if first in bound else None


def _import(node: ast.Import, report: _Report) -> None:
    for alias in node.names:
        verdict = judge(alias.name)
        found = f"import {alias.name}"
        if alias.name == _EARLIER_TOP:
            report.review(node.lineno, found, f"{EARLIER} is {TODAY} today")
        if verdict is not None and verdict.renamed is not None:
            line = report.lines[alias.lineno - 1]
            if line.startswith(alias.name.encode(), alias.col_offset):
                end = alias.col_offset + len(alias.name)
                report.edits.append(_Edit(alias.lineno, alias.col_offset, end, verdict.renamed))
                report.rewritten(node.lineno, found, f"import {verdict.renamed}")
            else:
                report.review(node.lineno, found, f"it is {verdict.renamed} today")
        if verdict is not None and verdict.advice is not None:
            report.review(node.lineno, found, verdict.advice)


def _import_from(node: ast.ImportFrom, report: _Report) -> None:
    """A statement has one module: it is rewritten where everything that it imports lies in one today, too."""
    module = node.module or ""
    names = {alias.name: module if alias.name == "*" else f"{module}.{alias.name}" for alias in node.names}
    verdicts = {name: judge(full) for name, full in names.items()}
    today = {name: (verdict.renamed if verdict else None) or names[name] for name, verdict in verdicts.items()}
    modules = {full if name == "*" else full.rpartition(".")[0] for name, full in today.items()}
    if modules != {module}:
        found = f"from {module} import {', '.join(names)}"
        (wanted,) = modules if len(modules) == 1 else ("",)
        match = re.compile(rb"from\s+" + re.escape(module.encode()) + rb"(?=\s)").match(
            report.lines[node.lineno - 1], node.col_offset
        )
        if wanted and match is not None:
            report.edits.append(_Edit(node.lineno, match.end() - len(module.encode()), match.end(), wanted))
            report.rewritten(node.lineno, found, f"from {wanted} import {', '.join(names)}")
        else:
            changed = [f"{names[name]} is {full} today" for name, full in today.items() if full != names[name]]
            report.review(node.lineno, found, ", ".join(changed))
    for name, verdict in verdicts.items():
        if verdict is not None and verdict.advice is not None:
            report.review(node.lineno, f"from {module} import {name}", verdict.advice)
    if "*" in names and any(is_below(module, judged) for judged in (EARLIER, TODAY, "prefect")):
        report.review(node.lineno, f"from {module} import *", "import what is used by name, and look at each name")


def _import_by_text(node: ast.Call, name: str, report: _Report) -> None:
    verdict = None if is_below(name, EARLIER) else judge(name)
    if verdict is not None:
        report.review(node.lineno, repr(name), verdict.advice or f"it is {verdict.renamed} today")


def _attribute(node: ast.Attribute, bound: Mapping[str, str], report: _Report, *, has_today: bool) -> None:
    """Dotted names below what an import binds; what the import itself says was judged there."""
    name, full = _dotted(node), _full_name(node, bound)
    verdict = judge(full) if full else None
    if name is None or verdict is None:
        return
    first = name.partition(".")[0]
    imported = bound[first]
    is_judged = judge(imported) is not None
    if verdict.renamed is not None and not is_judged:
        new = first + verdict.renamed.removeprefix(imported) if is_below(verdict.renamed, imported) else None
        if imported == first == _EARLIER_TOP and has_today:
            new = verdict.renamed
        _rename(node, name, new, verdict.renamed, report)
    if verdict.advice is not None and (not is_judged or is_below(imported, EARLIER)):
        report.review(node.lineno, name, verdict.advice)


def _rename(node: ast.Attribute, name: str, new: str | None, today: str, report: _Report) -> None:
    """Write a dotted name's present spelling, where the module's imports give it one and it stands on one line."""
    kept: ast.expr = node
    old, parts = name.split("."), (new or "").split(".")
    while old[-1] == parts[-1] and len(parts) > 1 and isinstance(kept, ast.Attribute):
        kept, old, parts = kept.value, old[:-1], parts[:-1]
    if new is not None and kept.end_lineno == kept.lineno and kept.end_col_offset is not None:
        report.edits.append(_Edit(kept.lineno, kept.col_offset, kept.end_col_offset, ".".join(parts)))
        report.rewritten(node.lineno, name, new)
    else:
        report.review(node.lineno, name, f"it is {today} today")


def _task_arguments(node: ast.Call, report: _Report) -> None:
    for keyword in node.keywords:
        advice = TASK_KEYWORDS.get(keyword.arg or "")
        if advice is not None:
            report.review(keyword.value.lineno, f"task({keyword.arg}=…)", advice)


def _edited(report: _Report) -> bytes:
    lines = list(report.lines)
    for edit in sorted(report.edits, key=lambda edit: (edit.line, edit.start), reverse=True):
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.start] + edit.text.encode() + line[edit.end :]
    return b"".join(lines)
