"""Commands by which others reach an index: `index proxy`, `mirror`, `find-links`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from dioptra.plugins.cli.options import chosen_index, index_option, json_option, load, open_catalogues
from dioptra.plugins.cli.output import print_json, print_table, progress_bar, say, size_text


@click.command(name="proxy", context_settings={"ignore_unknown_options": True})
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
        for name in ("NO_PROXY", "no_proxy"):
            # A proxy of the network cannot reach this machine's loopback.
            variables[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
        try:
            code = subprocess.run(command, env=variables, check=False).returncode
            return code if code >= 0 else 128 - code  # killed by a signal: as shells say it
        except OSError as problem:
            raise ConfigurationError(f"{command[0]} cannot be run", why=str(problem)) from problem


@click.command(name="mirror")
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
    from dioptra.plugins.host_choice import choose_hosts
    from dioptra.plugins.index.mirror import mirror, wheels_for
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.object_store.locate import open_store

    if bool(requirements) == (lock_path is not None):
        raise click.UsageError("give either REQuirements or --lock LOCK")
    if lock_path is not None and (pythons or platforms):
        raise click.UsageError("--lock copies exactly its files; --python and --platform choose wheels of REQuirements")
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
    catalogues = open_catalogues(urls)
    if lock_path is None:
        wheels = wheels_for(
            requirements, list(catalogues.values()), choose_hosts(pythons=pythons, platforms=platforms, provide=False)
        )
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


@click.command(name="find-links")
@click.argument("projects", metavar="PROJECT...", nargs=-1)
@click.option("--lock", "lock_path", metavar="LOCK", type=click.Path(path_type=Path), help="Link exactly its files.")
@click.option(
    "--expires",
    "seconds",
    metavar="SECONDS",
    type=click.IntRange(1, 7 * 24 * 3600),
    default=3600,
    show_default=True,
    help="How long the links work; a week at most.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("links.html"), show_default=True, help="The page."
)
@index_option
@json_option
def find_links_command(
    projects: tuple[str, ...],
    lock_path: Path | None,
    seconds: int,
    output: Path,
    index_values: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a page of presigned links to files of a bucket, for a job that has no credentials.

    Use it with `pip install --no-index --find-links FILE PROJECT`, or with uv's options of the same names.
    """
    from packaging.utils import canonicalize_name

    from dioptra.plugins.durability import replace_file
    from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
    from dioptra.plugins.index.catalogue import IndexCatalogue
    from dioptra.plugins.index.find_links import render_find_links
    from dioptra.plugins.index.proxy import Presigner
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.object_store.locate import open_reader

    if bool(projects) == (lock_path is not None):
        raise click.UsageError("give either PROJECTs or --lock LOCK")
    index = chosen_index(index_values)
    store = open_reader(index.url)
    if not isinstance(store, Presigner):
        raise ConfigurationError(f"{store.url} gives no presigned links", hint="only s3:// indexes do")
    wheels = () if lock_path is None else read_lock(lock_path).wheels
    catalogue = IndexCatalogue(index.name, store)
    pages = []
    for project in [*map(canonicalize_name, projects), *(wheel.project for wheel in wheels)]:
        page = catalogue.project(project)
        if page is None:
            raise UnsatisfiedError(f"there is no project '{project}' at {store.url}")
        pages.append(page)
    only = frozenset(wheel.sha256 for wheel in wheels)
    absent = only - {file.sha256 for page in pages for file in page.files}
    if absent:
        names = ", ".join(wheel.filename for wheel in wheels if wheel.sha256 in absent)
        hint = f"dioptra-plugins index mirror --lock {lock_path}"
        raise UnsatisfiedError(f"{store.url} does not have every file of {lock_path}", why=names, hint=hint)
    presign = partial(store.presigned_url, method="GET", seconds=seconds)
    try:
        replace_file(output, render_find_links(pages, presign, only=only).encode(), mode=0o600)
    except OSError as problem:
        raise ConfigurationError(f"{output} cannot be written", why=str(problem)) from problem
    if as_json:
        print_json({"index": store.url, "page": str(output), "seconds": seconds})
    say(f"wrote {output}: whoever has it can read these files for {seconds} seconds")
