"""The registry against its peers, in turn, in one run: listing, calling, first calls, import.

Peers: importlib-metadata and stevedore list what is installed, with an entry point for each task and the METADATA of
published packages; PyPlugs calls by name. Listings run in processes of their own, because every one of them keeps what
it has read.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dioptra import pyplugs
from dioptra.manifest.codec import environment_to_json
from dioptra.manifest.distribution import scan_distribution
from dioptra.manifest.environment import (
    ENVIRONMENT_FILE,
    LAYOUT,
    LEASE_FILE,
    SITE,
    environment_digest,
    interpreter_key,
)
from dioptra.manifest.model import EntryPoint, EnvironmentDescription, EnvironmentWheel
from dioptra.sdk import plugin_dirs

PLUGINS, RUNS, CALLS, FIRST_CALLS = 1000, 5, 20_000, 200
MODULE = '''"""Tasks of a plugin."""

from {package} import {register}


@{register}.register
def load(data_dir: str, size: tuple[int, int] = (64, 64), *, seed: int | None = None) -> str:
    """Load the pictures.

    Args:
        data_dir: Where they are.
        size: Width and height in pixels.
        seed: Orders them.
    """
    return data_dir


@{register}.register
def attack(data: str, strength: float = 0.1) -> str:
    """Attack the pictures."""
    return data


@{register}.register
def measure(one: str, other: str) -> float:
    """Measure the distance between pictures."""
    return 0.0
'''
OURS = MODULE.format(package="dioptra", register="pyplugs")
LIST_OURS = """
import json, sys, time
from dioptra import pyplugs
from dioptra.sdk import plugin_dirs
start = time.perf_counter()
with plugin_dirs(sys.argv[1]):
    entered = time.perf_counter()
    rows = [(t.package, t.func, t.signature, t.provenance.version, t.provenance.wheel_sha256)
            for t in pyplugs.list_tasks().tasks]
    end = time.perf_counter()
