"""What an environment, a raw folder and the host each have under one name, in every combination."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from pathlib import Path

import pytest

from dioptra.pyplugs._finders import OverlayFinder, StandInFinder
from dioptra.sdk import plugin_dirs
from runtime_folders import Wheel, environment, new_name, write_files

KINDS = ["regular", "namespace", "module", "absent"]


def files(name: str, kind: str, place: str) -> dict[str, str]:
    value = f"PLACE = {place!r}\n"
    if kind == "module":
        return {f"{name}.py": value}
    if kind == "absent":
        return {}
    init = {f"{name}/__init__.py": value} if kind == "regular" else {}
    return {**init, f"{name}/shared.py": value, f"{name}/only_{place}.py": value}


def place(name: str) -> str | None:
    try:
        return getattr(importlib.import_module(name), "PLACE", "namespace")
    except ModuleNotFoundError:
        return None


def expected(in_environment: str, in_folder: str) -> list[str | None]:
    """The places of the name itself and of `shared`, `only_environment` and `only_folder` below it."""
    packages = {"regular", "namespace"}
    if in_environment == "absent":
        own = {"regular": "folder", "namespace": "namespace", "module": "folder", "absent": None}[in_folder]
        inner = "folder" if in_folder in packages else None
        return [own, inner, None, inner]
    if in_environment == "module":
        return ["environment", None, None, None]
    own = "environment"
    if in_environment == "namespace":
        own = "folder" if in_folder == "regular" else "namespace"
    return [own, "environment", "environment", "folder" if in_folder in packages else None]


@pytest.mark.parametrize("folder_first", [True, False], ids=["folder first", "environment first"])
@pytest.mark.parametrize(("in_environment", "in_folder"), list(itertools.product(KINDS, KINDS)))
def test_the_environment_wins_and_the_folder_adds(
    tmp_path: Path, in_environment: str, in_folder: str, folder_first: bool
) -> None:
    name = new_name("mixed")
    wheel = Wheel("mixed", "1.0", files(name, in_environment, "environment"), import_roots=(name,))
    pinned = environment(tmp_path / "managed", wheel)
    raw = write_files(tmp_path / "raw", {"notes.txt": "", **files(name, in_folder, "folder")})
    path = list(sys.path)
    with plugin_dirs(*([raw, pinned] if folder_first else [pinned, raw])):
        found = [place(name), *(place(f"{name}.{part}") for part in ("shared", "only_environment", "only_folder"))]
        assert any(isinstance(finder, OverlayFinder) for finder in sys.meta_path)
    assert found == expected(in_environment, in_folder)
    assert sys.path == path
    assert not any(isinstance(finder, OverlayFinder | StandInFinder) for finder in sys.meta_path)
    assert not [module for module in sys.modules if module.partition(".")[0] == name]


@pytest.mark.parametrize("folder_first", [True, False], ids=["folder first", "environment first"])
def test_what_the_host_has_in_a_shared_namespace_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_first: bool
) -> None:
    name = new_name("shared_ns")
    both = {"a.py": "PLACE = {!r}\n", "b.py": "PLACE = {!r}\n"}
    host = {f"{name}/a.py": both["a.py"].format("host"), f"{name}/h.py": "PLACE = 'host'\n"}
    monkeypatch.syspath_prepend(str(write_files(tmp_path / "host", host)))
    ours = {f"{name}/b.py": both["b.py"].format("environment"), f"{name}/e.py": "PLACE = 'environment'\n"}
    pinned = environment(tmp_path, Wheel("shared", "1.0", ours, import_roots=(f"{name}.b", f"{name}.e")))
    theirs = {f"{name}/{file}": text.format("folder") for file, text in both.items()}
    raw = write_files(tmp_path / "raw", {**theirs, f"{name}/f.py": "PLACE = 'folder'\n"})
    with plugin_dirs(*([raw, pinned] if folder_first else [pinned, raw])):
        found = {part: place(f"{name}.{part}") for part in "abhef"}
    assert found == {"a": "host", "b": "environment", "h": "host", "e": "environment", "f": "folder"}
    assert place(f"{name}.a") == "host"


def test_nested_packages_of_both_are_merged_too(tmp_path: Path) -> None:
    name = new_name("deep")
    ours = {f"{name}/in/ner/shared.py": "PLACE = 'environment'\n", f"{name}/in/ner/e.py": "PLACE = 'environment'\n"}
    theirs = {f"{name}/in/ner/shared.py": "PLACE = 'folder'\n", f"{name}/in/ner/f.py": "PLACE = 'folder'\n"}
    inits = {f"{name}/in/__init__.py": "", f"{name}/in/ner/__init__.py": ""}
    pinned = environment(tmp_path, Wheel("deep", "1.0", {**ours, **inits}, import_roots=(f"{name}.in",)))
    raw = write_files(tmp_path / "raw", {**theirs, **inits})
    with plugin_dirs(raw, pinned):
        assert [place(f"{name}.in.ner.{part}") for part in ("shared", "e", "f")] == ["environment"] * 2 + ["folder"]


def test_directories_of_one_kind_need_no_finder(tmp_path: Path) -> None:
    before = list(sys.meta_path)
    raw = [write_files(tmp_path / part, {f"{new_name()}.py": ""}) for part in ("one", "two")]
    with plugin_dirs(*raw):
        assert sys.meta_path == before
    with plugin_dirs(environment(tmp_path, Wheel("one", "1.0", {f"{new_name()}.py": ""}))):
        assert sys.meta_path == before


def test_finders_say_what_they_are_and_pass_over_other_names(tmp_path: Path) -> None:
    overlay = OverlayFinder([str(tmp_path / "a")], [str(tmp_path / "b")])
    stand_in = StandInFinder({"lab.fog": str(tmp_path)})
    assert repr(overlay) == f"OverlayFinder(['{tmp_path / 'a'}'] over ['{tmp_path / 'b'}'])"
    assert repr(stand_in) == f"StandInFinder({{'lab.fog': '{tmp_path}'}})"
    assert overlay.find_spec(new_name()) is None
    assert overlay.find_spec(f"{new_name()}.x", [os.sep]) is None
    assert stand_in.find_spec("lab") is None
    assert stand_in.find_spec("lab.fog") is None
    write_files(tmp_path, {"lab/fog.py": ""})
    spec = stand_in.find_spec("lab.fog")
    assert spec is not None
    assert spec.origin == str(tmp_path / "lab" / "fog.py")
