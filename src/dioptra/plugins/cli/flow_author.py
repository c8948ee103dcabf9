"""The flow author's commands: `list`, `show`, `call`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import json_option, load, plugin_dir_option
from dioptra.plugins.cli.output import print_json, print_table, report_error, say

if TYPE_CHECKING:
    from dioptra.pyplugs import BrokenModule, TaskDescription, TaskListing

TASK_RAISED = 10
"""Exit code of `call` when the task itself raised."""


def _active(flag: Path | None) -> AbstractContextManager[object]:
    """The plugin directories that a flow would see here."""
    from dioptra.sdk import plugin_dirs

    if flag is not None:
        return plugin_dirs(flag)
    value = load().plugin_dir
    return plugin_dirs(*(entry for entry in value.split(os.pathsep) if entry)) if value else plugin_dirs()


@click.command(name="list")
@plugin_dir_option
@json_option
def list_command(plugin_dir: Path | None, as_json: bool) -> None:
    """List all tasks of the plugin directories and of this Python; nothing of a plugin is imported."""
    from dioptra import pyplugs

    with _active(plugin_dir):
        listing = pyplugs.list_tasks()
    if as_json:
        print_json(_listing_document(listing.tasks, listing.broken))
        return
    if listing.tasks:
        print_table(
            ("package", "plugin", "task", "distribution", "version", "description"),
            [
                (
                    task.package,
                    task.plugin,
                    task.func,
                    task.provenance.distribution or "-",
                    task.provenance.version or "-",
                    task.description.partition("\n")[0],
                )
                for task in listing.tasks
            ],
        )
    else:
        say("there are no tasks here: set DIOPTRA_PLUGIN_DIR, or install a plugin package")
    for broken in listing.broken:
        say(f"broken: {broken.module}: {broken.error}")


@click.command(name="show")
@click.argument("name", metavar="PROJECT|TASK")
@plugin_dir_option
@json_option
def show_command(name: str, plugin_dir: Path | None, as_json: bool) -> None:
    """Show a project's tasks, or one TASK (package.plugin.func) with a call to copy."""
    from dioptra import pyplugs
    from dioptra.manifest.installed import normalized

    with _active(plugin_dir):
        listing = pyplugs.list_tasks()
        tasks = [task for task in listing.tasks if task.provenance.distribution == normalized(name)]
        broken = [item for item in listing.broken if item.provenance.distribution == normalized(name)]
        if not tasks and not broken:
            tasks = [task for task in listing.tasks if name in (f"{task.module}.{task.func}", task.module)]
        if not tasks and not broken:
            tasks = [_described(name, listing)]
    if as_json:
        print_json(_listing_document(tasks, broken))
        return
    for position, task in enumerate(tasks):
        if position:
            print()
        _print_task(task)
    for item in broken:
        say(f"broken: {item.module}: {item.error}")


def _described(name: str, listing: TaskListing) -> TaskDescription:
    """A task that no distribution declares, such as one of a raw folder; or the error that says what is near."""
    import difflib

    from dioptra import pyplugs
    from dioptra.plugins.errors import UnsatisfiedError

    module, _, func = name.rpartition(".")
    package, _, plugin = module.rpartition(".")
    if plugin:
        return pyplugs.describe(package, plugin, func)
    known = {f"{task.module}.{task.func}" for task in listing.tasks}
    known |= {task.provenance.distribution for task in listing.tasks if task.provenance.distribution}
    nearest = difflib.get_close_matches(name, sorted(known), n=3)
    raise UnsatisfiedError(
        f"there is no project or task '{name}' here",
        why=f"nearest: {', '.join(nearest)}" if nearest else f"{len(listing.tasks)} tasks were looked at",
        hint="dioptra-plugins list",
    )


def _print_task(task: TaskDescription) -> None:
    origin = task.provenance
    print(f"{task.module}.{task.func}{task.signature}")
    if task.description:
        print(f"  {task.description}")
    print(f"  from {origin.distribution or 'no distribution'} {origin.version or ''}".rstrip())
    if origin.wheel_sha256:
        print(f"  wheel sha256 {origin.wheel_sha256}")
    if task.doc:
        print("\n" + "\n".join(f"  {line}".rstrip() for line in task.doc.splitlines()))
    print(f"\n  {_snippet(task)}")


