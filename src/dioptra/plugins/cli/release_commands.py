"""Commands on published releases: `yank`, `unyank`, `revoke`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from dioptra.plugins.cli.options import chosen_index, index_option, json_option, reason_option
from dioptra.plugins.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from dioptra.plugins.index.release_state import StateChange


@click.command(name="yank")
@click.argument("release", metavar="PROJECT==VERSION")
@reason_option("Why; shown to people by their clients.")
@index_option
@json_option
def yank_command(release: str, reason: str, index_values: tuple[str, ...], as_json: bool) -> None:
    """Yank a release: clients skip it unless it is pinned exactly. Nothing is deleted."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.release_state import yank
    from dioptra.plugins.object_store.locate import open_store

    project, version = parse_release(release)
    store = open_store(chosen_index(index_values).url)
    changes = yank(store, project, version, reason=reason, clock=SystemClock())
    print_changes(changes, "yanked", store.url, as_json=as_json)


@click.command(name="unyank")
@click.argument("release", metavar="PROJECT==VERSION")
@index_option
@json_option
def unyank_command(release: str, index_values: tuple[str, ...], as_json: bool) -> None:
    """Undo `yank`."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.release_state import unyank
    from dioptra.plugins.object_store.locate import open_store

    project, version = parse_release(release)
    store = open_store(chosen_index(index_values).url)
    print_changes(unyank(store, project, version, clock=SystemClock()), "no longer yanked", store.url, as_json=as_json)


@click.command(name="revoke")
@click.argument("release", metavar="PROJECT==VERSION")
@reason_option("Why; shown to everybody whom it stops.", required=True)
@index_option
@json_option
def revoke_command(release: str, reason: str, index_values: tuple[str, ...], as_json: bool) -> None:
    """Revoke a malicious or leaked release: it is never locked, synced or started again. Nothing undoes this."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.revoke import revoke
    from dioptra.plugins.object_store.locate import open_store

    project, version = parse_release(release)
    store = open_store(chosen_index(index_values).url)
    revoked = revoke(store, project, version, reason=reason, clock=SystemClock())
    if as_json:
        rows = [{"filename": item.filename, "sha256": item.sha256, "reason": item.reason} for item in revoked]
        print_json({"index": store.url, "revoked": rows})
        return
    print_table(("filename", "sha256", "reason"), [(item.filename, item.sha256, item.reason) for item in revoked])
    say(f"index: {store.url}; workers refuse these files as soon as they ask it")


def parse_release(text: str) -> tuple[NormalizedName, Version]:
    """Read ``PROJECT==VERSION``.

    Raises:
        click.UsageError: It is not of that form.
    """
    name, separator, version = text.partition("==")
    try:
        if separator and name.strip():
            return canonicalize_name(name.strip(), validate=True), Version(version.strip())
    except (InvalidVersion, ValueError) as problem:
        raise click.UsageError(f"'{text}' is not of the form PROJECT==VERSION: {problem}") from problem
    raise click.UsageError(f"'{text}' is not of the form PROJECT==VERSION")


def print_changes(changes: Sequence[StateChange], word: str, url: str, *, as_json: bool) -> None:
    """Print what became of a release's files."""
    if as_json:
        print_json({"index": url, "files": [{"filename": item.filename, "changed": item.changed} for item in changes]})
        return
    print_table(("filename", "status"), [(item.filename, word if item.changed else "unchanged") for item in changes])
    say(f"index: {url}")
