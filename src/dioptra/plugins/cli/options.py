"""Options that several commands share, and the settings behind them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dioptra.plugins.config import NamedIndex, Settings, parse_index_options
from dioptra.plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from dioptra.plugins.index.catalogue_port import Catalogue
    from dioptra.plugins.lock.model import Lock
    from dioptra.plugins.plugin_directory.generation import Generation

Command = TypeVar("Command", bound=Callable[..., object])


def json_option(command: Command) -> Command:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print a report for programs.")(command)


def index_option(command: Command) -> Command:
    """``--index``, one or several times."""
    return click.option(
        "--index",
        "index_values",
        metavar="[NAME=]URL",
        multiple=True,
        help="Index: s3://bucket/prefix, a folder or a …/simple/ URL. Repeatable; the first with a project wins.",
    )(command)


def plugin_dir_option(command: Command) -> Command:
    """``--plugin-dir``."""
    return click.option(
        "--plugin-dir",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Managed plugin directory (default: DIOPTRA_PLUGIN_DIR, then the settings).",
    )(command)


def reason_option(purpose: str, *, required: bool = False) -> Callable[[Command], Command]:
    """``--reason``, as text that an index can keep.

    Args:
        purpose: What the reason is for, as help.
        required: Whether it must be given, and not be empty.
    """

    def check(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        if required and value is not None and not value.strip():
            raise click.BadParameter("it is empty; say why", context, parameter)
        return check_text(context, parameter, value)

    if required:
        return click.option("--reason", required=True, callback=check, help=purpose)
    return click.option("--reason", default="", callback=check, help=purpose)


def check_text(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an argument that is no text, which is what bytes of another encoding become.

    Args:
        context: Of the command.
        parameter: The option.
        value: Its value; None where it is not given.

    Raises:
        click.BadParameter: It cannot be written as UTF-8.
    """
    try:
        (value or "").encode()
    except UnicodeEncodeError as problem:
        raise click.BadParameter("it is no valid UTF-8", context, parameter) from problem
    return value


def load() -> Settings:
    """The settings in force for this process, flags aside.

    Raises:
        ConfigurationError: A settings file is malformed.
    """
    from dioptra.plugins.settings import load_settings

    return load_settings(os.environ, Path.cwd())


def chosen_indexes(values: Sequence[str]) -> tuple[NamedIndex, ...]:
    """The indexes to read: those of the flags, else the configured ones.

    Raises:
        ConfigurationError: There is none.
    """
    settings = load()
    indexes = parse_index_options(values, settings.indexes, source="--index") if values else settings.indexes
    if not indexes:
        raise ConfigurationError(
            "no index is given",
            why="neither --index nor DIOPTRA_INDEX nor a settings file names one",
            hint="add --index URL, or [[indexes]] with name and url to dioptra.toml",
        )
    return indexes


def chosen_index(values: Sequence[str]) -> NamedIndex:
    """The one index to write to.

    Raises:
        ConfigurationError: There is none, or several.
    """
    indexes = chosen_indexes(values)
    if len(indexes) > 1 and values:
        raise ConfigurationError("publishing takes one index", why=f"{len(indexes)} are given", hint="name one --index")
    return indexes[0]


def chosen_plugin_dir(flag: Path | None) -> Path:
    """The plugin directory to write to.

    Raises:
        ConfigurationError: None is set, or DIOPTRA_PLUGIN_DIR lists several.
    """
    if flag is not None:
        return flag
    value = load().plugin_dir
    if not value:
        raise ConfigurationError(
            "no plugin directory is set",
            why="neither --plugin-dir nor DIOPTRA_PLUGIN_DIR nor a settings file names one",
            hint="add --plugin-dir DIR, or export DIOPTRA_PLUGIN_DIR=DIR",
        )
    entries = [entry for entry in value.split(os.pathsep) if entry]
    if len(entries) > 1:
        raise ConfigurationError(
            "DIOPTRA_PLUGIN_DIR lists several directories",
            why=", ".join(entries),
            hint="name the one to sync with --plugin-dir DIR",
        )
    return Path(entries[0])


def catalogues_of(lock: Lock, index_values: Sequence[str], *, local_only: bool = False) -> Mapping[str, Catalogue]:
    """The indexes that a lock takes wheels from: by flag, else by setting, else where the lock saw them.

    Args:
        lock: The lock.
        index_values: The flag's values.
        local_only: Whether to leave out those that are reached over a network.

    Raises:
        ConfigurationError: A value or a setting is malformed.
    """
    names = {wheel.index for wheel in lock.wheels}
    return _opened({index.name: index.url for index in lock.indexes}, names, index_values, local_only=local_only)


def catalogues_of_generation(
    generation: Generation, index_values: Sequence[str], *, local_only: bool
) -> Mapping[str, Catalogue]:
    """The indexes that a generation's wheels came from: by flag, else by setting, else where they were.

    Args:
        generation: The generation.
        index_values: The flag's values.
        local_only: Whether to leave out those that are reached over a network.

    Raises:
        ConfigurationError: A value or a setting is malformed.
        IndexAccessError: One cannot be opened.
    """
    names = {index for _, index in generation.wheels}
    return _opened(dict(generation.indexes), names, index_values, local_only=local_only)


def _opened(
    urls: dict[str, str], needed: Collection[str], index_values: Sequence[str], *, local_only: bool
) -> Mapping[str, Catalogue]:
    from dioptra.plugins.object_store.locate import is_local

    configured = load().indexes
    urls |= {index.name: index.url for index in configured if index.name in urls}
    urls |= {index.name: index.url for index in parse_index_options(index_values, configured, source="--index")}
    wanted = {name: url for name, url in urls.items() if name in needed and (is_local(url) or not local_only)}
    return open_catalogues(wanted)


def open_catalogues(urls: Mapping[str, str]) -> Mapping[str, Catalogue]:
    """Open indexes for reading, with the cache that the settings name.

    Args:
        urls: Their addresses by name, in the order they are searched.

    Raises:
        ConfigurationError: One is no address of an index.
        IndexAccessError: There is no index, or it cannot be read.
    """
    from dioptra.plugins.disk_cache import DiskCache
    from dioptra.plugins.index.catalogue import open_catalogue
    from dioptra.plugins.settings import cache_folder

    cache = DiskCache(cache_folder(load()))
    return {name: open_catalogue(name, url, cache) for name, url in urls.items()}
