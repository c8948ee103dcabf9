"""Settings as values: what a file, the environment and flags say, and which of them wins.

Precedence: flags, then ``DIOPTRA_*`` variables, then the project's ``dioptra.toml`` or ``[tool.dioptra]`` in
``pyproject.toml``, then the user's file, then the defaults. Nothing here reads a file or the environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from dioptra.plugins.errors import ConfigurationError

INDEX_VARIABLE = "DIOPTRA_INDEX"
PLUGIN_DIR_VARIABLE = "DIOPTRA_PLUGIN_DIR"
CACHE_DIR_VARIABLE = "DIOPTRA_CACHE_DIR"

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)=(?P<url>.+)", re.DOTALL)
_PATTERN = re.compile(r"[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?")
_SIZE = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?) ?(?P<unit>|b|[kmgt]i?b)", re.IGNORECASE)
_INDEX_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedIndex:
    """An index and the name that locks call it by.

    Attributes:
        name: Letters, digits, ``.``, ``_`` and ``-``.
        url: Root or ``…/simple/`` URL, or a path.
        plugins: Patterns of normalized project names (``lab-*``) that are taken from this index only.
    """

    name: str
    url: str
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one source says; empty values where it says nothing.

    Attributes:
        indexes: In the order they are searched.
        requirements: What `lock` pins where nothing else is asked for, as written.
        plugin_dir: The managed plugin directory as `sync` writes it; None where unset.
        cache_dir: Where pages of foreign indexes are kept; None for the user's cache folder.
        keep: How many generations are kept after each sync; None to keep all.
        max_size: Bytes that the wheels of a plugin directory may take after each sync; None for any.
        workers: Files that describe the workers to lock for.
        host: The release that a host's own build of a project stands for, by normalized project name.
        source: Where these come from, for messages.
    """

    indexes: tuple[NamedIndex, ...] = ()
    requirements: tuple[str, ...] = ()
    plugin_dir: str | None = None
    cache_dir: str | None = None
    keep: int | None = None
    max_size: int | None = None
    workers: tuple[Path, ...] = ()
    host: Mapping[NormalizedName, Version] = field(default_factory=dict)
    source: str = "defaults"


def parse_settings_file(text: str, *, source: str, table: Sequence[str] = ()) -> Settings:
    """Read settings from TOML.

    Args:
        text: The file's content.
        source: Its path, for errors.
        table: Keys of the table that holds the settings: none for ``dioptra.toml``, ``("tool", "dioptra")`` for
            ``pyproject.toml``.

    Returns:
        What it says; no settings where the table is absent.

    Raises:
        ConfigurationError: It is no TOML (names the line), or a key is unknown or has the wrong type (names it).
    """
    try:
        document: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{source} is not valid TOML", why=str(problem)) from problem
    for key in table:
        document = document.get(key, {}) if isinstance(document, dict) else {}
    if not isinstance(document, dict):
        raise _wrong(source, ".".join(table), "a table", document)
    prefix = "".join(f"{key}." for key in table)
    known = {"cache-dir", "host", "indexes", "keep", "max-size", "plugin-dir", "requirements", "workers"}
    _refuse_unknown(document, known, source, prefix)
    requirements = _strings(document, "requirements", source, prefix)
    workers = _strings(document, "workers", source, prefix)
    entries = document.get("indexes", [])
    if not isinstance(entries, list):
        raise _wrong(source, f"{prefix}indexes", "an array of tables ([[indexes]])", entries)
    indexes = tuple(_index(entry, source, f"{prefix}indexes[{n}]") for n, entry in enumerate(entries))
    _refuse_repeated(indexes, source)
    return Settings(
        indexes=indexes,
        requirements=requirements,
        plugin_dir=_string(document, "plugin-dir", source, prefix),
        cache_dir=_string(document, "cache-dir", source, prefix),
        keep=_count(document, "keep", source, prefix),
        max_size=_size(document, "max-size", source, prefix),
        workers=tuple(map(Path, workers)),
        host=_declared(document.get("host", {}), source, f"{prefix}host"),
        source=source,
    )


