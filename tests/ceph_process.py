"""Ceph's RADOS gateway as processes on loopback, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "radosgw-admin")


def ceph_is_installed() -> bool:
    """Whether Ceph's programs are here."""
    return all(shutil.which(program) for program in _PROGRAMS)


@contextlib.contextmanager
def running_ceph(folder: Path) -> Iterator[str]:
    """Run a gateway for the user test with the secret testsecret.

    Args:
        folder: Where it may write.

    Yields:
        Its endpoint.
    """
    script = Path(__file__).with_name("ceph_rgw.sh")
    for attempt in range(3):
        # Somebody may take a port between the moment it was seen free and the moment a daemon binds it.
        place, port = folder / f"rgw-{attempt}", str(free_ports())
        place.parent.mkdir(parents=True, exist_ok=True)
        started = subprocess.run(["bash", script, "start", place, port], capture_output=True, text=True, check=False)
        if started.returncode == 0:
            break
    else:
        raise AssertionError(started.stderr)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["bash", script, "stop", place, port], check=True)


def free_ports() -> int:
    """The first of a hundred ports of which those that Ceph takes first are free."""
    for base in random.sample(range(42000, 60000, 100), 50):
        with contextlib.ExitStack() as stack:
            try:
                for port in (base, base + 1, base + 10):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports on loopback")
