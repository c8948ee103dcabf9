"""The record of a flow run: which tasks ran, from which release. Written where ``DIOPTRA_RUN_DIR`` is set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from dioptra.pyplugs._types import Task

RUN_DIR_VARIABLE = "DIOPTRA_RUN_DIR"
SCHEMA = "1.1"


class TaskRecord(NamedTuple):
    """One task of a run.

    Attributes:
        package: Coordinates.
        plugin: Coordinates.
        func: Coordinates.
        state: Name of the final state.
        distribution: Project that brought the task, or None.
        version: Release, or None.
        wheel_sha256: Digest of its wheel, or None.
        index_url: URL of the index that the wheel was synced from, or None.
        commit: Of a develop folder, the commit that is checked out, or None.
        dirty: Of a develop folder, whether its files differ from that commit, or None.
    """

    package: str
    plugin: str
    func: str
    state: str
    distribution: str | None
    version: str | None
    wheel_sha256: str | None
    index_url: str | None = None
    commit: str | None = None
    dirty: bool | None = None

    @classmethod
    def of(cls, task: Task, state: str) -> TaskRecord:
        """The record of a task that ended in a state."""
        info, provenance = task.info, task.provenance
        return cls(
            info.package_name,
            info.plugin_name,
            info.func_name,
            state,
            provenance.distribution,
            provenance.version,
            provenance.wheel_sha256,
            provenance.index_url,
            provenance.commit,
            provenance.dirty,
        )


def write_run_record(flow: str, tasks: Sequence[TaskRecord]) -> None:
    """Write ``<run>.json`` into ``$DIOPTRA_RUN_DIR`` in one step; nothing where the variable is unset.

    Args:
        flow: Name of the flow.
        tasks: Its tasks in the order in which they were called.

    Raises:
        OSError: The record cannot be written.
    """
    folder = os.environ.get(RUN_DIR_VARIABLE)
    if not folder:
        return
    import json
    import uuid
    from pathlib import Path

    document = {"schema": SCHEMA, "flow": flow, "tasks": [task._asdict() for task in tasks]}
    target = Path(folder) / f"{uuid.uuid4()}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".tmp")
    aside.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    aside.replace(target)
