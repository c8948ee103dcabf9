"""`try`: an author changes a project and sees it on a worker, without a release and without touching anything else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from index_world import cli, cli_json, write_wheel
from wheel_factory import make_wheel

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "fog-lab"
version = "1.0"
dependencies = [{dependencies}]
[project.entry-points."dioptra.plugins"]
fog = "fog_lab"
"""
TASK = "from dioptra import pyplugs\n\n@pyplugs.register\ndef answer():\n    return {0}\n"


@pytest.fixture(params=["folder", "moto"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    url = f"s3://{request.getfixturevalue('moto_bucket')}/team" if request.param == "moto" else str(tmp_path / "index")
    cli("index", "init", url)
    wheels = [make_wheel("leaf", f"{n}.0", files={"leaf.py": f"N = {n}"}, entry_points={"l": "leaf"}) for n in (1, 2)]
    cli("publish", *(write_wheel(tmp_path / "w", wheel) for wheel in wheels), "--index", url)
    return url


def edit(tmp_path: Path, answer: int, *dependencies: str) -> Path:
    project = tmp_path / "fog-lab"
    (project / "src" / "fog_lab").mkdir(parents=True, exist_ok=True)
    (project / "src" / "fog_lab" / "__init__.py").write_text("")
    (project / "src" / "fog_lab" / "tasks.py").write_text(TASK.format(answer))
    text = ", ".join(f'"{dependency}"' for dependency in dependencies)
    (project / "pyproject.toml").write_text(PROJECT.format(dependencies=text))
    return project


def attempt(project: Path, index: str, *options: str | Path) -> dict[str, object]:
    return cli_json("try", project, "--channel", "dev-ana", "--no-isolation", "--index", index, *options)


def answer_on_worker(tmp_path: Path, index: str) -> str:
    cli("sync", "--channel", "dev-ana", "--index", index, "--plugin-dir", tmp_path / "plugins")
    return cli("call", "fog_lab", "tasks", "answer", "--plugin-dir", tmp_path / "plugins").strip()


def test_what_an_author_changes_runs_on_the_worker(tmp_path: Path, index: str) -> None:
    first = attempt(edit(tmp_path, 1), index, "--no-host")
    assert (first["channel"], first["serial"], first["changed"]) == ("dev-ana", 1, True)
    assert answer_on_worker(tmp_path, index) == "1"
    same = attempt(edit(tmp_path, 1), index)
    assert (same["serial"], same["changed"], same["version"]) == (1, False, first["version"])
    assert attempt(edit(tmp_path, 2), index)["serial"] == 2
    assert answer_on_worker(tmp_path, index) == "2"
    cli("publish", edit(tmp_path, 3), "--index", index)
    assert str(attempt(edit(tmp_path, 4), index)["version"]).startswith("1.0.1.dev")
    assert answer_on_worker(tmp_path, index) == "4"
    assert "the channel 'dev-ana' is there already" in cli(
        "try", tmp_path / "fog-lab", "--channel", "dev-ana", "--no-host", "--index", index, code=2
    )


def test_nothing_else_in_the_channel_moves_and_its_workers_stay(tmp_path: Path, index: str) -> None:
    lock = tmp_path / "pylock.plugins.toml"
    cli("lock", "leaf==1.0", "--no-host", "--python", "3.11", "--python", "3.12", "--index", index, "-o", lock)
    cli("lock", "leaf", "--no-host", "--python", "3.11", "--python", "3.12", "--index", index, "-o", lock)
    cli("promote", lock, "dev-ana", "--index", index)
    attempt(edit(tmp_path, 1, "leaf"), index)
    cli("channel", "show", "dev-ana", "-o", tmp_path / "pylock.after.toml", "--index", index)
    before, after = (tomllib.loads(path.read_text()) for path in (lock, tmp_path / "pylock.after.toml"))
    assert after["tool"]["dioptra"]["requirements"][1:] == before["tool"]["dioptra"]["requirements"] == ["leaf"]
    assert after["environments"] == before["environments"]
    assert [package for package in after["packages"] if package["name"] == "leaf"] == before["packages"]
    changes = cli_json("channel", "diff", "dev-ana@1", "dev-ana", "--index", index)["changes"]
    assert [(item["project"], item["kind"]) for item in changes] == [("fog-lab", "added")]


def test_a_project_that_does_not_go_with_the_channel_is_refused(tmp_path: Path, index: str) -> None:
    lock = tmp_path / "pylock.plugins.toml"
    cli("lock", "leaf==1.0", "--no-host", "--index", index, "-o", lock)
    cli("promote", lock, "dev-ana", "--index", index)
    project = edit(tmp_path, 1, "leaf>=2")
    told = cli("try", project, "--channel", "dev-ana", "--no-isolation", "--index", index, code=1)
    assert "leaf>=2" in told
    assert cli_json("channel", "show", "dev-ana", "--index", index)["serial"] == 1


def test_a_new_channel_for_an_undescribed_host_is_refused(tmp_path: Path, index: str) -> None:
    project = edit(tmp_path, 1, "pytest")
    told = cli("try", project, "--channel", "dev-ana", "--no-isolation", "--index", index, code=1)
    assert "--for-this-host" in told
    assert cli_json("channel", "list", "--index", index)["channels"] == []
