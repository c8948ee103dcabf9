"""Publishing 200 wheels against s3pypi, many publishers at once, and what one more release costs in a large index.

Servers are moto, and Ceph where its packages are installed; each run uses new buckets. Both clients are whole commands
with the same wheels, in turn. Nobody else publishes while they are timed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ceph_process import ceph_is_installed, running_ceph
from dioptra.plugins.clock import SystemClock
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.record import Record
from dioptra.plugins.index.views import PublishedFile, render_project_html, render_project_json, render_root_json
from dioptra.plugins.object_store.directory import DirectoryStore
from wheel_factory import make_wheel

WHEELS, PUBLISHERS, ROUNDS = 200, 24, 5
SMALL, LARGE = 10, 5000
MANY_FILES = 10_000
BIN = Path(sys.executable).parent
CLOCK = SystemClock()


def main() -> None:
    """Time everything on every server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets = {
            "one project": [wheel(folder / "one", "fog", f"1.{number}") for number in range(WHEELS)],
            "200 projects": [wheel(folder / "many", f"fog-{number:03}", "1.0") for number in range(WHEELS)],
        }
        for server in (moto, ceph):
            with server(folder) as endpoint:
                if endpoint is None:
                    print("Ceph is not installed: left out")
                    continue
                against_s3pypi(endpoint, server.__name__, sets)
                many_publishers(endpoint, server.__name__, folder)
        growth(folder)
        repair(folder)
        rendering()


def against_s3pypi(endpoint: str, server: str, sets: dict[str, list[Path]]) -> None:
    """Publish the same wheels with both, into new buckets."""
    for title, wheels in sets.items():
        ours, theirs = new_bucket(endpoint), new_bucket(endpoint)
        run([BIN / "dioptra-plugins", "index", "init", f"s3://{ours}/i"], endpoint)
        own = run([BIN / "dioptra-plugins", "publish", *wheels, "--index", f"s3://{ours}/i"], endpoint)
        options = ["--bucket", theirs, "--s3-endpoint-url", endpoint, "--put-root-index"]
        peer = run([BIN / "s3pypi", "upload", *options, *wheels], endpoint)
        print(f"{server}, {len(wheels)} wheels of {title}: {own:.2f} s, s3pypi {peer:.2f} s, {own / peer:.2f} x")
    print("  wanted: at most 0.25 x")


def many_publishers(endpoint: str, server: str, folder: Path) -> None:
    """Let publishers race, half of them for one project."""
    lost = 0
    for number in range(ROUNDS):
        bucket = new_bucket(endpoint)
        run([BIN / "dioptra-plugins", "index", "init", f"s3://{bucket}/i"], endpoint)
        wheels = [
            wheel(folder / f"race-{number}", "fog" if half else f"own-{publisher}", f"1.{publisher}")
            for publisher in range(PUBLISHERS)
            for half in [publisher % 2]
        ]
        commands = [[BIN / "dioptra-plugins", "publish", path, "--index", f"s3://{bucket}/i"] for path in wheels]
        with ThreadPoolExecutor(PUBLISHERS) as publishers:
            list(publishers.map(run, commands, [endpoint] * PUBLISHERS))
        client = s3(endpoint)
        names = json.loads(client.get_object(Bucket=bucket, Key="i/simple/index.json")["Body"].read())["projects"]
        listed: list[str] = []
        for entry in names:
            key = f"i/simple/{entry['name']}/index.json"
            page = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
            listed += [file["filename"] for file in page["files"]]
        lost += len({path.name for path in wheels} - set(listed)) + len(listed) - len(set(listed))
    print(f"{server}, {PUBLISHERS} publishers at once, {ROUNDS} rounds: {lost} releases lost or doubled")


def growth(folder: Path) -> None:
    """Publish one more release into a small and into a large index, in a folder, and count the requests."""
    times = {}
    for size in (SMALL, LARGE):
        root = folder / f"index-{size}"
        root.mkdir()
        store = DirectoryStore(root)
        initialize_index(store, name="lab", clock=CLOCK)
        publish([wheel(folder / f"grow-{size}", f"p-{number:04}", "1.0") for number in range(size)], store, clock=CLOCK)
        samples = []
        for number in range(9):
            path = wheel(folder / f"grow-{size}", "p-0001", f"2.{number}")
            start = time.perf_counter()
            publish([path], store, clock=CLOCK)
            samples.append(time.perf_counter() - start)
        times[size] = sorted(samples)[4]
    ratio = times[LARGE] / times[SMALL]
    print(
        f"one more release: {1000 * times[SMALL]:.1f} ms among {SMALL} projects, {1000 * times[LARGE]:.1f} ms among "
        f"{LARGE}, {ratio:.2f} x; wanted: at most 1.3 x"
    )


