"""Collecting what a plugin directory does not need any more.

Kept are the active generation, the one that the directory is held at, and the newest ones; their environments, and
those that a job uses; and the wheels of all these environments. What goes is moved aside first and then removed,
generations before environments before wheels, so that a run that is killed leaves nothing that leads to something
missing.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from dioptra.manifest.codec import MalformedManifestError
from dioptra.manifest.environment import read_environment
from dioptra.manifest.model import SchemaVersionError
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.plugin_directory.generation import read_generations
from dioptra.plugins.plugin_directory.hold import read_hold
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.leases import is_leased, unused
from dioptra.plugins.plugin_directory.wheel_store import stored_digests
from dioptra.plugins.plugin_directory.writing import clear, translated, writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a plugin directory holds, as far as collecting goes.

    Attributes:
        generations: The environment of each generation, by number; the highest number is the active one.
        held: The generation that the directory is held at, or None.
        environments: The wheels of each environment.
        leased: Environments that jobs use.
        sizes: Bytes that each wheel of the store takes.
    """

    generations: Mapping[int, str]
    held: int | None
    environments: Mapping[str, frozenset[str]]
    leased: frozenset[str]
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What is not needed.

    Attributes:
        generations: Numbers, the lowest first.
        environments: Digests, sorted.
        wheels: Digests, sorted.
        size: Bytes of these wheels.
        left: Bytes of those that are kept.
    """

    generations: tuple[int, ...]
    environments: tuple[str, ...]
    wheels: tuple[str, ...]
    size: int
    left: int


def find_garbage(contents: Contents, *, keep: int, max_size: int | None = None) -> Garbage:
    """Decide what is not needed; pure.

    Args:
        contents: What there is.
        keep: How many of the newest generations are kept; at least the active one is.
        max_size: Bytes that the wheels may take; older generations are given up until they do. None for any.
    """
    newest = sorted(contents.generations, reverse=True)
    fixed = {*newest[:1], *(() if contents.held is None else (contents.held,))}
    kept = [number for number in newest[: max(keep, 1)] if number not in fixed]
    while True:
        environments = contents.leased | {contents.generations[number] for number in (*fixed, *kept)}
        needed = _wheels(contents, environments)
        left = sum(contents.sizes.get(sha256, 0) for sha256 in needed)
        if max_size is None or left <= max_size or not kept:
            break
        kept.pop()
    wheels = tuple(sorted(contents.sizes.keys() - needed))
    return Garbage(
        generations=tuple(sorted(contents.generations.keys() - fixed - set(kept))),
        environments=tuple(sorted(contents.environments.keys() - environments)),
        wheels=wheels,
        size=sum(contents.sizes[sha256] for sha256 in wheels),
        left=left,
    )


def read_contents(directory: PluginDirectory) -> Contents:
    """Look at what a plugin directory holds.

    Raises:
        ConfigurationError: A generation or an environment is malformed.
        OSError: Something cannot be read.
    """
    hold = read_hold(directory)
    generations = {item.number: item.environment for item in read_generations(directory)}
    digests = _names(directory.environments)
    return Contents(
        generations=generations,
        held=hold.generation if hold is not None and hold.generation in generations else None,
        environments={digest: _wheels_of(directory, digest) for digest in digests},
        leased=frozenset(digest for digest in digests if is_leased(directory, digest)),
        sizes={sha256: _size(directory.stored_wheel(sha256)) for sha256 in stored_digests(directory)},
    )


def collect(directory: PluginDirectory, *, keep: int, max_size: int | None = None) -> Garbage:
    """Remove what is not needed.

    Args:
        directory: The plugin directory.
        keep: See `find_garbage`.
        max_size: See `find_garbage`.

    Returns:
        What was removed.

    Raises:
        ConfigurationError: The plugin directory cannot be read or written.
    """
    with translated(directory), writing(directory):
        contents = read_contents(directory)
        garbage = find_garbage(contents, keep=keep, max_size=max_size)
        for number in garbage.generations:
            directory.generation(number).rename(directory.tmp / f"generation-{number}")
        entered: set[str] = set()
        for digest in garbage.environments:
            with unused(directory, digest) as is_unused:
                if is_unused:
                    directory.environment(digest).rename(directory.tmp / f"environment-{digest}")
                else:
                    entered.add(digest)
        # A job may have entered one since it was looked at: that stays, with its wheels.
        still_needed = _wheels(contents, entered)
        wheels = tuple(sha256 for sha256 in garbage.wheels if sha256 not in still_needed)
        for sha256 in wheels:
            directory.stored_wheel(sha256).rename(directory.tmp / sha256)
        clear(directory.tmp)
    spared = sum(contents.sizes[sha256] for sha256 in garbage.wheels if sha256 in still_needed)
    return Garbage(
        generations=garbage.generations,
        environments=tuple(digest for digest in garbage.environments if digest not in entered),
        wheels=wheels,
        size=garbage.size - spared,
        left=garbage.left + spared,
    )


def _wheels(contents: Contents, environments: Collection[str]) -> frozenset[str]:
    return frozenset().union(*(contents.environments.get(digest, frozenset()) for digest in environments))


def _wheels_of(directory: PluginDirectory, digest: str) -> frozenset[str]:
    path = directory.environment(digest)
    try:
        return frozenset(wheel.sha256 for wheel in read_environment(path).wheels)
    except FileNotFoundError:
        return frozenset()
    except (MalformedManifestError, SchemaVersionError) as problem:
        raise ConfigurationError(
            f"the environment {path} cannot be read", why=str(problem), hint="dioptra-plugins repair"
        ) from problem


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []


def _size(folder: Path) -> int:
    """Bytes that a folder takes on disk, bytecode included."""
    total = 0
    for above, _, files in os.walk(folder):
        total += sum(os.lstat(f"{above}/{file}").st_blocks for file in files)
    return 512 * total
