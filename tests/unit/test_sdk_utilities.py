from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import BaseOptionalDependencyError
from dioptra.sdk.utilities.contexts import env_vars, import_temp, sys_path_dirs
from dioptra.sdk.utilities.decorators import require_package
from dioptra.sdk.utilities.paths import set_path_ext
from runtime_folders import new_name, write_files


def test_sys_path_dirs_puts_folders_in_front_and_removes_its_own_entries_only(tmp_path: Path) -> None:
    before = list(sys.path)
    first, second = str(tmp_path / "a"), str(tmp_path / "b")
    with sys_path_dirs([first, second]) as entries:
        assert entries == (first, second)
        assert sys.path[:2] == [first, second]
        sys.path.append(first)
    assert sys.path == [*before, first]
    sys.path[:] = before


def test_sys_path_dirs_is_undone_after_an_exception(tmp_path: Path) -> None:
    before = list(sys.path)
    with pytest.raises(KeyError), sys_path_dirs(tmp_path):
        raise KeyError
    assert sys.path == before


def test_env_vars_sets_unsets_and_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RT_KEPT", "old")
    monkeypatch.setenv("RT_REMOVED", "there")
    monkeypatch.delenv("RT_ADDED", raising=False)
    with env_vars(RT_KEPT="new", RT_REMOVED=None, RT_ADDED="x"):
        assert (os.environ["RT_KEPT"], os.environ["RT_ADDED"]) == ("new", "x")
        assert "RT_REMOVED" not in os.environ
    with pytest.raises(KeyError), env_vars(RT_KEPT="newer"):
        raise KeyError
    assert (os.environ["RT_KEPT"], os.environ["RT_REMOVED"]) == ("old", "there")
    assert "RT_ADDED" not in os.environ


def test_require_package_looks_when_the_function_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @require_package("needed_by_the_test_rt")
    def work(x: int) -> int:
        return x + 1

    with pytest.raises(BaseOptionalDependencyError, match=r"work needs the package 'needed_by_the_test_rt'"):
        work(1)
    (tmp_path / "needed_by_the_test_rt").mkdir()
    (tmp_path / "needed_by_the_test_rt" / "__init__.py").write_text("raise RuntimeError('it is not imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert work(1) == 2


def test_require_package_raises_what_it_is_told_to() -> None:
    @require_package("absent_in_the_test_rt.part", exc_type=LookupError)
    def work() -> None: ...

    with pytest.raises(LookupError, match=r"absent_in_the_test_rt\.part"):
        work()
    assert work.__name__ == "work"


@pytest.mark.parametrize(
    ("path", "ext", "expected"),
    [
        ("a/b.txt", "png", "a/b.png"),
        ("a/b.txt", ".png", "a/b.png"),
        ("a/b", "png", "a/b.png"),
        ("a.d/b.tar.gz", "zip", "a.d/b.tar.zip"),
        ("a/b.txt", "", "a/b"),
    ],
)
def test_set_path_ext(path: str, ext: str, expected: str) -> None:
    assert set_path_ext(path, ext) == Path(expected)
    assert set_path_ext(Path(path), ext) == Path(expected)


def test_set_path_ext_refuses_what_is_no_extension() -> None:
    with pytest.raises(ValueError):
        set_path_ext("a/b.txt", "x/y")


def test_a_module_is_imported_for_a_while_and_leaves_no_trace(tmp_path: Path) -> None:
    name = new_name("temporary")
    source = "from dioptra import pyplugs\nfrom . import other\n\n@pyplugs.register\ndef work():\n    return {!r}\n"
    for place in ("first", "second"):
        write_files(tmp_path / place, {f"{name}/tasks.py": source.format(place), f"{name}/other.py": ""})
    path = list(sys.path)
    for place in ("first", "second", "first"):
        with import_temp(f"{name}.tasks", tmp_path / place) as module:
            assert module.work() == place
            assert pyplugs.call(name, "tasks") == place
        assert not [loaded for loaded in sys.modules if loaded.startswith(name)]
        assert sys.path == path
        assert not pyplugs.exists(name, "tasks")


def test_modules_of_the_same_name_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name("temporary")
    write_files(tmp_path, {f"host/{name}.py": "PLACE = 'host'\n", f"other/{name}.py": "PLACE = 'other'\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "host"))
    before = __import__(name)
    with import_temp(name, tmp_path / "other") as module:
        assert module.PLACE == "other"
    assert sys.modules[name] is before
    with pytest.raises(ModuleNotFoundError), import_temp(f"{name}.absent", tmp_path / "other"):
        pass
    assert sys.modules[name] is before
