"""The command `demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from dioptra.plugins.cli.options import json_option
from dioptra.plugins.cli.output import print_json, print_table, say


@click.command(name="demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Empty or absent folder for all that it makes (default: a new temporary one).",
)
@click.option("--index", "index_url", metavar="URL", help="Make the index there (default: in the folder).")
@json_option
def demo_command(folder: Path | None, index_url: str | None, as_json: bool) -> None:
    """Run the whole path: publish, lock, sync, and a flow on real images."""
    from dioptra.plugins.demo import run_demo

    chosen = folder if folder is not None else Path(tempfile.mkdtemp(prefix="dioptra-demo-"))
    report = run_demo(chosen, index_url, say=say)
    if as_json:
        print_json(
            {
                "folder": str(report.folder),
                "index": report.index,
                "lock": str(report.lock),
                "flow": str(report.flow),
                "images": str(report.images),
                "tasks": [
                    {
                        "task": task.task,
                        "state": task.state,
                        "distribution": task.distribution,
                        "version": task.version,
                        "sha256": task.sha256,
                    }
                    for task in report.tasks
                ],
            }
        )
        return
    say("")
    print_table(
        ("task", "state", "distribution", "version", "wheel sha256"),
        [(task.task, task.state, task.distribution, task.version, task.sha256) for task in report.tasks],
    )
    print(f"\nimages: {report.images}")
    say(f"lock: {report.lock}")
    say(f"flow: {report.flow}")
    say(f"the tasks: dioptra-plugins list --plugin-dir {report.folder}/plugins")
