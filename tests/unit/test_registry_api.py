from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import (
    RegistrationError,
    UnknownPackageError,
    UnknownPluginError,
    UnknownPluginFunctionError,
)
from runtime_folders import new_name, write_files

FIRST = '''
    """The first plugin."""
    from dioptra import pyplugs

    @pyplugs.register(sort_value=-1)
    def one(x=1):
        """Give x.

        It says more
            here.
        """
        return ("one", x)

    def helper():
        return None
'''
PARTS = """
    from dioptra.pyplugs import register, task_nout

    @register
    def zulu():
        return "zulu"

    @task_nout(2)
    @register()
    def alpha():
        return "alpha", 2

    @register
    @task_nout(3)
    def mike(*args, **kwargs):
        return args, kwargs
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = new_name()
    files = {
        f"{name}/__init__.py": "",
        f"{name}/parts.py": PARTS,
        f"{name}/first.py": FIRST,
        f"{name}/also.py": PARTS,
        f"{name}/plain.py": "value = 1\n",
        f"{name}/_private.py": PARTS,
    }
    monkeypatch.syspath_prepend(str(write_files(tmp_path, files)))
    return name


def test_register_gives_the_function_back_unchanged_with_and_without_parentheses() -> None:
    def function() -> None: ...

    assert pyplugs.register(function) is function
    assert pyplugs.register()(function) is function
    assert pyplugs.register(sort_value=2)(function) is function


def test_names_are_sorted_by_the_sort_value_of_the_first_task_then_by_name(package: str) -> None:
    assert pyplugs.names(package) == ["first", "also", "parts"]


def test_names_of_an_imported_plugin_stay_the_same(package: str) -> None:
    before = pyplugs.names(package)
    for plugin in before:
        pyplugs.info(package, plugin)
    assert pyplugs.names(package) == before


def test_names_imports_nothing(package: str) -> None:
    pyplugs.names(package)
    assert not [name for name in sys.modules if name.startswith(package)]


def test_funcs_are_in_order_of_registration_before_and_after_the_import(package: str) -> None:
    assert pyplugs.funcs(package, "parts") == ["zulu", "alpha", "mike"]
    assert f"{package}.parts" not in sys.modules
    pyplugs.get(package, "parts")
    assert pyplugs.funcs(package, "parts") == ["zulu", "alpha", "mike"]


def test_info_splits_the_docstring_and_equal_calls_give_equal_values(package: str) -> None:
    info = pyplugs.info(package, "first")
    assert info == pyplugs.info(package, "first", "one") == pyplugs.info(package=package, plugin="first", func="one")
    assert info[:3] == (package, "first", "one")
    assert info.description == "Give x."
    assert info.doc == "It says more\n    here."
    assert info.module_doc == "The first plugin."
    assert info.sort_value == -1
    assert info.func(5) == ("one", 5)


def test_without_a_function_name_the_first_registered_task_is_meant(package: str) -> None:
    assert pyplugs.get(package, "parts").__name__ == "zulu"
    assert pyplugs.call(package, "parts") == "zulu"
    assert pyplugs.call(package, "parts") == "zulu"


def test_exists(package: str) -> None:
    assert pyplugs.exists(package, "parts")
    assert not pyplugs.exists(package, "plain")
    assert not pyplugs.exists(package, "absent")
    assert not pyplugs.exists("no_such_package", "absent")


def test_factories_are_partials_of_the_functions(package: str) -> None:
    assert pyplugs.names_factory(package)() == pyplugs.names(package)
    assert pyplugs.funcs_factory(package)("parts") == pyplugs.funcs(package, "parts")
    assert pyplugs.info_factory(package)("parts") == pyplugs.info(package, "parts")
    assert pyplugs.info_factory(package)(plugin="parts", func="mike").func_name == "mike"
    assert pyplugs.exists_factory(package)("plain") is False
    assert pyplugs.get_factory(package)("parts", "mike") is pyplugs.get(package, "parts", "mike")
    assert pyplugs.call_factory(package)("first", x=3) == ("one", 3)
    factory = pyplugs.call_factory(package)
    assert isinstance(factory, partial)
    copy = pickle.loads(pickle.dumps(factory))
    assert copy("first", "one", 4) == ("one", 4)


def test_task_nout_marks_the_function_on_either_side_of_register(package: str) -> None:
    assert pyplugs.get(package, "parts", "alpha")._task_nout == 2  # type: ignore[attr-defined]
    assert pyplugs.default_registry.find(package, "parts", "mike").nout == 3
    assert pyplugs.default_registry.find(package, "parts", "zulu").nout is None


@pytest.mark.parametrize("nout", [0, -1, True, "2"])
def test_task_nout_takes_a_positive_number_only(nout: int) -> None:
    with pytest.raises(RegistrationError, match="number of results"):
        pyplugs.task_nout(nout)


def test_an_empty_package_means_a_top_level_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name("top")
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}.py": PARTS})))
    assert pyplugs.call("", name, "zulu") == "zulu"
    assert pyplugs.info("", name).package_name == ""
    assert name in pyplugs.names("")
    assert pyplugs.exists("", name)


@pytest.mark.parametrize("known", [False, True], ids=["first call", "repeated call"])
def test_coordinates_by_position_leave_equal_keywords_to_the_task(package: str, known: bool) -> None:
    if known:
        pyplugs.call(package, "parts", "mike")
        pyplugs.call(package, "parts")
    args = ("a", 2)
    names = {"package": "x", "plugin": "y", "func": "z"}
    assert pyplugs.call(package, "parts", "mike", *args, **names) == (args, names)
    assert pyplugs.call(package, "parts", "mike", func="z") == ((), {"func": "z"})
    assert pyplugs.call(package, "parts", func="mike") == ((), {})
    assert pyplugs.call(package, "parts", func="mike", package="x") == ((), {"package": "x"})
    assert pyplugs.call(package, plugin="parts", func="mike", data=1) == ((), {"data": 1})
    assert pyplugs.call(package=package, plugin="parts", func="mike", data=1) == ((), {"data": 1})


def test_a_missing_coordinate_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="missing the argument 'plugin'"):
        pyplugs.call("only_a_package")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="takes texts"):
        pyplugs.call("package", "plugin", 3)  # type: ignore[call-overload]


def test_classes_and_coroutine_functions_can_be_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    source = """
        from dioptra import pyplugs

        @pyplugs.register
        class Box:
            def __init__(self, size):
                self.size = size

        @pyplugs.register
        async def later():
            return 7
    """
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}/kinds.py": source})))
    assert pyplugs.call(name, "kinds", "Box", 3).size == 3
    coroutine = pyplugs.call(name, "kinds", "later")
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == 7


def test_what_is_no_named_function_cannot_be_registered() -> None:
    for wrong in (3, partial(print)):
        with pytest.raises(RegistrationError, match="cannot be registered"):
            pyplugs.register(wrong)  # type: ignore[type-var]
    with pytest.raises(RegistrationError, match="not a number"):
        pyplugs.register(sort_value="high")(lambda: None)  # type: ignore[call-overload]


def test_a_function_of_a_module_that_is_not_loaded_cannot_be_registered() -> None:
    namespace: dict[str, object] = {"__name__": "never_loaded"}
    with pytest.raises(RegistrationError, match=r"'never_loaded' is not in sys\.modules"):
        exec(dedent(PARTS), namespace)


def test_unknown_names_are_told_apart_and_name_the_nearest(package: str) -> None:
    pyplugs.call(package, "first")
    with pytest.raises(UnknownPackageError) as unknown_package:
        pyplugs.names(package.replace("pkg", "pgk"))
    assert package in unknown_package.value.nearest
    with pytest.raises(UnknownPluginError) as unknown_plugin:
        pyplugs.call(package, "part")
    assert unknown_plugin.value.nearest == ("parts",)
    with pytest.raises(UnknownPluginError):
        pyplugs.info(package, "plain")
    with pytest.raises(UnknownPluginError):
        pyplugs.funcs(package, "plain")
    with pytest.raises(UnknownPluginFunctionError) as unknown_func:
        pyplugs.call(package, "parts", "zullu")
    assert unknown_func.value.nearest == ("zulu",)
    assert (unknown_func.value.package, unknown_func.value.plugin, unknown_func.value.func) == (
        package,
        "parts",
        "zullu",
    )


def test_an_unknown_task_says_when_no_plugin_directory_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIOPTRA_PLUGIN_DIR", raising=False)
    with pytest.raises(UnknownPackageError, match="DIOPTRA_PLUGIN_DIR is unset") as unset:
        pyplugs.call("no_such_package", "plugin")
    assert sys.prefix in str(unset.value)
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", "/somewhere")
    with pytest.raises(UnknownPackageError, match=r"plugin_dirs\(\) is not active"):
        pyplugs.names("no_such_package")


@pytest.mark.parametrize("package", ["..", "a..b", ".a"])
def test_odd_names_are_unknown_packages(package: str) -> None:
    with pytest.raises(UnknownPackageError):
        pyplugs.call(package, "plugin")


def test_the_registry_lists_no_plugins_of_its_own() -> None:
    assert pyplugs.names("dioptra.pyplugs") == []


def test_a_description_is_made_without_importing(package: str) -> None:
    task = pyplugs.describe(package, "first")
    assert task.signature == "(x=1)"
    assert (task.description, task.doc) == ("Give x.", "It says more\n    here.")
    assert f"{package}.first" not in sys.modules
    assert pyplugs.describe(package, "parts", "mike").signature == "(*args, **kwargs)"
    assert pyplugs.describe(package, "parts", "mike").nout == 3


def test_the_main_script_registers_at_once() -> None:
    script = """
from dioptra import pyplugs

@pyplugs.register
def work(x):
    return x + 1

assert pyplugs.call("", "__main__", "work", 1) == 2
assert pyplugs.names("") == ["__main__"]
(task,) = [task for task in pyplugs.list_tasks().tasks if task.plugin == "__main__"]
assert task.signature == "(x)"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
