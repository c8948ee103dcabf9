"""The proxy of private indexes: what it serves, and everything that it does not."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.utils import canonicalize_name

from dioptra.plugins.clock import SystemClock
from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.index import layout
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.proxy import File, IndexProxy, Moved, Page, route, wants_json
from dioptra.plugins.index.publish import publish
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.object_store.s3 import S3Store
from index_world import cli, run, write_wheel
from wheel_factory import make_wheel

WHEEL = "fog_attack-1.0+lab.1-py3-none-any.whl"


def filled(store: ObjectStore, tmp_path: Path) -> ObjectStore:
    initialize_index(store, name="lab", clock=SystemClock())
    made = make_wheel("fog-attack", "1.0+lab.1", files={"fog_attack.py": ""}, entry_points={"x": "fog_attack"})
    publish([write_wheel(tmp_path / "wheels", made)], store, clock=SystemClock())
    return store


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index").mkdir()
    with IndexProxy(filled(DirectoryStore(tmp_path / "index"), tmp_path)).running() as url:
        yield url


@pytest.fixture
def moto_proxy(moto_bucket: str, tmp_path: Path) -> Iterator[str]:
    with IndexProxy(filled(S3Store(moto_bucket, "team"), tmp_path)).running() as url:
        yield url


def ask(
    url: str, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """One request for a path below the secret one, or for an absolute one."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 0, timeout=30)
    target = path if path.startswith("/") else parts.path.removesuffix("simple/") + path
    connection.request(method, target, headers=dict(headers or {}))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("simple/", Page(layout.ROOT_PAGE)),
        ("simple", Moved("simple/")),
        ("simple/fog-attack/", Page(layout.project_page(canonicalize_name("fog-attack")))),
        ("simple/fog-attack", Moved("simple/fog-attack/")),
        ("simple/Fog_Attack/", Moved("simple/fog-attack/")),
        ("files/fog-attack/fog_attack-1.0%2Blab.1-py3-none-any.whl", File(f"files/fog-attack/{WHEEL}")),
        (f"files/fog-attack/{WHEEL}.metadata", File(f"files/fog-attack/{WHEEL}.metadata")),
        (f"files/fog-attack/{WHEEL}.tasks.json", File(f"files/fog-attack/{WHEEL}.tasks.json")),
        (f"files/haze/{WHEEL}", None),
        (f"files/fog-attack/{WHEEL.replace('1.0', '1.0%00', 1)}", None),
        ("simple/fog%00/", None),
        ("files/fog-attack/notes.txt", None),
        ("files/fog-attack/..%2F..%2Fdioptra-index.json", None),
        (f"files/fog-attack/..%2F{WHEEL}", None),
        (f"files/../records/{WHEEL}", None),
        ("simple/../dioptra-index.json", None),
        ("simple/..", None),
        ("dioptra-index.json", None),
        ("revoked.json", None),
        (f"records/fog-attack/{WHEEL}.json", None),
        ("channels/prod/head.json", None),
        ("", None),
    ],
)
def test_only_pages_and_files_of_the_index_have_a_path(path: str, meant: object) -> None:
    assert route(path) == meant


