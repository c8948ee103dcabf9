"""Tasks in real Prefect flows: order, waiting, failing, and what plain Prefect does beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import TaskRunFailedError

pytestmark = [
    pytest.mark.prefect_server,
    pytest.mark.usefixtures("prefect_server", "plugins"),
    # Prefect's own libraries warn from within its threads.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PLUGIN = '''
"""Tasks that write down when they start and end."""
import threading
import time
from pathlib import Path

from dioptra import pyplugs

LOG = []

@pyplugs.register
def slow(name, data=None):
    """Take a while."""
    LOG.append(f"{name} starts")
    time.sleep(0.3)
    LOG.append(f"{name} ends")
    return f"{name}({data})" if data is not None else name

@pyplugs.register
def fail(message="broken"):
    raise ValueError(message)

@pyplugs.register
@pyplugs.task_nout(2)
def pair(first, second):
    LOG.append("pair runs")
    return first, second

@pyplugs.register
async def later(value):
    return value + 1

@pyplugs.register
def outer(value):
    LOG.append(f"outer in {threading.get_ident()}")
    inner = pyplugs.call_task("lab", "steps", "slow", "inner", value)
    LOG.append(f"inner gave {inner}")
    return inner

@pyplugs.register
class Box:
    def __init__(self, content):
        self.content = content
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw plugin folder with the package `lab`."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "lab").mkdir()
    (folder / "lab" / "__init__.py").touch()
    (folder / "lab" / "steps.py").write_text(PLUGIN)
    return folder


@pytest.fixture
def plugins(folder: Path) -> Iterator[None]:
    """The folder, active. One folder for all tests, because Prefect keeps the exceptions of tasks that failed."""
    with plugin_dirs(folder):
        yield


def call(func: str, *args: Any, **kwargs: Any) -> Any:
    return pyplugs.call_task("lab", "steps", func, *args, **kwargs)


def log() -> list[str]:
    import lab.steps  # type: ignore[import-not-found]  # made by the fixture

    found: list[str] = lab.steps.LOG
    return found


def test_data_orders_tasks_and_the_flow_returns_plain_values() -> None:
    @pyplugs.flow(name="Ordered by data")
    def ordered() -> dict[str, Any]:
        first = call("slow", "first")
        return {"both": [first, call("slow", "second", data=first)]}

    assert ordered() == {"both": ["first", "second(first)"]}
    assert log() == ["first starts", "first ends", "second starts", "second ends"]


@pytest.mark.parametrize("as_list", [True, False])
def test_upstream_tasks_order_tasks_without_data(as_list: bool) -> None:
    @pyplugs.flow
    def ordered() -> None:
        first = call("slow", "first")
        call("slow", "second", upstream_tasks=[first] if as_list else first)

    ordered()
    assert log() == ["first starts", "first ends", "second starts", "second ends"]


def test_a_flow_that_forgets_to_wait_still_runs_its_tasks() -> None:
    @pyplugs.flow
    def forgetful() -> str:
        call("slow", "one")
        call("slow", "two")
        return "done"

    assert forgetful() == "done"
    assert {"one ends", "two ends"} <= set(log())


def test_a_flow_fails_when_a_task_fails_and_names_it() -> None:
    @pyplugs.flow(name="Failing")
    def failing() -> str:
        broken = call("fail", "too hot")
        call("slow", "after", upstream_tasks=[broken])
        return "done"

    with pytest.raises(
        TaskRunFailedError, match=r"lab\.steps\.fail \(Failed\), lab\.steps\.slow \(NotReady\)"
    ) as caught:
        failing()
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(caught.value.__cause__) == "too hot"
    state = failing(return_state=True)
    assert state.is_failed()


def test_plain_prefect_reports_success_for_the_same_flow() -> None:
    """The behaviour that `pyplugs.flow` is there to change; if Prefect changes it, ours may become simpler."""
    import prefect

    @prefect.flow
    def plain() -> str:
        call("fail")
        return "done"

    assert plain(return_state=True).is_completed()


def test_the_flows_own_exception_wins_and_its_tasks_are_waited_for() -> None:
    @pyplugs.flow
    def raising() -> None:
        call("slow", "one")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        raising()
    assert "one ends" in log()


def test_async_flows_and_tasks() -> None:
    import asyncio

    @pyplugs.flow
    async def asynchronous() -> int:
        first = call("later", 1)
        result: int = call("later", first)
        return result

    assert asyncio.run(asynchronous()) == 3


def test_inside_a_task_a_call_is_direct() -> None:
    @pyplugs.flow
    def nested() -> str:
        result: str = call("outer", 5)
        return result

    assert nested() == "inner(5)"
    assert "inner gave inner(5)" in log()


def test_outside_of_flows_a_call_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert call("slow", "alone") == "alone"
    assert call("Box", 3).content == 3


def test_several_results_are_unpacked_without_task_runs_of_their_own() -> None:
    @pyplugs.flow
    def unpacking() -> list[Any]:
        several = call("pair", "left", None)
        left, nothing = several
        return [call("slow", left), nothing, several[0], call("slow", "x", data=[left, {"k": several}])]

    assert unpacking() == ["left", None, "left", "x(['left', {'k': ('left', None)}])"]
    assert log().count("pair runs") == 1


def test_a_failed_task_with_several_results_fails_what_uses_an_element() -> None:
    @pyplugs.flow
    def unpacking() -> None:
        left, _ = call("pair", call("fail"), 1)
        call("slow", left)

    with pytest.raises(TaskRunFailedError, match=r"fail \(Failed\), .*pair \(NotReady\), .*slow \(NotReady\)"):
        unpacking()


def test_flows_keep_their_own_tasks_when_nested() -> None:
    @pyplugs.flow
    def inside() -> str:
        call("fail")
        return "inside"

    @pyplugs.flow
    def outside() -> str:
        with pytest.raises(TaskRunFailedError):
            inside()
        result: str = call("slow", "outside")
        return result

    assert outside() == "outside"


def test_parameters_are_validated_by_their_hints() -> None:
    @pyplugs.flow
    def typed(size: tuple[int, int]) -> tuple[int, int]:
        return size

    untyped: Any = typed  # a deployment sends what JSON can say
    assert untyped(["3", "4"]) == (3, 4)
    assert untyped.__name__ == "typed"
    with pytest.raises(Exception, match="size"):
        untyped("x")


def test_get_task_gives_prefects_task_for_map() -> None:
    @pyplugs.flow
    def mapped() -> list[str]:
        futures = pyplugs.get_task("lab", "steps", "slow").map(["a", "b"])
        return [future.result() for future in futures]

    assert mapped() == ["a", "b"]
    assert pyplugs.get_task("lab", "steps", "slow").name == "steps.slow"


def test_factories_bind_the_package() -> None:
    @pyplugs.flow
    def bound() -> Any:
        return pyplugs.call_task_factory("lab")("steps", "slow", "bound")

    assert bound() == "bound"
    assert pyplugs.get_task_factory("lab")("steps", "slow").name == "steps.slow"


def test_generators_are_refused() -> None:
    with pytest.raises(TypeError, match="generator"):

        @pyplugs.flow
        def generates() -> Iterator[int]:
            yield 1


def test_a_run_record_says_what_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRA_RUN_DIR", str(tmp_path / "runs"))

    @pyplugs.flow(name="Recorded")
    def recorded() -> None:
        call("slow", "one")

    recorded()
    (file,) = (tmp_path / "runs").iterdir()
    record = json.loads(file.read_bytes())
    assert (record["flow"], record["schema"]) == ("Recorded", "1.1")
    assert [(task["func"], task["state"]) for task in record["tasks"]] == [("slow", "Completed")]


def test_without_prefect_calls_say_what_is_missing() -> None:
    code = textwrap.dedent("""
        import importlib.machinery, sys
        class Without(importlib.machinery.PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                return None if name == "prefect" else super().find_spec(name, path, target)
        sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Without
        from dioptra import pyplugs
        from dioptra.sdk.exceptions import PrefectDependencyError
        for use, *args in (pyplugs.call_task, "a", "b"), (pyplugs.get_task, "a", "b"), (pyplugs.flow, print):
            try:
                use(*args)
            except PrefectDependencyError as error:
                assert "prefect" in str(error)
            else:
                raise SystemExit("no error")
    """)
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
