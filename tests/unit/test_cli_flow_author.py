from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dioptra.plugins.cli.app import run
from runtime_folders import Wheel, environment, new_name, write_files

TASKS = '''
    from dioptra import pyplugs

    @pyplugs.register
    def dig(times: int = 1) -> str:
        """Dig a hole."""
        return f"{where} {{times}}"

    @pyplugs.register(label="deep")
    def bore(label: str, *, upstream_tasks: list, unit: str = "m") -> str:
        return label
'''

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs the command line in an empty folder."""
    monkeypatch.delenv("DIOPTRA_PLUGIN_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run_command


@pytest.fixture
def package() -> str:
    return new_name("well")


@pytest.fixture
def released(tmp_path: Path, package: str) -> Path:
    """An environment with release 0.2.0 of well-digger."""
    files = {f"{package}/tasks.py": TASKS.format(where="wheel")}
    return environment(tmp_path / "managed", Wheel("well-digger", "0.2.0", files, {"well": package}))


@pytest.fixture
def project(tmp_path: Path, package: str) -> Path:
    group = f'[project.entry-points."dioptra.plugins"]\nwell = "{package}"\n'
    files = {
        "pyproject.toml": f'[project]\nname = "well-digger"\nversion = "0.3.0"\n{group}',
        f"src/{package}/tasks.py": TASKS.format(where="source"),
    }
    return write_files(tmp_path / "well-digger", files)


def test_list_filters_and_shows_labels_only_where_there_are_any(command: Command, released: Path, package: str) -> None:
    code, out, _ = command("list", "--plugin-dir", released, "--package", package)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["package", "plugin", "task", "label", "distribution", "version", "description"]
    assert lines[1] == [package, "tasks", "dig", "-", "well-digger", "0.2.0", "Dig", "a", "hole."]
    assert lines[2] == [package, "tasks", "bore", "deep", "well-digger", "0.2.0"]
    _, out, _ = command("list", "--plugin-dir", released, "--distribution", "well-*", "--plugin", "tasks", "--json")
    assert [task["func"] for task in json.loads(out)["tasks"]] == ["dig", "bore"]
    _, out, _ = command("list", "--plugin-dir", released, "--label", "deep")
    assert [line.split()[2] for line in out.splitlines()] == ["task", "bore"]
    code, out, err = command("list", "--plugin-dir", released, "--label", "shallow")
    assert (code, out) == (0, "")
    assert err.startswith("no task is like that\n")


def test_the_report_for_programs_has_everything_that_is_known(command: Command, released: Path, package: str) -> None:
    _, out, _ = command("list", "--plugin-dir", released, "--package", package, "--json")
    document = json.loads(out)
    bore = document["tasks"][1]
    assert bore["signature"] == "(label: str, *, upstream_tasks: list, unit: str = 'm') -> str"
    assert (bore["label"], bore["line"], bore["version"]) == ("deep", 10, "0.2.0")
    assert bore["plugin_directory"] == str(released)
    assert bore["call"] == (
        f'pyplugs.call_task("{package}", "tasks", "bore", '
        'task_kwargs={"label": ..., "upstream_tasks": ...}, label="deep")'
    )
    assert (document["broken"], document["conflicts"]) == ([], [])


def test_a_develop_folder_stands_in_for_list_show_and_call(
    command: Command, released: Path, project: Path, package: str
) -> None:
    both = ("--plugin-dir", released, "--develop", project)
    _, out, _ = command("list", *both, "--package", package)
    assert "0.3.0+develop" in out
    assert "0.2.0" not in out
    _, out, _ = command("show", f"{package}.tasks.dig", *both)
    assert "from well-digger 0.3.0+develop" in out
    assert f"file {project / 'src' / package / 'tasks.py'}:5" in out
    assert command("call", package, "tasks", "dig", "times=3", *both)[:2] == (0, "source 3\n")
    code, _, err = command("list", "--develop", project / "absent")
    assert code == 2
    assert "pyproject.toml does not exist" in err


def test_a_labelled_task_is_called_by_its_label(command: Command, released: Path, package: str) -> None:
    arguments = (package, "tasks", "bore", "label=oil", "upstream_tasks=[]", "--plugin-dir", released)
    assert command("call", *arguments, "--label", "deep")[:2] == (0, "oil\n")
    code, _, err = command("call", *arguments)
    assert code == 1
    assert "deep" in err


def test_conflicts_are_told_with_the_way_out(
    command: Command, released: Path, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_files(tmp_path / "raw", {f"{package}/tasks.py": TASKS.format(where="folder")})
    other = Wheel("other-digger", "7.0", {f"{package}/tasks.py": TASKS.format(where="other")}, {"other": package})
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", f"{released}:{environment(tmp_path / 'second', other)}")
    _, out, err = command("list", "--package", package)
    assert f"conflict: {package}.tasks.dig is declared by other-digger 7.0" in err
    assert "set DIOPTRA_PREFER=other-digger" in err
    monkeypatch.setenv("DIOPTRA_PREFER", "well-digger")
    _, out, err = command("list", "--package", package, "--json")
    assert {item["func"]: item["chosen"] for item in json.loads(out)["conflicts"]} == {
        "dig": "well-digger",
        "bore": "well-digger",
    }
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", f"{raw}:{released}")
    _, _, err = command("list", "--package", package)
    assert f"{package}.tasks.dig is in well-digger 0.2.0" in err
    assert f"the folder {raw}; that of well-digger is used" in err


def test_stubs_are_written_and_what_cannot_be_written_is_told(
    command: Command, released: Path, package: str, tmp_path: Path
) -> None:
    code, _, err = command("list", "--plugin-dir", released, "--stubs", "typings")
    assert code == 0
    assert "set MYPYPATH=typings" in err
    stub = Path("typings/dioptra/pyplugs/_installed_tasks.pyi").read_text()
    assert "def dig(times: int = ...) -> str:" in stub
    (tmp_path / "file").touch()
    code, _, err = command("list", "--plugin-dir", released, "--stubs", tmp_path / "file" / "below")
    assert code == 2
    assert "the stubs cannot be written" in err
