"""An index for end-to-end tests: a folder served over http, and clients that are told nothing else."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dioptra.plugins.host_choice import choose_hosts
from dioptra.plugins.index.catalogue import IndexCatalogue
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.object_store.port import ObjectStore

BIN = Path(sys.executable).parent


def run(
    arguments: Sequence[str | Path], *, cwd: Path | None = None, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run a program of this virtual environment, with its output kept."""
    program, *rest = map(str, arguments)
    return subprocess.run(
        [str(BIN / program), *rest],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def cli(
    *arguments: str | Path, cwd: Path | None = None, code: int = 0, variables: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Run dioptra-plugins, check its exit code and that no traceback was shown; returns stdout, or stderr on errors."""
    finished = run(["dioptra-plugins", *arguments], cwd=cwd, variables=variables)
    assert finished.returncode == code, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stdout if code == 0 else finished.stderr


def cli_json(
    *arguments: str | Path, cwd: Path | None = None, variables: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Run dioptra-plugins with ``--json``."""
    document: dict[str, Any] = json.loads(cli(*arguments, "--json", cwd=cwd, variables=variables))
    assert document["schema"] == "1.0"
    return document


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback as any static web server would; gives its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_wheel(folder: Path, made: tuple[str, bytes]) -> Path:
    """Put a wheel of `wheel_factory.make_wheel` into a folder."""
    name, body = made
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    return folder / name


def locked(requirement: str, store: ObjectStore, *, provide: bool = False) -> Lock:
    """Lock one requirement from one index."""
    return make_lock([requirement], [IndexCatalogue("lab", store)], choose_hosts(provide=provide))
