"""Flows whose tasks go wrong, or are used in unusual ways: what is reported, and what stays as it was."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import EnvironmentInUseError, TaskRunFailedError
from runtime_folders import Wheel, environment, new_name, write_files

pytestmark = [
    pytest.mark.prefect_server,
    pytest.mark.usefixtures("prefect_server"),
    # Prefect leaves its clients to the garbage collector, which finds their sockets open.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
]

SOURCE = '''
"""Tasks that end in several ways."""
from dioptra import pyplugs

LOG = []

@pyplugs.register
def note(value):
    LOG.append(value)
    return value

@pyplugs.register
def fail(message):
    raise ValueError(message)

@pyplugs.register
def leave():
    raise SystemExit(3)

@pyplugs.register
def wait_for_event(event, value):
    event.wait(60)
    return note(value)

@pyplugs.register
@pyplugs.task_nout(2)
def three():
    return 1, 2, 3

@pyplugs.register
@pyplugs.task_nout(2)
def one():
    return 1

@pyplugs.register
@pyplugs.task_nout(2)
async def three_later():
    return 1, 2, 3

@pyplugs.register
@pyplugs.task_nout(2)
async def two_later():
    return 1, 2
'''


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    """A plugin package of the release ``lab-tasks 1.2``, active."""
    name = new_name("lab")
    files = {f"{name}/__init__.py": "", f"{name}/steps.py": SOURCE}
    with plugin_dirs(environment(tmp_path, Wheel("lab-tasks", "1.2", files, {"lab": name}))):
        yield name


def log(package: str) -> list[Any]:
    found: list[Any] = pyplugs.get(package, "steps", "note").__globals__["LOG"]
    return found


def test_a_task_that_leaves_the_process_fails_the_flow_and_the_others_are_waited_for(package: str) -> None:
    @pyplugs.flow(name="Leaving")
    def leaving() -> None:
        pyplugs.call_task(package, "steps", "leave")
        pyplugs.call_task(package, "steps", "note", "other")

    with pytest.raises(TaskRunFailedError, match=r"steps\.leave of lab-tasks 1\.2 \(Crashed\)") as caught:
        leaving()
    assert isinstance(caught.value.__cause__, SystemExit)
    assert log(package) == ["other"]


def test_an_interruption_of_the_flow_itself_is_passed_on(package: str) -> None:
    @pyplugs.flow
    def interrupted() -> None:
        pyplugs.call_task(package, "steps", "note", "before")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert log(package) == ["before"]


def test_an_async_flow_names_its_failed_task_with_the_cause(package: str) -> None:
    @pyplugs.flow
    async def failing() -> str:
        pyplugs.call_task(package, "steps", "fail", "too hot")
        return "done"

    with pytest.raises(TaskRunFailedError, match=r"steps\.fail of lab-tasks 1\.2 \(Failed\)") as caught:
        asyncio.run(failing())
    assert repr(caught.value.__cause__) == "ValueError('too hot')"


def test_an_async_flows_own_exception_wins_and_its_tasks_are_waited_for(package: str) -> None:
    @pyplugs.flow
    async def raising() -> None:
        pyplugs.call_task(package, "steps", "fail", "too hot")
        pyplugs.call_task(package, "steps", "note", "other")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(raising())
    assert log(package) == ["other"]


def test_the_cause_is_the_exception_of_the_task_that_was_called_first(package: str) -> None:
    @pyplugs.flow
    def failing() -> None:
        broken = pyplugs.call_task(package, "steps", "fail", "first")
        pyplugs.call_task(package, "steps", "note", "never", upstream_tasks=[broken])
        pyplugs.call_task(package, "steps", "fail", "second")

    with pytest.raises(TaskRunFailedError, match="3 tasks did not complete") as caught:
        failing()
    assert [task.state for task in caught.value.tasks] == ["Failed", "NotReady", "Failed"]
    assert repr(caught.value.__cause__) == "ValueError('first')"
    assert log(package) == []


def test_a_renamed_flow_is_reported_by_its_new_name(package: str) -> None:
    @pyplugs.flow(name="Old")
    def failing() -> None:
        pyplugs.call_task(package, "steps", "fail", "x")

    renamed = failing.with_options(name="New")
    assert renamed.version == failing.version
    with pytest.raises(TaskRunFailedError, match="flow 'New'"):
        renamed()


def test_a_record_that_cannot_be_written_hides_no_other_failure(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIOPTRA_RUN_DIR", str(tmp_path / "file" / "runs"))

    @pyplugs.flow
    def run(how: str) -> None:
        if how == "own":
            raise KeyError("mine")
        pyplugs.call_task(package, "steps", how, "x")

    with pytest.raises(KeyError, match="mine") as own:
        run("own")
    assert "record of the run" in own.value.__notes__[0]
    with pytest.raises(TaskRunFailedError) as failed:
        run("fail")
    assert "record of the run" in failed.value.__notes__[0]
    with pytest.raises(OSError, match=r"runs|file"):
        run("note")


@pytest.mark.parametrize(
    ("func", "found"), [("three", "3 results"), ("three_later", "3 results"), ("one", "a single int")]
)
def test_a_task_with_another_number_of_results_fails(package: str, func: str, found: str) -> None:
    @pyplugs.flow
    def unpacking() -> Any:
        first, second = pyplugs.call_task(package, "steps", func)
        return first, second

    with pytest.raises(TaskRunFailedError) as caught:
        unpacking()
    assert str(caught.value.__cause__) == f"{func} returned {found}; task_nout(2) states 2"


def test_elements_order_tasks_and_are_values_in_async_flows(package: str) -> None:
    @pyplugs.flow
    async def unpacking() -> dict[str, Any]:
        first, second = pyplugs.call_task(package, "steps", "two_later")
        noted = pyplugs.call_task(package, "steps", "note", {"in": [second]}, upstream_tasks=[first])
        return {"first": first, "noted": noted}

    assert asyncio.run(unpacking()) == {"first": 1, "noted": {"in": [2]}}


def test_tasks_called_from_a_thread_with_the_flows_context_are_waited_for(package: str) -> None:
    gate = threading.Event()

    @pyplugs.flow
    def threaded() -> str:
        called = functools.partial(pyplugs.call_task, package, "steps", "wait_for_event", gate, "late")
        thread = threading.Thread(target=contextvars.copy_context().run, args=(called,))
        thread.start()
        thread.join()
        threading.Timer(0.2, gate.set).start()
        return "done"

    assert threaded() == "done"
    assert log(package) == ["late"]


def test_flows_may_be_methods(package: str) -> None:
    class Experiment:
        factor = 10

        def __init__(self) -> None:
            self.size = 5

        @pyplugs.flow
        def of_instance(self, value: int) -> int:
            result: int = pyplugs.call_task(package, "steps", "note", value + self.size)
            return result

        @pyplugs.flow
        @classmethod
        def of_class(cls, value: int) -> int:
            result: int = pyplugs.call_task(package, "steps", "note", value * cls.factor)
            return result

        @pyplugs.flow
        @staticmethod
        def of_nothing(value: int) -> int:
            result: int = pyplugs.call_task(package, "steps", "note", value)
            return result

    # Prefect's types know neither bound methods nor what a deployment sends.
    experiment: Any = Experiment()
    assert experiment.of_instance("4") == 9
    assert experiment.of_class("4") == 40
    of_nothing: Any = Experiment.of_nothing
    assert of_nothing("4") == 4


def test_a_function_has_one_prefect_task_that_names_its_release(package: str) -> None:
    task = pyplugs.get_task(package, "steps", "note")
    assert pyplugs.get_task(package, "steps", "note") is task
    assert (task.name, task.version, task.tags) == ("steps.note", "lab-tasks==1.2", {"lab-tasks==1.2"})
    assert pyplugs.get_task(package, "steps", "fail") is not task


def test_a_function_that_copies_the_attributes_of_a_task_has_its_own_prefect_task(tmp_path: Path) -> None:
    name = new_name("wrapped")
    source = """
        import functools
        from dioptra import pyplugs

        @pyplugs.register
        def plain():
            return "plain"

        def make():
            pyplugs.get_task(__package__, "steps", "plain")

            @functools.wraps(plain)
            def other():
                return "other"

            other.__name__ = other.__qualname__ = "other"
            return pyplugs.register(other)
    """
    folder = write_files(tmp_path, {f"{name}/__init__.py": "", f"{name}/steps.py": source})
    with plugin_dirs(folder):
        pyplugs.get(name, "steps", "plain").__globals__["make"]()
        assert pyplugs.get_task(name, "steps", "other").name == "steps.other"
        assert pyplugs.get_task(name, "steps", "plain").name == "steps.plain"


def test_a_run_that_ends_takes_no_plugin_directory_from_one_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name("shared")
    files = {f"{name}/__init__.py": "", f"{name}/steps.py": SOURCE}
    folder = environment(tmp_path, Wheel("lab-tasks", "1.2", files, {"lab": name}))
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(folder))
    second_is_in, first_is_out = threading.Event(), threading.Event()

    @pyplugs.flow
    def first() -> None:
        second_is_in.wait(60)

    @pyplugs.flow
    def second() -> str:
        second_is_in.set()
        first_is_out.wait(60)
        result: str = pyplugs.call_task(name, "steps", "note", "still here")
        return result

    def run_first() -> None:
        first()
        first_is_out.set()

    results: list[str] = []
    one = threading.Thread(target=contextvars.copy_context().run, args=(run_first,))
    one.start()
    while not pyplugs.default_registry.activation.active:
        assert one.is_alive()
    two = threading.Thread(target=contextvars.copy_context().run, args=(lambda: results.append(second()),))
    two.start()
    one.join()
    two.join()
    assert results == ["still here"]
    assert not pyplugs.default_registry.activation.active


def test_a_flow_stays_in_the_plugin_directories_that_are_active(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `plugin_dirs` was given wins over the variable, even over one that could not be entered."""
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(tmp_path / "missing"))

    @pyplugs.flow
    def run() -> str:
        result: str = pyplugs.call_task(package, "steps", "note", "here")
        return result

    assert run() == "here"
    other = write_files(tmp_path / "other", {"readme.txt": ""})
    with pytest.raises(EnvironmentInUseError), plugin_dirs(other):
        pass
