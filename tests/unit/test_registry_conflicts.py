from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.pyplugs import Registry
from dioptra.pyplugs._finders import PreferredFinder
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import EnvironmentInUseError, PluginLoadError, RawFolderWarning, TaskConflictError
from runtime_folders import Wheel, environment, install, new_name, write_files


def source(answer: str, func: str = "work") -> str:
    return f"""
        from dioptra import pyplugs

        @pyplugs.register
        def {func}():
            return "{answer}"
    """


@pytest.fixture(autouse=True)
def same_rules() -> Iterator[None]:
    before = pyplugs.snapshot()
    yield
    pyplugs.restore(before)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that two distributions of the host bring; that of `front-…` is first on the path."""
    name = new_name("both")
    for side in ("back", "front"):
        files = {f"{name}/tasks.py": source(side), f"{name}/{side}.py": source(f"only {side}")}
        wheel = Wheel(f"{side}-{name}".replace("_", "-"), "1.0", files, {f"{side}-{name}": name})
        monkeypatch.syspath_prepend(str(install(tmp_path / side, wheel)))
    return name


def project(side: str, package: str) -> str:
    return f"{side}-{package}".replace("_", "-")


def conflicts(package: str) -> list[tuple[str, str | None, list[str], str | None]]:
    return [
        (
            item.plugin,
            item.func,
            [claimant.distribution for claimant in item.claimants],
            item.chosen and item.chosen.distribution,
        )
        for item in pyplugs.conflicts()
        if item.package == package
    ]


def test_an_unsettled_conflict_is_listed_and_refused_with_the_way_out(package: str) -> None:
    sides = [project("back", package), project("front", package)]
    assert conflicts(package) == [("tasks", "work", sides, None)]
    with pytest.raises(TaskConflictError) as conflict:
        pyplugs.call(package, "tasks")
    assert f"DIOPTRA_PREFER={sides[0]}" in str(conflict.value.hint)
    assert pyplugs.call(package, "back") == "only back"


def test_a_preference_settles_it_and_it_stays_listed(package: str) -> None:
    pyplugs.prefer(project("front", package).replace("-", "_"))
    assert pyplugs.call(package, "tasks") == "front"
    task = pyplugs.default_registry.find(package, "tasks")
    assert task.provenance.distribution == project("front", package)
    sides = [project("back", package), project("front", package)]
    assert conflicts(package) == [("tasks", "work", sides, sides[1])]


def test_the_preferred_distribution_is_imported_wherever_it_stands_on_the_path(package: str) -> None:
    assert pyplugs.call(package, "front") == "only front"
    pyplugs.prefer(project("back", package))
    assert pyplugs.call(package, "tasks") == "back"
    task = pyplugs.default_registry.find(package, "tasks")
    assert task.provenance.distribution == project("back", package)
    assert task.info.func.__code__.co_filename == task.provenance.file
    assert pyplugs.call(package, "back") == "only back"
    assert not any(isinstance(finder, PreferredFinder) for finder in sys.meta_path)


def test_what_was_imported_from_another_distribution_is_refused(package: str) -> None:
    assert __import__(f"{package}.tasks", fromlist=["work"]).work() == "front"
    pyplugs.prefer(project("back", package))
    with pytest.raises(PluginLoadError, match="it was imported from") as refused:
        pyplugs.call(package, "tasks")
    assert refused.value.distribution == project("back", package)
    pyplugs.default_registry.refresh()


@pytest.mark.parametrize("kinds", list(itertools.product([True, False], repeat=2)), ids=str)
@pytest.mark.parametrize("chosen", ["one", "two"])
def test_of_two_environments_the_preferred_one_is_used_and_both_keep_their_own_modules(
    tmp_path: Path, kinds: tuple[bool, bool], chosen: str
) -> None:
    name = new_name("both")
    places = []
    for side, regular in zip(("one", "two"), kinds, strict=True):
        init = {f"{name}/__init__.py": ""} if regular else {}
        files = {**init, f"{name}/tasks.py": source(side), f"{name}/{side}.py": source(f"only {side}")}
        places.append(environment(tmp_path / side, Wheel(f"dist-{side}", "1.0", files, {side: name})))
    with plugin_dirs(*places, prefer=[f"dist-{chosen}"]):
        for side in ("two", "one"):
            assert pyplugs.call(name, side) == f"only {side}"
        assert pyplugs.call(name, "tasks") == chosen


def test_the_environment_variable_and_the_argument_prefer(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Registry(prefer=[project("front", package)]).call(package, "tasks") == "front"
    with pytest.raises(TaskConflictError):
        pyplugs.call(package, "tasks")
    raw = write_files(tmp_path / "raw", {"notes.txt": ""})
    with plugin_dirs(raw, prefer=[project("front", package)]):
        assert pyplugs.call(package, "tasks") == "front"
        with pytest.raises(EnvironmentInUseError), plugin_dirs(raw):
            pass
    with pytest.raises(TaskConflictError):
        pyplugs.call(package, "tasks")
    monkeypatch.setenv("DIOPTRA_PREFER", f"absent-thing, {project('front', package)}")
    assert pyplugs.call(package, "tasks") == "front"


@pytest.mark.parametrize("blocked", ["back", "front"])
def test_blocking_one_side_settles_a_conflict(package: str, blocked: str) -> None:
    pyplugs.block(project(blocked, package))
    assert conflicts(package) == []
    assert pyplugs.call(package, "tasks") == {"back": "front", "front": "back"}[blocked]


def test_an_alias_of_two_packages_is_settled_by_a_preference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alias = new_name("alias").replace("_", "-")
    for side in ("left", "right"):
        package = new_name(side)
        wheel = Wheel(f"{side}-{alias}", "1.0", {f"{package}/tasks.py": source(side)}, {alias: package})
        monkeypatch.syspath_prepend(str(install(tmp_path / side, wheel)))
    assert conflicts(alias) == [("tasks", "work", [f"left-{alias}", f"right-{alias}"], None)]
    pyplugs.prefer(f"left-{alias}")
    assert pyplugs.call(alias, "tasks") == "left"
    assert conflicts(alias) == [("tasks", "work", [f"left-{alias}", f"right-{alias}"], f"left-{alias}")]


@pytest.mark.parametrize("raw_first", [True, False], ids=["folder first", "environment first"])
@pytest.mark.parametrize("regular", [True, False], ids=["regular packages", "namespace packages"])
def test_the_wheel_wins_over_a_raw_folder_plugin_by_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw_first: bool, regular: bool
) -> None:
    name = new_name("moving")
    init = {f"{name}/__init__.py": ""} if regular else {}
    wheel = Wheel(project("dist", name), "2.0", {**init, f"{name}/moved.py": source("wheel")}, {f"ep-{name}": name})
    pinned = environment(tmp_path / "managed", wheel)
    raw = write_files(
        tmp_path / "raw",
        {**init, f"{name}/moved.py": source("folder"), f"{name}/still_here.py": source("folder")},
    )
    order = [str(raw), str(pinned)] if raw_first else [str(pinned), str(raw)]
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", os.pathsep.join(order))
    with plugin_dirs():
        with pytest.warns(RawFolderWarning, match=f"{name}.moved.work") as warned:
            assert pyplugs.call(name, "moved") == "wheel"
        assert (warned[0].message.folder, warned[0].message.distribution) == (str(raw), wheel.project)  # type: ignore[union-attr]
        assert pyplugs.call(name, "still_here") == "folder"
        listed = {task.plugin: task.provenance.distribution for task in pyplugs.list_tasks(package=name).tasks}
        assert listed == {"moved": wheel.project, "still_here": None}
        (conflict,) = [item for item in pyplugs.conflicts() if item.package == name]
        assert conflict.folders == (str(raw),)
        assert conflict.chosen is not None
        assert (conflict.chosen.distribution, conflict.chosen.wheel_sha256) == (wheel.project, wheel.sha256)


def test_environments_that_bring_one_task_conflict_with_their_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name("twins")
    wheels = [
        Wheel(f"{side}-{name}".replace("_", "-"), "1.0", {f"{name}/tasks.py": source(side)}, {f"{side}-{name}": name})
        for side in ("one", "two")
    ]
    folders = [environment(tmp_path / wheel.project, wheel) for wheel in wheels]
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", os.pathsep.join(map(str, folders)))
    with plugin_dirs():
        with pytest.raises(TaskConflictError) as conflict:
            pyplugs.call(name, "tasks")
        assert [claimant.wheel_sha256 for claimant in conflict.value.claimants] == [wheel.sha256 for wheel in wheels]
        pyplugs.prefer(wheels[0].project)
        assert pyplugs.call(name, "tasks") == "one"
