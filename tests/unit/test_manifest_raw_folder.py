from __future__ import annotations

from dioptra.manifest.raw_folder import scan_folder

TASK = b"from dioptra import pyplugs\n@pyplugs.register\ndef f(): ...\n"


def listed(sources: dict[str, bytes]) -> dict[str, list[str] | str | None]:
    return {
        module.name: [task.func for task in module.tasks] or module.dynamic or module.error
        for module in scan_folder(sources)
    }


def test_public_modules_at_every_depth_are_found() -> None:
    paths = ["top.py", "fog/__init__.py", "fog/a.py", "fog/deep/b.py", "fog/_private.py", "_fog/c.py", "9/x.py"]
    found = listed(dict.fromkeys(paths, TASK))
    assert list(found) == ["fog", "fog.a", "fog.deep.b", "top"]
    assert all(tasks == ["f"] for tasks in found.values())


def test_a_module_that_borrows_the_decorator_is_dynamic() -> None:
    sources = {
        "fog/_base.py": b"from dioptra.pyplugs import register as task\n",
        "fog/star.py": b"from fog._base import *\n@task\ndef f(): ...\n",
        "fog/named.py": b"from ._base import (\n    task,\n)\n@task\ndef f(): ...\n",
        "fog/further.py": b"from .named import task\n@task\ndef f(): ...\n",
        "fog/other.py": b"from functools import cache\n@cache\ndef f(): ...\n",
        "rain/__init__.py": b"from dioptra import pyplugs\n",
        "rain/own.py": b"from . import *\n@pyplugs.register\ndef f(): ...\n",
    }
    found = listed(sources)
    assert sorted(found) == ["fog.further", "fog.named", "fog.star", "rain.own"]
    assert all("may register tasks" in str(why) for why in found.values())


def test_only_modules_that_speak_of_the_registry_can_be_broken() -> None:
    found = listed({"lib/old.py": b"print 'Python 2'\n", "fog/bad.py": b"from dioptra import pyplugs\ndef (\n"})
    assert list(found) == ["fog.bad"]
    assert "SyntaxError: line 2" in str(found["fog.bad"])


def test_the_order_of_the_files_changes_nothing() -> None:
    sources = {f"fog/part{number}.py": TASK for number in range(5)}
    assert scan_folder(sources) == scan_folder(dict(reversed(sources.items())))
