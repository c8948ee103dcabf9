"""`sync`: bring a plugin directory to what a lock or a channel pins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.history_commands import garbage_text
from dioptra.plugins.cli.options import (
    catalogues_of,
    catalogues_of_generation,
    chosen_plugin_dir,
    index_option,
    json_option,
    load,
    plugin_dir_option,
)
from dioptra.plugins.cli.output import print_json, print_table, say, size_text
from dioptra.plugins.lock.model import LOCK_FILENAME

if TYPE_CHECKING:
    from dioptra.plugins.channels.follow import Followed
    from dioptra.plugins.index.catalogue_port import Catalogue
    from dioptra.plugins.lock.model import Lock
    from dioptra.plugins.object_store.port import ObjectReader
    from dioptra.plugins.plugin_directory.collection import Garbage
    from dioptra.plugins.plugin_directory.hold import Hold
    from dioptra.plugins.plugin_directory.layout import PluginDirectory
    from dioptra.plugins.plugin_directory.sync import OpenCatalogues, SyncReport


@click.command(name="sync")
@click.argument("lock_path", metavar="[LOCK]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from-bundle",
    "bundle_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take the lock and its wheels from a bundle, and ask no index.",
)
@click.option("--channel", metavar="NAME", help="Take the lock that this channel of the index names now.")
@click.option("--resume", is_flag=True, help="Follow again after a rollback.")
@click.option("--allow-lower-serial", is_flag=True, help="Follow a channel that went back to an earlier serial.")
@index_option
@plugin_dir_option
@json_option
def sync_command(
    lock_path: Path | None,
    bundle_path: Path | None,
    channel: str | None,
    resume: bool,
    allow_lower_serial: bool,
    index_values: tuple[str, ...],
    plugin_dir: Path | None,
    as_json: bool,
) -> None:
    """Bring the plugin directory to what LOCK pins (default: pylock.plugins.toml)."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.host import describe_host
    from dioptra.plugins.plugin_directory.hold import read_hold
    from dioptra.plugins.plugin_directory.layout import PluginDirectory
    from dioptra.plugins.plugin_directory.sync import sync

    if channel is not None and (lock_path is not None or bundle_path is not None):
        raise click.UsageError("--channel takes the place of LOCK and --from-bundle")
    if bundle_path is not None and (lock_path is not None or index_values):
        raise click.UsageError("--from-bundle takes the place of LOCK and --index")
    directory = PluginDirectory(chosen_plugin_dir(plugin_dir))
    if resume:
        _resume(directory)
    hold = read_hold(directory)
    if hold is not None:
        source = _held(directory, hold, channel, index_values)
    elif channel is not None:
        source = _of_channel(channel, directory.root, index_values, allow_lower=allow_lower_serial)
    elif bundle_path is not None:
        source = _of_bundle(bundle_path)
    else:
        source = _of_lock(lock_path or Path(LOCK_FILENAME), index_values)
    report = sync(source.lock, source.lock_bytes, directory, source.open_catalogues, describe_host(), SystemClock())
    source.remember()
    garbage = _collect(directory) if report.changed else None
    if as_json:
        print_json(_document(report, directory, hold))
    else:
        _tell(report, directory, hold, garbage)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What is to be made active.

    Attributes:
        lock: The lock, parsed.
        lock_bytes: Its file.
        open_catalogues: Opens the indexes that its wheels come from.
        remember: Keeps what was followed, once it is active.
    """

    lock: Lock
    lock_bytes: bytes
    open_catalogues: OpenCatalogues
    remember: Callable[[], None] = lambda: None


def _of_lock(path: Path, index_values: tuple[str, ...]) -> _Source:
    from dioptra.plugins.lock.lock_file import read_lock

    lock = read_lock(path)

    def open_catalogues(*, local_only: bool) -> Mapping[str, Catalogue]:
        return catalogues_of(lock, index_values, local_only=local_only)

    return _Source(lock=lock, lock_bytes=path.read_bytes(), open_catalogues=open_catalogues)


def _of_bundle(path: Path) -> _Source:
    from dioptra.plugins.lock.bundle import open_bundle

    bundle = open_bundle(path)

    def open_catalogues(*, local_only: bool) -> Mapping[str, Catalogue]:
        del local_only
        return bundle.catalogues

    return _Source(lock=bundle.lock, lock_bytes=bundle.lock_bytes, open_catalogues=open_catalogues)


def _of_channel(channel: str, root: Path, index_values: tuple[str, ...], *, allow_lower: bool) -> _Source:
    from dioptra.plugins.channels.follow import remember
    from dioptra.plugins.lock.pylock_parser import parse

    name, store, followed = _look(channel, root, index_values, allow_lower=allow_lower)
    lock = parse(followed.lock_bytes.decode(), source=f"{name}@{followed.head.serial}")

    def open_catalogues(*, local_only: bool) -> Mapping[str, Catalogue]:
        return _channel_catalogues(store, {wheel.index for wheel in lock.wheels}, followed, local_only=local_only)

    return _Source(
        lock=lock,
        lock_bytes=followed.lock_bytes,
        open_catalogues=open_catalogues,
        remember=lambda: remember(store, root, name, followed),
    )


def _held(directory: PluginDirectory, hold: Hold, channel: str | None, index_values: tuple[str, ...]) -> _Source:
    """The lock that the directory is held at; the channel is only asked for revocations."""
    from dioptra.plugins.errors import IndexAccessError
    from dioptra.plugins.lock.pylock_parser import parse
    from dioptra.plugins.plugin_directory.generation import read_generation_lock, read_generations

    lock_bytes = read_generation_lock(directory, hold.generation)
    generation = next(item for item in read_generations(directory) if item.number == hold.generation)
    lock = parse(lock_bytes.decode(), source=f"generation {hold.generation}")
    names = {wheel.index for wheel in lock.wheels}

    def open_catalogues(*, local_only: bool) -> Mapping[str, Catalogue]:
        if channel is None:
            return catalogues_of_generation(generation, index_values, local_only=local_only)
        try:
            _, store, followed = _look(channel, directory.root, index_values, allow_lower=True)
        except IndexAccessError as problem:
            say(f"the channel could not be asked for revocations: {problem}")
            return catalogues_of_generation(generation, (), local_only=local_only)
        return _channel_catalogues(store, names, followed, local_only=local_only)

    return _Source(lock=lock, lock_bytes=lock_bytes, open_catalogues=open_catalogues)


def _look(
    channel: str, root: Path, index_values: tuple[str, ...], *, allow_lower: bool
) -> tuple[str, ObjectReader, Followed]:
    from dioptra.plugins.channels.follow import look
    from dioptra.plugins.channels.model import parse_name
    from dioptra.plugins.cli.options import chosen_index
    from dioptra.plugins.index.catalogue import IndexCatalogue
    from dioptra.plugins.object_store.locate import open_reader

    name = parse_name(channel)
    store = open_reader(chosen_index(index_values).url)
    followed = look(store, root, name, allow_lower=allow_lower)
    if followed.is_new:
        IndexCatalogue(name, store).revocations()  # if they cannot be read, nothing is followed
    return name, store, followed


def _channel_catalogues(
    store: ObjectReader, names: set[str], followed: Followed, *, local_only: bool
) -> Mapping[str, Catalogue]:
    """All wheels come from the channel's index, whatever index they were locked from."""
    from dioptra.plugins.index.catalogue import IndexCatalogue

    if local_only and not followed.is_new:
        return {}  # a revocation changes the head
    return {name: IndexCatalogue(name, store) for name in names}


