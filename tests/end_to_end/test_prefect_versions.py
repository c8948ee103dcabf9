"""Flows of several releases, one after another in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import PluginLoadError, StaleModuleError, TaskRunFailedError
from runtime_folders import Wheel, environment, new_name

pytestmark = [
    pytest.mark.prefect_server,
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
]

SOURCE = """
    from dioptra import pyplugs

    @pyplugs.register
    def which() -> str:
        return "{version}"

    @pyplugs.register
    def fail() -> None:
        raise ValueError("as it should")
"""


@pytest.fixture
def releases(tmp_path: Path) -> tuple[str, list[Path]]:
    name = new_name("lab")
    wheels = [
        Wheel("lab-tasks", version, {f"{name}/steps.py": SOURCE.format(version=version)}, {"lab": name})
        for version in ("1.0", "2.0")
    ]
    return name, [environment(tmp_path, wheel) for wheel in wheels]


def test_each_flow_runs_the_release_that_is_active(releases: tuple[str, list[Path]]) -> None:
    name, (one, two) = releases

    @pyplugs.flow
    def asking() -> tuple[str, str]:
        by_name = pyplugs.call_task(name, "steps", "which")
        by_attribute = getattr(pyplugs.tasks, name).steps.which()
        return by_name, by_attribute

    for place, version in ((one, "1.0"), (two, "2.0"), (one, "1.0")):
        with plugin_dirs(place):
            assert tuple(asking()) == (version, version)


def test_a_prefect_task_of_a_release_that_was_left_refuses_to_run(releases: tuple[str, list[Path]]) -> None:
    name, (one, two) = releases
    with plugin_dirs(one):
        kept = pyplugs.get_task(name, "steps", "which")
        assert kept.fn() == "1.0"
    with plugin_dirs(two):
        assert pyplugs.get_task(name, "steps", "which").fn() == "2.0"
        with pytest.raises(PluginLoadError, match=r"lab-tasks 1\.0") as refused:
            kept.fn()
        assert "get_task" in str(refused.value.hint)


def test_an_exception_that_prefect_keeps_keeps_another_release_out(releases: tuple[str, list[Path]]) -> None:
    name, (one, two) = releases

    @pyplugs.flow
    def failing() -> None:
        pyplugs.call_task(name, "steps", "fail")

    with plugin_dirs(one), pytest.raises(TaskRunFailedError):
        failing()
    # Prefect keeps results in memory, exceptions with their tracebacks among them.
    with pytest.raises(StaleModuleError) as stale, plugin_dirs(two):
        pass
    assert f"{name}.steps.fail" in stale.value.modules
    with plugin_dirs(one):
        assert pyplugs.call(name, "steps", "which") == "1.0"
