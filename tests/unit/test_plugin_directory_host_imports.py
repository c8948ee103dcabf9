"""What the host can import is found without importing it, wherever its finders have it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from dioptra.manifest.host_imports import host_collisions
from dioptra.manifest.model import EnvironmentWheel
from dioptra.plugins.errors import IntegrityError
from dioptra.plugins.plugin_directory.host_imports import refuse_host_names
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel


def made(folder: Path, *files: str) -> str:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise AssertionError('this was imported')\n")
    return str(folder)


def stored(project: str, *roots: str) -> StoredWheel:
    wheel = EnvironmentWheel(project=project, version="1.0", filename="f", sha256=project, import_roots=roots)
    return StoredWheel(wheel=wheel, paths=())


def test_a_namespace_below_a_namespace_is_searched_without_importing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(made(tmp_path / "one", "hostns/deep/fog/__init__.py"))
    monkeypatch.syspath_prepend(made(tmp_path / "two", "hostns/deep/rain.py"))
    roots = ["hostns.deep.fog", "hostns.deep.rain", "hostns.deep.free", "hostns.deep", "hostns.deep.fog.more"]
    assert [item.name for item in host_collisions(roots)] == ["hostns.deep", "hostns.deep.fog", "hostns.deep.rain"]
    assert host_collisions(["hostns.deep.free", "hostns.free"]) == ()
    assert "hostns" not in sys.modules


class EditableFinder:
    """A finder that knows modules by name, as setuptools' editable installs have it."""

    def __init__(self, modules: dict[str, Path]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._modules:
            return None
        location = self._modules[name]
        return importlib.util.spec_from_file_location(name, location, submodule_search_locations=[str(location.parent)])


def test_what_only_another_finder_knows_is_the_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = made(tmp_path / "source", "hosteditable/__init__.py")
    finder = EditableFinder({"hosteditable": Path(source) / "hosteditable/__init__.py"})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    (collision,) = host_collisions(["hosteditable.sub", "hostother"])
    assert (collision.name, collision.origin) == ("hosteditable", f"{source}/hosteditable/__init__.py")
    assert host_collisions(["hosteditable"], exclude=[source]) == ()


def test_a_refusal_lists_every_name_with_its_wheel_and_the_hosts_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = made(tmp_path / "host", "hostmodule.py", "hostspace/inner.py")
    monkeypatch.syspath_prepend(host)
    wheels = [stored("fog", "hostspace.inner", "fog"), stored("rain", "hostmodule"), stored("snow", "hostspace.snow")]
    with pytest.raises(IntegrityError) as refused:
        refuse_host_names(wheels, PluginDirectory(tmp_path / "plugins"))
    assert refused.value.why == (
        f"hostmodule of rain 1.0: the host has it at {host}/hostmodule.py\n"
        f"hostspace.inner of fog 1.0: the host has it at {host}/hostspace/inner.py"
    )


def test_paths_below_the_plugin_directory_are_not_the_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "plugins"
    monkeypatch.syspath_prepend(made(root / "environments/abc/site", "ownplugin/__init__.py"))
    refuse_host_names([stored("own", "ownplugin")], PluginDirectory(root))
    beside = made(tmp_path / "plugins-of-others", "ownplugin/__init__.py")
    monkeypatch.syspath_prepend(beside)
    with pytest.raises(IntegrityError, match="plugins-of-others"):
        refuse_host_names([stored("own", "ownplugin")], PluginDirectory(root))
