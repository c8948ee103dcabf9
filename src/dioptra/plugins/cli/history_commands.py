"""What a plugin directory has and had: `status`, `history`, `rollback`, `gc`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import (
    catalogues_of_generation,
    chosen_plugin_dir,
    index_option,
    json_option,
    load,
    plugin_dir_option,
)
from dioptra.plugins.cli.output import print_json, print_table, say, size_text

if TYPE_CHECKING:
    from dioptra.plugins.index.catalogue_port import Catalogue
    from dioptra.plugins.plugin_directory.collection import Garbage
    from dioptra.plugins.plugin_directory.layout import PluginDirectory


@click.command(name="status")
@plugin_dir_option
@json_option
def status_command(plugin_dir: Path | None, as_json: bool) -> None:
    """Show what is active in the plugin directory, what it follows, who uses it and what it takes."""
    from dioptra.plugins import schema
    from dioptra.plugins.channels.follow import known_channels
    from dioptra.plugins.plugin_directory.collection import read_contents
    from dioptra.plugins.plugin_directory.generation import read_current
    from dioptra.plugins.plugin_directory.hold import read_hold
    from dioptra.plugins.plugin_directory.known_revocations import read_known
    from dioptra.plugins.plugin_directory.writing import translated

    directory = _directory(plugin_dir)
    with translated(directory):
        current, hold = read_current(directory), read_hold(directory)
        channels, contents = known_channels(directory.root), read_contents(directory)
        known = read_known(directory)
    wheels = () if current is None else current.environment.wheels
    revoked = [f"{wheel.project}=={wheel.version}" for wheel in wheels if wheel.sha256 in known]
    active = None if current is None else current.generation
    disk = sum(contents.sizes.values())
    if as_json:
        print_json(
            {
                "plugin_dir": str(directory.root),
                "generation": None if active is None else active.number,
                "since": None if active is None else schema.format_time(active.time),
                "lock_sha256": None if active is None else active.lock_sha256,
                "target": None if active is None else active.target,
                "environment": None if active is None else active.environment,
                "wheels": [
                    {"project": item.project, "version": item.version, "sha256": item.sha256} for item in wheels
                ],
                "revoked": revoked,
                "held": None
                if hold is None
                else {"generation": hold.generation, "since": schema.format_time(hold.since)},
                "channels": [
                    {
                        "channel": item.name,
                        "index": item.followed.url,
                        "serial": item.followed.head.serial,
                        "highest": item.followed.highest,
                        "asked": schema.format_time(item.asked),
                        "active": active is not None and item.followed.head.sha256 == active.lock_sha256,
                    }
                    for item in channels
                ],
                "leased": sorted(contents.leased),
                "generations": len(contents.generations),
                "environments": len(contents.environments),
                "stored_wheels": len(contents.sizes),
                "size": disk,
            }
        )
        return
    if active is None:
        say(f"nothing was synced into {directory.root} yet")
        return
    rows = [
        ("generation", f"{active.number}, since {schema.format_time(active.time)}"),
        ("environment", f"{active.environment[:12]}, {len(wheels)} wheel(s), for {active.target}"),
        ("lock", active.lock_sha256[:12]),
    ]
    for item in channels:
        follows = "" if item.followed.head.sha256 == active.lock_sha256 else ", not active"
        asked = schema.format_time(item.asked)
        serial = f"{item.name}@{item.followed.head.serial}"
        rows.append(("channel", f"{serial} of {item.followed.url}, asked {asked}{follows}"))
    if hold is not None:
        rows.append(("held", f"at generation {hold.generation} since {schema.format_time(hold.since)}"))
    rows += [("revoked", release) for release in revoked]
    used = ", ".join(digest[:12] for digest in sorted(contents.leased)) or "none"
    rows += [
        ("in use", used),
        ("disk", f"{size_text(disk)}: {len(contents.sizes)} wheels, {len(contents.environments)} environments"),
    ]
    print_table(("what", "state"), rows)


@click.command(name="history")
@plugin_dir_option
@json_option
def history_command(plugin_dir: Path | None, as_json: bool) -> None:
    """List the generations that are kept, the newest first, with what each changed."""
    from dioptra.plugins import schema
    from dioptra.plugins.lock.difference import compare_locks
    from dioptra.plugins.lock.pylock_parser import parse
    from dioptra.plugins.plugin_directory.generation import read_generation_lock, read_generations
    from dioptra.plugins.plugin_directory.hold import read_hold
    from dioptra.plugins.plugin_directory.writing import translated

    directory = _directory(plugin_dir)
    with translated(directory):
        generations, hold = read_generations(directory), read_hold(directory)
    locks = [
        parse(read_generation_lock(directory, item.number).decode(), source=f"generation {item.number}")
        for item in generations
    ]
    changed = [
        [] if position == 0 else [change.project for change in compare_locks(locks[position - 1], lock)]
        for position, lock in enumerate(locks)
    ]
    rows = list(reversed(list(zip(generations, locks, changed, strict=True))))
    held = None if hold is None else hold.generation
    if as_json:
        print_json(
            {
                "plugin_dir": str(directory.root),
                "generations": [
                    {
                        "generation": item.number,
                        "time": schema.format_time(item.time),
                        "active": item is generations[-1],
                        "held": item.number == held,
                        "lock_sha256": item.lock_sha256,
                        "environment": item.environment,
                        "wheels": len(lock.wheels),
                        "changed": names,
                    }
                    for item, lock, names in rows
                ],
            }
        )
        return
    print_table(
        ("generation", "time", "environment", "wheels", "changed"),
        [
            (
                f"{item.number}{' *' if item is generations[-1] else ''}{' held' if item.number == held else ''}",
                schema.format_time(item.time),
                item.environment[:12],
                str(len(lock.wheels)),
                ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "-",
            )
            for item, lock, names in rows
        ],
    )


@click.command(name="rollback")
@click.argument("number", metavar="[GENERATION]", type=click.IntRange(1), required=False)
@index_option
@plugin_dir_option
@json_option
def rollback_command(number: int | None, index_values: tuple[str, ...], plugin_dir: Path | None, as_json: bool) -> None:
    """Make what an earlier GENERATION had active again (default: the lock before), and hold it.

    Syncs keep what is held until `sync --resume`.
    """
    from dioptra.plugins.channels.follow import known_channels
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.host import describe_host
    from dioptra.plugins.plugin_directory.generation import read_generation_lock, read_generations
    from dioptra.plugins.plugin_directory.rollback import earlier_generation, rollback
    from dioptra.plugins.plugin_directory.writing import translated

    directory = _directory(plugin_dir)
    with translated(directory):
        generations = read_generations(directory)
        chosen = earlier_generation(generations, number)
        lock_bytes = read_generation_lock(directory, chosen.number)
        channels = known_channels(directory.root)

    def catalogues(*, local_only: bool) -> Mapping[str, Catalogue]:
        return catalogues_of_generation(chosen, index_values, local_only=local_only)

    report = rollback(chosen, lock_bytes, directory, catalogues, describe_host(), SystemClock())
    if as_json:
        print_json(
            {
                "plugin_dir": str(directory.root),
                "generation": report.generation,
                "held": chosen.number,
                "environment": report.environment,
                "changed": report.changed,
                "unasked": report.unasked,
            }
        )
        return
    say(f"generation {report.generation} of {directory.root} is active: the lock of generation {chosen.number}")
    if report.unasked is not None:
        say(f"the indexes could not be asked for revocations: {report.unasked}")
    say("it is held here until: dioptra-plugins sync --resume")
    for channel in channels:
        if channel.followed.head.sha256 == generations[-1].lock_sha256:
            url = channel.followed.url
            say(f"for all workers of the channel: dioptra-plugins channel rollback {channel.name} --index {url}")


@click.command(name="gc")
@click.option("--keep", type=click.IntRange(1), help="How many of the newest generations stay (default: settings, 3).")
@click.option("--max-size", metavar="SIZE", help="Give up older ones until the wheels take no more, such as 20GiB.")
@plugin_dir_option
@json_option
def gc_command(keep: int | None, max_size: str | None, plugin_dir: Path | None, as_json: bool) -> None:
    """Remove generations, environments and wheels that are not needed any more.

    What is active, held or in use stays.
    """
    from dioptra.plugins.config import parse_size
    from dioptra.plugins.plugin_directory.collection import collect

    settings = load()
    try:
        limit = settings.max_size if max_size is None else parse_size(max_size)
    except ValueError as problem:
        raise click.BadParameter(f"{problem}; wanted such as 20GiB", param_hint="--max-size") from problem
    directory = _directory(plugin_dir)
    garbage = collect(directory, keep=keep or settings.keep or 3, max_size=limit)
    if as_json:
        print_json({"plugin_dir": str(directory.root), **_garbage_document(garbage)})
        return
    say(garbage_text(garbage))
    say(f"the wheels that are kept take {size_text(garbage.left)}")


def garbage_text(garbage: Garbage) -> str:
    """What a collection removed, in one line."""
    return (
        f"removed {len(garbage.generations)} generation(s), {len(garbage.environments)} environment(s) and "
        f"{len(garbage.wheels)} wheel(s) of {size_text(garbage.size)}"
    )


def _garbage_document(garbage: Garbage) -> dict[str, object]:
    return {
        "generations": list(garbage.generations),
        "environments": list(garbage.environments),
        "wheels": list(garbage.wheels),
        "freed": garbage.size,
        "left": garbage.left,
    }


def _directory(plugin_dir: Path | None) -> PluginDirectory:
    from dioptra.plugins.plugin_directory.layout import PluginDirectory

    return PluginDirectory(chosen_plugin_dir(plugin_dir))
