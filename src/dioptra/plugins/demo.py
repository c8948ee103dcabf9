"""The main job from end to end, on real files: publish two releases, lock, sync, run a flow, show what ran.

Each step calls the same workflow as the command it is announced by; nothing here is special to the demonstration but
the pictures it draws.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.builder import build_wheel, can_build_without_isolation
from dioptra.plugins.bundled import bundled
from dioptra.plugins.clock import SystemClock
from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
from dioptra.plugins.host import describe_host
from dioptra.plugins.index.catalogue import open_catalogue
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.lock.lock_file import read_lock, write_lock
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import LOCK_FILENAME
from dioptra.plugins.object_store.locate import create_root, open_store
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.sync import sync
from dioptra.plugins.wheel.archive import read_wheel

PROJECT: Final = "dioptra-builtins"
_LINES_SHOWN = 20

_QUIET_PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "DO_NOT_TRACK": "1",
    # A new server makes its database first, which takes longer than Prefect waits by default.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}
RELEASES = ("1.0.0", "1.1.0")
"""The two releases that are published: the first is synced, then the second replaces it."""

FLOW = '''\
"""The flow of the demonstration. Run it again with: DIOPTRA_PLUGIN_DIR=… python image_resizer.py DATA_DIR"""

import sys

from dioptra import pyplugs
from dioptra.sdk.utilities.contexts import plugin_dirs


@pyplugs.flow(name="Image Resizer")
def image_resizer(data_dir: str, image_size: tuple[int, int]):
    resized = pyplugs.call_task("dioptra_builtins.data", "images", "resize", data_dir=data_dir, image_size=image_size)
    return pyplugs.call_task("dioptra_builtins.data", "images", "rotate", data=resized, image_size=image_size)


if __name__ == "__main__":
    with plugin_dirs():
        print(image_resizer(data_dir=sys.argv[1], image_size=(64, 64)))
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRan:
    """One task of the flow run, as its run record has it.

    Attributes:
        task: Dotted coordinates.
        state: Final state.
        distribution: Project that brought it.
        version: Release that ran.
        sha256: Digest of the wheel that ran.
    """

    task: str
    state: str
    distribution: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What the demonstration left behind.

    Attributes:
        folder: Everything it made, except an index that was given.
        index: Address of the index.
        lock: The lock that is active.
        flow: The flow's script.
        images: Folder of the images that the flow wrote.
        tasks: The tasks that ran, in order.
    """

    folder: Path
    index: str
    lock: Path
    flow: Path
    images: Path
    tasks: tuple[TaskRan, ...]


def run_demo(folder: Path, index_url: str | None, *, say: Callable[[str], None]) -> DemoReport:
    """Run the main job.

    Args:
        folder: Empty or absent folder for all that is made.
        index_url: Where to make the index; None for a directory in `folder`.
        say: Takes one line about each step.

    Returns:
        What ran and where its results are.

    Raises:
        ConfigurationError: `folder` is in use, or Prefect or a tool for building is not installed.
        DioptraPluginsError: A step failed, as its command would.
        UnsatisfiedError: The flow failed.
    """
    _require_prefect()
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(
            f"{folder} is not empty", hint="name another folder with --dir, or remove this one after a look inside"
        )
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    url = index_url or str(folder / "index")
    clock = SystemClock()

    say(f"1. make an index:  dioptra-plugins index init {url}")
    create_root(url)
    store = open_store(url)
    initialize_index(store, name="demo", clock=clock)

    say(f"2. build and publish {PROJECT} {' and '.join(RELEASES)}:  dioptra-plugins publish PROJECT --index {url}")
    wheels = [_build_release(version, folder) for version in RELEASES]
    wheels += _missing_dependencies(wheels[-1], folder / "dependencies", say)
    for publication in publish(wheels, store, clock=clock):
        say(f"   {publication.status} {publication.filename}  sha256 {publication.sha256[:12]}…")

    directory = PluginDirectory(folder / "plugins")
    lock_path = folder / LOCK_FILENAME
    for number, version in enumerate(RELEASES, start=3):
        requirement = f"{PROJECT}=={version}"
        say(f"{number}. lock:  dioptra-plugins lock {requirement} --index {url}")
        say(f"   sync:  dioptra-plugins sync --plugin-dir {directory.root}")
        _lock_and_sync(requirement, store, directory, lock_path, say)

    say(f"5. run the flow:  DIOPTRA_PLUGIN_DIR={directory.root} python image_resizer.py pictures")
    pictures = draw_pictures(folder / "pictures")
    flow = folder / "image_resizer.py"
    flow.write_text(FLOW, encoding="utf-8")
    images, tasks = _run_flow(flow, pictures, directory, folder)
    return DemoReport(folder=folder, index=store.url, lock=lock_path, flow=flow, images=images, tasks=tasks)