def settings_from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the variables.

    ``DIOPTRA_INDEX`` (``[NAME=]URL``, several separated by white space), ``DIOPTRA_PLUGIN_DIR`` and
    ``DIOPTRA_CACHE_DIR``.
    """
    return Settings(
        indexes=parse_index_options(environment.get(INDEX_VARIABLE, "").split(), (), source=INDEX_VARIABLE),
        plugin_dir=environment.get(PLUGIN_DIR_VARIABLE) or None,
        cache_dir=environment.get(CACHE_DIR_VARIABLE) or None,
        source="the environment",
    )


def parse_index_options(
    values: Iterable[str], configured: Iterable[NamedIndex], *, source: str
) -> tuple[NamedIndex, ...]:
    """Read ``--index`` values.

    Args:
        values: Each ``NAME=URL``, the name of a configured index, or a bare URL or path. A bare one that is
            configured keeps its configured name; others are called ``default``, ``default-2`` and so on.
        configured: Indexes that names may refer to.
        source: Where the values come from, for errors.

    Raises:
        ConfigurationError: A name is given twice.
    """
    by_name = {index.name: index for index in configured}
    by_url = {index.url.rstrip("/"): index for index in configured}
    found: list[NamedIndex] = []
    unnamed = 0
    for value in values:
        named = _NAMED.fullmatch(value)
        if named is not None:
            plugins = by_name[named["name"]].plugins if named["name"] in by_name else ()
            found.append(NamedIndex(name=named["name"], url=named["url"], plugins=plugins))
        elif value in by_name:
            found.append(by_name[value])
        elif value.rstrip("/") in by_url:
            found.append(by_url[value.rstrip("/")])
        else:
            unnamed += 1
            found.append(NamedIndex(name="default" if unnamed == 1 else f"default-{unnamed}", url=value))
    _refuse_repeated(found, source)
    return tuple(found)


def merge(*sources: Settings) -> Settings:
    """Combine settings: each value is taken whole from the first source that gives it."""
    indexes = next((source.indexes for source in sources if source.indexes), ())
    requirements = next((source.requirements for source in sources if source.requirements), ())
    plugin_dir = next((source.plugin_dir for source in sources if source.plugin_dir), None)
    cache_dir = next((source.cache_dir for source in sources if source.cache_dir), None)
    keep = next((source.keep for source in sources if source.keep is not None), None)
    max_size = next((source.max_size for source in sources if source.max_size is not None), None)
    host = next((source.host for source in sources if source.host), {})
    workers = next((source.workers for source in sources if source.workers), ())
    return Settings(
        indexes=indexes,
        requirements=requirements,
        plugin_dir=plugin_dir,
        cache_dir=cache_dir,
        keep=keep,
        max_size=max_size,
        workers=workers,
        host=host,
        source="all sources",
    )


def _string(document: Mapping[str, object], key: str, source: str, prefix: str) -> str | None:
    found = document.get(key)
    if found is not None and not isinstance(found, str):
        raise _wrong(source, f"{prefix}{key}", "a string", found)
    return found


def _count(document: Mapping[str, object], key: str, source: str, prefix: str) -> int | None:
    found = document.get(key)
    if found is not None and (type(found) is not int or found < 1):
        raise _wrong(source, f"{prefix}{key}", "a number from 1 on", found)
    return found if isinstance(found, int) else None


def _size(document: Mapping[str, object], key: str, source: str, prefix: str) -> int | None:
    found = _string(document, key, source, prefix)
    try:
        return None if found is None else parse_size(found)
    except ValueError as problem:
        raise _wrong(source, f"{prefix}{key}", 'a size such as "20 GiB"', found) from problem


def parse_size(text: str) -> int:
    """Read an amount of memory, such as ``20 GiB``, ``500MB`` or ``1024``.

    Returns:
        Bytes.

    Raises:
        ValueError: It is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size")
    unit, base = match["unit"].lower(), 1024 if "i" in match["unit"].lower() else 1000
    return int(float(match["number"]) * base ** " kmgt".index(unit[:1] if unit not in ("", "b") else " "))


def _strings(document: Mapping[str, object], key: str, source: str, prefix: str) -> tuple[str, ...]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _wrong(source, f"{prefix}{key}", "a list of strings", found)
    return tuple(found)


def _declared(table: object, source: str, key: str) -> Mapping[NormalizedName, Version]:
    if not isinstance(table, dict):
        raise _wrong(source, key, 'a table of projects and versions (torch = "2.5.0")', table)
    found: dict[NormalizedName, Version] = {}
    for name, text in table.items():
        try:
            found[canonicalize_name(name, validate=True)] = Version(text if isinstance(text, str) else "")
        except (InvalidName, InvalidVersion) as problem:
            raise _wrong(source, f"{key}.{name}", 'a project and its version (torch = "2.5.0")', text) from problem
    return found


def _index(entry: object, source: str, key: str) -> NamedIndex:
    if not isinstance(entry, dict):
        raise _wrong(source, key, "a table with 'name' and 'url'", entry)
    _refuse_unknown(entry, {"name", "url", "plugins"}, source, f"{key}.")
    name, url = entry.get("name"), entry.get("url")
    if not isinstance(name, str) or not _INDEX_NAME.fullmatch(name):
        raise _wrong(source, f"{key}.name", "a name of letters, digits, '.', '_' and '-'", name)
    if not isinstance(url, str) or not url:
        raise _wrong(source, f"{key}.url", "a URL or path", url)
    plugins = entry.get("plugins", [])
    if not isinstance(plugins, list) or not all(isinstance(item, str) and _PATTERN.fullmatch(item) for item in plugins):
        raise _wrong(
            source, f"{key}.plugins", 'a list of normalized project names, with * for any part ("lab-*")', plugins
        )
    return NamedIndex(name=name, url=url, plugins=tuple(plugins))


def _refuse_unknown(table: Mapping[str, object], known: set[str], source: str, prefix: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigurationError(
            f"{source} has an unknown key '{prefix}{unknown[0]}'",
            why=f"known here: {', '.join(sorted(known))}",
            hint="correct or remove it",
        )


def _refuse_repeated(indexes: Sequence[NamedIndex], source: str) -> None:
    names = [index.name for index in indexes]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigurationError(
            f"{source} names the index '{repeated[0]}' twice", hint="give each index its own name: --index NAME=URL"
        )


def _wrong(source: str, key: str, wanted: str, found: object) -> ConfigurationError:
    shown = "nothing" if found is None else repr(found)
    return ConfigurationError(f"{source}: key '{key}' is wrong", why=f"found {shown}, wanted {wanted}")