def test_pages_are_served_in_both_forms_and_revalidated(proxy: str) -> None:
    status, headers, body = ask(proxy, "simple/fog-attack/")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, layout.SIMPLE_HTML, "no-cache")
    assert b"fog_attack-1.0%2Blab.1" in body
    accept = {"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.1"}
    status, headers, body = ask(proxy, "simple/fog-attack/", headers=accept)
    assert (status, headers["content-type"]) == (200, layout.SIMPLE_JSON)
    assert body.startswith(b'{"meta":')
    again = ask(proxy, "simple/fog-attack/", headers={**accept, "If-None-Match": headers["etag"]})
    assert (again[0], again[2]) == (304, b"")
    status, headers, body = ask(proxy, "simple/", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0
    assert ask(proxy, "simple/Fog.Attack")[1]["location"].endswith("/simple/fog-attack/")
    assert ask(proxy, "simple/absent/")[0] == 404


def test_files_of_a_folder_are_streamed(proxy: str, tmp_path: Path) -> None:
    status, _, body = ask(proxy, "files/fog-attack/fog_attack-1.0%2Blab.1-py3-none-any.whl")
    assert (status, body) == (200, (tmp_path / "wheels" / WHEEL).read_bytes())
    assert ask(proxy, "files/fog-attack/fog_attack-9-py3-none-any.whl")[0] == 404
    assert ask(proxy, "files/fog-attack/fog_attack-1.0%2Blab.1-py3-none-any.whl", method="HEAD")[2] == b""


def test_files_of_a_bucket_are_redirects_that_expire(moto_proxy: str) -> None:
    for method in ("GET", "HEAD"):
        path = "files/fog-attack/fog_attack-1.0%2Blab.1-py3-none-any.whl"
        status, headers, body = ask(moto_proxy, path, method=method)
        assert (status, body, headers["cache-control"]) == (302, b"", "no-store")
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in headers["location"]
        assert "X-Amz-Expires=900" in headers["location"]
        assert "testsecret" not in headers["location"]


def test_without_the_token_there_is_nothing(proxy: str) -> None:
    token = urlsplit(proxy).path.split("/")[1]
    for path in ("/", "/simple/", "/simple/fog-attack/", f"/{token[:-1]}/simple/", f"/{token}x/simple/", "//simple/"):
        assert ask(proxy, path)[0] == 404
    assert ask(proxy, f"/{token}/simple/")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "[::1]:80", "127.0.0.1:1", ""])
