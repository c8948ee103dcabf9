"""Working in a notebook: `pyplugs.activate` with develop folders and locks."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import (
    EnvironmentInUseError,
    PluginDirectoryError,
    PluginLoadError,
    UnknownPackageError,
    UnknownPluginError,
)
from runtime_folders import Wheel, activate, environment, install, new_name, write_files

TASKS = """
    from dioptra import pyplugs
    from {package}.depth import DEPTH

    @pyplugs.register
    def dig(times: int = 1) -> str:
        \"\"\"Dig a hole.\"\"\"
        return f"{answer} {{DEPTH * times}}"
"""


def sources(package: str, answer: str, depth: int = 1) -> dict[str, str]:
    return {
        f"{package}/__init__.py": "",
        f"{package}/tasks.py": TASKS.format(package=package, answer=answer),
        f"{package}/depth.py": f"DEPTH = {depth}\n",
    }


def released(package: str, version: str) -> Wheel:
    return Wheel("well-digger", version, sources(package, f"wheel {version}"), {"well": package})


@pytest.fixture(autouse=True)
def inactive() -> Iterator[None]:
    yield
    pyplugs.deactivate()
    assert not pyplugs.default_registry.activation.active


@pytest.fixture
def package() -> str:
    return new_name("well")


@pytest.fixture
def project(tmp_path: Path, package: str) -> Path:
    """A plugin project's source, of version 0.3.0."""
    description = f"""
        [project]
        name = "Well.Digger"
        version = "0.3.0"

        [project.entry-points."dioptra.plugins"]
        well = "{package}"
    """
    folder = write_files(tmp_path / "well-digger", {"pyproject.toml": description})
    write_files(folder / "src", sources(package, "source"))
    return folder


