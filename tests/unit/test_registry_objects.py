"""Registries as objects: shared registrations, own ones, snapshots, and the fixture for authors of plugins."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from dioptra import pyplugs
from dioptra.pyplugs import Registry
from dioptra.sdk.exceptions import UnknownPluginError
from runtime_folders import new_name, write_files

PLUGIN = """
    from dioptra import pyplugs

    @pyplugs.register
    def work():
        return "done"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = new_name("objects")
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}/tasks.py": PLUGIN})))
    return name


def test_registries_of_one_process_see_what_decorators_registered(package: str) -> None:
    mine = Registry()
    assert mine.call(package, "tasks") == "done"
    assert mine.find(package, "tasks") == pyplugs.default_registry.find(package, "tasks")


def test_what_is_registered_in_a_registry_is_seen_there_only(package: str) -> None:
    mine, other = Registry(), Registry()

    def extra() -> str:
        return "extra"

    extra.__module__ = f"{package}.tasks"
    assert pyplugs.call(package, "tasks") == "done"
    mine.register(label="own")(extra)
    assert mine.funcs(package, "tasks", "own") == ["extra"]
    assert mine.find(package, "tasks", "extra", label="own").info.func is extra
    assert other.funcs(package, "tasks", "own") == []
    assert pyplugs.funcs(package, "tasks", "own") == []


def test_a_registry_learns_of_registrations_made_after_its_first_lookup(package: str) -> None:
    mine = Registry()
    assert mine.find(package, "tasks", "work").info.func() == "done"

    def work() -> str:
        return "replaced"

    work.__module__ = f"{package}.tasks"
    before = pyplugs.snapshot()
    pyplugs.register(replace=True)(work)
    assert mine.call(package, "tasks", "work") == "replaced"
    pyplugs.restore(before)
    assert mine.call(package, "tasks", "work") == "done"


def test_restoring_unloads_what_was_registered_since(package: str) -> None:
    before = pyplugs.snapshot()
    assert pyplugs.call(package, "tasks") == "done"
    pyplugs.block(package)
    pyplugs.restore(before)
    assert f"{package}.tasks" not in sys.modules
    assert pyplugs.call(package, "tasks") == "done"


def test_restoring_brings_back_a_module_that_was_imported_anew(package: str) -> None:
    first = pyplugs.default_registry.find(package, "tasks")
    before = pyplugs.snapshot()
    del sys.modules[f"{package}.tasks"]
    importlib.import_module(f"{package}.tasks")
    assert pyplugs.default_registry.find(package, "tasks") != first
    pyplugs.restore(before)
    assert pyplugs.default_registry.find(package, "tasks") == first


def test_snapshots_are_not_changed_by_what_comes_later(package: str) -> None:
    before = pyplugs.snapshot()
    pyplugs.call(package, "tasks")
    assert f"{package}.tasks" not in before.shared


def test_filters_are_names_or_patterns(package: str) -> None:
    assert [task.func for task in pyplugs.list_tasks(package=package).tasks] == []
    pyplugs.call(package, "tasks")  # found on the path by name; now that it is loaded it is listed
    assert [task.func for task in pyplugs.list_tasks(package=package).tasks] == ["work"]
    assert [task.func for task in pyplugs.list_tasks(package=f"{package[:-1]}?", func="w*").tasks] == ["work"]
    assert pyplugs.list_tasks(package=package, plugin="other").tasks == ()
    assert pyplugs.list_tasks(package=package, label="*").tasks == ()
    assert pyplugs.list_tasks(package=package, distribution="*").tasks == ()


def test_the_fixture_isolates_tests_of_plugin_authors(tmp_path: Path) -> None:
    name = new_name("authors")
    test = f"""
        from dioptra import pyplugs

        def check(registry):
            assert registry is pyplugs.default_registry
            assert pyplugs.call("", "{name}") == "done"

            @pyplugs.register
            def extra():
                return 1

            assert "extra" in pyplugs.funcs("", __name__)
            registry.block("anything")

        def test_one(pyplugs_registry):
            check(pyplugs_registry)

        def test_two(pyplugs_registry):
            check(pyplugs_registry)
    """
    write_files(tmp_path, {f"{name}.py": PLUGIN, "test_plugin.py": dedent(test)})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_unknown_stays_unknown_for_a_fresh_registry() -> None:
    with pytest.raises(UnknownPluginError):
        Registry().call("dioptra.pyplugs", "nothing")
