from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import (
    MissingDependencyError,
    PluginLoadError,
    UnknownPackageError,
    UnknownPluginError,
)
from runtime_folders import Wheel, install, new_name, write_files

GOOD = """
    from dioptra import pyplugs

    @pyplugs.register
    def work():
        return "done"
"""
RAISES_AFTER = GOOD + "\n    raise RuntimeError('halfway')\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = new_name()
    files = {
        f"{name}/__init__.py": "",
        f"{name}/good.py": GOOD,
        f"{name}/syntax.py": "def broken(:\n",
        f"{name}/needy.py": "import no_such_library.part\n" + GOOD.replace("\n    ", "\n"),
        f"{name}/late.py": RAISES_AFTER,
        f"{name}/quits.py": "import sys\nfrom dioptra import pyplugs\nsys.exit(3)\n",
        f"{name}/sibling.py": f"import {name}.absent_sibling\n" + GOOD.replace("\n    ", "\n"),
        f"{name}/misspelt.py": "from dioptra.pyplugs import regisster\n",
    }
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
    return name


def test_one_broken_module_does_not_break_the_package(package: str) -> None:
    assert pyplugs.names(package) == ["good", "late", "needy", "sibling"]
    assert pyplugs.call(package, "good") == "done"


def test_a_syntax_error_is_a_load_error_with_its_cause(package: str) -> None:
    with pytest.raises(PluginLoadError) as failed:
        pyplugs.call(package, "syntax", "broken")
    assert isinstance(failed.value.__cause__, SyntaxError)
    assert failed.value.module == f"{package}.syntax"
    with pytest.raises(PluginLoadError):
        pyplugs.funcs(package, "syntax")
    assert not pyplugs.exists(package, "syntax")


def test_a_missing_dependency_is_named_and_is_not_an_unknown_package(package: str) -> None:
    with pytest.raises(MissingDependencyError) as failed:
        pyplugs.call(package, "needy", "work")
    assert failed.value.missing == "no_such_library"
    assert isinstance(failed.value.__cause__, ModuleNotFoundError)
    assert pyplugs.exists(package, "needy")


def test_a_missing_module_of_the_same_package_is_a_missing_dependency(package: str) -> None:
    with pytest.raises(MissingDependencyError) as failed:
        pyplugs.call(package, "sibling")
    assert failed.value.missing == f"{package}.absent_sibling"


def test_an_import_error_that_is_no_missing_module_is_a_load_error(package: str) -> None:
    with pytest.raises(PluginLoadError, match="regisster") as failed:
        pyplugs.call(package, "misspelt")
    assert not isinstance(failed.value, MissingDependencyError)


def test_a_module_that_registers_and_then_raises_leaves_nothing(package: str) -> None:
    for _attempt in range(2):
        with pytest.raises(PluginLoadError, match="halfway") as failed:
            pyplugs.call(package, "late", "work")
        assert isinstance(failed.value.__cause__, RuntimeError)
        assert f"{package}.late" not in sys.modules


def test_a_failed_import_by_hand_leaves_nothing_either(package: str) -> None:
    with pytest.raises(RuntimeError):
        importlib.import_module(f"{package}.late")
    assert [task.func for task in pyplugs.list_tasks().tasks if task.package == package] == []


def test_registering_the_function_of_another_module_is_undone_when_the_registrar_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()
    files = {
        f"{name}/owner.py": "def work():\n    return 1\n",
        f"{name}/registrar.py": f"from dioptra import pyplugs\nfrom {name}.owner import work\n"
        "pyplugs.register(work)\nraise RuntimeError('halfway')\n",
    }
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
    with pytest.raises(RuntimeError):
        importlib.import_module(f"{name}.registrar")
    assert f"{name}.owner" in sys.modules
    with pytest.raises(UnknownPluginError):
        pyplugs.call(name, "owner", "work")


def test_a_plugin_that_exits_at_import_does_not_end_the_process(package: str) -> None:
    with pytest.raises(PluginLoadError, match="SystemExit"):
        pyplugs.call(package, "quits")


def test_a_package_that_fails_to_import_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    files = {f"{name}/__init__.py": "1 / 0\n", f"{name}/good.py": GOOD}
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
    assert pyplugs.names(name) == ["good"]
    with pytest.raises(PluginLoadError, match="ZeroDivisionError") as failed:
        pyplugs.call(name, "good")
    assert failed.value.module == name


