"""The flow author's commands: `list`, `show`, `call`."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import json_option, load, plugin_dir_option
from dioptra.plugins.cli.output import print_json, print_table, report_error, say

if TYPE_CHECKING:
    from collections.abc import Sequence

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
