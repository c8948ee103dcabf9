from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dioptra.sdk.exceptions import HostCollisionError
from dioptra.sdk.utilities.contexts import plugin_dirs
from runtime_folders import Wheel, environment, new_name, write_files


@pytest.fixture(autouse=True)
def unchanged_path() -> Iterator[None]:
    yield
    assert not [entry for entry in sys.path if "environments" in entry]


@pytest.fixture
def name() -> str:
    return new_name("clash")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "host"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def regular(name: str) -> Wheel:
    return Wheel("brings", "1.5", {f"{name}/__init__.py": ""})


def below_a_namespace(name: str) -> Wheel:
    return Wheel("brings", "1.5", {f"{name}/part/__init__.py": ""}, import_roots=(f"{name}.part",))


@pytest.mark.parametrize(
    "host_file",
    ["{}/__init__.py", "{}.py", "{}/data.txt"],
    ids=["a regular package", "a module", "a namespace package, which would be taken over"],
)
def test_an_import_root_that_the_host_has_is_refused(tmp_path: Path, host: Path, name: str, host_file: str) -> None:
    write_files(host, {host_file.format(name): ""})
    with pytest.raises(HostCollisionError) as refused, plugin_dirs(environment(tmp_path, regular(name))):
        pass
    (collision,) = refused.value.collisions
    assert (collision.name, collision.distribution) == (name, "brings 1.5")
    assert str(host) in collision.host_location
    assert refused.value.exit_code == 4
    assert name not in sys.modules


def test_a_regular_package_of_the_host_at_a_namespace_prefix_is_refused(tmp_path: Path, host: Path, name: str) -> None:
    write_files(host, {f"{name}/__init__.py": ""})
    with pytest.raises(HostCollisionError) as refused, plugin_dirs(environment(tmp_path, below_a_namespace(name))):
        pass
    assert [item.name for item in refused.value.collisions] == [name]


def test_a_part_of_a_shared_namespace_that_the_host_has_is_refused(tmp_path: Path, host: Path, name: str) -> None:
    write_files(host, {f"{name}/part/__init__.py": "raise RuntimeError('imported')"})
    with pytest.raises(HostCollisionError) as refused, plugin_dirs(environment(tmp_path, below_a_namespace(name))):
        pass
    assert [item.name for item in refused.value.collisions] == [f"{name}.part"]


def test_a_namespace_may_be_shared(tmp_path: Path, host: Path, name: str) -> None:
    write_files(host, {f"{name}/other/__init__.py": ""})
    with plugin_dirs(environment(tmp_path, below_a_namespace(name))) as entries:
        assert len(entries) == 1


def test_a_module_that_only_exists_in_memory_collides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with (
        pytest.raises(HostCollisionError, match="made while running"),
        plugin_dirs(environment(tmp_path, regular(name))),
    ):
        pass


def test_every_collision_is_reported_at_once(tmp_path: Path, host: Path) -> None:
    names = sorted([new_name("clash"), new_name("clash")])
    write_files(host, {f"{name}.py": "" for name in names})
    wheel = Wheel("brings", "1", {f"{name}/__init__.py": "" for name in names})
    with pytest.raises(HostCollisionError) as refused, plugin_dirs(environment(tmp_path, wheel)):
        pass
    assert [item.name for item in refused.value.collisions] == names


def test_the_environments_own_entry_on_the_path_is_no_collision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    built = environment(tmp_path, regular(name))
    with monkeypatch.context() as patch:
        # A child made by multiprocessing's spawn method starts with its parent's path.
        patch.syspath_prepend(str(built / "site"))
        with plugin_dirs(built) as entries:
            assert entries == (str(built / "site"),)


def test_a_raw_folder_may_not_take_over_a_namespace_of_the_host(tmp_path: Path, host: Path, name: str) -> None:
    write_files(host, {f"{name}/other/__init__.py": ""})
    raw = write_files(tmp_path / "raw", {f"{name}/__init__.py": ""})
    with pytest.raises(HostCollisionError) as refused, plugin_dirs(raw):
        pass
    assert [item.name for item in refused.value.collisions] == [name]


def test_a_raw_folder_may_not_take_over_dioptra_itself(tmp_path: Path) -> None:
    raw = write_files(tmp_path, {"dioptra/__init__.py": "", "dioptra/pyplugs/__init__.py": ""})
    with pytest.raises(HostCollisionError), plugin_dirs(raw):
        pass