def test_a_plugin_that_looks_itself_up_while_it_is_imported_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()
    source = GOOD + f"\n    pyplugs.call('{name}', 'circular', 'work')\n"
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}/circular.py": source})))
    with pytest.raises(PluginLoadError, match="while it is being imported"):
        pyplugs.call(name, "circular", "work")


def test_a_repaired_module_is_found_at_once(package: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownPluginError):
        pyplugs.call(package, "added")
    write_files(tmp_path, {f"{package}/added.py": GOOD})
    assert pyplugs.call(package, "added") == "done"


def test_a_module_imported_anew_replaces_its_registrations(package: str, tmp_path: Path) -> None:
    assert pyplugs.call(package, "good") == "done"
    assert pyplugs.call(package, "good", "work") == "done"
    source = GOOD.replace('"done"', '"anew, and longer"').replace("work", "other")
    write_files(tmp_path, {f"{package}/good.py": source})
    del sys.modules[f"{package}.good"]
    importlib.invalidate_caches()
    importlib.import_module(f"{package}.good")
    assert pyplugs.funcs(package, "good") == ["other"]
    assert pyplugs.call(package, "good") == "anew, and longer"


def test_only_dynamic_modules_are_imported_to_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    dynamic = """
        from dioptra import pyplugs

        for power in (2, 3):
            def raised(x, power=power):
                return x ** power
            raised.__name__ = f"power_{power}"
            pyplugs.register(raised)
    """
    files = {f"{name}/looped.py": dynamic, f"{name}/seen.py": GOOD, f"{name}/fails.py": dynamic + "\n        1 / 0\n"}
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
    assert pyplugs.names(name) == ["looped", "seen"]
    assert pyplugs.funcs(name, "looped") == ["power_2", "power_3"]
    assert pyplugs.call(name, "looped", "power_3", 2) == 8
    assert pyplugs.describe(name, "looped", "power_2").signature == "(x, power=2)"
    assert f"{name}.seen" not in sys.modules
    assert not pyplugs.exists(name, "fails")


def test_a_declared_module_that_is_broken_names_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()
    files = {f"{name}/__init__.py": "", f"{name}/late.py": RAISES_AFTER, f"{name}/syntax.py": "def broken(:\n"}
    wheel = Wheel("broken-things", "1.2", files, {"things": name})
    monkeypatch.syspath_prepend(str(install(tmp_path, wheel)))
    with pytest.raises(PluginLoadError, match=r"of broken-things 1\.2"):
        pyplugs.call(name, "late")
    listing = pyplugs.list_tasks()
    late, broken = [item for item in listing.broken if item.module.startswith(name)]
    assert (late.module, broken.module) == (f"{name}.late", f"{name}.syntax")
    assert isinstance(late.exception, PluginLoadError)
    assert isinstance(late.exception.__cause__, RuntimeError)
    assert "SyntaxError" in broken.error
    assert (broken.provenance.distribution, broken.provenance.version) == ("broken-things", "1.2")
    assert [task.func for task in listing.tasks if task.package == name] == ["work"]


def test_a_folder_that_is_no_package_of_plugins_has_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name("pictures")
    (tmp_path / name / "images").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pyplugs.names(name) == []
    with pytest.raises(UnknownPluginError):
        pyplugs.call(name, "images")
    with pytest.raises(UnknownPackageError):
        pyplugs.names(f"{name}.absent")


def test_load_errors_are_found_by_importing_everything_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = new_name("late")
    task = "from dioptra import pyplugs\n\n@pyplugs.register\ndef work():\n    return 1\n"
    good, bad = f"{package}/good.py", f"{package}/bad.py"
    wheel = Wheel(f"late-{package}", "1.0", {good: task, bad: f"{task}\n1 / 0\n"}, {package: package})
    site = install(tmp_path, wheel)
    monkeypatch.syspath_prepend(str(site))

    def broken(*, load: bool) -> list[str]:
        return [item.module for item in pyplugs.load_errors(load=load) if item.module.startswith(package)]

    assert broken(load=False) == []
    assert broken(load=True) == [f"{package}.bad"]
    (found,) = [item for item in pyplugs.load_errors() if item.module.startswith(package)]
    assert isinstance(found.exception, PluginLoadError)
    assert isinstance(found.exception.__cause__, ZeroDivisionError)
    assert found.provenance.distribution == wheel.project.replace("_", "-")
    (site / bad).write_text(task)
    assert pyplugs.call(package, "bad") == 1
    assert broken(load=False) == []
