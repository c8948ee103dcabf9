"""Ceph's RADOS gateway as processes on loopback, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("ceph_rgw.sh")
_PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "radosgw-admin")


def ceph_is_installed() -> bool:
    """Whether Ceph's programs are here."""
    return all(shutil.which(program) for program in _PROGRAMS)


@dataclass(frozen=True, slots=True)
class Ceph:
    """A running gateway.

    Attributes:
        folder: What it writes to.
        port: Its port on loopback.
    """

    folder: Path
    port: str

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def add_user(self, name: str) -> None:
        """Add a user whose access key is the name, and whose secret is the name with ``secret`` behind it."""
        subprocess.run(["bash", _SCRIPT, "user", self.folder, self.port, name], check=True, capture_output=True)


@contextlib.contextmanager
def running_ceph(folder: Path) -> Iterator[Ceph]:
    """Run a gateway for the user test with the secret testsecret.

    Args:
        folder: Where it may write.

    Yields:
        The gateway.
    """
    for attempt in range(3):
        # Somebody may take a port between the moment it was seen free and the moment a daemon binds it.
        place, port = folder / f"rgw-{attempt}", str(free_ports())
        place.parent.mkdir(parents=True, exist_ok=True)
        started = subprocess.run(["bash", _SCRIPT, "start", place, port], capture_output=True, text=True, check=False)
        if started.returncode == 0:
            break
    else:
        raise AssertionError(started.stderr)
    try:
        yield Ceph(place, port)
    finally:
        subprocess.run(["bash", _SCRIPT, "stop", place, port], check=True)


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