def test_another_host_name_is_refused(proxy: str, host: str) -> None:
    assert ask(proxy, "simple/", headers={"Host": host})[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"])
def test_only_reading_is_possible(proxy: str, method: str) -> None:
    assert ask(proxy, "simple/", method=method)[0] == 501


def test_a_failing_index_is_a_bad_gateway_and_no_empty_page(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    store = filled(DirectoryStore(tmp_path / "index"), tmp_path)
    with IndexProxy(store).running() as url:
        (tmp_path / "index").rename(tmp_path / "gone")
        status, _, body = ask(url, "simple/")
    assert status == 502
    assert b"is not a directory" in body
    with pytest.raises(IndexAccessError, match="there is no index"):
        IndexProxy(DirectoryStore(tmp_path))


CLIENTS = {
    "pip": ["pip", "install", "--quiet", "--no-deps", "--no-cache-dir", "--target"],
    "uv": ["uv", "pip", "install", "--quiet", "--no-deps", "--no-cache", "--target"],
}


@pytest.mark.ceph
@pytest.mark.parametrize("client", list(CLIENTS))
def test_stock_clients_install_from_a_private_bucket(ceph_bucket: str, tmp_path: Path, client: str) -> None:
    filled(S3Store(ceph_bucket, "team"), tmp_path)
    program, *arguments = CLIENTS[client]
    command = [str(Path(sys.executable).with_name(program)), *arguments, str(tmp_path / "target"), "fog-attack"]
    done = run(["dioptra-plugins", "index", "proxy", "--index", f"s3://{ceph_bucket}/team", "--", *command])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "target" / "fog_attack.py").exists()


@pytest.mark.ceph
@pytest.mark.parametrize("client", list(CLIENTS))
def test_stock_clients_install_from_presigned_links_without_credentials(
    ceph_bucket: str, tmp_path: Path, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(S3Store(ceph_bucket, "team"), tmp_path)
    page = tmp_path / "links.html"
    cli("index", "find-links", "fog-attack", "--index", f"s3://{ceph_bucket}/team", "-o", page)
    assert page.stat().st_mode & 0o777 == 0o600
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    program, *arguments = CLIENTS[client]
    target = tmp_path / "target"
    done = run([program, *arguments, str(target), "--no-index", "--find-links", str(page), "fog-attack"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (target / "fog_attack.py").exists()


def test_presigned_links_are_those_of_a_lock_or_of_projects(moto_bucket: str, tmp_path: Path) -> None:
    store, url = S3Store(moto_bucket, "team"), f"s3://{moto_bucket}/team"
    filled(store, tmp_path)
    made = make_wheel("fog-attack", "2.0", files={"fog_attack.py": ""}, entry_points={"x": "fog_attack"})
    publish([write_wheel(tmp_path / "wheels", made)], store, clock=SystemClock())
    cli("lock", "fog-attack<2", "--no-host", "--index", url, cwd=tmp_path)
    cli("index", "find-links", "--lock", "pylock.plugins.toml", "--index", url, "--expires", "60", cwd=tmp_path)
    page = (tmp_path / "links.html").read_text()
    assert page.count("<a ") == 1
    assert WHEEL in page
    assert "X-Amz-Expires=60" in page
    assert "#sha256=" in page
    cli("index", "find-links", "fog-attack", "--index", url, cwd=tmp_path)
    assert (tmp_path / "links.html").read_text().count("<a ") == 2
    assert "there is no project" in cli("index", "find-links", "haze", "--index", url, cwd=tmp_path, code=1)
    cli("index", "find-links", "--index", url, cwd=tmp_path, code=2)
    (tmp_path / "index").mkdir()
    filled(DirectoryStore(tmp_path / "index"), tmp_path)
    assert "no presigned links" in cli("index", "find-links", "fog-attack", "--index", tmp_path / "index", code=2)


def test_a_command_s_exit_code_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    filled(DirectoryStore(tmp_path / "index"), tmp_path)
    command = ["dioptra-plugins", "index", "proxy", "--index", str(tmp_path / "index"), "--"]
    script = "import os, sys; print(os.environ['PIP_INDEX_URL'] == os.environ['UV_DEFAULT_INDEX']); sys.exit(7)"
    done: subprocess.CompletedProcess[str] = run([*command, sys.executable, "-c", script])
    assert (done.returncode, done.stdout) == (7, "True\n")
    assert run([*command, "/absent/program"]).returncode == 2


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("text/html", False),
        ("application/vnd.pypi.simple.v1+json", True),
        ("text/html;q=0.1, application/vnd.pypi.simple.v1+json; q=0.5", True),
        ("application/vnd.pypi.simple.v1+json;q=0, text/html", False),
        ("application/vnd.pypi.simple.v1+json; q=0.000", False),
    ],
)
def test_a_kind_that_is_refused_is_not_sent(accept: str, expected: bool) -> None:
    assert wants_json(accept) == expected


@pytest.mark.parametrize("target", ["http://[foo", "//[", "*", "/%00/%ff", "/\x80"])
def test_what_is_no_url_is_not_found(proxy: str, target: str) -> None:
    parts = urlsplit(proxy)
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=30) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        answer = connection.makefile("rb").readline()
    assert b" 404 " in answer


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    filled(DirectoryStore(tmp_path / "index"), tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = cli("index", "proxy", "--port", port, "--index", tmp_path / "index", code=2)
    assert f"127.0.0.1:{port} cannot be listened on" in told


def test_a_command_reaches_the_proxy_past_the_network_s_and_its_signal_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    filled(DirectoryStore(tmp_path / "index"), tmp_path)
    script = (
        "import os, signal; print(os.environ['NO_PROXY'], os.environ['no_proxy']); os.kill(os.getpid(), signal.SIGTERM)"
    )
    done = run(
        ["dioptra-plugins", "index", "proxy", "--index", tmp_path / "index", "--", sys.executable, "-u", "-c", script],
        variables={"NO_PROXY": "lab.example"},
    )
    assert (done.returncode, done.stdout.split()) == (143, ["lab.example,127.0.0.1", "127.0.0.1"])
