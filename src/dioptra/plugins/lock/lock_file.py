"""Keeping a lock in a file; apart from making one, so that a sync does not load the resolver."""

from __future__ import annotations

from pathlib import Path

from dioptra.plugins.durability import replace_file
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.lock.pylock import render
from dioptra.plugins.lock.pylock_parser import parse


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        ConfigurationError: It cannot be read or is no valid lock.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        raise ConfigurationError(
            f"there is no lock {path}", hint="dioptra-plugins lock REQUIREMENT --index URL makes one"
        ) from missing
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem
    return parse(text, source=str(path))


def would_change(path: Path, lock: Lock) -> bool:
    """Whether writing a lock would change the file.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        return path.read_bytes() != render(lock).encode()
    except FileNotFoundError:
        return True
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem


def write_lock(path: Path, lock: Lock) -> bool:
    """Write a lock file in one step.

    Returns:
        Whether the file changed.

    Raises:
        ConfigurationError: It cannot be written, or its name is none that PEP 751 allows.
    """
    if path.name != "pylock.toml" and not (
        path.name.startswith("pylock.") and path.name.endswith(".toml") and path.name.count(".") == 2
    ):
        raise ConfigurationError(
            f"'{path.name}' is no name of a lock",
            why="PEP 751 allows pylock.toml and pylock.NAME.toml, and installers read no other",
            hint="-o pylock.plugins.toml",
        )
    body = render(lock).encode()
    try:
        if path.exists() and path.read_bytes() == body:
            return False
        replace_file(path, body)
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be written", why=str(problem)) from problem
    return True
