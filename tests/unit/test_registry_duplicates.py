from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import DuplicateTaskError, PluginLoadError
from runtime_folders import new_name, write_files

TWICE = """
    from dioptra import pyplugs

    @pyplugs.register
    def work():
        return 1

    @pyplugs.register{options}
    def work():
        return 2
"""


def test_a_module_that_registers_a_name_twice_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name("twice")
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}.py": TWICE.format(options="")})))
    with pytest.raises(PluginLoadError, match="registers the task 'work' twice") as failed:
        pyplugs.call("", name)
    assert isinstance(failed.value.__cause__, DuplicateTaskError)
    assert failed.value.__cause__.first.endswith(f"{name}.py:4")
    assert failed.value.__cause__.second.endswith(f"{name}.py:8")
    assert name not in sys.modules


def test_replacing_is_said_out_loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name("replaced")
    source = TWICE.format(options="(replace=True)")
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}.py": source})))
    assert pyplugs.describe("", name).line == 9
    assert pyplugs.call("", name) == 2


def test_reloading_a_module_registers_anew_and_drops_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name("reloaded")
    both = TWICE.format(options="").replace("def work():\n        return 2", "def other():\n        return 2")
    folder = write_files(tmp_path, {f"{name}.py": both})
    monkeypatch.syspath_prepend(str(folder))
    assert pyplugs.funcs("", name) == ["work", "other"]
    module = importlib.import_module(name)
    write_files(tmp_path, {f"{name}.py": both.replace("def work", "def newly_named").replace("return 1", "return 111")})
    importlib.reload(module)
    assert pyplugs.funcs("", name) == ["newly_named", "other"]
    assert pyplugs.call("", name) == 111
    importlib.reload(module)
    assert pyplugs.funcs("", name) == ["newly_named", "other"]


def test_a_notebook_may_run_a_cell_again() -> None:
    script = """
from dioptra import pyplugs
for answer in (1, 2):
    exec(f"@pyplugs.register\\ndef work():\\n    return {answer}")
assert pyplugs.call("", "__main__", "work") == 2
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
