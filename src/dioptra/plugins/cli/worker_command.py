"""`worker`: what concerns the machine that runs plugins."""

from __future__ import annotations

from pathlib import Path

import click

from dioptra.plugins.cli.options import check_text
from dioptra.plugins.cli.output import say


@click.group(name="worker")
def worker_command() -> None:
    """Describe the worker that this runs on."""


@worker_command.command(name="describe")
@click.option("--name", callback=check_text, help="What to call workers like this (default: Python and platform).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
def describe_command(name: str | None, output: Path | None) -> None:
    """Write what this Python is and has, as JSON, so that `lock --for` can lock for workers like it."""
    from dataclasses import replace

    from dioptra.plugins.durability import replace_file
    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.host import describe_host
    from dioptra.plugins.host_description import host_to_json

    host = describe_host()
    body = host_to_json(replace(host, name=name or ""))
    if output is None:
        click.echo(body, nl=False)
        return
    try:
        replace_file(output, body)
    except OSError as problem:
        raise ConfigurationError(f"{output} cannot be written", why=str(problem)) from problem
    say(f"wrote {output}: {len(host.distributions)} distributions; next: dioptra-plugins lock --for {output}")
