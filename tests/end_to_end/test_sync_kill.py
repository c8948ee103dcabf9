"""A command killed before any change that it makes leaves the old or the new environment, and the next run succeeds.

The killing happens in a child process that this file is run in as a script: it loads everything once and forks for
every point. A fork counts the changes it asks the system for (audit events, PEP 578) and kills itself before the N-th,
until one comes to its end.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dioptra.manifest.environment import current_environment
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.lock.pylock import render
from dioptra.plugins.plugin_directory.collection import Garbage, collect
from dioptra.plugins.plugin_directory.generation import read_generation_lock, read_generations
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.rollback import earlier_generation, rollback
from dioptra.plugins.plugin_directory.sync import SyncReport, sync
from sync_worlds import FixedClock, MemoryIndex, locked, make_host, make_lock
from wheel_factory import make_wheel

CHANGES = frozenset(
    {"os.mkdir", "os.rename", "os.symlink", "os.link", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "os.utime"}
)
FINISHED = 0
Wheels = tuple[tuple[str, bytes], ...]


def wheels_of(version: str) -> Wheels:
    fog = make_wheel(
        "fog",
        version,
        files={"testbed/fog/__init__.py": f"V = '{version}'\n", "testbed/fog/more.py": "m = 1\n" * 20},
        entry_points={"fog": "testbed.fog"},
    )
    rain = make_wheel("rain", "1.0", files={"testbed/rain.py": "r = 1\n"})
    return (fog, rain)


def run_sync(root: Path, wheels: Wheels) -> SyncReport:
    lock: Lock = make_lock(locked(wheels))
    index = MemoryIndex(dict(wheels))
    return sync(
        lock,
        render(lock).encode(),
        PluginDirectory(root),
        lambda *, local_only: {} if local_only else {"main": index},
        make_host(),
        FixedClock(),
    )


def run_rollback(root: Path, wheels: Wheels) -> SyncReport:
    directory, index = PluginDirectory(root), MemoryIndex(dict(wheels))
    return rollback(
        earlier_generation(read_generations(directory), 1),
        read_generation_lock(directory, 1),
        directory,
        lambda *, local_only: {} if local_only else {"main": index},
        make_host(),
        FixedClock(),
    )


def run_collect(root: Path, wheels: Wheels) -> Garbage:
    del wheels
    return collect(PluginDirectory(root), keep=1)


RUNS: Mapping[str, Callable[[Path, Wheels], object]] = {
    "first install": run_sync,
    "upgrade": run_sync,
    "rollback": run_rollback,
    "gc": run_collect,
}


def visible(root: Path) -> Mapping[str, bytes] | None:
    """All files of the active environment, through its links."""
    environment = current_environment(root)
    if environment is None:
        return None
    found = {}
    for folder, _, files in os.walk(environment / "site", followlinks=True):
        for file in files:
            path = Path(folder) / file
            found[str(path.relative_to(environment))] = path.read_bytes()
    return found


def everything(root: Path) -> list[str]:
    """All paths of a plugin directory, to find what a killed run left behind."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def run_in_child(case: str, root: Path, wheels: Wheels, *, kill_before: int | None = None) -> int:
    """Run a case in a fork; returns its wait status."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    counted = itertools.count(1)

    def kill(event: str, arguments: tuple[object, ...]) -> None:
        # Opening a file of the directory counts even to read it: a flush begins so, also the one behind the switch.
        opens = event == "open" and str(arguments[0]).startswith(str(root))
        if (opens or event in CHANGES) and next(counted) == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(kill)
        RUNS[case](root, wheels)
    except BaseException as failure:  # noqa: BLE001 - a fork must never return into its parent's code
        sys.stderr.write(f"the {case} failed: {failure!r}\n")
        sys.stderr.flush()
        os._exit(3)
    os._exit(FINISHED)


def kill_everywhere(folder: Path, case: str) -> None:
    """Print one line of JSON for every point, and a last one for the run that came to its end."""
    template, clean = folder / "template", folder / "clean"
    wheels = wheels_of("2.0")
    if case != "first install":
        run_sync(template, wheels_of("1.0"))
        if case != "upgrade":
            run_sync(template, wheels)
        shutil.copytree(template, clean, symlinks=True)
    RUNS[case](clean, wheels)
    old, new = visible(template), visible(clean)
    for point in itertools.count(1):
        root = folder / "killed"
        if template.exists():
            shutil.copytree(template, root, symlinks=True)
        status = run_in_child(case, root, wheels, kill_before=point)
        after_kill = visible(root)
        second = run_in_child(case, root, wheels)
        sys.stdout.write(
            json.dumps(
                {
                    "point": point,
                    "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
                    "finished": status == FINISHED,
                    "active": "old" if after_kill == old else "new" if after_kill == new else "broken",
                    "second": second,
                    "recovered": visible(root) == new and everything(root) == everything(clean),
                }
            )
            + "\n"
        )
        shutil.rmtree(root)
        if not os.WIFSIGNALED(status):
            return


@pytest.mark.parametrize("case", RUNS)
def test_a_kill_before_any_change_leaves_the_old_or_the_new_environment(tmp_path: Path, case: str) -> None:
    done = run_as_script(str(tmp_path), case)
    assert done.returncode == 0, done.stderr
    *points, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(points) >= (10 if case == "gc" else 30)
    assert [point for point in points if not point["killed"]] == [], "every point must have killed the sync"
    assert last["finished"], done.stderr
    assert [point for point in points if point["active"] == "broken"] == []
    if case != "gc":  # which changes nothing that is active
        assert last["active"] == "new"
        assert {point["active"] for point in points} == {"old", "new"}, "both sides of the switch must have been met"
    assert [point for point in [*points, last] if point["second"] != 0 or not point["recovered"]] == [], done.stderr


def test_a_write_that_fails_is_a_clear_error_and_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "plugins"
    run_sync(root, wheels_of("1.0"))
    before = everything(root), visible(root)
    done = run_as_script(str(root), "no space")
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout
    assert (everything(root), visible(root)) == before


def run_as_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, __file__, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def sync_without_space(root: Path) -> None:
    """Sync where no file may become longer than 100 bytes: writing fails as it does on a full file system."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    try:
        run_sync(root, wheels_of("2.0"))
    except ConfigurationError as refused:
        sys.stdout.write(f"{refused}\n")
    else:
        sys.exit("the sync succeeded")


if __name__ == "__main__":
    if sys.argv[2] == "no space":
        sync_without_space(Path(sys.argv[1]))
    else:
        kill_everywhere(Path(sys.argv[1]), sys.argv[2])
