"""The operator's commands: `lock` and `sync`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import (
    catalogues_of,
    chosen_indexes,
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


@click.command(name="lock")
@click.argument("requirements", metavar="REQ...", nargs=-1)
@click.option(
    "-r",
    "--requirement",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Read requirements from a file, one a line.",
)
@index_option
@click.option(
    "--python", metavar="X.Y", help="Lock for this Python version (with --no-host unless it is the running one)."
)
@click.option("--no-host", is_flag=True, help="Lock everything, also what this Python installation has already.")
@click.option("--upgrade", is_flag=True, help="Take the newest releases, whatever the lock pins now.")
@click.option("--upgrade-package", "upgraded", metavar="PROJECT", multiple=True, help="The same for one project.")
@click.option("--pre", is_flag=True, help="Take pre-releases like final ones.")
@click.option("--exclude-newer", metavar="DATE", help="Leave out what was uploaded on this day or time or later (UTC).")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the lock would change.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(LOCK_FILENAME),
    show_default=True,
    help="Where to write the lock.",
)
@json_option
def lock_command(
    requirements: tuple[str, ...],
    files: tuple[Path, ...],
    index_values: tuple[str, ...],
    python: str | None,
    no_host: bool,
    upgrade: bool,
    upgraded: tuple[str, ...],
    pre: bool,
    exclude_newer: str | None,
    check: bool,
    output: Path,
    as_json: bool,
) -> int:
    """Pin REQuirements, by default the configured ones, and all they need into a lock (PEP 751).

    What the lock pins already stays as long as it satisfies.
    """
    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.host import choose_host
    from dioptra.plugins.index.catalogue import open_catalogue
    from dioptra.plugins.lock.lock_file import would_change, write_lock
    from dioptra.plugins.lock.locking import make_lock, read_requirement_file
    from dioptra.plugins.lock.relocking import parse_cutoff, pins_to_keep
    from dioptra.plugins.resolution.model import Policy

    wanted = [*requirements, *(line for file in files for line in read_requirement_file(file))]
    wanted = wanted or list(load().requirements)
    if not wanted:
        raise ConfigurationError(
            "no requirement is given", hint="dioptra-plugins lock PROJECT --index URL, or dioptra-plugins add PROJECT"
        )
    indexes = chosen_indexes(index_values)
    policy = Policy(
        pins={} if upgrade else pins_to_keep(output, upgraded),
        prereleases=pre,
        plugins={index.name: index.plugins for index in indexes},
        uploaded_before=None if exclude_newer is None else parse_cutoff(exclude_newer),
    )
    host = choose_host(python=python, provide=not no_host)
    catalogues = [open_catalogue(index.name, index.url) for index in indexes]
    lock = make_lock(wanted, catalogues, host, policy)
    changed = would_change(output, lock) if check else write_lock(output, lock)
    if as_json:
        print_json({"lock": str(output), "changed": changed, **_lock_document(lock)})
    else:
        print_table(
            ("project", "version", "from", "size", "sha256"),
            [
                *(
                    (wheel.project, str(wheel.version), wheel.index, size_text(wheel.size), wheel.sha256[:12])
                    for wheel in lock.wheels
                ),
                *((given.project, str(given.version), "host", "-", "-") for given in lock.provided),
            ],
        )
    if check:
        say(f"{output} {'would change: lock again' if changed else 'is up to date'}")
        return 1 if changed else 0
    if not as_json:
        say(f"{'wrote' if changed else 'unchanged:'} {output}")
    return 0


def _lock_document(lock: Lock) -> Mapping[str, object]:
    return {
        "wheels": [
            {
                "project": wheel.project,
                "version": str(wheel.version),
                "index": wheel.index,
                "filename": wheel.filename,
                "sha256": wheel.sha256,
                "size": wheel.size,
            }
            for wheel in lock.wheels
        ],
        "provided": [{"project": given.project, "version": str(given.version)} for given in lock.provided],
    }


@click.command(name="lock bundle")
@click.argument("lock_path", metavar="[LOCK]", type=click.Path(path_type=Path), default=Path(LOCK_FILENAME))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("plugins.bundle.zip"),
    show_default=True,
    help="Where to write the bundle.",
)
@index_option
@json_option
def lock_bundle_command(lock_path: Path, output: Path, index_values: tuple[str, ...], as_json: bool) -> None:
    """Write LOCK and all its wheels into one file, for `sync --from-bundle` on a worker that reaches no index."""
    from dioptra.plugins.lock.bundle import write_bundle
    from dioptra.plugins.lock.lock_file import read_lock

    lock = read_lock(lock_path)
    write_bundle(output, lock, lock_path.read_bytes(), catalogues_of(lock, index_values, local_only=False))
    size = output.stat().st_size
    if as_json:
        print_json({"bundle": str(output), "size": size, **_lock_document(lock)})
    else:
        say(f"wrote {output}: {len(lock.wheels)} wheels, {size_text(size)}")


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
    from dioptra.plugins.lock.pylock import parse
    from dioptra.plugins.object_store.locate import open_reader

    name = parse_name(channel)
    store = open_reader(chosen_index(index_values).url)
    followed = look(store, root, name, allow_lower=allow_lower)
    if followed.is_new:
        IndexCatalogue(name, store).revocations()  # if they cannot be read, nothing is followed
    lock = parse(followed.lock_bytes.decode(), source=f"{name}@{followed.head.serial}")
    return Following(name=name, store=store, root=root, followed=followed, lock=lock)
