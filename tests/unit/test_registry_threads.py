from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import PluginLoadError
from runtime_folders import new_name, write_files

# The import stops half way until the test lets it go on, with its task registered already.
SLOW = """
    import {control} as control
    from dioptra import pyplugs

    control.imports.append(1)

    @pyplugs.register
    def work():
        return "done"

    control.registered.set()
    assert control.go_on.wait(30)
    {end}
"""
CONTROL = """
    import threading

    imports = []
    registered = threading.Event()
    go_on = threading.Event()
"""


def in_thread(function: Callable[[], object], outcomes: list[object]) -> threading.Thread:
    def run() -> None:
        try:
            outcomes.append(function())
        except Exception as problem:  # noqa: BLE001 - the test looks at it
            outcomes.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[str, object]]:
    def make(end: str) -> tuple[str, object]:
        package, control = new_name("slow"), new_name("control")
        files = {f"{package}/tasks.py": SLOW.format(control=control, end=end), f"{control}.py": CONTROL}
        monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
        return package, __import__(control)

    return make


def test_lookups_during_the_first_import_wait_for_it_and_find_the_task(
    slow: Callable[[str], tuple[str, object]],
) -> None:
    package, control = slow("")
    outcomes: list[object] = []
    first = in_thread(lambda: pyplugs.call(package, "tasks", "work"), outcomes)
    assert control.registered.wait(30)  # type: ignore[attr-defined]
    # Listing never waits: it reads the source.
    assert pyplugs.names(package) == ["tasks"]
    assert pyplugs.funcs(package, "tasks") == ["work"]
    others = [in_thread(lambda: pyplugs.call(package, "tasks"), outcomes) for _ in range(8)]
    assert outcomes == []
    control.go_on.set()  # type: ignore[attr-defined]
    for thread in (first, *others):
        thread.join()
    assert outcomes == ["done"] * 9
    assert control.imports == [1]  # type: ignore[attr-defined]


def test_nobody_sees_a_task_of_an_import_that_fails(slow: Callable[[str], tuple[str, object]]) -> None:
    package, control = slow("raise RuntimeError('halfway')")
    outcomes: list[object] = []
    threads = [in_thread(lambda: pyplugs.call(package, "tasks", "work"), outcomes)]
    assert control.registered.wait(30)  # type: ignore[attr-defined]
    threads += [in_thread(lambda: pyplugs.call(package, "tasks", "work"), outcomes) for _ in range(4)]
    control.go_on.set()  # type: ignore[attr-defined]
    for thread in threads:
        thread.join()
    assert [type(outcome) for outcome in outcomes] == [PluginLoadError] * 5


def test_first_calls_of_many_plugins_from_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = new_name("many")
    text = "from dioptra import pyplugs\n\n@pyplugs.register\ndef work():\n    return __name__\n"
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{package}/plugin_{n}.py": text for n in range(20)})))
    outcomes: list[object] = []
    barrier = threading.Barrier(8)

    def call_all() -> list[object]:
        barrier.wait()
        return [pyplugs.call(package, f"plugin_{n}", "work") for n in range(20)]

    threads = [in_thread(call_all, outcomes) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert outcomes == [[f"{package}.plugin_{n}" for n in range(20)]] * 8


def test_concurrent_coroutines_share_the_directories_and_leave_no_trace(tmp_path: Path) -> None:
    package = new_name("gathered")
    source = "from dioptra import pyplugs\n\n@pyplugs.register\nasync def work(n):\n    return n\n"
    raw = write_files(tmp_path, {f"{package}/tasks.py": source})

    @plugin_dirs(raw)
    async def one(number: int) -> object:
        await asyncio.sleep(0)
        first = await pyplugs.call(package, "tasks", "work", number)
        await asyncio.sleep(0)
        return first, pyplugs.exists(package, "tasks")

    async def many() -> list[object]:
        return await asyncio.gather(*map(one, range(50)))

    assert asyncio.run(many()) == [(number, True) for number in range(50)]
    assert not pyplugs.exists(package, "tasks")
    assert not pyplugs.default_registry.activation.active


def test_rules_and_listings_may_change_while_others_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = new_name("busy")
    source = "from dioptra import pyplugs\n\n@pyplugs.register\ndef work(n):\n    return n\n"
    files = {f"{package}/part{number}.py": source for number in range(10)}
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
    registry = pyplugs.Registry()
    outcomes: list[object] = []

    def call_all() -> list[int]:
        return [registry.call(package, f"part{number}", "work", number) for number in range(10) for _ in range(20)]

    def change() -> None:
        for number in range(50):
            registry.block(f"other.{number}")
            registry.list_tasks()
            registry.conflicts()
            registry.refresh()

    threads = [in_thread(call_all, outcomes) for _ in range(4)] + [in_thread(change, outcomes)]
    for thread in threads:
        thread.join()
    assert [item for item in outcomes if item is not None] == [[n for n in range(10) for _ in range(20)]] * 4
