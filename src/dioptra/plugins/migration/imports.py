"""What a module imports, and whether it can do without."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dioptra.manifest.bindings import origin
from dioptra.manifest.scanner import parse
from dioptra.manifest.syntax import known_truth, last_name
from dioptra.plugins.migration.model import ImportUse, Place

_CATCHES_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def imports_of(source: bytes, *, module: str, path: str) -> tuple[ImportUse, ...]:
    """Find what a module imports when it runs.

    Args:
        source: The module's bytes.
        module: Its dotted name.
        path: Its path with ``/``.

    Returns:
        The full names, of ``from a import b`` the name ``a.b``; in order. What is imported for the type checker
        alone is left out. Nothing for source that cannot be parsed.
    """
    tree = parse(source)
    if isinstance(tree, str):
        return ()
    package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
    return tuple(_uses(tree.body, package=package, path=path, is_optional=False))


def _uses(nodes: Iterable[ast.AST], *, package: str, path: str, is_optional: bool) -> Iterator[ImportUse]:
    for node in nodes:
        match node:
            case ast.Import():
                for alias in node.names:
                    yield ImportUse(name=alias.name, place=Place(path, node.lineno), is_optional=is_optional)
            case ast.ImportFrom():
                module = origin(node, package)
                for alias in node.names:
                    name = module if alias.name == "*" else f"{module}.{alias.name}"
                    yield ImportUse(name=name, place=Place(path, node.lineno), is_optional=is_optional)
            case ast.Try() | ast.TryStar():
                guarded = is_optional or any(_handles_import_errors(handler) for handler in node.handlers)
                # What a handler imports instead is no more needed than what it replaces.
                inner = (*node.body, *node.handlers)
                yield from _uses(inner, package=package, path=path, is_optional=guarded)
                yield from _uses((*node.orelse, *node.finalbody), package=package, path=path, is_optional=is_optional)
            case ast.If():
                truth = known_truth(node.test)
                runs = [*(node.body if truth is not False else ()), *(node.orelse if truth is not True else ())]
                yield from _uses(runs, package=package, path=path, is_optional=is_optional)
            case ast.expr():
                continue
            case _:
                yield from _uses(ast.iter_child_nodes(node), package=package, path=path, is_optional=is_optional)


def _handles_import_errors(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(last_name(item) in _CATCHES_IMPORT_ERRORS for item in caught)
