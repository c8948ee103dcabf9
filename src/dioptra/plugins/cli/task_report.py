"""How the flow author's commands show tasks: as a table, in full, and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dioptra.plugins.cli.output import print_table

if TYPE_CHECKING:
    from dioptra.pyplugs import BrokenModule, Conflict, Provenance, TaskDescription

_NOT_FOR_THE_TASK = frozenset({"label", "task_kwargs", "upstream_tasks"})
"""Keywords that `call_task` keeps to itself."""


def print_tasks(tasks: Sequence[TaskDescription]) -> None:
    """Print tasks as a table; labels only where there are any."""
    labelled = any(task.label is not None for task in tasks)
    headers = ("package", "plugin", "task", "label", "distribution", "version", "description")
    rows = [
        (
            task.package,
            task.plugin,
            task.func,
            task.label or "-",
            task.provenance.distribution or "-",
            _version(task.provenance),
            task.description.partition("\n")[0],
        )
        for task in tasks
    ]
    shown = [position for position, header in enumerate(headers) if labelled or header != "label"]
    print_table([headers[position] for position in shown], [[row[position] for position in shown] for row in rows])


def _version(origin: Provenance) -> str:
    """The version; of a develop folder with the beginning of the commit, and a star if files differ from it."""
    commit = f" @{origin.commit[:12]}" if origin.commit else ""
    return f"{origin.version or '-'}{commit}{'*' if origin.dirty else ''}"


def conflict_text(conflict: Conflict) -> str:
    """Say what has a task twice, and which is used or how to choose."""
    name = ".".join(part for part in (conflict.package, conflict.plugin, conflict.func) if part)
    sources = [*map(str, conflict.claimants), *(f"the folder {folder}" for folder in conflict.folders)]
    if conflict.chosen is None:
        first = conflict.claimants[0].distribution
        return f"{name} is declared by {' and '.join(sources)}; set DIOPTRA_PREFER={first}, or that of another"
    return f"{name} is in {' and '.join(sources)}; that of {conflict.chosen.distribution} is used"


def conflict_rows(conflicts: Sequence[Conflict]) -> list[Mapping[str, object]]:
    """Conflicts for a report for programs."""
    return [
        {
            "package": item.package,
            "plugin": item.plugin,
            "func": item.func,
            "claimants": [claimant._asdict() for claimant in item.claimants],
            "folders": list(item.folders),
            "chosen": None if item.chosen is None else item.chosen.distribution,
        }
        for item in conflicts
    ]


def print_task(task: TaskDescription) -> None:
    """Print one task with all that is known of it, and a call to copy."""
    origin = task.provenance
    print(f"{task.module}.{task.func}{task.signature}")
    if task.description:
        print(f"  {task.description}")
    print(f"  from {origin.distribution} {_version(origin)}" if origin.distribution else "  from no distribution")
    if origin.index_url:
        print(f"  index {origin.index_url}")
    if origin.wheel_sha256:
        print(f"  wheel sha256 {origin.wheel_sha256}")
    if origin.file:
        print(f"  file {origin.file}{f':{origin.line}' if origin.line else ''}")
    if task.label is not None:
        print(f"  label {task.label}")
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
    own = [item.name for item in needed if item.name in _NOT_FOR_THE_TASK and item.kind != "positional_only"]
    arguments = [
        "..." if item.kind == "positional_only" else f"{item.name}=..." for item in needed if item.name not in own
    ]
    if own:
        arguments.append(f"task_kwargs={{{', '.join(f'{json.dumps(name)}: ...' for name in own)}}}")
    if task.label is not None:
        arguments.append(f"label={json.dumps(task.label, ensure_ascii=False)}")
    return f"pyplugs.call_task({', '.join([coordinates, *arguments])})"


def listing_document(tasks: Sequence[TaskDescription], broken: Sequence[BrokenModule]) -> Mapping[str, object]:
    """Tasks and broken modules for a report for programs."""
    return {
        "tasks": [
            {
                "package": task.package,
                "plugin": task.plugin,
                "func": task.func,
                "signature": task.signature,
                "description": task.description,
                "doc": task.doc,
                "label": task.label,
                "nout": task.nout,
                "is_async": task.is_async,
                "is_class": task.is_class,
                "distribution": task.provenance.distribution,
                "version": task.provenance.version,
                "wheel_sha256": task.provenance.wheel_sha256,
                "index_url": task.provenance.index_url,
                "commit": task.provenance.commit,
                "dirty": task.provenance.dirty,
                "plugin_directory": task.provenance.plugin_directory,
                "sources": list(task.provenance.sources),
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
