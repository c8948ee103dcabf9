from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import PluginLoadError, TaskConflictError, UnknownPluginError
from runtime_folders import Wheel, install, new_name, write_files

IMAGES = '''
    """Pictures."""
    from dioptra import pyplugs

    @pyplugs.register
    def resize(data: str, size: int = 64) -> str:
        """Resize.

        All of them.
        """
        return f"{data}@{size}"
'''
PLAIN = """
    class Box:
        @staticmethod
        def pack(x):
            return [x]

    def double(x: int) -> int:
        '''Double.'''
        return 2 * x

    constant = 3
"""


class Installed:
    def __init__(self, site: Path, package: str) -> None:
        self.site, self.package = site, package


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    name = new_name()
    files = {
        f"{name}/__init__.py": "",
        f"{name}/data/__init__.py": "",
        f"{name}/data/images.py": IMAGES,
        f"{name}/data/_private.py": IMAGES,
        f"{name}/plain.py": PLAIN,
    }
    entry_points = {
        f"alias-{name}": f"{name}.data",
        "pics": f"{name}.data.images",
        "twice": f"{name}.plain:double",
        "boxed": f"{name}.plain:Box.pack",
        "missing": f"{name}.plain:absent",
        "three": f"{name}.plain:constant",
    }
    monkeypatch.syspath_prepend(str(install(tmp_path, Wheel("host-things", "2.0", files, entry_points))))
    return Installed(tmp_path, name)


def test_plugins_of_the_host_are_found_without_a_plugin_directory(installed: Installed) -> None:
    assert pyplugs.names(f"{installed.package}.data") == ["images"]
    assert pyplugs.call(f"{installed.package}.data", "images", "resize", data="a") == "a@64"


def test_the_name_of_a_package_entry_point_stands_for_the_package_also_as_a_prefix(installed: Installed) -> None:
    alias = f"alias-{installed.package}"
    assert pyplugs.names(alias) == ["images"]
    assert pyplugs.call(alias, "images", "resize", "a") == "a@64"
    assert pyplugs.info(alias, "images").package_name == f"{installed.package}.data"
    assert pyplugs.info(alias, "images") == pyplugs.info(f"{installed.package}.data", "images")


def test_an_alias_reaches_packages_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    wheel = Wheel("deep-things", "1", {f"{name}/sub/images.py": IMAGES}, {f"deep-{name}": name})
    monkeypatch.syspath_prepend(str(install(tmp_path, wheel)))
    assert pyplugs.names(f"deep-{name}.sub") == ["images"]
    assert pyplugs.call(f"deep-{name}.sub", "images", "resize", "a", size=1) == "a@1"


def test_the_name_of_a_module_entry_point_stands_for_the_plugin(installed: Installed) -> None:
    assert pyplugs.call(f"{installed.package}.data", "pics", "resize", "a") == "a@64"
    assert pyplugs.funcs(f"{installed.package}.data", "pics") == ["resize"]
    assert pyplugs.exists(f"{installed.package}.data", "pics")
    assert pyplugs.call(f"alias-{installed.package}", "pics", "resize", "a") == "a@64"


def test_a_callable_entry_point_is_a_task_without_a_decorator(installed: Installed) -> None:
    assert sorted(pyplugs.funcs(installed.package, "plain")) == ["absent", "constant", "double", "pack"]
    task = pyplugs.default_registry.find(installed.package, "plain", "double")
    assert task.info.func(4) == 8
    assert task.info.description == "Double."
    assert task.provenance.sources == ("entry-point",)
    assert task.provenance.entry_points == ("twice",)
    assert pyplugs.call(installed.package, "plain", "twice", 5) == 10
    assert pyplugs.call(installed.package, "plain", "boxed", 5) == [5]
    assert pyplugs.info(installed.package, "plain", "boxed").func_name == "pack"


@pytest.mark.parametrize("func", ["absent", "constant"])
def test_an_entry_point_that_names_no_callable_names_its_distribution(installed: Installed, func: str) -> None:
    with pytest.raises(PluginLoadError, match=rf"of host-things 2\.0.*names '{func}'"):
        pyplugs.call(installed.package, "plain", func)
    assert pyplugs.call(installed.package, "plain", "double", 1) == 2


def test_decorator_and_entry_points_for_one_task_are_one_task_with_two_sources(installed: Installed) -> None:
    task = pyplugs.default_registry.find(f"{installed.package}.data", "images", "resize")
    assert task.provenance.sources == ("decorator", "entry-point")
    assert task.provenance.entry_points == (f"alias-{installed.package}", "pics")
    assert pyplugs.funcs(f"{installed.package}.data", "images") == ["resize"]
    listed = [item for item in pyplugs.list_tasks().tasks if item.module == f"{installed.package}.data.images"]
    assert [item.provenance for item in listed] == [task.provenance]


def test_a_task_knows_where_it_comes_from(installed: Installed) -> None:
    provenance = pyplugs.default_registry.find(f"{installed.package}.data", "images").provenance
    assert (provenance.distribution, provenance.version) == ("host-things", "2.0")
    assert provenance.file == str(installed.site / installed.package / "data" / "images.py")
    assert provenance.wheel_sha256 is None
    assert provenance.plugin_directory is None


