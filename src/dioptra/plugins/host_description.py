"""Descriptions of hosts as files, so that a lock can be made for workers elsewhere; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.tags import Tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.manifest.model import InterpreterKey
from dioptra.plugins import schema
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host_model import Host, HostDistribution, TargetInterpreter


def host_to_json(host: Host) -> bytes:
    """The description of a host.

    Args:
        host: A host whose interpreter is there.
    """
    interpreter, key = host.interpreter, host.key
    return schema.dump(
        {
            "schema": schema.SCHEMA,
            "name": host.label,
            "python": interpreter.python_full_version,
            "implementation": interpreter.implementation,
            "platform": interpreter.platform,
            "markers": dict(interpreter.marker_environment),
            "tags": [str(tag) for tag in interpreter.tags],
            "interpreter-key": None
            if key is None
            else {"cache-tag": key.cache_tag, "soabi": key.soabi, "platform": key.platform},
            "distributions": {item.project: str(item.version) for item in host.distributions},
        }
    )


def host_from_json(body: bytes, *, source: str) -> Host:
    """Read a description.

    Args:
        body: Its bytes.
        source: The file, for errors.

    Raises:
        ConfigurationError: It is no description, or has a newer major schema.
    """
    document = schema.load(body, source=source, error=ConfigurationError)
    try:
        key = document["interpreter-key"]
        return Host(
            interpreter=TargetInterpreter(
                python_full_version=str(Version(_text(document, "python"))),
                implementation=_text(document, "implementation"),
                platform=_text(document, "platform"),
                tags=tuple(_tag(text) for text in _texts(document, "tags")),
                marker_environment=tuple(sorted(_table(document, "markers").items())),
            ),
            key=None if key is None else _key(_table(document, "interpreter-key")),
            distributions=tuple(
                HostDistribution(project=canonicalize_name(name, validate=True), version=Version(version))
                for name, version in sorted(_table(document, "distributions").items())
            ),
            name=_text(document, "name"),
            is_described=True,
        )
    except (KeyError, ValueError) as problem:
        raise ConfigurationError(
            f"{source} is no description of a worker",
            why=f"key {problem} is missing" if isinstance(problem, KeyError) else str(problem),
            hint="dioptra-plugins worker describe -o FILE, on the worker, writes one",
        ) from problem


def _key(table: Mapping[str, str]) -> InterpreterKey:
    return InterpreterKey(cache_tag=table["cache-tag"], soabi=table["soabi"], platform=table["platform"])


def _tag(text: str) -> Tag:
    parts = text.split("-")
    if len(parts) != 3:
        raise ValueError(f"'tags' has {text!r}, wanted PYTHON-ABI-PLATFORM")
    return Tag(*parts)


def _text(document: Mapping[str, object], key: str) -> str:
    value = document[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"key '{key}' is {value!r}, wanted a string")
    return value


def _texts(document: Mapping[str, object], key: str) -> Sequence[str]:
    value = document[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"key '{key}' is no list of strings")
    return value


def _table(document: Mapping[str, object], key: str) -> Mapping[str, str]:
    value = document[key]
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(f"key '{key}' is no object of strings")
    return value
