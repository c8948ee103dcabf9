"""`lock` again and again, and what tells of a lock: as whole commands."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from index_world import cli, cli_json, run, write_wheel
from wheel_factory import make_wheel


def publish(url: str, folder: Path, *releases: str) -> None:
    wheels = []
    for release in releases:
        head, _, needs = release.partition(" needs ")
        project, version = head.split()
        package = project.replace("-", "_")
        requires = tuple(needs.split(" | ")) if needs else ()
        made = make_wheel(project, version, files={f"{package}.py": f"V = {version!r}"}, requires=requires)
        wheels.append(write_wheel(folder, made))
    cli("publish", *wheels, "--index", url)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with settings, and an index of fog 1.0, which needs leaf."""
    index = str(tmp_path / "index")
    cli("index", "init", index)
    publish(index, tmp_path / "wheels", "fog 1.0 needs leaf", "leaf 1.0")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dioptra.toml").write_text(f'# ours\n[[indexes]]\nname = "lab"\nurl = "{index}"  # in a folder\n')
    return folder


def versions(folder: Path) -> dict[str, str]:
    document: dict[str, Any] = tomllib.loads((folder / "pylock.plugins.toml").read_text())
    return {package["name"]: package["version"] for package in document["packages"]}


def more(folder: Path) -> None:
    publish(str(folder.parent / "index"), folder.parent / "wheels", "fog 2.0 needs leaf", "leaf 2.0", "leaf 3.0rc1")


def test_requirements_are_added_locked_and_removed(project: Path) -> None:
    assert cli("add", "fog", "leaf<5", cwd=project).strip() == str(project / "dioptra.toml")
    text = (project / "dioptra.toml").read_text()
    assert "# ours" in text
    assert "# in a folder" in text
    cli("lock", cwd=project)
    assert versions(project) == {"fog": "1.0", "leaf": "1.0"}
    assert cli_json("add", "Fog==1.0", cwd=project)["requirements"] == ["Fog==1.0", "leaf<5"]
    assert cli_json("remove", "fog", cwd=project)["requirements"] == ["leaf<5"]
    cli("lock", cwd=project)
    assert versions(project) == {"leaf": "1.0"}
    assert "fog is not required" in cli("remove", "fog", cwd=project, code=1)
    assert "is no requirement" in cli("add", "not a name", cwd=project, code=2)


def test_pyproject_keeps_its_comments(tmp_path: Path) -> None:
    text = '[project]\nname = "flows"  # ours\n\n[tool.dioptra]\nrequirements = [\n  "fog>=1",  # the attack\n]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    cli("add", "fog>=2", "haze", cwd=tmp_path)
    edited = (tmp_path / "pyproject.toml").read_text()
    assert '"fog>=2",  # the attack' in edited
    assert tomllib.loads(edited)["tool"]["dioptra"]["requirements"] == ["fog>=2", "haze"]
    assert edited.startswith('[project]\nname = "flows"  # ours\n')


def test_what_is_locked_stays_until_it_is_upgraded(project: Path) -> None:
    cli("lock", "fog", cwd=project)
    more(project)
    cli("lock", "fog", cwd=project)
    assert versions(project) == {"fog": "1.0", "leaf": "1.0"}
    cli("lock", "fog", "--upgrade-package", "leaf", cwd=project)
    assert versions(project) == {"fog": "1.0", "leaf": "2.0"}
    cli("lock", "fog", "--upgrade", cwd=project)
    assert versions(project) == {"fog": "2.0", "leaf": "2.0"}
    cli("lock", "fog", "--upgrade", "--pre", cwd=project)
    assert versions(project) == {"fog": "2.0", "leaf": "3.0rc1"}
    assert "does not pin haze" in cli("lock", "fog", "--upgrade-package", "haze", cwd=project, code=2)


def test_check_says_whether_a_lock_is_stale(project: Path) -> None:
    assert run(["dioptra-plugins", "lock", "fog", "--check"], cwd=project).returncode == 1
    assert not (project / "pylock.plugins.toml").exists()
    cli("lock", "fog", cwd=project)
    body = (project / "pylock.plugins.toml").read_bytes()
    more(project)
    cli("lock", "fog", "--check", cwd=project)
    finished = run(["dioptra-plugins", "lock", "fog", "leaf>=2", "--check", "--json"], cwd=project)
    assert (finished.returncode, json.loads(finished.stdout)["changed"]) == (1, True)
    assert (project / "pylock.plugins.toml").read_bytes() == body


def test_a_date_leaves_out_what_is_newer(project: Path) -> None:
    assert "uploaded too late 1.0" in cli("lock", "fog", "--exclude-newer", "2020-01-01", cwd=project, code=1)
    cli("lock", "fog", "--exclude-newer", "2999-01-01T00:00:00Z", cwd=project)
    assert "is no date" in cli("lock", "fog", "--exclude-newer", "yesterday", cwd=project, code=2)


def test_a_malformed_lock_is_not_overwritten_by_chance(project: Path) -> None:
    (project / "pylock.plugins.toml").write_text("broken = [")
    assert "is no valid lock" in cli("lock", "fog", cwd=project, code=2)
    cli("lock", "fog", "--upgrade", cwd=project)
    assert versions(project) == {"fog": "1.0", "leaf": "1.0"}


def test_tree_and_why_tell_what_needs_what(project: Path) -> None:
    cli("lock", "fog", cwd=project)
    assert cli("tree", cwd=project).splitlines() == ["fog 1.0 [fog]", "└── leaf 1.0 [leaf]"]
    assert cli("why", "leaf", cwd=project).splitlines() == ["leaf 1.0", "  you → fog 1.0 asked for leaf"]
    assert cli_json("why", "leaf", cwd=project)["ways"] == [
        [{"project": "fog", "requirement": "fog"}, {"project": "leaf", "requirement": "leaf"}]
    ]
    assert [item["project"] for item in cli_json("tree", cwd=project)["projects"]] == ["fog", "leaf"]
    assert "haze is not in the lock" in cli("why", "haze", cwd=project, code=1)


def test_outdated_and_diff(project: Path) -> None:
    cli("lock", "fog<2", cwd=project)
    (project / "pylock.old.toml").write_bytes((project / "pylock.plugins.toml").read_bytes())
    assert cli_json("outdated", cwd=project)["outdated"] == []
    more(project)
    assert cli_json("outdated", cwd=project)["outdated"] == [
        {"project": "fog", "locked": "1.0", "allowed": "1.0", "newest": "2.0"},
        {"project": "leaf", "locked": "1.0", "allowed": "2.0", "newest": "2.0"},
    ]
    cli("lock", "fog<2", "--upgrade", cwd=project)
    (change,) = cli_json("diff", "pylock.old.toml", "pylock.plugins.toml", cwd=project)["changes"]
    assert (change["project"], change["kind"]) == ("leaf", "upgraded")
    assert "leaf" in cli("diff", "pylock.old.toml", "pylock.plugins.toml", cwd=project)
