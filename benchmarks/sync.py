"""Sync of 100 locked wheels against `uv pip sync` and `pip install --target` of the same lock, whole commands in turn.

All are cold: empty caches, new target folders. Folders are not removed between runs, because file systems slow down
creating files after large removals.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from wheel_factory import make_wheel

WHEELS = 100
FILES, TASK_FILES = 12, 3
RUNS = 5
PLAIN = "def helper(value: int) -> int:\n    return value\n"
BIN = Path(sys.executable).parent


def main() -> None:
    """Publish, lock, and time the three."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        lock = prepare(folder)
        times: dict[str, list[float]] = {}
        for number in range(RUNS):
            for peer, command in commands(folder, lock, number).items():
                times.setdefault(peer, []).append(seconds(command))
        ours = statistics.median(times["dioptra-plugins sync"])
        print(f"{WHEELS} wheels of {FILES} files, cold, median of {RUNS} (smallest to largest), in {folder.parent}")
        for peer, values in times.items():
            median = statistics.median(values)
            spread = f"{1000 * min(values):.0f} to {1000 * max(values):.0f}"
            print(f"{peer}: {1000 * median:.0f} ms ({spread}), {median / ours:.2f} x ours")
        again = [seconds(commands(folder, lock, RUNS - 1)["dioptra-plugins sync"]) for _ in range(RUNS)]
        print(f"nothing to do: {1000 * statistics.median(again):.0f} ms as a command")


def prepare(folder: Path) -> Path:
    """Publish the wheels to a directory index and lock all of them."""
    wheels = folder / "wheels"
    wheels.mkdir()
    for number in range(WHEELS):
        project = f"plug-{number:03}"
        package = project.replace("-", "_")
        task = "from dioptra import pyplugs\n\n@pyplugs.register\ndef task(value: int) -> int:\n    return value\n"
        files: dict[str, str | bytes] = {f"{package}/__init__.py": ""}
        files |= {f"{package}/part{part}.py": task if part < TASK_FILES else PLAIN for part in range(FILES)}
        filename, body = make_wheel(project, "1.0", files=files, entry_points={package: package})
        (wheels / filename).write_bytes(body)
    index, lock = folder / "index", folder / "pylock.plugins.toml"
    cli = str(BIN / "dioptra-plugins")
    seconds([cli, "index", "init", str(index)])
    seconds([cli, "publish", str(wheels), "--index", str(index)])
    names = [f"plug-{number:03}" for number in range(WHEELS)]
    seconds([cli, "lock", *names, "--index", str(index), "-o", str(lock)])
    return lock


def commands(folder: Path, lock: Path, number: int) -> dict[str, list[str]]:
    """The three commands, each with a new target."""
    target = {name: str(folder / f"{name}-{number}") for name in ("ours", "uv", "pip")}
    return {
        "dioptra-plugins sync": [str(BIN / "dioptra-plugins"), "sync", str(lock), "--plugin-dir", target["ours"]],
        "uv pip sync": [
            *(str(BIN / "uv"), "pip", "sync", "--no-cache", "--no-config", "--python", sys.executable),
            *("--target", target["uv"], str(lock)),
        ],
        "pip install --target": [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-index"),
            *("--target", target["pip"], "-r", str(lock)),
        ],
    }


def seconds(command: list[str]) -> float:
    """Wall time of a command.

    What others wrote is flushed first: ours makes its work durable with one call for the whole file system, and would
    otherwise be charged for what the command before it left behind.
    """
    os.sync()
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
