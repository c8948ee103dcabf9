from __future__ import annotations

import asyncio
import fcntl
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import dioptra.sdk
from dioptra import pyplugs
from dioptra.manifest.environment import ENVIRONMENT_FILE, LEASE_FILE, interpreter_key
from dioptra.manifest.model import InterpreterKey
from dioptra.sdk.exceptions import (
    EnvironmentInUseError,
    PluginDirectoryError,
    PluginLoadError,
    StaleModuleError,
    TaskConflictError,
    UnknownPackageError,
)
from dioptra.sdk.utilities.contexts import plugin_dirs, sys_path_dirs
from runtime_folders import Wheel, activate, environment, install, new_name, write_files


def source(answer: str) -> str:
    return f"""
        from dioptra import pyplugs

        @pyplugs.register
        def version():
            return "{answer}"
    """


def wheel(package: str, version: str = "1.0") -> Wheel:
    files = {f"{package}/__init__.py": "", f"{package}/tasks.py": source(version)}
    return Wheel(f"dist-{package.replace('_', '-')}", version, files, {f"ep-{package}": package})


@pytest.fixture(autouse=True)
def unchanged_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DIOPTRA_PLUGIN_DIR", raising=False)
    path, modules = list(sys.path), set(sys.modules)
    yield
    assert not pyplugs.default_registry.activation.active
    assert sys.path == path
    left = [name for name in set(sys.modules) - modules if name.endswith("_rt") or "_rt." in name]
    assert not left


@pytest.fixture
def package() -> str:
    return new_name("env")


def test_without_a_plugin_directory_nothing_is_added() -> None:
    path = list(sys.path)
    with plugin_dirs() as entries:
        assert entries == ()
        assert sys.path == path
        assert not pyplugs.default_registry.activation.active


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", "")
    with plugin_dirs() as entries:
        assert entries == ()


def test_the_sdk_gives_the_same_function() -> None:
    assert dioptra.sdk.plugin_dirs is plugin_dirs


def test_a_managed_directory_gives_the_tasks_of_its_current_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    built = environment(tmp_path, wheel(package))
    activate(tmp_path, built)
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(tmp_path))
    host = list(sys.path)
    with plugin_dirs() as entries:
        assert entries == (str(built / "site"),)
        assert sys.path == [*host, *entries]
        task = pyplugs.default_registry.find(package, "tasks")
        assert task.info.func() == "1.0"
        assert task.provenance.distribution == wheel(package).project
        assert task.provenance.version == "1.0"
        assert task.provenance.wheel_sha256 == wheel(package).sha256
        assert task.provenance.plugin_directory == str(tmp_path)
        assert task.provenance.file == str(built / "site" / package / "tasks.py")
    with pytest.raises(UnknownPackageError):
        pyplugs.call(package, "tasks")


