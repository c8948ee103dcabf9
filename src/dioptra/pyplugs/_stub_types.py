"""Annotations of plugins, written for a stub. Pure.

An annotation is source text that means something in the plugin's module. It is kept where it is made of well-known
types only: those of `builtins`, `typing`, `collections.abc` and `pathlib`, by their bare names or behind the name of
their module. Everything else is refused, and so is what a type checker would call an error in the stub: a generic type
with a wrong number of parameters, a literal of a number with a point. Parameters that are left out are filled in,
because strict mode wants them.
"""

from __future__ import annotations

import ast
from typing import TypeAlias

ALIASES = {"_abc": "collections.abc", "_builtins": "builtins", "_pathlib": "pathlib", "_typing": "typing"}
"""Modules by the names that a stub has to import them as."""

ANY = "_typing.Any"

_Shadowed: TypeAlias = frozenset[str]

# The number of parameters of each type.
_BUILTINS = {
    **dict.fromkeys(["BaseException", "Exception", "bool", "bytearray", "bytes", "complex", "float", "int"], 0),
    **dict.fromkeys(["memoryview", "object", "range", "slice", "str"], 0),
    **dict.fromkeys(["frozenset", "list", "set", "type"], 1),
    "dict": 2,
}
_ABC = {
    **dict.fromkeys(["Hashable", "Sized"], 0),
    **dict.fromkeys(["AsyncIterable", "AsyncIterator", "Awaitable", "Collection", "Container", "Iterable"], 1),
    **dict.fromkeys(
        ["Iterator", "KeysView", "MutableSequence", "MutableSet", "Reversible", "Sequence", "ValuesView"], 1
    ),
    **dict.fromkeys(["AsyncGenerator", "ItemsView", "Mapping", "MutableMapping"], 2),
    **dict.fromkeys(["Coroutine", "Generator"], 3),
}
_TYPING = {
    **dict.fromkeys(["Any", "BinaryIO", "LiteralString", "Never", "NoReturn", "SupportsBytes", "SupportsComplex"], 0),
    **dict.fromkeys(["SupportsFloat", "SupportsIndex", "SupportsInt", "Text", "TextIO"], 0),
    **dict.fromkeys(["AbstractSet", "Counter", "Deque", "FrozenSet", "IO", "List", "Match", "Pattern", "Type"], 1),
    **dict.fromkeys(["SupportsAbs", "SupportsRound"], 1),
    **dict.fromkeys(["ChainMap", "DefaultDict", "Dict", "OrderedDict"], 2),
}
_PATHS = dict.fromkeys(["Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"], 0)


def _names(alias: str, types: dict[str, int], *modules: str) -> dict[str, tuple[str, int]]:
    return {f"{module}{name}": (f"{alias}.{name}", count) for module in modules for name, count in types.items()}


_TYPES = {
    # A bare `Set` is left out: typing and collections.abc mean different things by it.
    "typing.Set": ("_typing.Set", 1),
    "collections.abc.Set": ("_abc.Set", 1),
    **_names("_builtins", _BUILTINS, "", "builtins."),
    **_names("_abc", _ABC, "", "collections.abc.", "typing."),
    **_names("_typing", _TYPING, "", "typing."),
    **_names("_pathlib", _PATHS, "", "pathlib."),
}
_FORMS = {
    **{f"{module}Callable": "Callable" for module in ("", "collections.abc.", "typing.")},
    **{f"{module}{name}": name for module in ("", "typing.") for name in ("Annotated", "Literal", "Optional", "Union")},
    **dict.fromkeys(["tuple", "Tuple", "builtins.tuple", "typing.Tuple"], "tuple"),
}
_MAY_BE_SHORTER = {"_abc.Generator", "_abc.AsyncGenerator"}
"""Types whose last parameters may be left out, and are None then."""


class UnknownTypeError(Exception):
    """An annotation is not made of well-known types."""


def type_text(source: str, *, shadowed: _Shadowed = frozenset()) -> str:
    """Write an annotation so that it means the same in a stub.

    Args:
        source: Its source text in the plugin's module.
        shadowed: Names of builtins that mean something else where it is written.

    Returns:
        Its text; names of modules other than `builtins` stand behind one of `ALIASES`.

    Raises:
        UnknownTypeError: It uses a name that is not well known, or is no type.
    """
    try:
        return _type(ast.parse(source.strip(), mode="eval").body, shadowed)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:  # all that parsing a text documents
        raise UnknownTypeError(source) from problem


