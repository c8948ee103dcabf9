"""Building a project with its real backend."""

from __future__ import annotations

from pathlib import Path

import importlib_metadata
import pytest

from dioptra.plugins.builder import build_wheel, can_build_without_isolation
from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.own_wheel import own_wheel
from dioptra.plugins.wheel.archive import read_wheel
from index_world import cli, cli_json


def project(folder: Path, *, requires: str = "hatchling", body: str = "") -> Path:
    folder.mkdir()
    (folder / "fog.py").write_text(body)
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "fog"\nversion = "1.0"\n[tool.hatch.build.targets.wheel]\ninclude = ["fog.py"]\n'
    )
    return folder


@pytest.mark.parametrize("isolated", [True, False])
def test_a_wheel_is_built_and_nothing_is_left_beside_it(tmp_path: Path, isolated: bool) -> None:
    wheel = build_wheel(project(tmp_path / "fog"), tmp_path / "out", isolated=isolated)
    assert read_wheel(wheel, wheel.name).metadata.name == "fog"
    assert list((tmp_path / "out").iterdir()) == [wheel]


def test_building_the_same_again_gives_the_same_bytes(tmp_path: Path) -> None:
    fog = project(tmp_path / "fog")
    first = build_wheel(fog, tmp_path / "one", isolated=False).read_bytes()
    assert build_wheel(fog, tmp_path / "two", isolated=False).read_bytes() == first


def test_a_failing_build_shows_what_the_backend_said(tmp_path: Path) -> None:
    broken = project(tmp_path / "fog")
    (broken / "pyproject.toml").write_text((broken / "pyproject.toml").read_text().replace('"1.0"', '"one point oh"'))
    with pytest.raises(UnsatisfiedError) as caught:
        build_wheel(broken, tmp_path / "out", isolated=False)
    assert "one point oh" in str(caught.value)
    assert "failed" in cli("build", broken, "--no-isolation", code=1)
    assert not list((tmp_path / "out").iterdir())


def test_missing_build_requirements_are_named(tmp_path: Path) -> None:
    absent = project(tmp_path / "fog", requires="surely-not-installed-anywhere")
    assert not can_build_without_isolation(absent)
    assert "surely-not-installed-anywhere" in cli("build", absent, "--no-isolation", code=2)
    assert "has no pyproject.toml" in cli("build", tmp_path, code=2)


def test_publishing_a_project_builds_it(tmp_path: Path) -> None:
    cli("index", "init", tmp_path / "index")
    report = cli_json("publish", project(tmp_path / "fog"), "--index", tmp_path / "index")
    assert [(wheel["project"], wheel["status"]) for wheel in report["wheels"]] == [("fog", "published")]
    assert not (tmp_path / "fog" / "dist").exists()
    (tmp_path / "empty").mkdir()
    assert "holds nothing to publish" in cli("publish", tmp_path / "empty", "--index", tmp_path / "index", code=2)


def test_the_running_version_can_be_published(tmp_path: Path) -> None:
    wheel = own_wheel(tmp_path)
    contents = read_wheel(wheel, wheel.name)
    assert str(contents.metadata.version) == importlib_metadata.version("dioptra-plugins")
    paths = {line.path for line in contents.files}
    assert {"dioptra/pyplugs/__init__.py", "dioptra/bundled/plugin-template/cookiecutter.json"} <= paths
    assert not any("__pycache__" in path for path in paths)
