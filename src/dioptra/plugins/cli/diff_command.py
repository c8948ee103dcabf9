"""`diff`: what changed from one lock to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import chosen_index, chosen_plugin_dir, index_option, json_option, plugin_dir_option
from dioptra.plugins.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from dioptra.plugins.lock.difference import Change, Pinned
    from dioptra.plugins.lock.model import Lock


@click.command(name="diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@index_option
@plugin_dir_option
@json_option
def diff_command(
    first: str, second: str, index_values: tuple[str, ...], plugin_dir: Path | None, as_json: bool
) -> None:
    """Show what changed from A to B.

    Each is a lock file, a lock of a channel (production, production@12), or the number of a generation of the plugin
    directory (3).
    """
    from dioptra.plugins.lock.difference import compare_locks

    before, after = (_lock(text, index_values, plugin_dir) for text in (first, second))
    print_changes(compare_locks(before, after), as_json=as_json)


def _lock(text: str, index_values: tuple[str, ...], plugin_dir: Path | None) -> Lock:
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.lock.pylock_parser import parse

    if text.isascii() and text.isdigit():
        from dioptra.plugins.plugin_directory.generation import read_generation_lock
        from dioptra.plugins.plugin_directory.layout import PluginDirectory

        body = read_generation_lock(PluginDirectory(chosen_plugin_dir(plugin_dir)), int(text))
        return parse(body.decode(), source=f"generation {text}")
    if text.endswith(".toml") or Path(text).is_file():
        return read_lock(Path(text))
    from dioptra.plugins.channels.model import parse_reference
    from dioptra.plugins.channels.reading import read_channel_lock
    from dioptra.plugins.object_store.locate import open_reader

    found = read_channel_lock(open_reader(chosen_index(index_values).url), parse_reference(text))
    return parse(found.body.decode(), source=f"{found.channel}@{found.serial}")


def print_changes(changes: Sequence[Change], *, as_json: bool) -> None:
    """Print what changed between two locks."""
    if as_json:
        print_json(
            {
                "changes": [
                    {
                        "project": change.project,
                        "kind": change.kind,
                        "targets": list(change.targets),
                        "before": _pin_document(change.before),
                        "after": _pin_document(change.after),
                    }
                    for change in changes
                ]
            }
        )
        return
    if changes:
        rows = [
            (item.project, item.kind, _pin_text(item.before), _pin_text(item.after), ", ".join(item.targets) or "all")
            for item in changes
        ]
        print_table(("project", "change", "before", "after", "workers"), rows)
    say(f"{len(changes)} difference(s)")


def _pin_document(pinned: Pinned | None) -> dict[str, str] | None:
    if pinned is None:
        return None
    return {"version": str(pinned.version), "index": pinned.place, "sha256": pinned.sha256}


def _pin_text(pinned: Pinned | None) -> str:
    if pinned is None:
        return "-"
    return f"{pinned.version} ({f'{pinned.place}, {pinned.sha256[:12]}' if pinned.place else 'host'})"
