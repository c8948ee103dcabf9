"""One test for each fault of earlier registries of this kind (PyPlugs and its fork): none of them is here."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import (
    MissingDependencyError,
    PluginLoadError,
    UnknownPackageError,
    UnknownPluginError,
)
from runtime_folders import Wheel, environment, new_name, write_files

GOOD = "from dioptra import pyplugs\n\n\n@pyplugs.register\ndef work(**given):\n    return given or 'done'\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = new_name("faults")
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}/__init__.py": "", f"{name}/good.py": GOOD})))
    return name


def add(package: str, plugin: str, source: str) -> None:
    folder = Path(sys.path[0])
    write_files(folder, {f"{package}/{plugin}.py": source})


def test_a_second_version_is_not_answered_by_the_first(tmp_path: Path) -> None:
    name = new_name("faults")
    answers = []
    for version in ("1.0", "2.0"):
        files = {f"{name}/tasks.py": GOOD.replace("'done'", f"'{version}'")}
        wheel = Wheel(f"dist-{name.replace('_', '-')}", version, files, {f"ep-{name}": name})
        with plugin_dirs(environment(tmp_path / version, wheel)):
            answers.append(pyplugs.call(name, "tasks"))
    assert answers == ["1.0", "2.0"]


def test_a_call_from_a_second_thread_during_the_import_finds_the_task(package: str) -> None:
    control = new_name("control")
    write_files(
        Path(sys.path[0]),
        {f"{control}.py": "import threading\nstarted, go_on = threading.Event(), threading.Event()\n"},
    )
    begin = f"import {control}\n{control}.started.set()\nassert {control}.go_on.wait(30)\n"
    add(package, "slow", begin + GOOD)
    module = __import__(control)
    answers: list[object] = []

    def call() -> None:
        answers.append(pyplugs.call(package, "slow", "work"))

    threads = [threading.Thread(target=call) for _ in range(2)]
    threads[0].start()
    assert module.started.wait(30)
    threads[1].start()
    module.go_on.set()
    for thread in threads:
        thread.join()
    assert answers == ["done", "done"]


def test_a_module_that_registers_and_then_raises_is_not_callable(package: str) -> None:
    add(package, "late", GOOD + "raise RuntimeError('late')\n")
    for _ in range(2):
        with pytest.raises(PluginLoadError, match="RuntimeError: late"):
            pyplugs.call(package, "late", "work")


def test_one_syntax_error_does_not_break_the_names_of_the_package(package: str) -> None:
    add(package, "wrong", "def broken(:\n")
    assert pyplugs.names(package) == ["good"]


def test_a_bad_import_inside_a_plugin_does_not_read_as_an_unknown_package(package: str) -> None:
    add(package, "needy", f"import {package}_absent\n" + GOOD)
    with pytest.raises(MissingDependencyError) as missing:
        pyplugs.call(package, "needy")
    assert missing.value.missing == f"{package}_absent"
    assert not isinstance(missing.value, UnknownPackageError | UnknownPluginError)


@pytest.mark.parametrize("message", ["No module named '{0}.odd'", "No module named '{0}'", "'{0}.odd'"])
def test_the_text_of_an_exception_decides_nothing(package: str, message: str) -> None:
    add(package, "odd", f"raise ImportError({message.format(package)!r})\n")
    with pytest.raises(PluginLoadError) as failed:
        pyplugs.call(package, "odd")
    assert type(failed.value) is PluginLoadError
    add(package, "named", f"raise ModuleNotFoundError('anything', name='{package}.other')\n")
    with pytest.raises(MissingDependencyError, match=r"other'") as missing:
        pyplugs.call(package, "named")
    assert missing.value.missing == f"{package}.other"


def test_exists_answers_though_a_dependency_is_missing(package: str) -> None:
    add(package, "needy", "import surely_absent_here\n" + GOOD)
    assert pyplugs.exists(package, "needy")
    assert not pyplugs.exists(package, "absent")
    assert not pyplugs.exists(f"{package}_absent", "absent")


def test_a_duplicate_does_not_overwrite_silently(package: str) -> None:
    add(package, "twice", GOOD + GOOD.partition("\n\n\n")[2].replace("'done'", "'second'"))
    with pytest.raises(PluginLoadError, match="registers the task 'work' twice"):
        pyplugs.call(package, "twice")


def test_parameters_named_like_coordinates_reach_the_task(package: str) -> None:
    given = {"package": 1, "plugin": 2, "func": 3}
    assert pyplugs.call(package, "good", "work", **given) == given
    everything = {**given, "label": 4, "upstream_tasks": 5, "task_kwargs": 6}
    assert pyplugs.call(package, "good", "work", task_kwargs=everything) == everything


def test_a_listing_imports_nothing(package: str) -> None:
    add(package, "other", GOOD)
    assert pyplugs.names(package) == ["good", "other"]
    assert pyplugs.funcs(package, "other") == ["work"]
    assert not [name for name in sys.modules if name.startswith(f"{package}.")]


def test_a_plugin_that_is_added_later_is_not_hidden_by_a_cache(package: str) -> None:
    assert not pyplugs.exists(package, "added")
    add(package, "added", GOOD)
    assert pyplugs.exists(package, "added")
    assert pyplugs.call(package, "added") == "done"


def test_a_broken_plugin_is_never_a_silent_gap(package: str) -> None:
    add(package, "late", GOOD + "raise RuntimeError('late')\n")
    with pytest.raises(PluginLoadError):
        pyplugs.call(package, "late")
    (broken,) = [item for item in pyplugs.load_errors() if item.module == f"{package}.late"]
    assert "RuntimeError: late" in broken.error
    assert isinstance(broken.exception, PluginLoadError)
    add(package, "late", GOOD)
    assert pyplugs.call(package, "late") == "done"
    assert not [item for item in pyplugs.load_errors() if item.module == f"{package}.late"]
