"""Operator commands on an index: `index init`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from dioptra.plugins.cli.options import json_option
from dioptra.plugins.cli.output import print_json, say


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
@json_option
def init_command(url: str, name: str | None, with_own_wheel: bool | None, as_json: bool) -> None:
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
    descriptor, made = initialize_index(store, name=name or default_name, clock=clock)
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
                "index": {"name": descriptor.name, "uuid": descriptor.identity, "url": store.url},
                "made": made,
                "published": published,
            }
        )
    else:
        print(store.url)
