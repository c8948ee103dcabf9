"""The project template: three engines, one result, and a project that works at once."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from index_world import cli, run

PLAIN = {"project_name": "Fog Attack", "author": "Ana", "email": "", "description": "Fog."}
ODD = {
    "project_name": "O'Neil's",
    "author": 'A "quoted" \\ é 😀',
    "email": "a@example.org",
    "description": 'Says "hi" \\',
}


@pytest.fixture
def template(tmp_path: Path, repository: Path) -> Path:
    """A copy of the template that is no git checkout, which copier would take the last commit of."""
    copy = tmp_path / "template"
    shutil.copytree(repository / "plugin-template", copy / "plugin-template")
    shutil.copy(repository / "copier.yml", copy)
    return copy


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("answers", [PLAIN, ODD], ids=["plain", "odd"])
def test_cookiecutter_copier_and_new_give_the_same_project(
    tmp_path: Path, template: Path, answers: dict[str, str]
) -> None:
    given = [f"{key}={value}" for key, value in answers.items()]
    made = run(
        ["cookiecutter", "--no-input", "-o", tmp_path / "one", template, "--directory", "plugin-template", *given]
    )
    assert made.returncode == 0, made.stderr
    (one,) = (tmp_path / "one").iterdir()
    data = [part for item in given for part in ("--data", item)]
    made = run(["copier", "copy", "--defaults", "--quiet", *data, template, tmp_path / "two"])
    assert made.returncode == 0, made.stderr
    options = [part for key in ("author", "email", "description") for part in (f"--{key}", answers[key])]
    three = Path(cli("new", answers["project_name"], "-o", tmp_path / "three", *options).strip())
    assert files_of(one) == files_of(tmp_path / "two") == files_of(three)
    for folder in (tmp_path / "two", three):
        _, different, errors = filecmp.cmpfiles(one, folder, files_of(one), shallow=False)
        assert not different
        assert not errors


@pytest.mark.parametrize("name", ["日本", "json", "class", "9lives", "a\nb"])
def test_names_that_give_no_project_are_refused_by_all_engines(tmp_path: Path, template: Path, name: str) -> None:
    error = cli("new", name, "-o", tmp_path / "new", code=2)
    assert "wanted" in error or "taken" in error or "keyword" in error
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())
    cookiecutter = ["cookiecutter", "--no-input", "-o", str(tmp_path / "one"), str(template)]
    refused = run([*cookiecutter, "--directory", "plugin-template", f"project_name={name}"])
    assert refused.returncode != 0
    assert not (tmp_path / "one").exists() or not any((tmp_path / "one").iterdir())
    if name != "json":  # copier knows no list of the standard library's modules
        copied = run(
            ["copier", "copy", "--defaults", "--quiet", "-d", f"project_name={name}", template, tmp_path / "two"]
        )
        assert copied.returncode != 0


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fog").mkdir()
    (tmp_path / "fog" / "mine.txt").touch()
    assert "is not empty" in cli("new", "fog", "-o", tmp_path, code=2)
    assert files_of(tmp_path / "fog") == ["mine.txt"]


def test_a_new_project_is_installed_tested_built_published_and_called(tmp_path: Path, repository: Path) -> None:
    project = Path(cli("new", "Fog Attack", "-o", tmp_path, "--author", "Ana").strip())
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def step(*command: str | Path, cwd: Path = project) -> str:
        finished = subprocess.run(
            [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".venv", ".git", "demo", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(repository, checkout, ignore=ignored)
    step(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    step(python, "-m", "pip", "install", "--quiet", f"{checkout}[publish]")
    step(python, "-m", "pip", "install", "--quiet", "-e", ".", "--group", "dev")
    assert "4 passed" in step(python, "-m", "pytest")
    step(python, "-m", "build", "--wheel")

    command = home / "bin" / "dioptra-plugins"
    index = tmp_path / "index"
    step(command, "index", "init", index, "--with-dioptra-plugins")
    step(command, "publish", "dist", "--index", index)
    assert "rescale" in step(command, "show", "fog-attack")
    # From here on this Python is a worker: its plugins come from the lock, and itself from the index.
    step(python, "-m", "pip", "uninstall", "--quiet", "-y", "fog-attack")
    step(command, "lock", "fog-attack", "--index", index, cwd=tmp_path)
    step(command, "sync", "--plugin-dir", "plugins", cwd=tmp_path)
    environment["DIOPTRA_PLUGIN_DIR"] = str(tmp_path / "plugins")
    assert step(command, "call", "fog_attack", "tasks", "rescale", "values=[1, 2]").split() == ["[", "0.0,", "1.0", "]"]
    assert sys.prefix not in step(command, "list", "--json")

    # What the index serves as dioptra-plugins is the running version, template and first plugin package included.
    other = tmp_path / "other"
    venv.create(other, with_pip=True)
    step(other / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--find-links",
         index / "files" / "dioptra-plugins", "dioptra-plugins")  # fmt: skip
    assert list(other.rglob("dioptra/bundled/plugin-template/cookiecutter.json"))
    assert list(other.rglob("dioptra/bundled/plugin-template/*distribution*/.gitignore"))
    assert list(other.rglob("dioptra/bundled/dioptra-builtins/pyproject.toml"))