def draw_pictures(folder: Path) -> Path:
    """Draw a few PNG images: gradients of several sizes.

    The standard library is enough for that, so that the demonstration also runs where Pillow comes with the plugins.

    Returns:
        The folder that was given.
    """
    folder.mkdir()
    for name, (width, height) in {"wide": (320, 120), "tall": (90, 240), "square": (200, 200)}.items():
        (folder / f"{name}.png").write_bytes(_gradient_png(width, height))
    return folder


def _gradient_png(width: int, height: int) -> bytes:
    """A PNG of 8-bit RGB pixels: red grows to the right, green downwards."""
    rows = b"".join(
        b"\0" + b"".join(bytes((255 * x // width, 255 * y // height, 128)) for x in range(width)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _require_prefect() -> None:
    for module, extra in (("prefect", "prefect"), ("build", "publish")):
        if importlib.util.find_spec(module) is None:
            raise ConfigurationError(
                "the demonstration needs all extras",
                why=f"{module} is not installed",
                hint=f"install dioptra-plugins with its extra 'all' (or '{extra}')",
            )


def _build_release(version: str, folder: Path) -> Path:
    """Build one release of the first plugin package from a copy of its sources."""
    source = folder / "sources" / f"{PROJECT}-{version}"
    shutil.copytree(bundled(PROJECT), source, ignore=shutil.ignore_patterns("__pycache__", "dist", ".*"))
    pyproject = source / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    latest = f'version = "{RELEASES[-1]}"'
    if text.count(latest) != 1:
        raise ConfigurationError(f"{pyproject} does not say {latest} once")
    pyproject.write_text(text.replace(latest, f'version = "{version}"'), encoding="utf-8")
    isolated = not can_build_without_isolation(source)
    return build_wheel(source, folder / "wheels", isolated=isolated)


def _missing_dependencies(wheel: Path, folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Wheels of what this Python installation does not provide, downloaded by pip from its own index."""
    provided = {distribution.project: distribution.version for distribution in describe_host().distributions}
    missing = [
        str(requirement)
        for requirement in read_wheel(wheel, wheel.name).metadata.requires_dist
        if not _satisfied(requirement, provided)
    ]
    if not missing:
        return []
    say(f"   fetching what this Python lacks:  pip download {' '.join(missing)}")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--only-binary",
        ":all:",
        "-d",
        str(folder),
        *missing,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise UnsatisfiedError(
            f"pip could not download {', '.join(missing)}",
            why=finished.stderr.strip(),
            hint="install them into this Python, or check pip's index",
        )
    return sorted(folder.glob("*.whl"))


def _satisfied(requirement: Requirement, provided: Mapping[NormalizedName, Version]) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    version = provided.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _lock_and_sync(
    requirement: str, store: ObjectStore, directory: PluginDirectory, lock_path: Path, say: Callable[[str], None]
) -> None:
    host = describe_host()
    write_lock(lock_path, make_lock([requirement], [open_catalogue("demo", store.url)], [host]))
    lock = read_lock(lock_path)
    report = sync(
        lock,
        lock_path.read_bytes(),
        directory,
        lambda *, local_only: {} if local_only else {"demo": open_catalogue("demo", store.url)},
        host,
        SystemClock(),
    )
    say(f"   generation {report.generation}: {', '.join(f'{item.project} {item.version}' for item in report.wheels)}")


def _run_flow(flow: Path, pictures: Path, directory: PluginDirectory, folder: Path) -> tuple[Path, tuple[TaskRan, ...]]:
    """Run the flow's script in a process of its own, as a user would, and read its run record."""
    runs = folder / "runs"
    environment = {
        **_QUIET_PREFECT,
        "PREFECT_HOME": str(folder / "prefect"),
        **os.environ,
        "DIOPTRA_PLUGIN_DIR": str(directory.root),
        "DIOPTRA_RUN_DIR": str(runs),
    }
    finished = subprocess.run(
        [sys.executable, str(flow), str(pictures)], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise UnsatisfiedError(
            "the flow failed",
            why="\n".join(finished.stderr.strip().splitlines()[-_LINES_SHOWN:]),
            hint=f"DIOPTRA_PLUGIN_DIR={directory.root} {sys.executable} {flow} {pictures}",
        )
    record = json.loads(next(runs.glob("*.json")).read_bytes())
    tasks = tuple(
        TaskRan(
            task=f"{task['package']}.{task['plugin']}.{task['func']}",
            state=task["state"],
            distribution=task["distribution"] or "",
            version=task["version"] or "",
            sha256=task["wheel_sha256"] or "",
        )
        for task in record["tasks"]
    )
    return Path(finished.stdout.splitlines()[-1]), tasks
