"""Manifests and environment descriptions as JSON.

The same value always gives the same bytes. Attributes that hold their default are left out; unknown keys are ignored,
so that a newer minor schema can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import partial
from typing import Any, TypeVar, cast

from dioptra.manifest.model import (
    SCHEMA,
    EntryPoint,
    EnvironmentDescription,
    EnvironmentWheel,
    InterpreterKey,
    ModuleEntry,
    SchemaVersionError,
    TaskEntry,
    TaskManifest,
)

_Value = TypeVar("_Value")


class MalformedManifestError(ValueError):
    """A persisted manifest or description cannot be read.

    Attributes:
        source: Where it was read from.
        why: What is wrong, with the path of the key.
    """

    def __init__(self, source: str, why: str) -> None:
        super().__init__(source, why)
        self.source, self.why = source, why

    def __str__(self) -> str:
        return f"{self.source} is malformed: {self.why}"


def manifest_to_json(manifest: TaskManifest) -> bytes:
    """The content of ``<wheel>.tasks.json``."""
    return _dump(manifest)


def manifest_from_json(body: bytes, *, source: str) -> TaskManifest:
    """Read a task manifest.

    Args:
        body: Its JSON.
        source: Where it comes from, for errors.

    Raises:
        MalformedManifestError: It is no manifest.
        SchemaVersionError: A newer major version wrote it.
    """
    return _load(TaskManifest, body, source)


def environment_to_json(environment: EnvironmentDescription) -> bytes:
    """The content of ``environment.json``."""
    return _dump(environment)


def environment_from_json(body: bytes, *, source: str) -> EnvironmentDescription:
    """Read an environment's description.

    Args:
        body: Its JSON.
        source: Where it comes from, for errors.

    Raises:
        MalformedManifestError: It is no description.
        SchemaVersionError: A newer major version wrote it.
    """
    return _load(EnvironmentDescription, body, source)


def wheel_to_json(wheel: EnvironmentWheel) -> bytes:
    """One wheel's description, as a store keeps it beside the wheel's files."""
    return _dump(wheel)


def wheel_from_json(body: bytes, *, source: str) -> EnvironmentWheel:
    """Read one wheel's description.

    Args:
        body: Its JSON.
        source: Where it comes from, for errors.

    Raises:
        MalformedManifestError: It is no description.
        SchemaVersionError: A newer major version wrote it.
    """
    return _load(EnvironmentWheel, body, source)


def _dump(value: object) -> bytes:
    document = {"schema": SCHEMA, **_plain(value)}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"
    # A docstring may hold lone surrogates, which UTF-8 does not have; in JSON they are escapes of the same form.
    return text.encode("utf-8", "backslashreplace")


def _plain(value: object) -> dict[str, object]:
    document: dict[str, object] = {}
    for name, default, nested, *_ in _FIELDS[type(value)]:
        item = getattr(value, name)
        if item == default:
            continue
        if nested is not None:
            item = [_plain(part) for part in item] if isinstance(item, tuple) else _plain(item)
        document[name] = item
    return document


def _load(kind: type[_Value], body: bytes, source: str) -> _Value:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise MalformedManifestError(source, f"it is no JSON: {problem}") from problem
    found = document.get("schema") if isinstance(document, dict) else None
    match = re.fullmatch(r"([0-9]{1,9})(\.[0-9]{1,9})?", found) if isinstance(found, str) else None
    if match is None:
        raise MalformedManifestError(source, "it is no JSON object with a 'schema' version")
    if int(match[1]) > int(SCHEMA.partition(".")[0]):
        raise SchemaVersionError(source, match[0])
    try:
        return cast(_Value, _build(kind, document))
    except _Wrong as wrong:
        raise MalformedManifestError(source, wrong.sentence) from None


class _Wrong(Exception):  # noqa: N818 - carries a key's path up to `_load`, which raises the error
    """A value that is not what it should be; the path grows on the way up."""

    def __init__(self, path: str, found: str) -> None:
        super().__init__(path, found)
        self.path, self.found = path, found

    def below(self, key: str) -> _Wrong:
        """The same, seen from one level higher."""
        separator = "." if self.path and not self.path.startswith("[") else ""
        return _Wrong(f"{key}{separator}{self.path}", self.found)

    @property
    def sentence(self) -> str:
        """The path and what was found there."""
        return f"'{self.path}' {self.found}" if self.path else f"the top level {self.found}"


_MISSING = object()
_SCALARS: Mapping[str, tuple[frozenset[type], str]] = {
    "str": (frozenset({str}), "a string"),
    "str | None": (frozenset({str, type(None)}), "a string or null"),
    "int": (frozenset({int}), "an integer"),
    "int | None": (frozenset({int, type(None)}), "an integer or null"),
    "float": (frozenset({float, int}), "a number"),
    "bool": (frozenset({bool}), "true or false"),
    "tuple[str, ...]": (frozenset({list}), "a list of strings"),
}
"""What JSON may hold for an attribute, by the annotation in `dioptra.manifest.model`."""

# Attribute, default, class of its value (or of the tuple's items), types, their names, converter, slot.
_Field = tuple[
    str,
    object,
    type | None,
    frozenset[type],
    str,
    Callable[[Any], object] | None,
    Callable[[object, object], None],
]


def _strings(items: list[object]) -> tuple[object, ...]:
    for number, item in enumerate(items):
        if type(item) is not str:
            raise _Wrong(f"[{number}]", _instead(item, "a string"))
    return tuple(items)


_CONVERTERS: Mapping[str, Callable[[Any], object]] = {
    "float": float,
    "tuple[str, ...]": _strings,
}


def _fields_of(kind: type, nested: Mapping[str, type]) -> tuple[_Field, ...]:
    found: list[_Field] = []
    for field in fields(kind):
        annotation = str(field.type)
        name = annotation.removeprefix("tuple[").removesuffix(", ...]").removesuffix(" | None")
        inner, default = nested.get(name), _MISSING if field.default is MISSING else field.default
        converter: Callable[[Any], object] | None
        if inner is None:
            types, wanted = _SCALARS[annotation]
            converter = _CONVERTERS.get(annotation)
        elif annotation.startswith("tuple["):
            types, wanted, converter = frozenset({list}), "a list", partial(_items, inner)
        else:
            optional = annotation.endswith("None")
            types = frozenset({dict, type(None)} if optional else {dict})
            wanted, converter = "an object", partial(_optional, inner)
        # The slot itself: twice as fast as a frozen dataclass's own __init__, and values are complete when they are
        # handed out.
        found.append((field.name, default, inner, types, wanted, converter, kind.__dict__[field.name].__set__))
    return tuple(found)


def _build(kind: type, document: object) -> object:
    if type(document) is not dict:
        raise _Wrong("", _instead(document, "an object"))
    value: object = object.__new__(kind)
    get = document.get
    for name, default, _, types, wanted, converter, store in _FIELDS[kind]:
        item = get(name, _MISSING)
        if item is _MISSING:
            if default is _MISSING:
                raise _Wrong(name, "is missing")
            item = default
        elif type(item) not in types:
            raise _Wrong(name, _instead(item, wanted))
        elif converter is not None:
            try:
                item = converter(item)
            except _Wrong as wrong:
                raise wrong.below(name) from None
            except OverflowError:
                raise _Wrong(name, "is too large") from None
        store(value, item)
    return value


def _items(kind: type, items: list[object]) -> tuple[object, ...]:
    found: list[object] = []
    try:
        for item in items:
            found.append(_build(kind, item))  # noqa: PERF401 - the position is wanted when one fails
    except _Wrong as wrong:
        raise wrong.below(f"[{len(found)}]") from None
    return tuple(found)


def _optional(kind: type, item: object) -> object:
    return None if item is None else _build(kind, item)


def _instead(item: object, wanted: str) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return f"is {names.get(type(item), 'a number')}, not {wanted}"


_KINDS = (
    EntryPoint,
    TaskEntry,
    ModuleEntry,
    TaskManifest,
    InterpreterKey,
    EnvironmentWheel,
    EnvironmentDescription,
)
_FIELDS: Mapping[type, tuple[_Field, ...]] = {
    kind: _fields_of(kind, {other.__name__: other for other in _KINDS}) for kind in _KINDS
}