def test_listing_an_environment_imports_nothing(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    with plugin_dirs(built):
        (task,) = [item for item in pyplugs.list_tasks().tasks if item.package == package]
        assert pyplugs.names(package) == pyplugs.names(f"ep-{package}") == ["tasks"]
        assert package not in sys.modules
    assert task.provenance.wheel_sha256 == wheel(package).sha256


def test_entries_keep_their_order_and_may_be_of_all_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    other, raw_package = new_name("env"), new_name("raw")
    managed = tmp_path / "managed"
    first = environment(managed, wheel(package))
    activate(managed, first)
    second = environment(tmp_path / "pinned", wheel(other))
    raw = write_files(tmp_path / "raw", {f"{raw_package}/tasks.py": source("raw")})
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", os.pathsep.join([str(raw), str(managed), str(second)]))
    with plugin_dirs() as entries:
        assert entries == (str(raw), str(first / "site"), str(second / "site"))
        assert pyplugs.call(package, "tasks") == "1.0"
        assert pyplugs.call(other, "tasks") == "1.0"
        assert pyplugs.call(raw_package, "tasks") == "raw"
        raw_task = pyplugs.default_registry.find(raw_package, "tasks")
        assert raw_task.provenance.plugin_directory == str(raw)
        assert raw_task.provenance.distribution is None
        listed = {item.package: item for item in pyplugs.list_tasks().tasks}
        assert listed[raw_package].provenance == raw_task.provenance
        assert {package, other, raw_package} <= set(listed)


def test_relative_directories_mean_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    write_files(tmp_path / "raw", {f"{package}/tasks.py": source("raw")})
    monkeypatch.chdir(tmp_path)
    with plugin_dirs("raw") as entries:
        assert entries == (str(tmp_path / "raw"),)


def test_top_level_modules_of_a_raw_folder_are_plugins_of_no_package(tmp_path: Path, package: str) -> None:
    raw = write_files(tmp_path, {f"{package}.py": source("raw"), "_private_rt.py": source("raw")})
    with plugin_dirs(raw):
        assert package in pyplugs.names("")
        assert pyplugs.call("", package) == "raw"
        assert "_private_rt" not in {task.plugin for task in pyplugs.list_tasks().tasks}


def test_distributions_in_a_raw_folder_declare_their_tasks(tmp_path: Path, package: str) -> None:
    install(tmp_path, wheel(package, "3.1"))
    with plugin_dirs(tmp_path):
        assert pyplugs.call(f"ep-{package}", "tasks") == "3.1"
        provenance = pyplugs.default_registry.find(package, "tasks").provenance
    assert (provenance.version, provenance.plugin_directory) == ("3.1", str(tmp_path))


def test_one_after_the_other_each_environment_gives_its_own_version(tmp_path: Path, package: str) -> None:
    one, two = (environment(tmp_path, wheel(package, version)) for version in ("1.0", "2.0"))
    answers = []
    for built in (one, two, one):
        with plugin_dirs(built):
            answers.append(pyplugs.call(package, "tasks", "version"))
        with pytest.raises(UnknownPackageError):
            pyplugs.names(package)
    assert answers == ["1.0", "2.0", "1.0"]


def test_a_job_keeps_its_environment_while_others_activate(tmp_path: Path, package: str) -> None:
    one, two = (environment(tmp_path, wheel(package, version)) for version in ("1.0", "2.0"))
    activate(tmp_path, one)
    with plugin_dirs(tmp_path):
        activate(tmp_path, two)
        with plugin_dirs(tmp_path) as entries:
            assert entries == (str(one / "site"),)
            assert pyplugs.call(package, "tasks") == "1.0"
    with plugin_dirs(tmp_path):
        assert pyplugs.call(package, "tasks") == "2.0"


def test_the_same_environment_may_be_nested_under_another_name(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    activate(tmp_path, built)
    with plugin_dirs(tmp_path):
        with plugin_dirs(built):
            pass
        assert pyplugs.call(package, "tasks") == "1.0"


def test_another_environment_nested_is_refused_and_changes_nothing(tmp_path: Path, package: str) -> None:
    one, two = (environment(tmp_path, wheel(package, version)) for version in ("1.0", "2.0"))
    with plugin_dirs(one):
        path = list(sys.path)
        with pytest.raises(EnvironmentInUseError) as refused, plugin_dirs(two):
            pass
        assert refused.value.active == (str(one / "site"),)
        assert refused.value.wanted == (str(two / "site"),)
        assert sys.path == path
        assert pyplugs.call(package, "tasks") == "1.0"


def test_another_thread_may_enter_the_same_environment_and_no_other(tmp_path: Path, package: str) -> None:
    one, two = (environment(tmp_path, wheel(package, version)) for version in ("1.0", "2.0"))
    outcomes: list[object] = []

    def enter(built: Path) -> None:
        try:
            with plugin_dirs(built):
                outcomes.append(pyplugs.call(package, "tasks"))
        except EnvironmentInUseError as refused:
            outcomes.append(type(refused))

    with plugin_dirs(one):
        for built in (one, two):
            thread = threading.Thread(target=enter, args=(built,))
            thread.start()
            thread.join()
    assert outcomes == ["1.0", EnvironmentInUseError]


def test_many_threads_enter_and_leave_without_a_trace(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    answers: list[object] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(5):
            with plugin_dirs(built):
                try:
                    answers.append(pyplugs.call(package, "tasks"))
                except Exception as problem:  # noqa: BLE001 - a thread's error must fail the test
                    answers.append(problem)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {"1.0"}
    assert len(answers) == 40


def test_an_exception_passes_and_the_directories_are_left(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    with pytest.raises(KeyError, match="mine"), plugin_dirs(built):
        raise KeyError("mine")


def test_it_decorates_functions_and_coroutine_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    @plugin_dirs()
    def run(func: str) -> object:
        """Doc."""
        return pyplugs.call(package, "tasks", func)

    @plugin_dirs()
    async def run_later() -> object:
        await asyncio.sleep(0)
        return pyplugs.call(package, "tasks")

    # The variable is read on every call, not where the function is defined.
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(environment(tmp_path, wheel(package))))
    assert (run("version"), run(func="version"), run.__doc__) == ("1.0", "1.0", "Doc.")
    assert asyncio.run(run_later()) == "1.0"
    with pytest.raises(UnknownPackageError):
        pyplugs.call(package, "tasks")


def test_equal_entries_of_others_stay_on_the_path(tmp_path: Path, package: str) -> None:
    site = str(environment(tmp_path, wheel(package)) / "site")
    before = list(sys.path)
    with plugin_dirs(Path(site).parent):
        sys.path.insert(0, site)
        sys.path.append(str(tmp_path))
    assert sys.path == [site, *before, str(tmp_path)]
    sys.path[:] = before


def test_a_path_that_was_changed_by_others_is_no_obstacle(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    before = list(sys.path)
    with plugin_dirs(built):
        sys.path = [f"{entry}x"[:-1] for entry in sys.path]  # equal texts, other objects
    assert sys.path == before
    with plugin_dirs(built) as (site,):
        sys.path.remove(site)
    assert sys.path == before


def test_modules_that_were_imported_before_are_left_alone(tmp_path: Path, package: str) -> None:
    raw = write_files(tmp_path, {f"{package}/helper.py": "", f"{package}/tasks.py": source("raw")})
    with sys_path_dirs(raw):
        kept = importlib.import_module(f"{package}.helper")
        with plugin_dirs(raw):
            pyplugs.call(package, "tasks")
        assert sys.modules[f"{package}.helper"] is kept
        assert f"{package}.tasks" not in sys.modules
        assert not hasattr(sys.modules[package], "tasks")
    del sys.modules[f"{package}.helper"], sys.modules[package]


def test_parts_of_a_shared_namespace_leave_and_the_hosts_stay(tmp_path: Path, package: str) -> None:
    files = {f"{package}/theirs/__init__.py": "", f"{package}/theirs/tasks.py": source("ns")}
    brought = Wheel("ns-part", "1", files, {"x": f"{package}.theirs"}, import_roots=(f"{package}.theirs",))
    with sys_path_dirs(write_files(tmp_path / "host", {f"{package}/ours/__init__.py": ""})):
        importlib.import_module(f"{package}.ours")
        with plugin_dirs(environment(tmp_path, brought)):
            assert pyplugs.call(f"{package}.theirs", "tasks") == "ns"
        assert f"{package}.theirs" not in sys.modules
        assert not hasattr(sys.modules[package], "theirs")
        assert importlib.util.find_spec(f"{package}.theirs") is None
        assert importlib.util.find_spec(f"{package}.ours") is not None
    del sys.modules[f"{package}.ours"], sys.modules[package]


def test_a_missing_directory_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    gone = str(tmp_path / "gone")
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", os.pathsep.join([str(tmp_path / "there"), gone]))
    with pytest.raises(PluginDirectoryError, match="does not exist") as refused, plugin_dirs():
        pass
    assert refused.value.path == gone


def test_a_file_is_no_plugin_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PluginDirectoryError, match="not a folder"), plugin_dirs(tmp_path / "file"):
        pass


def test_a_managed_directory_without_a_generation_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "generations").mkdir()
    with pytest.raises(PluginDirectoryError, match="nothing was synced") as refused, plugin_dirs(tmp_path):
        pass
    assert refused.value.hint == "dioptra-plugins sync LOCK"


@pytest.mark.parametrize("damage", ["lease", "description", "site", "target"])
def test_a_damaged_environment_is_refused(tmp_path: Path, package: str, damage: str) -> None:
    built = environment(tmp_path, wheel(package))
    activate(tmp_path, built)
    match damage:
        case "lease":
            (built / LEASE_FILE).unlink()
        case "description":
            (built / ENVIRONMENT_FILE).write_text("{")
        case "site":
            (built / "site").rename(built / "elsewhere")
        case _:
            built.rename(tmp_path / "elsewhere")
    with pytest.raises(PluginDirectoryError) as refused, plugin_dirs(tmp_path):
        pass
    assert refused.value.hint == "dioptra-plugins repair"


def test_a_description_of_a_newer_major_version_is_refused(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    text = (built / ENVIRONMENT_FILE).read_text()
    (built / ENVIRONMENT_FILE).write_text(text.replace('"schema":"1.0"', '"schema":"2.0"'))
    with pytest.raises(PluginDirectoryError, match=r"schema 2\.0"), plugin_dirs(built):
        pass


def test_an_environment_for_another_interpreter_is_refused_with_both_named(tmp_path: Path, package: str) -> None:
    other = InterpreterKey(cache_tag="cpython-399", soabi="cpython-399-other", platform="other-arch")
    built = environment(tmp_path, wheel(package), interpreter=other)
    with pytest.raises(PluginDirectoryError, match="cpython-399-other on other-arch") as refused, plugin_dirs(built):
        pass
    assert interpreter_key().cache_tag in str(refused.value)


def _is_leased(built: Path) -> bool:
    with (built / LEASE_FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_lease_is_held_until_the_last_one_leaves(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    with plugin_dirs(built):
        with plugin_dirs(built):
            assert _is_leased(built)
        assert _is_leased(built)
        with plugin_dirs(built.parent.parent / "environments" / built.name):
            pass
        assert _is_leased(built)
    assert not _is_leased(built)


def test_a_refused_entry_gives_its_leases_back(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    with pytest.raises(PluginDirectoryError), plugin_dirs(built, tmp_path / "gone"):
        pass
    assert not _is_leased(built)


def test_a_child_inherits_the_lease(tmp_path: Path, package: str) -> None:
    built = environment(tmp_path, wheel(package))
    with plugin_dirs(built):
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE, text=True, close_fds=False
        )
    assert _is_leased(built)
    child.communicate("\n")
    assert not _is_leased(built)


def test_extension_modules_stay_and_only_the_same_environment_can_be_entered_again(
    tmp_path: Path, package: str
) -> None:
    spec = next(
        found
        for name in ("_heapq", "_bisect", "_queue", "_json", "_csv")
        if (found := importlib.machinery.PathFinder.find_spec(name)) is not None and found.origin is not None
    )
    assert spec.origin is not None
    text = source("ext").replace(
        "from dioptra import pyplugs", f"from dioptra import pyplugs\n        from . import {spec.name}"
    )
    files = {f"{package}/__init__.py": "", f"{package}/tasks.py": text}
    one = environment(tmp_path, Wheel("ext", "1", files, {"x": package}))
    shutil.copy(spec.origin, one / "site" / package / Path(spec.origin).name)
    two = environment(tmp_path, wheel(package, "2.0"))
    script = """
import sys
from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import StaleModuleError, UnknownPluginError
one, two, package = sys.argv[1:]
for _ in range(3):
    with plugin_dirs(one):
        assert pyplugs.call(package, "tasks") == "ext"
        assert pyplugs.call(package, "tasks", "version") == "ext"
    assert f"{package}.tasks" in sys.modules
    try:
        pyplugs.call(package, "tasks", "version")
    except UnknownPluginError:
        pass
    else:
        raise AssertionError("the task is still there")
    try:
        plugin_dirs(two).__enter__()
    except StaleModuleError as stale:
        print(*stale.modules)
with plugin_dirs():
    pass
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(one), str(two), package], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [f"{package}.{spec.name}"] * 3, done.stderr
    assert done.returncode == 0, done.stderr
    assert issubclass(StaleModuleError, dioptra.sdk.exceptions.DioptraSDKError)


def test_a_module_from_elsewhere_is_never_taken_for_the_environments(tmp_path: Path, package: str) -> None:
    stray = write_files(tmp_path / "stray", {f"{package}/__init__.py": "", f"{package}/tasks.py": source("stray")})
    with plugin_dirs(environment(tmp_path, wheel(package))):
        with sys_path_dirs(stray), pytest.raises(PluginLoadError, match="was imported from") as refused:
            pyplugs.call(package, "tasks")
        assert (refused.value.distribution, refused.value.version) == (wheel(package).project, "1.0")
    del sys.modules[f"{package}.tasks"], sys.modules[package]


def test_two_environments_with_one_task_conflict_when_it_is_looked_up(tmp_path: Path, package: str) -> None:
    one, two = (environment(tmp_path, wheel(package, version)) for version in ("1.0", "2.0"))
    with plugin_dirs(one, two):
        assert pyplugs.names(package) == ["tasks"]
        with pytest.raises(TaskConflictError, match=r"1\.0.* and .*2\.0") as conflict:
            pyplugs.call(package, "tasks")
    assert [item.wheel_sha256 for item in conflict.value.claimants] == [
        wheel(package, "1.0").sha256,
        wheel(package, "2.0").sha256,
    ]


def test_a_wheel_without_entry_points_still_names_its_distribution(tmp_path: Path, package: str) -> None:
    plain = Wheel("plain-wheel", "4.0", {f"{package}/tasks.py": source("plain"), f"{package}/__init__.py": ""})
    with plugin_dirs(environment(tmp_path, plain)):
        provenance = pyplugs.default_registry.find(package, "tasks").provenance
    assert (provenance.distribution, provenance.version, provenance.wheel_sha256) == (
        "plain-wheel",
        "4.0",
        plain.sha256,
    )
