"""A plugin directory that is held: syncs keep one lock, whatever they are asked for, until somebody resumes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dioptra.plugins import schema
from dioptra.plugins.durability import flush, replace_file
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.plugin_directory.layout import PluginDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a plugin directory is held at.

    Attributes:
        generation: The generation whose lock is kept.
        since: When it was held, aware UTC.
    """

    generation: int
    since: datetime


def read_hold(directory: PluginDirectory) -> Hold | None:
    """What a plugin directory is held at; None if it follows.

    Raises:
        ConfigurationError: It cannot be read or is malformed.
    """
    file = _file(directory)
    try:
        body = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise ConfigurationError(f"{file} cannot be read", why=str(problem)) from problem
    document = schema.load(body, source=str(file), error=ConfigurationError)
    try:
        return Hold(generation=int(str(document["generation"])), since=datetime.fromisoformat(str(document["since"])))
    except (KeyError, ValueError) as problem:
        raise ConfigurationError(
            f"{file} is malformed", why=str(problem), hint="dioptra-plugins sync --resume"
        ) from problem


def write_hold(directory: PluginDirectory, hold: Hold) -> None:
    """Hold a plugin directory; the writers' lock is held.

    Raises:
        OSError: It cannot be written.
    """
    document = {"schema": schema.SCHEMA, "generation": hold.generation, "since": hold.since.isoformat()}
    replace_file(_file(directory), schema.dump(document), aside=directory.tmp)


def remove_hold(directory: PluginDirectory) -> None:
    """Let a plugin directory follow again; it is well if it does already.

    Raises:
        OSError: The hold cannot be removed.
    """
    _file(directory).unlink(missing_ok=True)
    flush(directory.root)


def _file(directory: PluginDirectory) -> Path:
    return directory.root / "hold.json"