imported = sum(name.startswith("plugin_") for name in sys.modules)
print(json.dumps([1000 * (end - entered), 1000 * (entered - start), len(rows), imported]))
"""
LIST_METADATA = """
import json, sys, time
import importlib_metadata
sys.path.append(sys.argv[1])
start = time.perf_counter()
rows = [(p.name, p.value, p.dist.version) for p in importlib_metadata.entry_points(group="dioptra.plugins")]
end = time.perf_counter()
print(json.dumps([1000 * (end - start), 0, len(rows), 0]))
"""
LIST_STEVEDORE = """
import json, sys, time
import stevedore
sys.path.append(sys.argv[1])
start = time.perf_counter()
found = stevedore.ExtensionManager("dioptra.plugins", invoke_on_load=False)
rows = [(e.name, e.entry_point.value) for e in found]
end = time.perf_counter()
imported = sum(name.startswith("plugin_") for name in sys.modules)
print(json.dumps([1000 * (end - start), 0, len(rows), imported]))
"""


def make_environment(root: Path) -> Path:
    """An environment with `PLUGINS` wheels of three tasks each, as a sync leaves it."""
    key, wheels = interpreter_key(), []
    for number in range(PLUGINS):
        name = f"plugin_{number:04d}"
        files = {f"{name}/__init__.py": b"", f"{name}/tasks.py": OURS.encode()}
        manifest = scan_distribution(
            project=name.replace("_", "-"),
            version="1.0",
            entry_points=[EntryPoint(name=name, value=name)],
            files=files,
            read=files.__getitem__,
        )
        filename = f"{name}-1.0-py3-none-any.whl"
        wheels.append(
            EnvironmentWheel(
                project=manifest.project,
                version="1.0",
                filename=filename,
                sha256=f"{number:064x}",
                import_roots=(name,),
                manifest=manifest,
            )
        )
    digest = environment_digest(key, [wheel.sha256 for wheel in wheels])
    folder = root / "environments" / digest
    for number in range(PLUGINS):
        package = folder / SITE / f"plugin_{number:04d}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "tasks.py").write_text(OURS)
    description = EnvironmentDescription(digest=digest, layout=LAYOUT, interpreter=key, wheels=tuple(wheels))
    (folder / ENVIRONMENT_FILE).write_bytes(environment_to_json(description))
    (folder / LEASE_FILE).touch()
    return folder


def make_site(root: Path, environment: Path) -> Path:
    """The same distributions as pip would have installed them, for the peers."""
    root.mkdir()
    samples = sample_metadata()
    for number in range(PLUGINS):
        name = f"plugin_{number:04d}"
        (root / name).symlink_to(environment / SITE / name)
        info = root / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(samples[number % len(samples)].format(name=name))
        lines = [f"{name}-{func} = {name}.tasks:{func}\n" for func in ("load", "attack", "measure")]
        (info / "entry_points.txt").write_text("[dioptra.plugins]\n" + "".join(lines))
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/tasks.py,,\n")
    return root


def sample_metadata() -> list[str]:
    """METADATA of the distributions that are installed beside this one, with places for a name."""
    found = []
    for file in sorted(Path(importlib.import_module("packaging").__path__[0]).parent.glob("*.dist-info/METADATA")):
        text = file.read_text(encoding="utf-8").replace("{", "{{").replace("}", "}}")
        text = re.sub(r"^Name: .*$", "Name: {name}", text, count=1, flags=re.MULTILINE)
        found.append(re.sub(r"^Version: .*$", "Version: 1.0", text, count=1, flags=re.MULTILINE))
    return found


def listings(environment: Path, site: Path) -> None:
    """Print how long each lists everything."""
    commands = {
        "dioptra.pyplugs": (LIST_OURS, environment),
        "importlib_metadata with dist.version": (LIST_METADATA, site),
        "stevedore": (LIST_STEVEDORE, site),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in commands}
    # The peers may keep nothing of an earlier run on disk.
    child = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=site.parent)
    for script, folder in commands.values():
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True, capture_output=True, env=child)
    for _ in range(RUNS):
        for name, (script, folder) in commands.items():
            child["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=site.parent)
            command = [sys.executable, "-c", script, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=child)
            found[name].append(json.loads(done.stdout))
    ours = statistics.median(row[0] for row in found["dioptra.pyplugs"])
    print(f"listing {PLUGINS} distributions x 3 tasks, median of {RUNS}, fresh processes")
    for name, rows in found.items():
        times = [row[0] for row in rows]
        print(
            f"  {name}: {statistics.median(times):.1f} ms ({min(times):.1f} to {max(times):.1f}), "
            f"{statistics.median(times) / ours:.1f} x ours, {rows[0][2]:.0f} rows, {rows[0][3]:.0f} modules imported"
        )
    print(f"  entering the environment before: {statistics.median(row[1] for row in found['dioptra.pyplugs']):.1f} ms")
    print("  wanted: at most 40 ms, 0 imported, at least 25 x faster than importlib_metadata, faster than stevedore")


def seconds(function: Callable[..., object], *args: object) -> float:
    """Time of one call in the mean of `CALLS`."""
    numbers = range(CALLS)
    start = time.perf_counter()
    for _ in numbers:
        function(*args)
    return (time.perf_counter() - start) / CALLS


def calls(root: Path) -> None:
    """Print what a call by name costs over a direct one."""
    import pyplugs as peer

    source = "import {module} as api\n\n@api.register\ndef work(x):\n    return x\n"
    for package, module in (("bench_ours", "dioptra.pyplugs"), ("bench_peer", "pyplugs")):
        (root / package).mkdir()
        (root / package / "__init__.py").touch()
        (root / package / "tasks.py").write_text(source.format(module=module))
    sys.path.append(str(root))
    direct = importlib.import_module("bench_ours.tasks").work
    cases: dict[str, tuple[Callable[..., object], tuple[object, ...]]] = {
        "direct": (direct, (1,)),
        "ours, with the function's name": (pyplugs.call, ("bench_ours", "tasks", "work", 1)),
        "ours, without": (pyplugs.call, ("bench_ours", "tasks", None, 1)),
        "PyPlugs, with the function's name": (peer.call, ("bench_peer", "tasks", "work", None, 1)),
        "PyPlugs, without": (peer.call, ("bench_peer", "tasks", None, None, 1)),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(4 * RUNS):
        for name, (function, args) in cases.items():
            times[name].append(seconds(function, *args))
    best = {name: min(values) for name, values in times.items()}
    bare = best.pop("direct")
    print(f"a call over a direct one ({1e6 * bare:.2f} µs), best of {4 * RUNS} x {CALLS}")
    for name, value in best.items():
        print(f"  {name}: +{1e6 * (value - bare):.2f} µs")
    for kind in ("with the function's name", "without"):
        ratio = (best[f"ours, {kind}"] - bare) / (best[f"PyPlugs, {kind}"] - bare)
        print(f"  {kind}: {ratio:.2f} x what PyPlugs costs")
    print("  wanted: at most 0.6 x, and without a name no dearer than with one")


def first_calls(environment: Path) -> None:
    """Print what the first call of a task costs over the import of its module."""
    with plugin_dirs(environment):
        pyplugs.list_tasks()
        imported, called = [], []
        for number in range(FIRST_CALLS):
            start = time.perf_counter()
            importlib.import_module(f"plugin_{2 * number:04d}.tasks")
            imported.append(time.perf_counter() - start)
            start = time.perf_counter()
            pyplugs.call(f"plugin_{2 * number + 1:04d}", "tasks", "load", "x")
            called.append(time.perf_counter() - start)
    bare, first = 1000 * statistics.median(imported), 1000 * statistics.median(called)
    print(f"first call of a task, median of {FIRST_CALLS}: {first:.2f} ms, its import alone {bare:.2f} ms")
    print(f"  {first - bare:+.2f} ms; wanted: at most +1 ms")


def cpu_milliseconds(statement: str) -> float:
    """CPU time of a fresh interpreter that runs a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def imports() -> None:
    """Print the CPU time of imports over a bare interpreter."""
    statements = {
        "bare": "pass",
        "dioptra.pyplugs": "import dioptra.pyplugs",
        "PyPlugs": "import pyplugs",
        "stevedore": "import stevedore",
    }
    times: dict[str, list[float]] = {name: [] for name in statements}
    for statement in statements.values():
        cpu_milliseconds(statement)  # writes the bytecode
    for _ in range(3 * RUNS):
        for name, statement in statements.items():
            times[name].append(cpu_milliseconds(statement))
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare = medians.pop("bare")
    print(f"import, CPU time over a bare interpreter ({bare:.1f} ms), median of {3 * RUNS}")
    for name, median in medians.items():
        print(f"  {name}: {median - bare:+.1f} ms")
    print("  wanted: dioptra.pyplugs at most +40 ms")


def main() -> None:
    """Run all of them."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        root = Path(folder)
        environment = make_environment(root / "managed")
        listings(environment, make_site(root / "site", environment))
        first_calls(environment)
        calls(root)
    imports()


if __name__ == "__main__":
    main()