def repair(folder: Path) -> None:
    """Verify and rebuild an index of 10,000 files, as whole commands, with the memory that they take."""
    for projects in (MANY_FILES // 5, 1):
        root = folder / f"repair-{projects}"
        root.mkdir()
        store = DirectoryStore(root)
        initialize_index(store, name="lab", clock=CLOCK)
        releases = range(MANY_FILES // projects)
        wheels = [
            wheel(folder / f"repaired-{projects}", f"r-{name:04}", f"1.{number}")
            for name in range(projects)
            for number in releases
        ]
        publish(wheels, store, clock=CLOCK)
        for arguments in (["--version"], ["index", "verify"], ["index", "rebuild"]):
            options = [] if arguments == ["--version"] else ["--index", str(root)]
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _WITH_PEAK, *arguments, *options], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            peak = done.stderr.splitlines()[-1]
            print(
                f"{MANY_FILES} files in {projects} project(s), {' '.join(arguments)}: "
                f"{time.perf_counter() - start:.1f} s, at most {int(peak) / 1024:.0f} MiB"
            )


# Not getrusage: its figure starts with what the parent process had.
_WITH_PEAK = """
import re, sys
from pathlib import Path
from dioptra.plugins.cli.app import run
code = run(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""


def rendering() -> None:
    """Render a page of 5,000 files."""
    project = canonicalize_name("fog")
    files = [PublishedFile(record=record(project, number), etag="e" * 32) for number in range(LARGE)]
    start = time.perf_counter()
    render_project_json(project, files)
    middle = time.perf_counter()
    render_project_html(project, files)
    end = time.perf_counter()
    print(
        f"a page of {LARGE} files: JSON {1000 * (middle - start):.0f} ms, HTML {1000 * (end - middle):.0f} ms; "
        "wanted: at most 100 ms"
    )
    render_root_json([project])


def record(project: NormalizedName, number: int) -> Record:
    """A record as a plugin has it."""
    return Record(
        filename=f"fog-1.{number}-py3-none-any.whl",
        project=project,
        version=Version(f"1.{number}"),
        sha256=f"{number:064x}",
        size=4000,
        upload_time=datetime(2026, 1, 1, tzinfo=UTC),
        requires_python=">=3.11",
        requires_dist=("numpy>=1.26", "pillow>=10"),
        provides_extra=(),
        summary="Fog",
        metadata_sha256=f"{number:064x}",
        tasks_sha256=f"{number:064x}",
    )


def wheel(folder: Path, project: str, version: str) -> Path:
    """A small plugin wheel."""
    package = project.replace("-", "_")
    source = "from dioptra import pyplugs\n\n@pyplugs.register\ndef task(value: int) -> int:\n    return value\n"
    filename, body = make_wheel(project, version, files={f"{package}.py": source}, entry_points={package: package})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / filename).write_bytes(body)
    return folder / filename


def run(command: Sequence[str | Path], endpoint: str) -> float:
    """Wall time of a command."""
    start = time.perf_counter()
    done = subprocess.run(command, env=variables(endpoint), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr}")
    return time.perf_counter() - start


def variables(endpoint: str) -> dict[str, str]:
    """The environment that leads to a server."""
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "testsecret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def s3(endpoint: str):  # type: ignore[no-untyped-def]  # boto3 makes its classes when it runs
    """A client for buckets and pages."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="testsecret",
        region_name="us-east-1",
    )


def new_bucket(endpoint: str) -> str:
    """Make a bucket."""
    name = f"bench-{time.time_ns()}"
    s3(endpoint).create_bucket(Bucket=name)
    return name


@contextmanager
def moto(folder: Path) -> Iterator[str | None]:
    """Moto in a process of its own, so that it does not share the interpreter with a client."""
    del folder
    port = "17311"
    server = subprocess.Popen(
        [BIN / "moto_server", "-H", "127.0.0.1", "-p", port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextmanager
def ceph(folder: Path) -> Iterator[str | None]:
    """Ceph's RADOS gateway, where it is installed."""
    if not ceph_is_installed():
        yield None
        return
    with running_ceph(folder / "ceph") as process:
        yield process.endpoint


def wait_for(endpoint: str) -> None:
    """Wait until a server answers."""
    for _ in range(100):
        try:
            s3(endpoint).list_buckets()
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"{endpoint} does not answer")


if __name__ == "__main__":
    main()
