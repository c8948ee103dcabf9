"""Stubs as a type checker sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from index_world import cli
from runtime_folders import Wheel, environment, write_files

TASKS = """
    from dioptra import pyplugs

    @pyplugs.register
    def dig(times: int = 1) -> str:
        return "hole" * times

    @pyplugs.register
    async def rest(hours: float) -> bool:
        return True
"""
RIGHT = """
    from dioptra import pyplugs
    from dioptra.sdk import plugin_dirs

    def work() -> str:
        with plugin_dirs():
            found: pyplugs.PluginInfo = pyplugs.info("well", "tasks")
            pyplugs.call("absent", "plugin", anything=1)
            pyplugs.call_task("well", "tasks", "dig", 1)
            return pyplugs.tasks.well.tasks.dig(2) + pyplugs.call("well", "tasks", "dig", times=3) + found.doc

    async def idle() -> bool:
        return await pyplugs.tasks.well.tasks.rest(1.5)
"""
WRONG = """
    from dioptra import pyplugs

    pyplugs.tasks.well.tasks.dig("twice")
    pyplugs.tasks.well.tasks.dug()
    length: int = pyplugs.call("well", "tasks", "dig", 2)
"""


def test_mypy_knows_the_installed_tasks(tmp_path: Path) -> None:
    wheel = Wheel("well-digger", "1.0", {"well/tasks.py": TASKS}, {"well": "well"})
    write_files(tmp_path, {"right.py": RIGHT, "wrong.py": WRONG})
    cli("list", "--plugin-dir", str(environment(tmp_path, wheel)), "--stubs", "typings", cwd=tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]

    def checked(file: str) -> tuple[int, str]:
        variables = {**os.environ, "MYPYPATH": "typings"}
        answer = subprocess.run(
            [*command, file], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        return answer.returncode, answer.stdout + answer.stderr

    assert checked("right.py") == (0, "Success: no issues found in 1 source file\n")
    code, said = checked("wrong.py")
    assert code == 1
    codes = [line.rpartition(" ")[2] for line in said.splitlines()]
    assert codes[:3] == ["[arg-type]", "[attr-defined]", "[assignment]"]
    assert 'Argument 1 to "dig"' in said
