"""`pyplugs.tasks`: attributes that complete, show signatures and import nothing before a call."""

from __future__ import annotations

import copy
import inspect
import pickle
import rlcompleter
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.pyplugs._tree import SourceText, TaskHandle, TaskTree, installed_tasks
from dioptra.sdk import plugin_dirs
from runtime_folders import Wheel, environment, new_name, write_files

TASKS = '''
    import heavy_library_that_is_not_installed_here as heavy
    from dioptra import pyplugs

    @pyplugs.register
    def resize(data: heavy.Data, /, size=(1, 2), *more, unit: str = heavy.UNIT, **rest) -> "heavy.Data":
        """Resize pictures.

        All of them.
        """

    @pyplugs.register(label="fast")
    def shrink(factor: float = 0.5) -> float:
        return factor
'''

SMALL = """
    from dioptra import pyplugs

    @pyplugs.register
    def shrink(factor: float = 0.5) -> float:
        return factor

    @pyplugs.register(label="fast")
    def shrink_fast(package: str, func: int, label: str = "", task_kwargs=None):
        return package, func, label, task_kwargs
"""


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    name = new_name("tree")
    files = {f"{name}/data/images.py": TASKS, f"{name}/data/small.py": SMALL}
    wheel = Wheel("tree-things", "1.5", {**files, f"{name}/data/class.py": SMALL}, {"tree": name})
    with plugin_dirs(environment(tmp_path, wheel)):
        yield name


def plugin_modules(package: str) -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == package]


def test_walking_and_looking_import_nothing(package: str) -> None:
    tree = pyplugs.tasks
    assert package in dir(tree)
    data = getattr(tree, package).data
    assert dir(data) == ["images", "small"]
    resize = data.images.resize
    signature = inspect.signature(resize)
    shown = "(data: heavy.Data, /, size=(1, 2), *more, unit: str = heavy.UNIT, **rest) -> 'heavy.Data'"
    assert str(signature) == shown
    assert signature.parameters["size"].default == (1, 2)
    assert signature.parameters["unit"].default == SourceText("heavy.UNIT")
    assert inspect.getdoc(resize) == "Resize pictures.\n\nAll of them."
    assert (resize.__name__, resize.__module__) == ("resize", f"{package}.data.images")
    assert repr(resize) == f"<task {package}.data.images.resize{shown} of tree-things 1.5>"
    assert repr(data.images).startswith(f"<plugin {package}.data.images of tree-things 1.5>\n  resize(")
    assert repr(getattr(tree, package)) == (
        f"<package {package}>\n  data.class (2 tasks)\n  data.images (2 tasks)\n  data.small (2 tasks)"
    )
    assert repr(tree).startswith("<tasks>\n")
    assert plugin_modules(package) == []


def test_tab_completes_at_every_step(package: str) -> None:
    completer = rlcompleter.Completer({"tasks": pyplugs.tasks})

    def completed(text: str) -> list[str]:
        found = (completer.complete(text, state) for state in range(10))
        return [item.rstrip("()") for item in found if item is not None]

    assert completed(f"tasks.{package[:-2]}") == [f"tasks.{package}"]
    assert completed(f"tasks.{package}.data.im") == [f"tasks.{package}.data.images"]
    assert completed(f"tasks.{package}.data.small.shr") == [
        f"tasks.{package}.data.small.shrink",
        f"tasks.{package}.data.small.shrink_fast",
    ]
    assert plugin_modules(package) == []


def test_a_call_imports_just_its_module_and_every_argument_is_the_tasks(package: str) -> None:
    small = getattr(pyplugs.tasks, package).data.small
    assert small.shrink(factor=2) == 2
    assert sorted(plugin_modules(package)) == [package, f"{package}.data", f"{package}.data.small"]
    assert small.shrink_fast("p", func=3, label="x", task_kwargs=4) == ("p", 3, "x", 4)


def test_what_is_not_there_is_an_attribute_error_with_the_nearest(package: str) -> None:
    tree = getattr(pyplugs.tasks, package)
    with pytest.raises(AttributeError, match=r"tree_\w+\.data has no plugin or task 'image'; did you mean 'images'\?"):
        tree.data.image  # noqa: B018 - it is asked for
    with pytest.raises(AttributeError, match="tasks has no plugin or task"):
        pyplugs.tasks.absent_thing  # noqa: B018 - it is asked for
    assert not hasattr(pyplugs.tasks, "_repr_html_")
    assert not hasattr(pyplugs.tasks, "__wrapped__")


def test_a_tree_shows_what_is_there_now(tmp_path: Path) -> None:
    name = new_name("later")
    tree = pyplugs.tasks
    assert not hasattr(tree, name)
    raw = write_files(tmp_path, {f"{name}/tasks.py": SMALL})
    with plugin_dirs(raw):
        handle = getattr(tree, name).tasks.shrink
        assert handle(3) == 3
        assert repr(handle).endswith(f" in {raw}>")
    assert not hasattr(tree, name)


def test_handles_are_values(package: str) -> None:
    small = getattr(pyplugs.tasks, package).data.small
    assert small.shrink == small.shrink
    assert hash(small.shrink) == hash(small.shrink)
    assert small.shrink != small.shrink_fast
    assert small.shrink != "shrink"


def test_probes_of_copy_and_pickle_do_not_recur_for_ever() -> None:
    def nothing() -> tuple[()]:
        return ()

    tree = TaskTree(nothing, lambda *_: None)
    assert dir(copy.copy(tree)) == []
    assert isinstance(installed_tasks(), TaskTree)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(tree)
    assert inspect.signature(TaskHandle).parameters.keys() == {"description", "call"}