def builtin(name: str, shadowed: _Shadowed) -> str:
    """Write a builtin so that it is found where its name means something else.

    Args:
        name: Its name.
        shadowed: Names that mean something else.
    """
    return f"_builtins.{name}" if name in shadowed else name


def _type(node: ast.expr, shadowed: _Shadowed) -> str:
    match node:
        case ast.Constant(value=None):
            return "None"
        case ast.Constant(value=str() as source):  # a type that is defined further down
            return type_text(source, shadowed=shadowed)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{_type(left, shadowed)} | {_type(right, shadowed)}"
        case ast.Name() | ast.Attribute():
            return _bare(ast.unparse(node), shadowed)
        case ast.Subscript(value=ast.Name() | ast.Attribute() as base, slice=inner):
            items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _generic(ast.unparse(base), items, shadowed)
        case _:
            raise UnknownTypeError(ast.dump(node))


def _bare(name: str, shadowed: _Shadowed) -> str:
    match _FORMS.get(name):
        case "tuple":
            return f"{builtin('tuple', shadowed)}[{ANY}, ...]"
        case "Callable":
            return f"_abc.Callable[..., {ANY}]"
        case None if name in _TYPES:
            known, count = _TYPES[name]
            return _written(known, [ANY] * count, shadowed)
        case _:
            raise UnknownTypeError(name)


def _generic(name: str, items: list[ast.expr], shadowed: _Shadowed) -> str:
    form = _FORMS.get(name)
    match form, items:
        case "Literal", [_, *_]:
            return f"_typing.Literal[{', '.join(map(_literal, items))}]"
        case "Annotated", [first, _, *_]:
            return _type(first, shadowed)
        case "Optional", [item]:
            return f"{_type(item, shadowed)} | None"
        case "Union", [_, *_]:
            return " | ".join(_type(item, shadowed) for item in items)
        case "tuple", []:
            return f"{builtin('tuple', shadowed)}[()]"
        case "tuple", [item, ast.Constant(value=value)] if value is ...:
            return f"{builtin('tuple', shadowed)}[{_type(item, shadowed)}, ...]"
        case "tuple", _:
            return _written("_builtins.tuple", [_type(item, shadowed) for item in items], shadowed)
        case "Callable", [arguments, result]:
            return f"_abc.Callable[{_arguments(arguments, shadowed)}, {_type(result, shadowed)}]"
        case None, [_, *_] if name in _TYPES:
            known, count = _TYPES[name]
            if known in {"_builtins.type", "_typing.Type"} and not isinstance(items[0], ast.Name | ast.Attribute):
                return _bare(name, shadowed)  # not every type has a class
            texts = [_type(item, shadowed) for item in items]
            if known in _MAY_BE_SHORTER:
                texts += ["None"] * (count - len(texts))
            if len(texts) == count:
                return _written(known, texts, shadowed)
    raise UnknownTypeError(name)


def _written(known: str, parameters: list[str], shadowed: _Shadowed) -> str:
    alias, _, name = known.partition(".")
    text = builtin(name, shadowed) if alias == "_builtins" else known
    return f"{text}[{', '.join(parameters)}]" if parameters else text


def _arguments(node: ast.expr, shadowed: _Shadowed) -> str:
    match node:
        case ast.Constant(value=value) if value is ...:
            return "..."
        case ast.List(elts=items):
            return f"[{', '.join(_type(item, shadowed) for item in items)}]"
        case _:
            raise UnknownTypeError(ast.dump(node))


def _literal(node: ast.expr) -> str:
    match node:
        # A text that cannot be printed may hold what cannot be encoded.
        case ast.Constant(value=str() as value) if value.isprintable():
            return repr(value)
        case ast.Constant(value=None | bool() | int() | bytes()):
            return ast.unparse(node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)) if not isinstance(value, bool):
            return f"-{value}"
        case _:
            raise UnknownTypeError(ast.dump(node))
