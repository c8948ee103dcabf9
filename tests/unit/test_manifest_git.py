from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dioptra.manifest.git import SourceState, source_state
from runtime_folders import write_files

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    answer = subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return answer.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write_files(tmp_path, {"fog/tasks.py": "", "other/notes.txt": "", ".gitignore": "*.log\n"})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "-A")
    return tmp_path


@needs_git
def test_a_folder_has_the_commit_and_its_own_changes_only(repository: Path) -> None:
    assert source_state(str(repository)) == SourceState(commit=None, dirty=True)
    git(repository, "commit", "--quiet", "-m", "First")
    commit = git(repository, "rev-parse", "HEAD")
    fog = str(repository / "fog")
    assert source_state(fog) == SourceState(commit=commit, dirty=False)
    write_files(repository, {"other/notes.txt": "changed", "fog/run.log": "ignored"})
    assert source_state(fog) == SourceState(commit=commit, dirty=False)
    assert source_state(str(repository)) == SourceState(commit=commit, dirty=True)
    write_files(repository, {"fog/new.py": ""})
    assert source_state(fog) == SourceState(commit=commit, dirty=True)


@needs_git
def test_variables_of_a_hook_lead_to_no_other_work_tree(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repository, "commit", "--quiet", "-m", "First")
    expected = source_state(str(repository))
    monkeypatch.setenv("GIT_DIR", str(repository / "absent"))
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert source_state(str(repository)) == expected != SourceState()


@needs_git
def test_a_monitor_that_the_repository_configures_is_not_started(repository: Path) -> None:
    started = repository / "started"
    hook = repository / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {started}\n")
    hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(hook))
    source_state(str(repository))
    assert not started.exists()


def test_outside_of_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_state(str(tmp_path)) == SourceState()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    assert source_state(str(Path(__file__).parent)) == SourceState()
