"""Errors of flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dioptra.sdk.exceptions.base import DioptraSDKError


class FailedTask(NamedTuple):
    """A task of a flow run that did not complete.

    Attributes:
        name: The task run's name.
        state: Its state's name, such as ``Failed``, or ``NotReady`` where it never ran.
    """

    name: str
    state: str


class TaskRunFailedError(DioptraSDKError):
    """Tasks of a flow failed or never ran.

    Attributes:
        flow: The flow's name.
        tasks: The tasks with their states.
    """

    exit_code = 10

    def __init__(self, flow: str, tasks: Sequence[FailedTask]) -> None:
        count = "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
        super().__init__(
            f"flow {flow!r}: {count} did not complete",
            why=", ".join(f"{task.name} ({task.state})" for task in tasks),
            hint="see the log of the first failed task",
        )
        self.flow, self.tasks = flow, tuple(tasks)
