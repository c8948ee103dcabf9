"""The flow author's commands: `list`, `show`, `call`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dioptra.plugins.cli.options import json_option, load, plugin_dir_option
from dioptra.plugins.cli.output import print_json, report_error, say
from dioptra.plugins.cli.task_report import conflict_rows, conflict_text, listing_document, print_task, print_tasks

if TYPE_CHECKING:
    from dioptra.pyplugs import TaskDescription, TaskListing

Command = TypeVar("Command", bound=Callable[..., object])

TASK_RAISED = 10
"""Exit code of `call` when the task itself raised."""


def _sources(command: Command) -> Command:
    """``--plugin-dir`` and ``--develop``: where tasks are looked for."""
    develop = click.option(
        "--develop",
        metavar="FOLDER",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Source of a plugin project, in place of its installed distribution. Repeatable.",
    )
    return plugin_dir_option(develop(command))


def _active(flag: Path | None, develop: Sequence[Path]) -> AbstractContextManager[object]:
    """The plugin directories that a flow would see here, with develop folders before them."""
    from dioptra.sdk import plugin_dirs

    if flag is not None:
        return plugin_dirs(flag, develop=develop)
    value = load().plugin_dir
    entries = [entry for entry in value.split(os.pathsep) if entry] if value else []
    return plugin_dirs(*entries, develop=develop)


@click.command(name="list")
@click.option("--package", metavar="NAME", help="Only of this package; this and the next three may be patterns.")
@click.option("--plugin", metavar="NAME", help="Only of this plugin.")
@click.option("--distribution", metavar="NAME", help="Only of this distribution.")
@click.option("--label", metavar="LABEL", help="Only with this label.")
@click.option(
    "--stubs",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write stubs with the tasks' signatures for editors and type checkers, such as to typings.",
)
@_sources
@json_option
def list_command(
    package: str | None,
    plugin: str | None,
    distribution: str | None,
    label: str | None,
    stubs: Path | None,
    plugin_dir: Path | None,
    develop: tuple[Path, ...],
    as_json: bool,
) -> None:
    """List all tasks of the plugin directories and of this Python; nothing of a plugin is imported."""
    from dioptra import pyplugs

    with _active(plugin_dir, develop):
        listing = pyplugs.list_tasks(package=package, plugin=plugin, distribution=distribution, label=label)
        names = {task.module for task in listing.tasks}
        conflicts = [item for item in pyplugs.conflicts() if f"{item.package}.{item.plugin}".lstrip(".") in names]
        if stubs is not None:
            _write_stubs(stubs, listing.tasks)
    if as_json:
        print_json({**listing_document(listing.tasks, listing.broken), "conflicts": conflict_rows(conflicts)})
        return
    if listing.tasks:
        print_tasks(listing.tasks)
    elif any((package, plugin, distribution, label)):
        say("no task is like that")
    else:
        say("there are no tasks here: set DIOPTRA_PLUGIN_DIR, or install a plugin package")
    for broken in listing.broken:
        say(f"broken: {broken.module}: {broken.error}")
    for conflict in conflicts:
        say(f"conflict: {conflict_text(conflict)}")


def _write_stubs(folder: Path, tasks: Sequence[TaskDescription]) -> None:
    from dioptra.plugins.errors import ConfigurationError
    from dioptra.pyplugs._stubs import stub_files

    try:
        for path, text in stub_files(tasks).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise ConfigurationError(f"the stubs cannot be written to {folder}", why=str(problem)) from problem
    say(f"stubs of {len(tasks)} tasks are in {folder}: for mypy set MYPYPATH={folder}; editors find a folder 'typings'")


@click.command(name="show")
@click.argument("name", metavar="PROJECT|TASK")
@_sources
@json_option
def show_command(name: str, plugin_dir: Path | None, develop: tuple[Path, ...], as_json: bool) -> None:
    """Show a project's tasks, or one TASK (package.plugin.func) with a call to copy."""
    from dioptra import pyplugs
    from dioptra.manifest.installed import normalized

    with _active(plugin_dir, develop):
        listing = pyplugs.list_tasks()
        tasks = [task for task in listing.tasks if task.provenance.distribution == normalized(name)]
        broken = [item for item in listing.broken if item.provenance.distribution == normalized(name)]
        if not tasks and not broken:
            tasks = [task for task in listing.tasks if name in (f"{task.module}.{task.func}", task.module)]
        if not tasks and not broken:
            tasks = [_described(name, listing)]
    if as_json:
        print_json(listing_document(tasks, broken))
        return
    for position, task in enumerate(tasks):
        if position:
            print()
        print_task(task)
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


@click.command(name="call", context_settings={"ignore_unknown_options": True})
@click.argument("package")
@click.argument("plugin")
@click.argument("func")
@click.argument("arguments", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--label", metavar="LABEL", help="The task's label, where it has one.")
@_sources
@json_option
def call_command(
    package: str,
    plugin: str,
    func: str,
    arguments: tuple[str, ...],
    label: str | None,
    plugin_dir: Path | None,
    develop: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Call one task, outside of any flow, and print its result.

    A VALUE that is JSON is read as such (64, true, [64, 64]); anything else is a text.
    """
    import asyncio
    import inspect

    from dioptra import pyplugs

    values = _parse_arguments(arguments)
    with _active(plugin_dir, develop):
        task = pyplugs.get(package, plugin, func, label=label)
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
