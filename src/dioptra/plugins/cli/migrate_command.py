"""`migrate`: a raw plugin folder becomes plugin projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import json_option
from dioptra.plugins.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from dioptra.plugins.migration.comparison import Comparison
    from dioptra.plugins.migration.model import Migration


@click.command(name="migrate")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path(), help="Where to make projects (default: .)."
)
@click.option("--name", help="Name of the project (default: its package's).")
@click.option("--package", "packages", metavar="PACKAGE", multiple=True, help="Migrate just this package. Repeatable.")
@click.option("--split", is_flag=True, help="Make a project of every sub-package.")
@click.option("--check", is_flag=True, help="Write nothing: compare the tasks of DIR with the projects made from it.")
@json_option
def migrate_command(
    folder: Path, output: Path, name: str | None, packages: tuple[str, ...], split: bool, check: bool, as_json: bool
) -> int:
    """Make plugin projects of DIR, a raw folder of decorated functions.

    DIR is the folder that was on the path: it holds the packages by whose names tasks are called. It is left as it is.
    """
    from importlib.metadata import packages_distributions

    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.migration.comparison import compare_tasks
    from dioptra.plugins.migration.folder import read_raw_folder
    from dioptra.plugins.migration.partition import chosen_packages, one_project, one_project_each
    from dioptra.plugins.migration.planning import plan_migration, tasks_before
    from dioptra.plugins.migration.projects import tasks_after, write_projects

    if split and name is not None:
        raise ConfigurationError("--name and --split exclude each other", why="each project is named by its package")
    raw = chosen_packages(read_raw_folder(folder), packages)
    partition = one_project_each(raw) if split else one_project(raw, name)
    migration = plan_migration(raw, partition, installed=packages_distributions())
    if not check:
        write_projects(migration, output)
    comparison = compare_tasks(tasks_before(raw), tasks_after(migration.projects, output))
    if as_json:
        print_json(_report(migration, comparison, output))
    else:
        _tell(migration, comparison, output, check=check)
    return 1 if comparison.differences else 0


def _tell(migration: Migration, comparison: Comparison, output: Path, *, check: bool) -> None:
    if not check:
        rows = [
            (
                str(output / plan.name),
                str(len(plan.entry_points)),
                str(sum(item.distribution is not None for item in plan.dependencies)),
                str(sum(item.distribution is None for item in plan.dependencies)),
            )
            for plan in migration.projects
        ]
        print_table(("project", "entry points", "dependencies", "unknown imports"), rows)
        rewritten = sum(item.action == "rewritten" for item in migration.findings)
        if rewritten:
            say(f"rewritten: {rewritten} import(s) and name(s) of the old system, listed in MIGRATION.md")
        for item in migration.findings:
            if item.action == "review":
                say(f"review: {item.place}: {item.found}: {item.advice}")
        for left in migration.folder.left_out:
            say(f"left out: {left.path}: {left.why}")
    for unseen in comparison.unseen:
        say(f"not compared in full: {unseen}")
    if comparison.differences:
        print_table(
            ("task", "before", "after"),
            [(item.task, item.before or "-", item.after or "-") for item in comparison.differences],
        )
    say(f"{len(comparison.tasks)} task(s) are called as before, {len(comparison.differences)} otherwise")
    if not check:
        say("next: read MIGRATION.md, review the dependencies in pyproject.toml, then build and publish")


def _report(migration: Migration, comparison: Comparison, output: Path) -> dict[str, object]:
    return {
        "projects": [
            {
                "name": plan.name,
                "folder": str(output / plan.name),
                "entry_points": {item.name: item.value for item in plan.entry_points},
                "dependencies": [
                    {
                        "project": item.distribution,
                        "imported": list(item.imported),
                        "optional": item.is_optional,
                        "reason": item.reason,
                        "places": [str(place) for place in item.places],
                    }
                    for item in plan.dependencies
                ],
            }
            for plan in migration.projects
        ],
        "findings": [
            {
                "path": item.place.path,
                "line": item.place.line,
                "found": item.found,
                "action": item.action,
                "advice": item.advice,
            }
            for item in migration.findings
        ],
        "left_out": [{"path": left.path, "why": left.why} for left in migration.folder.left_out],
        "tasks": list(comparison.tasks),
        "differences": [
            {"task": item.task, "before": item.before, "after": item.after} for item in comparison.differences
        ],
        "not_compared": list(comparison.unseen),
    }
