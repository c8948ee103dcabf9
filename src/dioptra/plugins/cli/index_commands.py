"""Operator commands on an index: `index init`, `status`, `remove`, `verify`, `rebuild`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import chosen_index, index_option, json_option, load
from dioptra.plugins.cli.output import print_json, print_table, progress_bar, say, size_text

if TYPE_CHECKING:
    from dioptra.plugins.index.state import Status
    from dioptra.plugins.index.verify import Difference


@click.group(name="index")
def index_command() -> None:
    """Make and look after an index."""


@index_command.command(name="init")
@click.argument("url")
@click.option("--name", help="What people call the index (default: the last part of URL).")
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

    An index that is there already is left as it is.
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
    say(f"{'made' if made else 'found'} the index '{descriptor.name}' at {store.url}")
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
@click.option("--reason", default="", help="Why; shown to people by their clients.")
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
@click.option("--reason", required=True, help="Why; it is kept with the tombstone.")
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
    """Recompute every digest and page of an index, and list each difference."""
    from dioptra.plugins.errors import IntegrityError, UnsatisfiedError
    from dioptra.plugins.index.verify import count_files, verify_index
    from dioptra.plugins.object_store.locate import open_store

    store = open_store(chosen_index(index_values).url)
    projects = count_files(store)
    differences: list[Difference] = []
    with progress_bar("verifying", total=len(projects) + 1) as advance:
        for check in verify_index(store, projects):
            differences += check.differences
            advance(check.project or "the list of projects")
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


@index_command.command(name="proxy", context_settings={"ignore_unknown_options": True})
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1 (default: any free one).")
@index_option
@click.argument("command", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def proxy_command(port: int, index_values: tuple[str, ...], command: tuple[str, ...]) -> int:
    """Serve a private index to stock pip and uv, on loopback behind a secret path.

    With a COMMAND it is run with PIP_INDEX_URL and UV_DEFAULT_INDEX set, and its exit code is passed on; without one
    the URL is printed, and served until it is interrupted.
    """
    import os
    import subprocess

    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.index.proxy import IndexProxy
    from dioptra.plugins.object_store.locate import open_reader

    proxy = IndexProxy(open_reader(chosen_index(index_values).url), port=port)
    if not command:
        print(proxy.url, flush=True)
        try:
            proxy.serve()
        finally:
            proxy.release()
        return 0
    with proxy.running() as url:
        variables = {**os.environ, "PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url}
        try:
            return subprocess.run(command, env=variables, check=False).returncode
        except OSError as problem:
            raise ConfigurationError(f"{command[0]} cannot be run", why=str(problem)) from problem


@index_command.command(name="mirror")
@click.argument("requirements", metavar="REQ...", nargs=-1)
@click.option(
    "--from", "sources", metavar="[NAME=]URL", multiple=True, help="Index to copy from. Repeatable, in order."
)
@click.option(
    "--lock", "lock_path", metavar="LOCK", type=click.Path(path_type=Path), help="Copy exactly the files of a lock."
)
@click.option("--python", "pythons", metavar="X.Y", multiple=True, help="For this Python. Repeatable.")
@click.option(
    "--platform",
    "platforms",
    metavar="TAG",
    multiple=True,
    help="For this platform, such as manylinux_2_28_x86_64. Repeatable.",
)
@index_option
@json_option
def mirror_command(
    requirements: tuple[str, ...],
    sources: tuple[str, ...],
    lock_path: Path | None,
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
    index_values: tuple[str, ...],
    as_json: bool,
) -> None:
    """Copy the wheels of REQuirements, and of all they need, into an index.

    A closed network then needs no other index. An interrupted run goes on where it was.
    """
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.config import parse_index_options
    from dioptra.plugins.host import mirror_targets
    from dioptra.plugins.index.catalogue import open_catalogue
    from dioptra.plugins.index.mirror import mirror, wheels_for
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.object_store.locate import open_store

    if bool(requirements) == (lock_path is not None):
        raise click.UsageError("give either REQuirements or --lock LOCK")
    if requirements and not sources:
        raise click.UsageError("--from URL is missing")
    store = open_store(chosen_index(index_values).url)
    given = parse_index_options(sources, load().indexes, source="--from")
    if lock_path is not None:
        lock = read_lock(lock_path)
        urls = {index.name: index.url for index in lock.indexes} | {index.name: index.url for index in given}
        wheels = lock.wheels
    else:
        urls = {index.name: index.url for index in given}
    catalogues = {name: open_catalogue(name, url) for name, url in urls.items()}
    if lock_path is None:
        wheels = wheels_for(requirements, list(catalogues.values()), mirror_targets(pythons, platforms))
    copied = []
    with progress_bar("copying", total=len(wheels)) as advance:
        for publication in mirror(wheels, catalogues, store, clock=SystemClock()):
            copied.append(publication)
            advance(publication.filename)
    if as_json:
        rows = [{"filename": item.filename, "sha256": item.sha256, "status": item.status} for item in copied]
        print_json({"index": store.url, "wheels": rows})
        return
    print_table(("filename", "size", "status"), [(item.filename, size_text(item.size), item.status) for item in copied])
    say(f"index: {store.url}")
