"""`sync`: bring a plugin directory to what a lock or a channel pins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import (
    catalogues_of,
    chosen_plugin_dir,
    index_option,
    json_option,
    plugin_dir_option,
)
from dioptra.plugins.cli.output import print_json, print_table, say, size_text
from dioptra.plugins.lock.model import LOCK_FILENAME

if TYPE_CHECKING:
    from dioptra.plugins.channels.follow import Followed
    from dioptra.plugins.index.catalogue_port import Catalogue
    from dioptra.plugins.lock.model import Lock
    from dioptra.plugins.object_store.port import ObjectReader


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
@click.option("--allow-lower-serial", is_flag=True, help="Follow a channel that went back to an earlier serial.")
@index_option
@plugin_dir_option
@json_option
def sync_command(
    lock_path: Path | None,
    bundle_path: Path | None,
    channel: str | None,
    allow_lower_serial: bool,
    index_values: tuple[str, ...],
    plugin_dir: Path | None,
    as_json: bool,
) -> None:
    """Bring the plugin directory to what LOCK pins (default: pylock.plugins.toml)."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.host import describe_host
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.plugin_directory.layout import PluginDirectory
    from dioptra.plugins.plugin_directory.sync import sync

    directory = PluginDirectory(chosen_plugin_dir(plugin_dir))
    following: Following | None = None
    if channel is not None:
        if lock_path is not None or bundle_path is not None:
            raise click.UsageError("--channel takes the place of LOCK and --from-bundle")
        following = _follow(channel, directory.root, index_values, allow_lower=allow_lower_serial)
        lock, lock_bytes, open_catalogues = following.lock, following.followed.lock_bytes, following.open_catalogues
    elif bundle_path is not None:
        from dioptra.plugins.lock.bundle import open_bundle

        if lock_path is not None or index_values:
            raise click.UsageError("--from-bundle takes the place of LOCK and --index")
        bundle = open_bundle(bundle_path)
        lock, lock_bytes = bundle.lock, bundle.lock_bytes
        open_catalogues = lambda *, local_only: bundle.catalogues  # noqa: E731 - one of two
    else:
        path = lock_path or Path(LOCK_FILENAME)
        lock, lock_bytes = read_lock(path), path.read_bytes()
        open_catalogues = lambda *, local_only: catalogues_of(lock, index_values, local_only=local_only)  # noqa: E731
    report = sync(lock, lock_bytes, directory, open_catalogues, describe_host(), SystemClock())
    if following is not None:
        following.remember()
    if as_json:
        print_json(
            {
                "changed": report.changed,
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
        )
        return
    if not report.changed:
        say(f"nothing to do: generation {report.generation} of {directory.root} is this lock")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """A channel that is being followed.

    Attributes:
        name: The channel.
        store: Its index.
        root: The plugin directory.
        followed: Its head and lock.
        lock: The lock, parsed.
    """

    name: str
    store: ObjectReader
    root: Path
    followed: Followed
    lock: Lock

    def open_catalogues(self, *, local_only: bool) -> Mapping[str, Catalogue]:
        """All wheels come from the channel's index, whatever index they were locked from."""
        from dioptra.plugins.index.catalogue import IndexCatalogue

        if local_only and not self.followed.is_new:
            return {}  # a revocation changes the head
        names = {wheel.index for wheel in self.lock.wheels}
        return {name: IndexCatalogue(name, self.store) for name in names}

    def remember(self) -> None:
        """Keep what is active now."""
        from dioptra.plugins.channels.follow import remember

        remember(self.store, self.root, self.name, self.followed)


def _follow(channel: str, root: Path, index_values: tuple[str, ...], *, allow_lower: bool) -> Following:
    from dioptra.plugins.channels.follow import look
    from dioptra.plugins.channels.model import parse_name
    from dioptra.plugins.cli.options import chosen_index
    from dioptra.plugins.index.catalogue import IndexCatalogue
    from dioptra.plugins.lock.pylock_parser import parse
    from dioptra.plugins.object_store.locate import open_reader

    name = parse_name(channel)
    store = open_reader(chosen_index(index_values).url)
    followed = look(store, root, name, allow_lower=allow_lower)
    if followed.is_new:
        IndexCatalogue(name, store).revocations()  # if they cannot be read, nothing is followed
    lock = parse(followed.lock_bytes.decode(), source=f"{name}@{followed.head.serial}")
    return Following(name=name, store=store, root=root, followed=followed, lock=lock)