def _snippet(task: TaskDescription) -> str:
    """A call to copy, with every argument that has to be given."""
    coordinates = f'"{task.package}", "{task.plugin}", "{task.func}"'
    needed = [
        parameter
        for parameter in task.parameters
        if parameter.default is None and parameter.kind not in {"var_positional", "var_keyword"}
    ]
    arguments = ["..." if parameter.kind == "positional_only" else f"{parameter.name}=..." for parameter in needed]
    return f"pyplugs.call_task({', '.join([coordinates, *arguments])})"


def _listing_document(tasks: Sequence[TaskDescription], broken: Sequence[BrokenModule]) -> Mapping[str, object]:
    return {
        "tasks": [
            {
                "package": task.package,
                "plugin": task.plugin,
                "func": task.func,
                "signature": task.signature,
                "description": task.description,
                "doc": task.doc,
                "nout": task.nout,
                "distribution": task.provenance.distribution,
                "version": task.provenance.version,
                "wheel_sha256": task.provenance.wheel_sha256,
                "entry_points": list(task.provenance.entry_points),
                "file": task.provenance.file,
                "line": task.line,
                "call": _snippet(task),
            }
            for task in tasks
        ],
        "broken": [
            {"module": item.module, "error": item.error, "distribution": item.provenance.distribution}
            for item in broken
        ],
    }


@click.command(name="call", context_settings={"ignore_unknown_options": True})
@click.argument("package")
@click.argument("plugin")
@click.argument("func")
@click.argument("arguments", metavar="[KEY=VALUE]...", nargs=-1)
@plugin_dir_option
@json_option
def call_command(
    package: str, plugin: str, func: str, arguments: tuple[str, ...], plugin_dir: Path | None, as_json: bool
) -> int:
    """Call one task, outside of any flow, and print its result.

    A VALUE that is JSON is read as such (64, true, [64, 64]); anything else is a text.
    """
    import asyncio
    import inspect

    from dioptra import pyplugs

    values = _parse_arguments(arguments)
    with _active(plugin_dir):
        task = pyplugs.get(package, plugin, func)
        _check_arguments(task, values, f"{package}.{plugin}.{func}")
        try:
            result = task(**values)
            if inspect.isawaitable(result):
                result = asyncio.run(_awaited(result))
        except Exception as raised:  # noqa: BLE001 - whatever the task raises is its answer, not our failure
            report_error(
                f"the task {package}.{plugin}.{func} raised {type(raised).__name__}", str(raised), _where(raised)
            )
            return TASK_RAISED
        shown = _shown(result)
    if as_json:
        print_json({"result": shown})
    else:
        print(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=2))
    return 0


async def _awaited(result: object) -> object:
    return await result  # type: ignore[misc]  # inspect.isawaitable said so


def _parse_arguments(arguments: Sequence[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for argument in arguments:
        key, separator, text = argument.partition("=")
        if not separator or not key.isidentifier():
            raise click.UsageError(f"'{argument}' is not of the form KEY=VALUE")
        if key in values:
            raise click.UsageError(f"'{key}' is given twice")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


def _check_arguments(task: object, values: Mapping[str, object], name: str) -> None:
    """Refuse arguments that the task cannot take before it runs, so that its own errors are its own."""
    import difflib
    import inspect

    from dioptra.plugins.errors import ConfigurationError

    if not callable(task):
        return
    try:
        signature = inspect.signature(task)
    except ValueError:
        return  # some built-in callables have none
    try:
        signature.bind(**values)
    except TypeError as problem:
        unknown = [key for key in values if key not in signature.parameters]
        nearest = difflib.get_close_matches(unknown[0], signature.parameters, n=1) if unknown else []
        raise ConfigurationError(
            f"{name} cannot be called like this",
            why=f"{problem}; its signature is {signature}",
            hint=f"did you mean {nearest[0]}=…?" if nearest else f"dioptra-plugins show {name}",
        ) from problem


def _where(raised: Exception) -> str | None:
    import traceback

    frames = traceback.extract_tb(raised.__traceback__)
    return f"raised at {frames[-1].filename}:{frames[-1].lineno}" if frames else None


def _shown(result: object) -> object:
    """The result as JSON where it is one, else as Python shows it."""
    try:
        json.dumps(result)
    except (TypeError, ValueError):
        return repr(result)
    return result
