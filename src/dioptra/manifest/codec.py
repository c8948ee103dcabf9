"""Manifests and environment descriptions as JSON.

The same value always gives the same bytes. Attributes that hold their default are left out; unknown keys are ignored,
so that a newer minor schema can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from dioptra.manifest.model import (
    SCHEMA,
    EntryPoint,
    EnvironmentDescription,
    EnvironmentWheel,
    InterpreterKey,
    ModuleEntry,
    Parameter,
    SchemaVersionError,
    TaskEntry,
    TaskManifest,
)

_Value = TypeVar("_Value")

# How each type's attributes that are tuples of other types, or another type, are read and written.
_NESTED: Mapping[tuple[type, str], type] = {
    (TaskEntry, "parameters"): Parameter,
    (ModuleEntry, "tasks"): TaskEntry,
    (TaskManifest, "entry_points"): EntryPoint,
    (TaskManifest, "modules"): ModuleEntry,
    (EnvironmentWheel, "manifest"): TaskManifest,
    (EnvironmentDescription, "interpreter"): InterpreterKey,
    (EnvironmentDescription, "wheels"): EnvironmentWheel,
}


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
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n").encode()


def _plain(value: Any) -> dict[str, object]:
    kind = type(value)
    document: dict[str, object] = {}
    for name, field in kind.__dataclass_fields__.items():
        item = getattr(value, name)
        if item == field.default:
            continue
        if (kind, name) in _NESTED:
            item = [_plain(part) for part in item] if isinstance(item, tuple) else _plain(item)
        document[name] = item
    return document


def _load(kind: type[_Value], body: bytes, source: str) -> _Value:
    try:
        document = json.loads(body)
    except ValueError as problem:
        raise MalformedManifestError(source, str(problem)) from problem
    found = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(found, str) or not found.partition(".")[0].isdigit():
        raise MalformedManifestError(source, "it is no JSON object with a 'schema' version")
    if int(found.partition(".")[0]) > int(SCHEMA.partition(".")[0]):
        raise SchemaVersionError(source, found)
    return _build(kind, document, source, "")


def _build(kind: type[_Value], document: object, source: str, path: str) -> _Value:
    if not isinstance(document, dict):
        raise MalformedManifestError(source, f"{path or 'the top level'} is not an object")
    fields = cast(Mapping[str, Any], kind.__dataclass_fields__)  # type: ignore[attr-defined]  # all of them are dataclasses
    values: dict[str, object] = {}
    for name in fields.keys() & document.keys():
        item = document[name]
        nested = _NESTED.get((kind, name))
        if nested is not None and isinstance(item, list):
            item = tuple(_build(nested, part, source, f"{path}.{name}[{n}]") for n, part in enumerate(item))
        elif nested is not None and item is not None:
            item = _build(nested, item, source, f"{path}.{name}")
        elif isinstance(item, list):
            item = tuple(item)
        values[name] = item
    try:
        return kind(**values)
    except TypeError as problem:
        raise MalformedManifestError(source, f"{path or 'the top level'}: {problem}") from problem
