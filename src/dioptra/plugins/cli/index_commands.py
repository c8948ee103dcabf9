"""Operator commands on an index: `index init`, `status`, `remove`, `verify`, `rebuild`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.index_access import find_links_command, mirror_command, proxy_command
from dioptra.plugins.cli.options import check_text, chosen_index, index_option, json_option, reason_option
from dioptra.plugins.cli.output import print_json, progress_bar, say

if TYPE_CHECKING:
    from dioptra.plugins.index.state import Status
    from dioptra.plugins.index.verify import Difference


@click.group(name="index")
def index_command() -> None:
    """Make and look after an index."""


@index_command.command(name="init")
@click.argument("url")
@click.option("--name", callback=check_text, help="What people call the index (default: the last part of URL).")
@click.option(
    "--with-dioptra-plugins/--without-dioptra-plugins",
    "with_own_wheel",
    default=None,
    help="Publish the running dioptra-plugins there too, so that workers can be installed from the index alone.",
)
@click.option(
    "--single-publisher",
    is_flag=True,
    help="Nobody publishes there beside another; needed where the store keeps no conditional writes.",
)
@json_option
def init_command(
    url: str, name: str | None, with_own_wheel: bool | None, single_publisher: bool, as_json: bool
) -> None:
    """Make an index at URL (s3://bucket/prefix or a folder).

    An index that is there already is left as it is, except that --single-publisher is noted.
    """
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.initialize import initialize_index
    from dioptra.plugins.index.publish import publish
    from dioptra.plugins.object_store.locate import create_root, open_store
    from dioptra.plugins.own_wheel import own_wheel

    create_root(url)
    store = open_store(url)
    clock = SystemClock()
    default_name = url.rstrip("/").rpartition("/")[2] or "index"
    descriptor, made = initialize_index(
        store, name=name or default_name, clock=clock, single_publisher=single_publisher
    )
    single = ", for a single publisher" if descriptor.publishing == "single" else ""
    say(f"{'made' if made else 'found'} the index '{descriptor.name}' at {store.url}{single}")
    if with_own_wheel is None:
        # Only a person can be asked; a script says it with the option.
        asking = sys.stdin.isatty() and not as_json
        with_own_wheel = asking and click.confirm("Publish this version of dioptra-plugins there too?", err=True)
    published: list[str] = []
    if with_own_wheel:
        with tempfile.TemporaryDirectory() as folder:
            for publication in publish([own_wheel(Path(folder))], store, clock=clock):
                published.append(publication.filename)
                say(f"{publication.status} {publication.filename}")
    if as_json:
        print_json(
            {
                "index": {
                    "name": descriptor.name,
                    "uuid": descriptor.identity,
                    "url": store.url,
                    "publishing": descriptor.publishing,
                },
                "made": made,
                "published": published,
            }
        )
    else:
        print(store.url)


@index_command.command(name="status")
@click.argument("project")
@click.argument("status", type=click.Choice(["active", "archived", "deprecated", "quarantined"]))
@reason_option("Why; shown to people by their clients.")
@index_option
@json_option
def status_command(project: str, status: Status, reason: str, index_values: tuple[str, ...], as_json: bool) -> None:
    """Set a project's status (PEP 792).

    Archived and quarantined projects take no new files; a quarantined one offers none.
    """
    from packaging.utils import canonicalize_name

    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.release_state import set_project_status
    from dioptra.plugins.index.state import ProjectState
    from dioptra.plugins.object_store.locate import open_store

    store = open_store(chosen_index(index_values).url)
    name = canonicalize_name(project)
    changed = set_project_status(store, name, ProjectState(status=status, reason=reason), clock=SystemClock())
    if as_json:
        print_json({"index": store.url, "project": name, "status": status, "changed": changed})
    else:
        say(f"{name} is {status}{'' if changed else ' already'} at {store.url}")


@index_command.command(name="remove")
@click.argument("release", metavar="PROJECT==VERSION")
@reason_option("Why; it is kept with the tombstone.", required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@index_option
@json_option
def remove_command(release: str, reason: str, yes: bool, index_values: tuple[str, ...], as_json: bool) -> None:
    """Remove a release's files for good, where the law asks for it.

    Locks that pin it can no longer be synced by workers that do not have it. To stop people from using a release, yank
    or revoke it.
    """
    from dioptra.plugins.cli.release_commands import parse_release, print_changes
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.release_state import remove
    from dioptra.plugins.object_store.locate import open_store

    project, version = parse_release(release)
    store = open_store(chosen_index(index_values).url)
    if not yes:
        click.confirm(
            f"Delete all files of {project} {version} at {store.url}? Nothing can be published under it again.",
            abort=True,
            err=True,
        )
    changes = remove(store, project, version, reason=reason, clock=SystemClock())
    print_changes(changes, "removed", store.url, as_json=as_json)


@index_command.command(name="verify")
@index_option
@json_option
def verify_command(index_values: tuple[str, ...], as_json: bool) -> int:
    """Recompute every digest and page of an index, look at its channels, and list each difference."""
    from dioptra.plugins.channels.verify import verify_channels
    from dioptra.plugins.errors import IntegrityError, UnsatisfiedError
    from dioptra.plugins.index.verify import count_files, verify_index
    from dioptra.plugins.object_store.locate import open_store

    store = open_store(chosen_index(index_values).url)
    projects = count_files(store)
    differences: list[Difference] = []
    with progress_bar("verifying", total=len(projects) + 2) as advance:
        for check in verify_index(store, projects):
            differences += check.differences
            advance(check.project or "the list of projects")
        differences += verify_channels(store)
        advance("channels")
    rows = [{"key": item.key, "problem": item.problem, "integrity": item.is_integrity} for item in differences]
    if as_json:
        print_json({"index": store.url, "files": projects.total(), "differences": rows})
    else:
        for item in differences:
            print(f"{item.key}: {item.problem}")
        say(f"{projects.total()} files of {len(projects)} projects at {store.url}: {len(differences)} differences")
    if any(item.is_integrity for item in differences):
        return IntegrityError.exit_code
    return UnsatisfiedError.exit_code if differences else 0


@index_command.command(name="rebuild")
@index_option
@json_option
def rebuild_command(index_values: tuple[str, ...], as_json: bool) -> None:
    """Render all pages of an index anew from its records."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.verify import count_files, rebuild_index
    from dioptra.plugins.object_store.locate import open_store

    store = open_store(chosen_index(index_values).url)
    projects = count_files(store)
    with progress_bar("rebuilding", total=len(projects)) as advance:
        for project in rebuild_index(store, projects, clock=SystemClock()):
            advance(project)
    if as_json:
        print_json({"index": store.url, "files": projects.total(), "projects": len(projects)})
    else:
        say(f"the pages of {len(projects)} projects at {store.url} are what the records give")


for _command in (proxy_command, mirror_command, find_links_command):
    index_command.add_command(_command)
