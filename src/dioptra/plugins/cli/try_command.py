"""`try`: an author's present source on real workers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from dioptra.plugins.cli.options import chosen_indexes, index_option, json_option, load, open_catalogues
from dioptra.plugins.cli.output import print_json, say


@click.command(name="try")
@click.argument("project", type=click.Path(path_type=Path), default=Path())
@click.option("--channel", required=True, help="The channel that the workers follow; it is made if there is none.")
@click.option(
    "--for",
    "workers",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="For the worker that this describes (`worker describe`), where the channel is new. Repeatable.",
)
@click.option("--no-host", is_flag=True, help="Where the channel is new: lock what this host provides, too.")
@click.option("--for-this-host", is_flag=True, help="As for promote.")
@click.option("--no-isolation", is_flag=True, help="Build with the packages that are installed here.")
@index_option
@json_option
def try_command(
    project: Path,
    channel: str,
    workers: tuple[Path, ...],
    no_host: bool,
    for_this_host: bool,
    no_isolation: bool,
    index_values: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run PROJECT (default: the current folder) as it is now on the workers that follow a channel.

    Builds it, publishes that under a development version, puts this version into the channel's lock and promotes it.
    All else in the lock stays, unless the project needs more. The first index is the channel's.
    """
    from dioptra.plugins.builder import build_wheel
    from dioptra.plugins.channels.model import parse_name
    from dioptra.plugins.channels.promote import missing_wheels, promote, refuse_host, refuse_missing
    from dioptra.plugins.channels.reading import current_lock
    from dioptra.plugins.channels.trial import publish_development_release, trial_lock
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.host_choice import choose_hosts, host_of_target
    from dioptra.plugins.lock.pylock import render
    from dioptra.plugins.lock.pylock_parser import parse
    from dioptra.plugins.object_store.locate import open_store

    name, clock = parse_name(channel), SystemClock()
    indexes = chosen_indexes(index_values)
    store = open_store(indexes[0].url)
    found = current_lock(store, name)
    present = None if found is None else parse(found.body.decode(), source=f"{name}@{found.serial}")
    if present is not None and (workers or no_host):
        raise ConfigurationError(
            f"the channel '{name}' is there already",
            why="its lock says which workers it is for; --for and --no-host are for a new channel",
            hint="lock and promote for other workers, then try",
        )
    if present is None:
        settings = load()
        hosts = choose_hosts(descriptions=workers or settings.workers, provide=not no_host, declared=settings.host)
    else:
        hosts = tuple(host_of_target(target) for target in present.targets)
    with tempfile.TemporaryDirectory() as folder:
        if not as_json:
            say(f"building {project}")
        wheel = build_wheel(project, Path(folder), isolated=not no_isolation)
        release = publish_development_release(wheel, store, present, clock=clock)
    catalogues = list(open_catalogues({index.name: index.url for index in indexes}).values())
    lock = trial_lock(present, release, hosts, catalogues, {index.name: index.plugins for index in indexes})
    if not for_this_host:
        refuse_host(lock)
    refuse_missing(store, missing_wheels(store, lock))
    body = render(lock).encode()
    done = promote(store, lock, body, name, clock=clock, onto=0 if found is None else found.serial)
    if as_json:
        print_json(
            {
                "index": store.url,
                "channel": done.channel,
                "serial": done.serial,
                "changed": done.changed,
                "project": release.project,
                "version": str(release.version),
            }
        )
        return
    print(f"{done.channel}@{done.serial}")
    say(f"{release.project} {release.version} is {'now' if done.changed else 'already'} what {name} pins")
    say(f"workers run it after their next sync: dioptra-plugins sync --channel {name} --index {store.url}")
