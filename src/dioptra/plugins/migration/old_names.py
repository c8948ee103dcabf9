"""Names of the old framework and of Prefect 1, and what they are called today.

The old framework was first called ``mitre.securingai``, then ``dioptra``. Of both, `dioptra.pyplugs` and `dioptra.sdk`
are what plugins import. Prefect's names are those of its releases 1.x against the interface of Prefect 3.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

EARLIER, TODAY = "mitre.securingai", "dioptra"
_RUNTIME = ("dioptra.pyplugs", "dioptra.sdk")

TASK_KEYWORDS = {
    "cache_for": "it is cache_expiration",
    "cache_validator": "it is cache_policy or cache_key_fn",
    "checkpoint": "it is persist_result",
    "log_stdout": "it is log_prints",
    "max_retries": "it is retries",
    "nout": "dioptra.pyplugs.task_nout says it",
    "result": "it is result_storage",
    "retry_delay": "it is retry_delay_seconds",
    "skip_on_upstream_skip": "Prefect 3 skips nothing: use if",
    "slug": "it is name",
    "state_handlers": "they are on_completion and on_failure",
    "target": "it is result_storage_key",
    "timeout": "it is timeout_seconds",
    "trigger": "Prefect 3 has none: catch the exception, or use prefect.allow_failure",
}
"""Arguments of Prefect 1's ``task`` that Prefect 3's does not take."""

_PREFECT_RENAMED = {
    "prefect.core.Task": "prefect.Task",
    "prefect.core.task.Task": "prefect.Task",
    "prefect.utilities.edges.unmapped": "prefect.unmapped",
    "prefect.utilities.logging.get_logger": "prefect.logging.get_logger",
    "prefect.utilities.tasks.task": "prefect.task",
}
_PREFECT_PRESENT = frozenset(
    {
        "prefect.context.FlowRunContext",
        "prefect.context.TaskRunContext",
        "prefect.context.get_run_context",
        "prefect.schedules.Cron",
        "prefect.schedules.Interval",
        "prefect.schedules.RRule",
        "prefect.tasks.Task",
        "prefect.tasks.exponential_backoff",
        "prefect.tasks.task",
        "prefect.tasks.task_input_hash",
    }
)
_PREFECT_GONE = {
    "prefect.Client": "Prefect 3 has prefect.get_client",
    "prefect.Flow": "a flow is a function with the decorator dioptra.pyplugs.flow",
    "prefect.Parameter": "the parameters of the flow's function take its place",
    "prefect.agent": "Prefect 3 has workers",
    "prefect.apply_map": "call the task in a loop, or use .map",
    "prefect.backend": "Prefect 3 has prefect.get_client",
    "prefect.case": "use if",
    "prefect.config": "Prefect 3 has prefect.settings",
    "prefect.context": "prefect.get_run_logger gives the logger, prefect.runtime the rest",
    "prefect.core": "Prefect 3 has prefect.flow and prefect.task",
    "prefect.engine.cache_validators": "Prefect 3 has prefect.cache_policies",
    "prefect.engine.executors": "Prefect 3 has prefect.task_runners",
    "prefect.engine.result": "Prefect 3 has prefect.results",
    "prefect.engine.results": "Prefect 3 has prefect.results",
    "prefect.engine.serializers": "Prefect 3 has prefect.serializers",
    "prefect.engine.signals": "raise an exception, or return a state of prefect.states",
    "prefect.engine.state": "Prefect 3 has prefect.states",
    "prefect.environments": "Prefect 3 has deployments and work pools",
    "prefect.executors": "Prefect 3 has prefect.task_runners",
    "prefect.flatten": "use a loop",
    "prefect.mapped": "use .map",
    "prefect.resource_manager": "use a context manager inside the flow",
    "prefect.run_configs": "Prefect 3 has deployments and work pools",
    "prefect.schedules": "Prefect 3 has prefect.schedules.Cron, Interval and RRule",
    "prefect.storage": "Prefect 3 has deployments and work pools",
    "prefect.tasks": "Prefect 3 has no task library: collections such as prefect-aws take its place",
    "prefect.triggers": "catch the exception, or use prefect.allow_failure",
    "prefect.utilities.configuration": "Prefect 3 has prefect.settings and blocks",
    "prefect.utilities.context": "prefect.runtime says what runs",
    "prefect.utilities.debug": "call the flow's function",
    "prefect.utilities.edges": "Prefect 3 has prefect.unmapped, and loops",
    "prefect.utilities.executors": "Prefect 3 has prefect.task_runners",
    "prefect.utilities.graphql": "Prefect 3 has prefect.get_client",
    "prefect.utilities.logging": "Prefect 3 has prefect.logging",
    "prefect.utilities.notifications": "Prefect 3 has automations and prefect.blocks.notifications",
    "prefect.utilities.tasks": "Prefect 3 has prefect.task",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about a name.

    Attributes:
        renamed: Its name today, or None.
        advice: What a person has to do, or None.
    """

    renamed: str | None = None
    advice: str | None = None


def judge(name: str) -> Verdict | None:
    """Judge what a plugin imports or uses.

    Args:
        name: Absolute dotted name of a module or of something in one.

    Returns:
        What to do; None if it is no name of the old framework or of Prefect 1, or holds today as it is.
    """
    if is_below(name, EARLIER):
        today = TODAY + name.removeprefix(EARLIER)
        return Verdict(renamed=today, advice=_missing(today))
    if is_below(name, TODAY):
        advice = _missing(name)
        return None if advice is None else Verdict(advice=advice)
    if name in _PREFECT_RENAMED:
        return Verdict(renamed=_PREFECT_RENAMED[name])
    if any(is_below(name, present) for present in _PREFECT_PRESENT):
        return None
    known = [gone for gone in _PREFECT_GONE if is_below(name, gone)]
    return Verdict(advice=_PREFECT_GONE[max(known, key=len)]) if known else None


def is_below(name: str, above: str) -> bool:
    """Whether a dotted name is another one or lies in it."""
    return name == above or name.startswith(f"{above}.")


def _missing(name: str) -> str | None:
    """What is wrong with a name that was the old framework's; None if it is there."""
    if name == TODAY or (any(is_below(name, part) for part in _RUNTIME) and _exists(name)):
        return None
    return f"dioptra-plugins has no {name}"


def _exists(name: str) -> bool:
    """Whether the runtime of this installation has a name; looks at nothing but the runtime itself."""
    parts = name.split(".")
    for count in range(len(parts), 1, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        return count == len(parts) or hasattr(found, parts[count])
    return False