def test_listing_imports_nothing_and_gives_signature_and_provenance(installed: Installed) -> None:
    listing = pyplugs.list_tasks()
    assert not [name for name in sys.modules if name.startswith(installed.package)]
    tasks = {item.func: item for item in listing.tasks if item.package.startswith(installed.package)}
    assert set(tasks) == {"resize", "double", "pack", "absent", "constant"}
    resize = tasks["resize"]
    assert resize.signature == "(data: str, size: int = 64) -> str"
    assert (resize.description, resize.doc) == ("Resize.", "All of them.")
    assert resize.provenance.distribution == "host-things"
    assert tasks["double"].signature == "(x: int) -> int"
    assert tasks["absent"].signature == "(...)"


def test_a_description_finds_a_task_by_its_aliases(installed: Installed) -> None:
    assert pyplugs.describe(f"alias-{installed.package}", "pics").func == "resize"
    assert pyplugs.describe(installed.package, "plain", "twice").func == "double"
    assert not [name for name in sys.modules if name.startswith(installed.package)]


def test_two_distributions_with_one_task_conflict_when_it_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()
    for number, project in enumerate(("one-side", "other-side"), start=1):
        extra = {f"{name}/only_{number}.py": IMAGES}
        wheel = Wheel(project, f"{number}.0", {f"{name}/images.py": IMAGES, **extra}, {f"side-{number}": name})
        monkeypatch.syspath_prepend(str(install(tmp_path / project, wheel)))
    assert pyplugs.names(name) == ["images", "only_1", "only_2"]
    assert pyplugs.exists(name, "images")
    listed = [item.provenance.distribution for item in pyplugs.list_tasks().tasks if item.module == f"{name}.images"]
    assert sorted(str(item) for item in listed) == ["one-side", "other-side"]
    for func in ("resize", None):
        with pytest.raises(TaskConflictError, match=r"one-side 1\.0 and other-side 2\.0") as conflict:
            pyplugs.call(name, "images", func, "a")
        assert [item.distribution for item in conflict.value.claimants] == ["one-side", "other-side"]
    assert pyplugs.call(name, "only_2", "resize", "a") == "a@64"


def test_one_distribution_that_is_found_twice_does_not_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()
    wheel = Wheel("same-thing", "1", {f"{name}/images.py": IMAGES}, {"same": name})
    for place in ("a", "b"):
        monkeypatch.syspath_prepend(str(install(tmp_path / place, wheel)))
    assert pyplugs.call(name, "images", "resize", "a") == "a@64"


def test_an_alias_for_two_packages_conflicts_only_where_both_have_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = new_name(), new_name()
    alias = f"shared-{one}"
    for package, own in ((one, "left"), (other, "right")):
        files = {f"{package}/images.py": IMAGES, f"{package}/{own}.py": IMAGES}
        wheel = Wheel(f"dist-{own}", "1", files, {alias: package})
        monkeypatch.syspath_prepend(str(install(tmp_path / own, wheel)))
    assert pyplugs.names(alias) == ["images", "left", "right"]
    assert pyplugs.call(alias, "left", "resize", "a") == "a@64"
    with pytest.raises(TaskConflictError, match="dist-left 1 and dist-right 1"):
        pyplugs.call(alias, "images", "resize", "a")


def test_a_distribution_installed_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnknownPluginError):
        pyplugs.call("", name)
    install(tmp_path, Wheel("later-thing", "1", {f"{name}.py": IMAGES}, {"x": name}))
    assert pyplugs.call("", name, "resize", "a") == "a@64"
    assert pyplugs.default_registry.find("", name).provenance.distribution == "later-thing"


def test_changes_of_an_editable_install_are_listed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name("edited")
    source = write_files(tmp_path / "project", {f"src/{name}/tasks.py": IMAGES})
    site = install(
        tmp_path / "site", Wheel(f"edited-{name}", "1.0", {f"_{name}.pth": str(source / "src")}, {"e": name})
    )
    dist_info = next(site.glob("*.dist-info"))
    url = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (dist_info / "direct_url.json").write_text(json.dumps(url))
    monkeypatch.syspath_prepend(str(site))

    def listed() -> list[str]:
        return [f"{task.plugin}.{task.func}" for task in pyplugs.list_tasks(package=name).tasks]

    assert listed() == ["tasks.resize"]
    write_files(source, {f"src/{name}/tasks.py": IMAGES.replace("def resize", "def shrink")})
    assert listed() == ["tasks.shrink"]
    write_files(source, {f"src/{name}/more.py": IMAGES})
    assert listed() == ["more.resize", "tasks.shrink"]
    assert pyplugs.describe("e", "more").func == "resize"


def test_a_declared_module_that_is_gone_names_its_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    wheel = Wheel("gone-thing", "1", {f"{name}/other.py": IMAGES}, {"x": f"{name}.absent"})
    monkeypatch.syspath_prepend(str(install(tmp_path, wheel)))
    with pytest.raises(PluginLoadError, match=r"of gone-thing 1 .*no module"):
        pyplugs.call(name, "absent", "resize")
    assert [item.provenance.distribution for item in pyplugs.list_tasks().broken if name in item.module] == [
        "gone-thing"
    ]


def test_unreadable_entry_points_are_listed_as_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(tmp_path, Wheel("odd-thing", "1", {}, {"x": "y"}))
    write_files(site, {"odd_thing-1.dist-info/entry_points.txt": "[dioptra.plugins\n"})
    monkeypatch.syspath_prepend(str(site))
    (broken,) = [item for item in pyplugs.list_tasks().broken if item.provenance.distribution == "odd-thing"]
    assert "malformed" in broken.error
