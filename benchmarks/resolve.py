"""Locking 300 plugins out of 1,500 wheels against pip and uv, what other projects cost, and a hard search.

The index is a folder; the same wheels are read by all, in turn. Every plugin has five releases and needs three others
in ranges, so that the newest of each is not always the answer.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from packaging.requirements import Requirement

from dioptra.plugins.clock import SystemClock
from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_choice import choose_hosts
from dioptra.plugins.index.catalogue import IndexCatalogue
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.resolution.resolve import resolve
from wheel_factory import make_wheel

PLUGINS, RELEASES, RUNS = 300, 5, 5
FEW, MANY = 10, 5000
BIN = Path(sys.executable).parent


def main() -> None:
    """Time everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index, asked = plugins(folder)
        in_process(index, asked)
        commands(folder, index, asked)
        growth(folder)
        hard(folder)


def plugins(folder: Path) -> tuple[Path, list[str]]:
    """An index of plugins that need each other."""
    wheels = []
    for number in range(PLUGINS):
        for release in range(RELEASES):
            # The newest release of every seventh plugin does not go with the newest of what it needs.
            bound = f"<1.{release}" if number % 7 == 3 and release == RELEASES - 1 else f">=1.{max(0, release - 2)}"
            needs = [f"plug-{(number * step + 1) % number:03}{bound}" for step in (3, 5, 7) if number > 3]
            wheels.append(wheel(folder / "wheels", f"plug-{number:03}", f"1.{release}", sorted(set(needs))))
    return filled(folder / "index", wheels), [f"plug-{number:03}" for number in range(PLUGINS)]


def in_process(index: Path, asked: list[str]) -> None:
    """Solve when the pages are there."""
    catalogue = IndexCatalogue("lab", DirectoryStore(index))
    (host,) = choose_hosts(provide=False)
    requirements = [Requirement(text) for text in asked]
    start = time.perf_counter()
    resolve(requirements, [catalogue], host)
    first = time.perf_counter() - start
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        resolution = resolve(requirements, [catalogue], host)
        times.append(time.perf_counter() - start)
    print(
        f"{len(resolution.candidates)} projects solved in {1000 * statistics.median(times):.0f} ms from pages, "
        f"{1000 * first:.0f} ms with reading these; wanted: at most 100 ms"
    )


def commands(folder: Path, index: Path, asked: list[str]) -> None:
    """Whole commands, in turn."""
    wanted = folder / "asked.txt"
    wanted.write_text("\n".join(asked))
    simple = f"{(index / 'simple').as_uri()}/"
    peers: dict[str, list[str | Path]] = {
        "dioptra-plugins lock": [BIN / "dioptra-plugins", "lock", "-r", wanted, "--no-host", "--index", index],
        "uv pip compile": [
            *(BIN / "uv", "pip", "compile", "--no-cache", "--no-config", "--quiet", "--python", sys.executable),
            *("--default-index", simple, wanted),
        ],
        "pip install --dry-run": [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-cache-dir"),
            *("--disable-pip-version-check", "--index-url", simple, "-r", wanted),
        ],
    }
    times: dict[str, list[float]] = {}
    for number in range(RUNS):
        for peer, command in peers.items():
            if peer.startswith("pip") and number >= 2:
                continue
            output = ["-o", folder / f"pylock.n{number}.toml"] if peer.startswith("dioptra") else []
            times.setdefault(peer, []).append(seconds([*command, *output]))
    ours = statistics.median(times["dioptra-plugins lock"])
    for peer, values in times.items():
        median = statistics.median(values)
        print(f"{peer}: {1000 * median:.0f} ms, {median / ours:.1f} x ours")


def growth(folder: Path) -> None:
    """Lock the same three projects in a small and in a large index."""
    times = {}
    for size in (FEW, MANY):
        wheels = [wheel(folder / f"grown-{size}", f"other-{number:04}", "1.0", []) for number in range(size)]
        wheels.append(wheel(folder / f"grown-{size}", "fog", "1.0", ["haze"]))
        wheels.append(wheel(folder / f"grown-{size}", "haze", "1.0", ["mist"]))
        wheels.append(wheel(folder / f"grown-{size}", "mist", "1.0", []))
        index = filled(folder / f"index-{size}", wheels)
        hosts = choose_hosts(provide=False)
        samples = []
        for _ in range(15):
            catalogue = IndexCatalogue("lab", DirectoryStore(index))
            start = time.perf_counter()
            make_lock(["fog"], [catalogue], hosts)
            samples.append(time.perf_counter() - start)
        times[size] = statistics.median(samples)
    print(
        f"three projects locked among {FEW} others in {1000 * times[FEW]:.1f} ms, among {MANY} in "
        f"{1000 * times[MANY]:.1f} ms, {times[MANY] / times[FEW]:.2f} x; wanted: at most 1.1 x"
    )


def hard(folder: Path) -> None:
    """Ten projects of ten releases; the only conflict is that the first wants an old leaf and the last a new one."""
    wheels = []
    for number in range(10):
        following = [f"hard-{number + 1}"] if number < 9 else []
        for release in range(10):
            leaf = ["leaf<2"] if number == 0 else ["leaf>=2"] if number == 9 else []
            wheels.append(wheel(folder / "hard", f"hard-{number}", f"1.{release}", [*following, *leaf]))
    wheels += [wheel(folder / "hard", "leaf", f"{release}.0", []) for release in (1, 2, 3)]
    index = filled(folder / "index-hard", wheels)
    start = time.perf_counter()
    try:
        make_lock(
            [f"hard-{number}" for number in range(10)],
            [IndexCatalogue("lab", DirectoryStore(index))],
            choose_hosts(provide=False),
        )
        end = "a resolution"
    except UnsatisfiedError as refusal:
        end = f"a refusal: {refusal.what}"
    print(f"a hard search ends after {time.perf_counter() - start:.2f} s with {end}; wanted: at most 5 s")


def wheel(folder: Path, project: str, version: str, needs: Iterable[str]) -> Path:
    """A small wheel."""
    package = project.replace("-", "_")
    filename, body = make_wheel(project, version, files={f"{package}.py": ""}, requires=tuple(needs))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / filename).write_bytes(body)
    return folder / filename


def filled(index: Path, wheels: list[Path]) -> Path:
    """An index of wheels."""
    index.mkdir()
    store = DirectoryStore(index)
    initialize_index(store, name="lab", clock=SystemClock())
    publish(wheels, store, clock=SystemClock())
    return index


def seconds(command: list[str | Path]) -> float:
    """Wall time of a command."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-2000:]}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
