"""The flow author's commands: `list`, `show`, `call`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from dioptra.plugins.cli.options import load

if TYPE_CHECKING:
    pass

TASK_RAISED = 10
"""Exit code of `call` when the task itself raised."""


def _active(flag: Path | None) -> AbstractContextManager[object]:
    """The plugin directories that a flow would see here."""
    import os

    from dioptra.sdk import plugin_dirs

    if flag is not None:
        return plugin_dirs(flag)
    value = load().plugin_dir
    return plugin_dirs(*(entry for entry in value.split(os.pathsep) if entry)) if value else plugin_dirs()
