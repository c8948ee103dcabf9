"""Stock pip and uv install from the index, and from the lock."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from index_world import cli, run, served, write_wheel
from s3_servers import S3Server
from wheel_factory import make_wheel


def plugin() -> tuple[str, bytes]:
    return make_wheel(
        "fog-attack",
        "1.0+lab.1",
        files={"fog_attack/__init__.py": "", "fog_attack/tasks.py": "X = 1\n"},
        requires=("fogbase>=1",),
        entry_points={"fog": "fog_attack"},
    )


def base() -> tuple[str, bytes]:
    return make_wheel("fogbase", "1.0", files={"fogbase.py": "FACTOR = 2\n"})


def publish(url: str, tmp_path: Path) -> None:
    cli("index", "init", url)
    cli("publish", *(write_wheel(tmp_path / "wheels", made) for made in (plugin(), base())), "--index", url)


def make_public(server: S3Server, bucket: str, repository: Path) -> None:
    policy = (repository / "index" / "policies" / "public-reader.json").read_text()
    server.client().put_bucket_policy(Bucket=bucket, Policy=policy.replace("BUCKET", bucket).replace("PREFIX", "team"))


def install_from(simple: str, tmp_path: Path, client: str) -> None:
    target = tmp_path / f"target-{client}"
    command = {
        "pip": ["python", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"],
        "uv": ["uv", "pip", "install", "--no-cache", "--no-config", "--python", sys.executable],
    }[client]
    finished = run([*command, "--target", target, "--index-url", simple, "fog-attack"], variables=CLEAN)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (target / "fog_attack" / "tasks.py").is_file()
    assert (target / "fogbase.py").is_file()


# No index or folder of the machine may help.
CLEAN = {"PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": "", "UV_NO_CONFIG": "1"}


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_from_a_directory(tmp_path: Path, client: str) -> None:
    publish(str(tmp_path / "index"), tmp_path)
    install_from((tmp_path / "index" / "simple").as_uri() + "/", tmp_path, client)


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_over_http(tmp_path: Path, client: str) -> None:
    publish(str(tmp_path / "index"), tmp_path)
    with served(tmp_path / "index") as url:
        install_from(f"{url}/simple/", tmp_path, client)


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_from_s3(
    tmp_path: Path, client: str, moto_server: S3Server, moto_bucket: str, repository: Path
) -> None:
    publish(f"s3://{moto_bucket}/team", tmp_path)
    make_public(moto_server, moto_bucket, repository)
    install_from(f"{moto_server.endpoint}/{moto_bucket}/team/simple/", tmp_path, client)


@pytest.mark.ceph
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_from_a_public_bucket_on_ceph(
    tmp_path: Path, client: str, ceph_server: S3Server, ceph_bucket: str, repository: Path
) -> None:
    publish(f"s3://{ceph_bucket}/team", tmp_path)
    make_public(ceph_server, ceph_bucket, repository)
    install_from(f"{ceph_server.endpoint}/{ceph_bucket}/team/simple/", tmp_path, client)


@pytest.mark.parametrize("over", ["directory", "http"])
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_from_the_lock(tmp_path: Path, client: str, over: str) -> None:
    publish(str(tmp_path / "index"), tmp_path)
    lock, target = tmp_path / "pylock.plugins.toml", tmp_path / "target"
    with served(tmp_path / "index") as url:
        cli("lock", "fog-attack", "--index", url if over == "http" else tmp_path / "index", "-o", lock)
        command: list[str | Path]
        if client == "pip":
            command = ["python", "-m", "pip", "install", "--no-cache-dir", "--no-index", "--target", target, "-r", lock]
        else:
            command = ["uv", "pip", "sync", "--no-cache", "--python", sys.executable, "--target", target, lock]
        finished = run(command, variables=CLEAN)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (target / "fog_attack" / "tasks.py").is_file()
    assert (target / "fogbase.py").is_file()