def _resume(directory: PluginDirectory) -> None:
    from dioptra.plugins.plugin_directory.hold import remove_hold
    from dioptra.plugins.plugin_directory.writing import translated, writing

    with translated(directory), writing(directory):
        remove_hold(directory)


def _collect(directory: PluginDirectory) -> Garbage | None:
    """Remove what the settings do not keep; without any nothing is removed."""
    settings = load()
    if settings.keep is None and settings.max_size is None:
        return None
    from dioptra.plugins.plugin_directory.collection import collect

    return collect(directory, keep=settings.keep or sys.maxsize, max_size=settings.max_size)


def _document(report: SyncReport, directory: PluginDirectory, hold: Hold | None) -> dict[str, object]:
    from dioptra.plugins import schema

    return {
        "changed": report.changed,
        "held": None if hold is None else {"generation": hold.generation, "since": schema.format_time(hold.since)},
        "unasked": report.unasked,
        "generation": report.generation,
        "target": report.target,
        "environment": report.environment,
        "plugin_dir": str(directory.root),
        "wheels": [
            {
                "project": wheel.project,
                "version": wheel.version,
                "sha256": wheel.sha256,
                "size": wheel.size,
                "fetched": wheel.fetched,
            }
            for wheel in report.wheels
        ],
    }


def _tell(report: SyncReport, directory: PluginDirectory, hold: Hold | None, garbage: Garbage | None) -> None:
    from dioptra.plugins import schema

    if hold is not None:
        since = schema.format_time(hold.since)
        say(f"{directory.root} is held at generation {hold.generation} since {since}, and keeps it")
        say("follow again with: dioptra-plugins sync --resume")
    elif not report.changed:
        say(f"nothing to do: generation {report.generation} of {directory.root} is this lock")
    if not report.changed:
        return
    print_table(
        ("project", "version", "size", "sha256", "from"),
        [
            (
                wheel.project,
                wheel.version,
                size_text(wheel.size),
                wheel.sha256[:12],
                "index" if wheel.fetched else "store",
            )
            for wheel in report.wheels
        ],
    )
    say(f"generation {report.generation} of {directory.root} is active")
    if report.unasked is not None:
        say(f"the indexes could not be asked for revocations: {report.unasked}")
    if garbage is not None:
        say(garbage_text(garbage))
