"""`promote` and `channel`: which lock workers follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import catalogues_of, chosen_index, index_option, json_option
from dioptra.plugins.cli.output import print_json, print_table, progress_bar, say

if TYPE_CHECKING:
    from dioptra.plugins.channels.reading import ChannelLock
    from dioptra.plugins.lock.difference import Change
    from dioptra.plugins.lock.model import Lock
    from dioptra.plugins.object_store.port import ObjectStore


@click.command(name="promote")
@click.argument("source", metavar="LOCK|CHANNEL[@SERIAL]")
@click.argument("channel")
@click.option("--mirror", "with_mirror", is_flag=True, help="Copy wheels of other indexes into this one first.")
@click.option("--for-this-host", is_flag=True, help="Promote a lock that leaves out what the locking host provides.")
@index_option
@json_option
def promote_command(
    source: str, channel: str, with_mirror: bool, for_this_host: bool, index_values: tuple[str, ...], as_json: bool
) -> None:
    """Make a lock the current one of CHANNEL, as its next serial.

    All its wheels must be in the channel's index, so that workers need no other.
    """
    from dioptra.plugins.channels.model import parse_reference
    from dioptra.plugins.channels.reading import read_channel_lock
    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.lock.pylock_parser import parse

    name = _name(channel)
    store = _store(index_values)
    if Path(source).name.endswith(".toml"):
        lock, body = read_lock(Path(source)), Path(source).read_bytes()
    else:
        found = read_channel_lock(store, parse_reference(source))
        lock, body = parse(found.body.decode(), source=f"{found.channel}@{found.serial}"), found.body
    if not lock.wheels:
        raise ConfigurationError(f"{source} pins no wheel", why="there is nothing for workers to follow")
    _promote(store, lock, body, name, index_values, with_mirror, for_this_host, as_json)


@click.group(name="channel")
def channel_command() -> None:
    """Look at the channels of an index, and take one back to an earlier lock."""


@channel_command.command(name="list")
@index_option
@json_option
def list_command(index_values: tuple[str, ...], as_json: bool) -> None:
    """List the channels with their current serials."""
    from dioptra.plugins import schema
    from dioptra.plugins.channels.reading import channel_names, read_head

    store = _store(index_values)
    heads = [(name, read_head(store, name)) for name in channel_names(store)]
    if as_json:
        rows = [
            {"channel": name, "serial": head.serial, "sha256": head.sha256, "time": schema.format_time(head.time)}
            for name, head in heads
        ]
        print_json({"index": store.url, "channels": rows})
        return
    print_table(
        ("channel", "serial", "promoted", "lock"),
        [(name, str(head.serial), schema.format_time(head.time), head.sha256[:12]) for name, head in heads],
    )


@channel_command.command(name="show")
@click.argument("reference", metavar="CHANNEL[@SERIAL]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the lock to this file as well.")
@index_option
@json_option
def show_command(reference: str, output: Path | None, index_values: tuple[str, ...], as_json: bool) -> None:
    """Show what a channel pins."""
    import hashlib

    from dioptra.plugins.channels.model import parse_reference
    from dioptra.plugins.channels.reading import read_channel_lock

    found = read_channel_lock(_store(index_values), parse_reference(reference))
    lock = _lock_of(found)
    if output is not None:
        output.write_bytes(found.body)
    if as_json:
        wheels = [
            {"project": wheel.project, "version": str(wheel.version), "sha256": wheel.sha256} for wheel in lock.wheels
        ]
        digest = hashlib.sha256(found.body).hexdigest()
        print_json(
            {
                "channel": found.channel,
                "serial": found.serial,
                "current": found.is_current,
                "sha256": digest,
                "requirements": list(lock.requirements),
                "wheels": wheels,
            }
        )
        return
    print_table(
        ("project", "version", "sha256"),
        [(wheel.project, str(wheel.version), wheel.sha256[:12]) for wheel in lock.wheels],
    )
    say(f"{found.channel}@{found.serial}{'' if found.is_current else ', which is not the current one'}")


@channel_command.command(name="history")
@click.argument("channel")
@click.option("-n", "--last", type=click.IntRange(1), default=20, show_default=True, help="How many serials.")
@index_option
@json_option
def history_command(channel: str, last: int, index_values: tuple[str, ...], as_json: bool) -> None:
    """List the locks that have been current, the newest first, with what each changed."""
    import hashlib
    import itertools

    from dioptra.plugins.channels.reading import history
    from dioptra.plugins.lock.difference import compare_locks

    locks = list(itertools.islice(history(_store(index_values), _name(channel)), last + 1))
    read = [_lock_of(item) for item in locks]
    rows = []
    for position, item in enumerate(locks[:last]):
        earlier = read[position + 1] if position + 1 < len(read) else None
        changes = () if earlier is None else compare_locks(earlier, read[position])
        rows.append((item, read[position], changes))
    if as_json:
        print_json(
            {
                "channel": channel,
                "serials": [
                    {
                        "serial": item.serial,
                        "current": item.is_current,
                        "sha256": hashlib.sha256(item.body).hexdigest(),
                        "wheels": len(lock.wheels),
                        "changed": [change.project for change in changes],
                    }
                    for item, lock, changes in rows
                ],
            }
        )
        return
    print_table(
        ("serial", "wheels", "changed"),
        [
            (f"{item.serial}{' *' if item.is_current else ''}", str(len(lock.wheels)), _summary(changes))
            for item, lock, changes in rows
        ],
    )


@channel_command.command(name="diff")
@click.argument("first", metavar="CHANNEL[@SERIAL]")
@click.argument("second", metavar="CHANNEL[@SERIAL]")
@index_option
@json_option
def diff_command(first: str, second: str, index_values: tuple[str, ...], as_json: bool) -> None:
    """Show what changed from one lock of a channel to another."""
    from dioptra.plugins.channels.model import parse_reference
    from dioptra.plugins.channels.reading import read_channel_lock
    from dioptra.plugins.cli.diff_command import print_changes
    from dioptra.plugins.lock.difference import compare_locks

    store = _store(index_values)
    before, after = (_lock_of(read_channel_lock(store, parse_reference(text))) for text in (first, second))
    print_changes(compare_locks(before, after), as_json=as_json)


@channel_command.command(name="rollback")
@click.argument("channel")
@click.argument("serial", type=click.IntRange(1), required=False)
@click.option("--for-this-host", is_flag=True, help="As for promote.")
@index_option
@json_option
def rollback_command(
    channel: str, serial: int | None, for_this_host: bool, index_values: tuple[str, ...], as_json: bool
) -> None:
    """Make an earlier lock of CHANNEL its next serial (default: the one before the current one)."""
    import itertools

    from dioptra.plugins.channels.model import ChannelReference
    from dioptra.plugins.channels.reading import history, read_channel_lock
    from dioptra.plugins.errors import UnsatisfiedError

    name, store = _name(channel), _store(index_values)
    if serial is None:
        earlier = list(itertools.islice(history(store, name), 1, 2))
        if not earlier:
            raise UnsatisfiedError(
                f"the channel '{name}' has no earlier lock", hint=f"dioptra-plugins channel history {name}"
            )
        found = earlier[0]
    else:
        found = read_channel_lock(store, ChannelReference(name, serial))
    _promote(store, _lock_of(found), found.body, name, index_values, False, for_this_host, as_json)


def _promote(
    store: ObjectStore,
    lock: Lock,
    body: bytes,
    name: str,
    index_values: tuple[str, ...],
    with_mirror: bool,
    for_this_host: bool,
    as_json: bool,
) -> None:
    from dioptra.plugins.channels.promote import missing_wheels, promote, refuse_host, refuse_missing
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.mirror import mirror

    if not for_this_host:
        refuse_host(lock)
    missing = missing_wheels(store, lock)
    if missing and with_mirror:
        with progress_bar("copying", total=len(missing)) as advance:
            for publication in mirror(missing, catalogues_of(lock, ()), store, clock=SystemClock()):
                advance(publication.filename)
        missing = missing_wheels(store, lock)
    refuse_missing(store, missing)
    done = promote(store, lock, body, name, clock=SystemClock())
    if as_json:
        print_json(
            {
                "index": store.url,
                "channel": done.channel,
                "serial": done.serial,
                "sha256": done.sha256,
                "changed": done.changed,
            }
        )
        return
    print(f"{done.channel}@{done.serial}")
    say(f"{'promoted to' if done.changed else 'is already current in'} the channel '{name}' at {store.url}")


def _store(index_values: tuple[str, ...]) -> ObjectStore:
    from dioptra.plugins.object_store.locate import open_store

    return open_store(chosen_index(index_values).url)


def _name(text: str) -> str:
    from dioptra.plugins.channels.model import parse_name

    return parse_name(text)


def _lock_of(found: ChannelLock) -> Lock:
    from dioptra.plugins.lock.pylock_parser import parse

    return parse(found.body.decode(), source=f"{found.channel}@{found.serial}")


def _summary(changes: Sequence[Change]) -> str:
    names = [change.project for change in changes]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "-"
