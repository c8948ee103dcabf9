"""Several environments in one process, one after the other: never silently the wrong version."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import StaleModuleError
from runtime_folders import Wheel, environment, new_name, write_files

PLUGIN = """
    import dataclasses
    from typing import Optional

    from dioptra import pyplugs
    from {package} import constants

    @dataclasses.dataclass
    class Picture:
        size: int = constants.SIZE
        next: "Optional[Picture]" = None

    KEPT_BY_THE_TYPE_SYSTEM = Optional[Picture]

    @pyplugs.register
    def version():
        return constants.VERSION

    @pyplugs.register
    def picture():
        return Picture()

    def not_a_task():
        return 1
"""


@pytest.fixture(autouse=True)
def unchanged_process() -> Iterator[None]:
    registrations = pyplugs.default_registry.activation.registrations
    path, finders, modules, registered = list(sys.path), list(sys.meta_path), set(sys.modules), registrations.modules()
    yield
    assert (sys.path, sys.meta_path) == (path, finders)
    assert not [name for name in set(sys.modules) - modules if "_rt" in name]
    assert registrations.modules() == registered


@pytest.fixture
def versions(tmp_path: Path) -> tuple[str, list[Path]]:
    package = new_name("versions")

    def made(version: str) -> Path:
        files = {
            f"{package}/__init__.py": "",
            f"{package}/constants.py": f"VERSION = '{version}'\nSIZE = {len(version)}\n",
            f"{package}/tasks.py": PLUGIN.format(package=package),
        }
        project = f"dist-{package.replace('_', '-')}"
        return environment(tmp_path / version, Wheel(project, version, files, {f"ep-{package}": package}))

    return package, [made("1.0"), made("2.0")]


def test_one_two_one_in_one_process(versions: tuple[str, list[Path]]) -> None:
    package, (one, two) = versions
    answers = []
    for folder in (one, two, one, two, two, one):
        with plugin_dirs(folder):
            task = pyplugs.default_registry.find(package, "tasks")
            answers.append((pyplugs.call(package, "tasks"), task.provenance.version))
            del task
    assert answers == [(version, version) for version in ("1.0", "2.0", "1.0", "2.0", "2.0", "1.0")]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (lambda package: pyplugs.get(package, "tasks"), "tasks.version"),
        (lambda package: pyplugs.info(package, "tasks"), "tasks.version"),
        (lambda package: functools.partial(pyplugs.get(package, "tasks", "picture")), "tasks.picture"),
        (lambda package: pyplugs.call(package, "tasks", "picture"), "tasks.Picture"),
        (lambda package: (pyplugs.call(package, "tasks"), sys.modules[f"{package}.constants"])[1], "constants"),
        (lambda package: (pyplugs.call(package, "tasks"), sys.modules[f"{package}.tasks"].not_a_task)[1], "tasks"),
    ],
    ids=["function", "info", "partial", "instance of a class", "module", "function that is no task"],
)
def test_what_is_still_referenced_keeps_another_version_out(
    versions: tuple[str, list[Path]], keep: Callable[[str], object], kept: str
) -> None:
    package, (one, two) = versions
    with plugin_dirs(one):
        held = keep(package)
    with pytest.raises(StaleModuleError, match="is still referenced") as stale, plugin_dirs(two):
        pass
    assert any(name.endswith(kept) or f"{kept}." in name for name in stale.value.modules)
    assert stale.value.previous == (str(one / "site"),)
    with plugin_dirs(one):
        assert pyplugs.call(package, "tasks") == "1.0"
    del held, stale
    with plugin_dirs(two):
        assert pyplugs.call(package, "tasks") == "2.0"


def test_a_thread_that_still_runs_the_old_version_keeps_another_out(versions: tuple[str, list[Path]]) -> None:
    package, (one, two) = versions
    entered, go_on, seen = threading.Event(), threading.Event(), []

    def use(version: Callable[[], str]) -> None:
        entered.set()
        assert go_on.wait(30)
        seen.append(version())

    with plugin_dirs(one):
        thread = threading.Thread(target=use, args=(pyplugs.get(package, "tasks"),))
        thread.start()
        assert entered.wait(30)
    with pytest.raises(StaleModuleError), plugin_dirs(two):
        pass
    go_on.set()
    thread.join()
    del thread
    assert seen == ["1.0"]
    with plugin_dirs(two):
        assert pyplugs.call(package, "tasks") == "2.0"


def test_a_failed_entry_leaves_nothing_behind(versions: tuple[str, list[Path]], tmp_path: Path) -> None:
    package, (one, two) = versions
    with plugin_dirs(one):
        held = pyplugs.get(package, "tasks")
    raw = write_files(tmp_path / "raw", {"notes.txt": ""})
    with pytest.raises(StaleModuleError), plugin_dirs(raw, two):
        pass
    assert not pyplugs.default_registry.activation.active
    assert held() == "1.0"
