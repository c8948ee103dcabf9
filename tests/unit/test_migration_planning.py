"""What projects `migrate` makes of a raw folder, and what it takes for their dependencies."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dioptra.manifest.model import EntryPoint
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.migration.comparison import compare_tasks
from dioptra.plugins.migration.dependencies import dependencies_of
from dioptra.plugins.migration.folder import read_raw_folder
from dioptra.plugins.migration.imports import imports_of
from dioptra.plugins.migration.model import LeftOut, Migration, RawFolder
from dioptra.plugins.migration.partition import chosen_packages, one_project, one_project_each
from dioptra.plugins.migration.planning import plan_migration, tasks_before
from dioptra.plugins.migration.project_text import pyproject_toml
from dioptra.plugins.migration.projects import tasks_after, write_projects

TASK = "from dioptra import pyplugs\n\n@pyplugs.register\ndef {0}(x: int = 1) -> int: ...\n"
INSTALLED = {"numpy": ["numpy"], "google": ["protobuf", "google-cloud-storage"], "PIL": ["Pillow"]}


def raw(**sources: str) -> RawFolder:
    """A raw folder in memory; ``a__b`` stands for ``a/b.py``, ``init`` for ``__init__``."""
    files = {
        name.replace("__", "/").replace("init", "__init__") + ".py": text.encode() for name, text in sources.items()
    }
    return RawFolder(path="raw", files=tuple(sorted(files)), sources=files)


def planned(folder: RawFolder, *, split: bool = False, name: str | None = None) -> Migration:
    partition = one_project_each(folder) if split else one_project(folder, name)
    return plan_migration(folder, partition, installed=INSTALLED)


def guesses(source: str, **others: str) -> dict[str | None, tuple[tuple[str, ...], bool]]:
    uses = imports_of(source.encode(), module="pkg.sub.mod", path="pkg/sub/mod.py")
    found = dependencies_of(uses, siblings={"pkg.sub.mod": "", "pkg.sub": "", **others}, installed=INSTALLED)
    return {item.distribution: (item.imported, item.is_optional) for item in found}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("import os, sys\nfrom collections import abc", {}),
        ("import numpy as np\nfrom numpy import linalg", {"numpy": (("numpy",), False)}),
        ("import PIL.Image", {"pillow": (("PIL",), False)}),
        ("import art.attacks", {"adversarial-robustness-toolbox": (("art",), False)}),
        ("import cv2", {"opencv-python-headless": (("cv2",), False)}),
        ("from google.cloud import storage", {"google-cloud-storage": (("google.cloud.storage",), False)}),
        ("import google.cloud.nowhere", {None: (("google",), False)}),
        ("import mpl_toolkits, matplotlib", {"matplotlib": (("matplotlib", "mpl_toolkits"), False)}),
        ("import labutils", {None: (("labutils",), False)}),
        ("from . import other\nfrom .other import x\nfrom ..sub.mod import y\nimport pkg.sub.mod", {}),
        ("from dioptra import pyplugs\nimport mitre.securingai.sdk", {}),
        ("def f():\n    import torch", {"torch": (("torch",), False)}),
        ("class A:\n    with x:\n        for y in z:\n            import torch", {"torch": (("torch",), False)}),
        ("match x:\n    case 1:\n        import torch", {"torch": (("torch",), False)}),
        ("try:\n    import torch\nexcept ImportError:\n    pass", {"torch": (("torch",), True)}),
        ("try:\n    import torch\nexcept (KeyError, ModuleNotFoundError):\n    pass", {"torch": (("torch",), True)}),
        ("try:\n    import torch\nexcept:\n    torch = None", {"torch": (("torch",), True)}),
        ("try:\n    import torch\nexcept KeyError:\n    pass", {"torch": (("torch",), False)}),
        ("try:\n    x()\nexcept ImportError:\n    import torch", {"torch": (("torch",), True)}),
        ("try:\n    x()\nexcept ImportError:\n    pass\nelse:\n    import torch", {"torch": (("torch",), False)}),
        ("try:\n    import torch\nexcept ImportError:\n    pass\nimport torch.nn", {"torch": (("torch",), False)}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\nelse:\n    import jax",
            {"jax": (("jax",), False)},
        ),
        ("if __name__ == '__main__':\n    import torch", {}),
        ("def f(:", {}),
    ],
)
def test_dependencies_are_guessed_from_imports(source: str, wanted: dict[str | None, object]) -> None:
    assert guesses(source) == wanted


def test_an_import_of_a_sibling_project_is_a_dependency_on_it() -> None:
    assert guesses("from pkg.metrics import distance\nimport pkg", pkg="", **{"pkg.metrics": "pkg-metrics"}) == {
        "pkg-metrics": (("pkg.metrics",), False)
    }


def test_what_installed_distributions_bring_counts_before_what_is_commonly_known() -> None:
    uses = imports_of(b"import cv2", module="a", path="a.py")
    (found,) = dependencies_of(uses, siblings={}, installed={"cv2": ["opencv-python"]})
    assert (found.distribution, found.reason) == ("opencv-python", "installed here")
    (found,) = dependencies_of(uses, siblings={}, installed={"cv2": ["opencv-python", "opencv-contrib-python"]})
    assert found.distribution == "opencv-python-headless"


def test_a_module_that_lies_beside_is_no_distribution() -> None:
    migration = planned(raw(pkg__a=TASK.format("f") + "import helpers", pkg__helpers="x = 1"))
    (found,) = migration.projects[0].dependencies
    assert found.distribution is None
    assert "from . import helpers" in found.reason


def test_one_project_has_an_entry_point_for_each_sub_package() -> None:
    migration = planned(
        raw(
            pkg__attacks__fgm=TASK.format("f"),
            pkg__attacks__deep__er=TASK.format("g"),
            pkg__tools__init=TASK.format("h"),
            pkg__data__shapes="x = 1",
        )
    )
    (project,) = migration.projects
    assert project.name == "pkg"
    assert project.entry_points == (
        EntryPoint(name="attacks", value="pkg.attacks"),
        EntryPoint(name="tools", value="pkg.tools"),
    )


@pytest.mark.parametrize("module", ["pkg__init", "pkg__tools"])
def test_a_package_with_plugins_of_its_own_is_one_entry_point(module: str) -> None:
    (project,) = planned(raw(**{module: TASK.format("f")}, pkg__attacks__fgm=TASK.format("g"))).projects
    assert [item.value for item in project.entry_points] == ["pkg"]


def test_entry_points_of_one_name_in_two_packages_have_whole_names() -> None:
    (project,) = planned(
        raw(a__x__f=TASK.format("f"), b__x__f=TASK.format("g"), b__y__f=TASK.format("h")), name="AB"
    ).projects
    assert [(item.name, item.value) for item in project.entry_points] == [("a.x", "a.x"), ("b.x", "b.x"), ("y", "b.y")]
    assert project.name == "ab"


def test_split_makes_a_project_of_each_sub_package() -> None:
    folder = raw(
        pkg__init='"""Shared."""\nfrom __future__ import annotations',
        pkg__attacks__fgm=TASK.format("f") + "from pkg.metrics.distance import g\nfrom ..data import shapes",
        pkg__metrics__distance=TASK.format("g"),
        pkg__data__shapes="x = 1",
        pkg__tools=TASK.format("h"),
        alone=TASK.format("i"),
    )
    migration = planned(folder, split=True)
    assert [(plan.name, [item.value for item in plan.entry_points]) for plan in migration.projects] == [
        ("alone", ["alone"]),
        ("pkg", ["pkg"]),
        ("pkg-attacks", ["pkg.attacks"]),
        ("pkg-data", []),
        ("pkg-metrics", ["pkg.metrics"]),
    ]
    needed = {plan.name: [item.distribution for item in plan.dependencies] for plan in migration.projects}
    assert needed["pkg-attacks"] == ["pkg-data", "pkg-metrics"]
    assert [(item.found, item.action) for item in migration.findings] == [("pkg/__init__.py", "rewritten")]


def test_a_package_with_code_is_not_split() -> None:
    folder = raw(pkg__init="VERSION = 1", pkg__a__x=TASK.format("f"), pkg__b__x=TASK.format("g"))
    with pytest.raises(ConfigurationError, match="cannot be split") as refusal:
        one_project_each(folder)
    assert "pkg/__init__.py" in str(refusal.value.why)
    assert [*one_project_each(raw(pkg__init="VERSION = 1", pkg__a=TASK.format("f"))).projects] == ["pkg"]


@pytest.mark.parametrize("name", ["a b", "-a", "a/b", "ä"])
def test_a_project_needs_a_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="no project name"):
        one_project(raw(pkg__a="x = 1"), name)


def test_several_packages_need_a_name_or_a_choice() -> None:
    folder = raw(a__x=TASK.format("f"), b__x=TASK.format("g"))
    with pytest.raises(ConfigurationError, match="2 packages: a, b"):
        one_project(folder, None)
    chosen = chosen_packages(folder, ["b"])
    assert (chosen.files, chosen.left_out) == (("b/x.py",), (LeftOut("a", "it was not chosen"),))
    with pytest.raises(ConfigurationError, match="no package c"):
        chosen_packages(folder, ["b", "c"])


def write(folder: Path, **files: str) -> Path:
    for path, source in raw(**files).sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(source)
    return folder


def test_a_folder_is_read_without_caches_and_strangers(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", pkg__a=TASK.format("f"))
    for name in (
        "pkg/data.csv",
        "pkg/__pycache__/a.pyc",
        "pkg/old.pyc",
        ".git/config",
        "README.md",
        "my-notes/n.py",
        "d/x.txt",
        "done/pyproject.toml",
        "done/src/pkg/a.py",
        "pkg/.env.local",
        "pkg/.aws/credentials",
        ".env",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / "pkg" / "linked.py").symlink_to(folder / "pkg" / "a.py")
    (folder / "pkg" / "elsewhere").symlink_to(folder)
    (folder / "pkg" / "broken.txt").symlink_to(folder / "nothing")
    found = read_raw_folder(folder)
    assert found.files == ("pkg/a.py", "pkg/data.csv", "pkg/linked.py")
    assert found.links == {"pkg/linked.py": str(folder / "pkg" / "a.py")}
    assert {left.path: left.why for left in found.left_out} == {
        ".env": "it belongs to no package",
        "README.md": "it belongs to no package",
        "d": "it is no package with modules",
        "done": "it is a project of its own",
        "my-notes": "it is no package with modules",
        "pkg/.aws": "it may hold secrets",
        "pkg/.env.local": "it may hold secrets",
        "pkg/broken.txt": "it is a link to nothing",
        "pkg/elsewhere": "it is a link to a folder",
    }
    assert [(item.found, item.action) for item in planned(found).findings] == [("pkg/linked.py", "review")]


def test_a_package_is_no_raw_folder(tmp_path: Path) -> None:
    regular = write(tmp_path / "one" / "pkg", init="", a__x=TASK.format("f"))
    namespace = write(tmp_path / "two" / "pkg", a__x="from pkg.b import y", b__y="")
    for folder in (regular, namespace):
        with pytest.raises(ConfigurationError, match="is a package") as refusal:
            read_raw_folder(folder)
        assert refusal.value.hint == f"dioptra-plugins migrate {folder.parent} --package pkg"


@pytest.mark.parametrize("made", [None, "file", "empty", "no-python"])
def test_what_holds_no_package_is_refused(tmp_path: Path, made: str | None) -> None:
    folder = tmp_path / "raw"
    if made == "file":
        folder.write_text("x")
    elif made is not None:
        folder.mkdir()
        (folder / "notes.txt").write_text("x")
    with pytest.raises(ConfigurationError):
        read_raw_folder(folder)


def test_tasks_of_private_modules_are_told_and_not_called_different(tmp_path: Path) -> None:
    folder = read_raw_folder(write(tmp_path / "raw", pkg__a=TASK.format("f"), pkg___b=TASK.format("g")))
    migration = planned(folder)
    assert [(str(item.place), item.found) for item in migration.findings] == [("pkg/_b.py:4", "task g")]
    write_projects(migration, tmp_path / "out")
    found = compare_tasks(tasks_before(folder), tasks_after(migration.projects, tmp_path / "out"))
    assert (found.tasks, found.differences) == (("pkg.a.f",), ())
    assert found.unseen == ("pkg._b: entry points do not offer the tasks of a private module: g",)
    with pytest.raises(ConfigurationError, match="holds no task") as refusal:
        planned(raw(pkg___b=TASK.format("g")))
    assert "public modules" in str(refusal.value.why)


def test_a_package_that_names_no_project_is_told_what_helps() -> None:
    for split, hint in ((True, "rename it"), (False, "--name NAME")):
        with pytest.raises(ConfigurationError, match="no project name") as refusal:
            planned(raw(b_=TASK.format("f")), split=split)
        assert hint in str(refusal.value.hint)


def test_a_folder_can_hold_the_projects_made_of_it(tmp_path: Path) -> None:
    folder = read_raw_folder(write(tmp_path, my_pkg__a=TASK.format("f")))
    write_projects(planned(folder), tmp_path)
    again = read_raw_folder(tmp_path)
    assert (again.files, again.left_out) == (folder.files, (LeftOut("my-pkg", "it is a project of its own"),))


def test_nothing_is_written_if_one_project_is_there_already(tmp_path: Path) -> None:
    folder = read_raw_folder(write(tmp_path / "raw", pkg__a__x=TASK.format("f"), pkg__b__x=TASK.format("g")))
    migration = planned(folder, split=True)
    (tmp_path / "out" / "pkg-b").mkdir(parents=True)
    (tmp_path / "out" / "pkg-b" / "mine").write_text("x")
    with pytest.raises(ConfigurationError, match="pkg-b exists"):
        write_projects(migration, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pkg-b"]


def test_every_difference_is_found(tmp_path: Path) -> None:
    sources = {"pkg__a__x": TASK.format("f") + TASK.format("g"), "pkg__a__y": TASK.format("h")}
    folder = read_raw_folder(write(tmp_path / "raw", **sources))
    migration = planned(folder)
    (project,) = write_projects(migration, tmp_path / "out")
    before = tasks_before(folder)

    def differences() -> list[tuple[str, str | None, str | None]]:
        after = tasks_after(migration.projects, tmp_path / "out")
        return [(item.task, item.before, item.after) for item in compare_tasks(before, after).differences]

    assert differences() == []
    module = project / "src" / "pkg" / "a" / "x.py"
    module.write_text(sources["pkg__a__x"].replace("def f(x: int", "async def f(x: float").replace("def g", "def k"))
    assert differences() == [
        ("pkg.a.x.f", "(x: int = 1) -> int", "async (x: float = 1) -> int"),
        ("pkg.a.x.g", "(x: int = 1) -> int", None),
        ("pkg.a.x.k", None, "(x: int = 1) -> int"),
    ]
    module.unlink()
    (project / "src" / "pkg" / "a" / "y.py").unlink()
    assert {after for _, _, after in differences()} == {None}


def test_names_that_workers_have_are_told() -> None:
    migration = planned(
        raw(random=TASK.format("f"), dioptra__x__y=TASK.format("g"), pkg__random__z=TASK.format("h")), name="p"
    )
    told = [(item.place.path, item.found) for item in migration.findings if "workers refuse" in item.advice]
    assert told == [("dioptra/x/y.py", "dioptra"), ("random.py", "random")]


def test_a_folder_without_tasks_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="holds no task"):
        planned(raw(pkg__a__b="x = 1"))


@pytest.mark.parametrize("paths", [("pkg/common/m.py", "pkg/_common/m.py"), ("Data/m.py", "data/m.py")])
def test_units_that_would_be_one_project_are_not_split(paths: tuple[str, str]) -> None:
    sources = {path: TASK.format("f").encode() for path in paths}
    with pytest.raises(ConfigurationError, match="cannot be split") as refused:
        one_project_each(RawFolder(path="raw", sources=sources, files=tuple(sources)))
    assert "would both be the project" in str(refused.value.why)


def test_entry_points_of_any_module_name_are_valid_toml() -> None:
    plan = planned(raw(pkg__é__m=TASK.format("f"), pkg__plain__m=TASK.format("f"))).projects[0]
    values = tomllib.loads(pyproject_toml(plan))["project"]["entry-points"]["dioptra.plugins"]
    assert values == {"é": "pkg.é", "plain": "pkg.plain"}