@pytest.fixture
def managed(tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A managed plugin directory with release 0.2.0, configured."""
    root = tmp_path / "managed"
    activate(root, environment(root, released(package, "0.2.0")))
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(root))
    return root


def change(file: Path, old: str, new: str) -> None:
    """Change a file as an editor does, and by its size, so that no clock's grain hides it."""
    file.write_text(file.read_text().replace(old, new))


def versions(package: str) -> list[str | None]:
    return [task.provenance.version for task in pyplugs.list_tasks(package=package).tasks]


def test_a_develop_folder_stands_in_for_the_release_of_an_environment(
    managed: Path, project: Path, package: str
) -> None:
    (current,) = (managed / "environments").iterdir()
    assert pyplugs.activate() == (str(current / "site"),)
    assert pyplugs.call("well", "tasks") == "wheel 0.2.0 1"
    assert versions(package) == ["0.2.0"]
    pyplugs.activate(develop=project)
    assert pyplugs.call("well", "tasks", "dig", times=3) == "source 3"
    assert versions(package) == ["0.3.0+develop"]
    (task,) = pyplugs.list_tasks(package=package).tasks
    assert task.signature == "(times: int = 1) -> str"
    assert task.provenance.distribution == "well-digger"
    assert task.provenance.plugin_directory == str(project)
    assert task.provenance.file == str(project / "src" / package / "tasks.py")
    assert pyplugs.default_registry.find(package, "tasks", "dig").provenance == task.provenance
    pyplugs.deactivate()
    assert versions(package) == []
    with pytest.raises(UnknownPackageError):
        pyplugs.call(package, "tasks")


def test_changed_modules_are_imported_anew_at_the_next_call(project: Path, package: str) -> None:
    pyplugs.activate(develop=[project])
    source = project / "src" / package
    assert pyplugs.call(package, "tasks") == "source 1"
    first = sys.modules[f"{package}.tasks"]
    assert pyplugs.call(package, "tasks") == "source 1"
    assert sys.modules[f"{package}.tasks"] is first
    change(source / "depth.py", "1", "100")
    assert pyplugs.call(package, "tasks") == "source 100"
    assert pyplugs.get(package, "tasks", "dig")(2) == "source 200"
    change(source / "tasks.py", "def dig", "def dig_deep")
    assert pyplugs.funcs(package, "tasks") == ["dig_deep"]
    assert pyplugs.describe(package, "tasks").func == "dig_deep"
    assert pyplugs.call(package, "tasks") == "source 100"
    write_files(source, {"more.py": "from dioptra import pyplugs\n\n@pyplugs.register\ndef another():\n    return 7\n"})
    assert pyplugs.call(package, "more") == 7
    assert pyplugs.names(package) == ["more", "tasks"]
    (source / "more.py").unlink()
    assert pyplugs.names(package) == ["tasks"]
    with pytest.raises(UnknownPluginError):
        pyplugs.call(package, "more")


def test_a_mistake_is_told_and_mended_without_starting_again(project: Path, package: str) -> None:
    pyplugs.activate(develop=[project])
    source = project / "src" / package
    assert pyplugs.call(package, "tasks") == "source 1"
    change(source / "tasks.py", "def dig(", "def dig((")
    with pytest.raises(PluginLoadError, match=r"well-digger 0\.3\.0\+develop.*SyntaxError"):
        pyplugs.call(package, "tasks")
    assert [broken.module for broken in pyplugs.list_tasks(package=package).broken] == [f"{package}.tasks"]
    change(source / "tasks.py", "def dig((", "def dig(")
    assert pyplugs.call(package, "tasks") == "source 1"
    assert pyplugs.load_errors() == ()


def test_a_changed_version_or_entry_point_is_seen(project: Path, package: str) -> None:
    pyplugs.activate(develop=[project])
    assert versions(package) == ["0.3.0+develop"]
    change(project / "pyproject.toml", "0.3.0", "0.10.0")
    change(project / "pyproject.toml", "well =", "hole =")
    assert versions(package) == ["0.10.0+develop"]
    assert pyplugs.call("hole", "tasks") == "source 1"
    with pytest.raises(UnknownPackageError):
        pyplugs.call("well", "tasks")


def test_a_develop_folder_stands_in_for_what_the_host_has_and_has_loaded(
    tmp_path: Path, project: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "host", released(package, "0.1.0"))))
    assert pyplugs.call(package, "tasks") == "wheel 0.1.0 1"
    hosts = sys.modules[f"{package}.tasks"]
    pyplugs.activate(develop=[project])
    assert pyplugs.call(package, "tasks") == "source 1"
    assert versions(package) == ["0.3.0+develop"]
    assert pyplugs.conflicts() == ()
    pyplugs.deactivate()
    assert sys.modules[f"{package}.tasks"] is hosts
    assert pyplugs.call(package, "tasks") == "wheel 0.1.0 1"
    assert versions(package) == ["0.1.0"]


def test_imports_of_the_modules_get_the_source_too(managed: Path, project: Path, package: str) -> None:
    pyplugs.activate(develop=[project])
    module = __import__(f"{package}.tasks", fromlist=["dig"])
    assert module.dig() == "source 1"


