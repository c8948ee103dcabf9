from __future__ import annotations

from pathlib import Path

import pytest

from dioptra.manifest.develop import DevelopProjectError, read_develop_project
from runtime_folders import write_files

TASKS = """
    from dioptra import pyplugs

    @pyplugs.register
    def work(size: int = 1) -> int:
        return size
"""
ENTRY_POINTS = """
    [project.entry-points."dioptra.plugins"]
    fog = "fog_attack"
"""


def described(version: str = 'version = "0.3.0"', tool: str = "") -> str:
    return f'[project]\nname = "Fog_Attack"\n{version}\n{ENTRY_POINTS}\n{tool}'


@pytest.mark.parametrize(
    ("place", "tool"),
    [
        ("src", ""),
        ("", ""),
        ("lib", '[tool.hatch.build.targets.wheel]\npackages = ["lib/fog_attack"]'),
        ("lib", '[tool.hatch.build.targets.wheel]\nsources = ["lib"]'),
        ("lib", '[tool.setuptools.package-dir]\n"" = "lib"'),
        ("lib", '[tool.setuptools.packages.find]\nwhere = ["lib"]'),
        ("lib", '[tool.uv.build-backend]\nmodule-root = "lib"'),
        ("lib", '[tool.pdm.build]\npackage-dir = "lib"'),
        ("lib", '[[tool.poetry.packages]]\ninclude = "fog_attack"\nfrom = "lib"'),
    ],
)
def test_modules_are_found_where_build_backends_find_them(tmp_path: Path, place: str, tool: str) -> None:
    source = tmp_path / place
    write_files(tmp_path, {"pyproject.toml": described(tool=tool)})
    write_files(source, {"fog_attack/__init__.py": "", "fog_attack/tasks.py": TASKS})
    found = read_develop_project(tmp_path)
    assert (found.project, found.version) == ("fog-attack", "0.3.0+develop")
    assert Path(found.source) == source
    assert found.import_roots == ("fog_attack",)
    ((module, task),) = found.manifest.tasks
    assert (module.name, module.path, task.func, task.line) == ("fog_attack.tasks", "fog_attack/tasks.py", "work", 5)
    assert task.signature == "(size: int = 1) -> int"


def test_what_lies_beside_the_plugins_is_not_the_projects(tmp_path: Path) -> None:
    files = {"fog_attack/tasks.py": TASKS, "docs/conf.py": "", "setup.py": "", "tests/test_fog.py": TASKS}
    write_files(tmp_path, {"pyproject.toml": described(), **files})
    found = read_develop_project(tmp_path)
    assert found.import_roots == ("fog_attack.tasks",)
    assert [module.name for module in found.manifest.modules] == ["fog_attack.tasks"]


@pytest.mark.parametrize(
    ("version", "tool", "files", "wanted"),
    [
        ('version = "1!2.0rc1"', "", {}, "1!2.0rc1+develop"),
        ('version = "2.0+cu12"', "", {}, "2.0+cu12.develop"),
        (
            "",
            '[tool.hatch.version]\npath = "src/fog_attack/about.py"',
            {"about.py": 'VERSION: str = "1.4"'},
            "1.4+develop",
        ),
        (
            "",
            '[tool.pdm.version]\npath = "src/fog_attack/about.py"',
            {"about.py": "__version__ = '1.5'"},
            "1.5+develop",
        ),
        (
            "",
            '[tool.setuptools.dynamic]\nversion = {attr = "fog_attack.V"}',
            {"__init__.py": 'V = "1.6"'},
            "1.6+develop",
        ),
        ("", '[tool.setuptools.dynamic]\nversion = {file = "src/fog_attack/V"}', {"V": "1.7\n"}, "1.7+develop"),
        ("", "", {"__init__.py": '"""Fog."""\n__version__ = "1.8"'}, "1.8+develop"),
        ("", "", {"__init__.py": "__version__ = compute()"}, "0+develop"),
        ("", '[tool.hatch.version]\nsource = "vcs"', {}, "0+develop"),
    ],
)
def test_the_version_is_read_where_a_backend_would_read_it(
    tmp_path: Path, version: str, tool: str, files: dict[str, str], wanted: str
) -> None:
    stated = version or 'dynamic = ["version"]'
    write_files(tmp_path, {"pyproject.toml": described(stated, tool)})
    write_files(tmp_path / "src" / "fog_attack", {"__init__.py": "", "tasks.py": TASKS, **files})
    assert read_develop_project(tmp_path).version == wanted


def test_a_module_that_is_missing_is_an_error_of_the_manifest(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": described(), "src/other/__init__.py": ""})
    found = read_develop_project(tmp_path)
    (module,) = found.manifest.modules
    assert module.error is not None
    assert "names a module that this distribution does not hold" in module.error
    assert found.source == str(tmp_path / "src")
    assert found.import_roots == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "does not exist"),
        ("[project", "is malformed"),
        ("[tool.ruff]", r"has no \[project\] with a name"),
        ("[project]\nversion = '1'", r"has no \[project\] with a name"),
        ("[project]\nname = 'fog'", "declares no plugins"),
        ("[project]\nname = 'fog'\n[project.entry-points.other]\na = 'b'", "declares no plugins"),
    ],
)
def test_what_is_no_plugin_project_is_refused(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(DevelopProjectError, match=why):
        read_develop_project(tmp_path)