def test_a_develop_folder_in_a_shared_namespace_stands_in_for_its_part_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = new_name("lab")
    task = "from dioptra import pyplugs\n\n@pyplugs.register\ndef where():\n    return {!r}\n"
    mine = Wheel("lab-mine", "1.0", {f"{lab}/mine/tasks.py": task.format("wheel")}, {"mine": f"{lab}.mine"})
    other = Wheel("lab-other", "1.0", {f"{lab}/other/tasks.py": task.format("wheel")}, {"other": f"{lab}.other"})
    root = tmp_path / "managed"
    roots = {"lab-mine": (f"{lab}.mine.tasks",), "lab-other": (f"{lab}.other.tasks",)}
    wheels = [wheel._replace(import_roots=roots[wheel.project]) for wheel in (mine, other)]
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(activate(root, environment(root, *wheels))))
    group = f'[project.entry-points."dioptra.plugins"]\nmine = "{lab}.mine"\n'
    folder = write_files(
        tmp_path / "project",
        {
            "pyproject.toml": f'[project]\nname = "lab-mine"\nversion = "2.0"\n{group}',
            f"src/{lab}/mine/tasks.py": task.format("source"),
        },
    )
    pyplugs.activate(develop=[folder])
    assert pyplugs.call(f"{lab}.mine", "tasks") == "source"
    assert pyplugs.call(f"{lab}.other", "tasks") == "wheel"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_provenance_has_the_commit_and_whether_files_differ(project: Path, package: str) -> None:
    def git(*arguments: str) -> str:
        settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        answer = subprocess.run(["git", *settings, *arguments], cwd=project, check=True, capture_output=True, text=True)
        return answer.stdout.strip()

    git("init", "--quiet")
    (project / ".gitignore").write_text("__pycache__\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "First")
    commit = git("rev-parse", "HEAD")
    pyplugs.activate(develop=[project])
    assert pyplugs.call(package, "tasks") == "source 1"
    found = pyplugs.default_registry.find(package, "tasks").provenance
    assert (found.commit, found.dirty) == (commit, False)
    change(project / "src" / package / "depth.py", "1", "10")
    (task,) = pyplugs.list_tasks(package=package).tasks
    assert (task.provenance.commit, task.provenance.dirty) == (commit, True)


def test_activating_again_replaces_and_a_refusal_changes_nothing(
    managed: Path, project: Path, package: str, tmp_path: Path
) -> None:
    pyplugs.activate(develop=[project])
    assert pyplugs.call(package, "tasks") == "source 1"
    with pytest.raises(PluginDirectoryError, match="absent"):
        pyplugs.activate(develop=[tmp_path / "absent"])
    assert pyplugs.call(package, "tasks") == "source 1"
    pyplugs.activate()
    assert pyplugs.call(package, "tasks") == "wheel 0.2.0 1"
    pyplugs.activate()
    assert pyplugs.call(package, "tasks") == "wheel 0.2.0 1"
    with plugin_dirs():
        assert pyplugs.call(package, "tasks") == "wheel 0.2.0 1"
    with pytest.raises(EnvironmentInUseError), plugin_dirs(project / "src"):
        pass


def test_inside_of_a_with_block_nothing_else_is_activated(managed: Path, project: Path, package: str) -> None:
    with plugin_dirs():
        with pytest.raises(EnvironmentInUseError):
            pyplugs.activate(develop=[project])
        assert pyplugs.call(package, "tasks") == "wheel 0.2.0 1"


def test_a_lock_leads_to_the_environment_that_was_made_of_it(managed: Path, tmp_path: Path, package: str) -> None:
    lock = tmp_path / "pylock.plugins.toml"
    lock.write_text("the older lock")
    older = hashlib.sha256(lock.read_bytes()).hexdigest()
    for number, digest in ((1, older), (2, "0" * 64)):
        if number == 2:
            activate(managed, environment(managed, released(package, "0.9.0")))
        document = {
            "schema": "1.0",
            "lock-sha256": digest,
            "indexes": [{"name": "lab", "url": "https://lab.example/simple"}],
            "wheels": {"well-digger": "lab"},
        }
        (managed / "generations" / str(number) / "generation.json").write_text(json.dumps(document))
    pyplugs.activate()
    assert pyplugs.call(package, "tasks") == "wheel 0.9.0 1"
    pyplugs.activate(lock)
    assert pyplugs.call(package, "tasks") == "wheel 0.2.0 1"
    (task,) = pyplugs.list_tasks(package=package).tasks
    assert task.provenance.index_url == "https://lab.example/simple"
    lock.write_text("a lock that nobody synced")
    with pytest.raises(PluginDirectoryError, match="was not synced into") as refused:
        pyplugs.activate(lock)
    assert f"dioptra-plugins sync {lock}" in str(refused.value.hint)
    assert pyplugs.call(package, "tasks") == "wheel 0.2.0 1"
    with pytest.raises(PluginDirectoryError, match="cannot be read"):
        pyplugs.activate(tmp_path / "absent.toml")


def test_a_develop_folder_that_vanishes_is_named(project: Path, package: str) -> None:
    pyplugs.activate(develop=[project])
    assert pyplugs.call(package, "tasks") == "source 1"
    shutil.rmtree(project)
    with pytest.raises(PluginDirectoryError, match="well-digger"):
        pyplugs.call(package, "tasks")
