"""Other readers of the simple API get every fact of every page: from a folder, a static server and S3."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from pypi_simple import IndexPage, ProjectPage, PyPISimple

from index_world import cli, run, served, write_wheel
from s3_servers import S3Server
from wheel_factory import make_wheel

KINDS = ("folder", "http", "moto", pytest.param("ceph", marks=pytest.mark.ceph))
YANKED, DEPRECATED = 'broken & "late" <here>', "use <fog> & be glad"
# No index or folder of the machine may help.
CLEAN = {"PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": "", "UV_NO_CONFIG": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An index that is read by others.

    Attributes:
        simple: URL of its pages, without a slash at the end.
        wheels: Name and bytes of its wheels, by version.
        head: Type and lifetime of an object, by its key.
    """

    simple: str
    wheels: Mapping[str, tuple[str, bytes]]
    head: Callable[[str], tuple[str, str]] | None = None


def fill(url: str, folder: Path, variables: Mapping[str, str] = MappingProxyType({})) -> dict[str, tuple[str, bytes]]:
    """An index with a yanked release, a local version, one for another Python, and a deprecated project."""
    made = {
        "1.0": make_wheel("fog", "1.0", files={"fog.py": "X = 1"}, entry_points={"fog": "fog"}),
        "1.1+lab.1": make_wheel("fog", "1.1+lab.1", files={"fog.py": "X = 2"}),
        "2.0": make_wheel("fog", "2.0", files={"fog.py": "X = 3"}, requires_python=">=3.11,<4"),
        "3.0": make_wheel("fog", "3.0", files={"fog.py": "X = 4"}, requires_python=">=4"),
        "old": make_wheel("old-haze", "1.0", files={"old_haze.py": ""}),
    }
    wheels = [write_wheel(folder, wheel) for wheel in made.values()]
    cli("index", "init", url, variables=variables)
    cli("publish", *wheels, "--index", url, variables=variables)
    cli("yank", "fog==2.0", "--reason", YANKED, "--index", url, variables=variables)
    cli("index", "status", "old-haze", "deprecated", "--reason", DEPRECATED, "--index", url, variables=variables)
    return made


@pytest.fixture(params=KINDS, scope="module")
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[Opened]:
    """The same index in a folder, behind a static server, and in public buckets."""
    kind, folder = request.param, tmp_path_factory.mktemp("readers")
    if kind in {"folder", "http"}:
        made = fill(str(folder / "index"), folder / "wheels")
        if kind == "folder":
            yield Opened(simple=(folder / "index" / "simple").as_uri(), wheels=made)
            return
        with served(folder / "index") as url:
            yield Opened(simple=f"{url}/simple", wheels=made)
        return
    server: S3Server = request.getfixturevalue(f"{kind}_server")
    bucket, client = server.make_bucket(), server.client()
    made = fill(f"s3://{bucket}/team", folder / "wheels", server.variables())
    policy = (repository / "index" / "policies" / "public-reader.json").read_text()
    client.put_bucket_policy(Bucket=bucket, Policy=policy.replace("BUCKET", bucket).replace("PREFIX", "team"))

    def head(key: str) -> tuple[str, str]:
        found = client.head_object(Bucket=bucket, Key=f"team/{key}")
        return found["ContentType"], found["CacheControl"]

    yield Opened(simple=f"{server.endpoint}/{bucket}/team/simple", wheels=made, head=head)


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        return bytes(response.read())


def html_page(simple: str, project: str) -> ProjectPage:
    if simple.startswith("file:"):
        url = f"{simple}/{project}/"
        return ProjectPage.from_html(project, fetched(f"{url}index.html"), base_url=url)
    with PyPISimple(f"{simple}/") as client:
        return client.get_project_page(project)


def json_page(simple: str, project: str) -> ProjectPage:
    url = f"{simple}/{project}/index.json"
    return ProjectPage.from_json_data(json.loads(fetched(url)), base_url=url)


@pytest.mark.parametrize("page_of", [html_page, json_page])
def test_pypi_simple_reads_every_fact(opened: Opened, page_of: Callable[[str, str], ProjectPage]) -> None:
    page = page_of(opened.simple, "fog")
    files = {str(package.version): package for package in page.packages}
    assert sorted(files) == ["1.0", "1.1+lab.1", "2.0", "3.0"]
    assert {version: package.requires_python for version, package in files.items()} == {
        "1.0": None,
        "1.1+lab.1": None,
        "2.0": "<4,>=3.11",
        "3.0": ">=4",
    }
    assert {version: (package.is_yanked, package.yanked_reason) for version, package in files.items()} == {
        "1.0": (False, None),
        "1.1+lab.1": (False, None),
        "2.0": (True, YANKED),
        "3.0": (False, None),
    }
    for version, package in files.items():
        filename, body = opened.wheels[version]
        assert package.filename == filename
        assert package.digests["sha256"] == hashlib.sha256(body).hexdigest()
        assert fetched(package.url) == body
        assert package.has_metadata
        metadata = fetched(package.metadata_url)
        assert package.metadata_digests == {"sha256": hashlib.sha256(metadata).hexdigest()}
        assert f"Version: {version}\n".encode() in metadata
        if page_of is json_page:
            assert package.size == len(body)
            assert package.upload_time is not None
            assert package.upload_time.tzinfo is not None
    if page_of is json_page:
        assert page.versions == ["1.0", "1.1+lab.1", "2.0", "3.0"]
    assert page.repository_version == "1.4"


@pytest.mark.parametrize("page_of", [html_page, json_page])
def test_pypi_simple_reads_the_status_of_a_project(opened: Opened, page_of: Callable[[str, str], ProjectPage]) -> None:
    page = page_of(opened.simple, "old-haze")
    assert page.status is not None
    assert (page.status.value, page.status_reason) == ("deprecated", DEPRECATED)
    current = page_of(opened.simple, "fog")
    assert current.status is None or current.status.value == "active"


def test_pypi_simple_reads_the_list_of_projects(opened: Opened) -> None:
    simple = opened.simple
    assert IndexPage.from_html(fetched(f"{simple}/index.html")).projects == ["fog", "old-haze"]
    assert IndexPage.from_json_data(json.loads(fetched(f"{simple}/index.json"))).projects == ["fog", "old-haze"]


@pytest.mark.parametrize(("requirement", "chosen"), [("fog", "1.1+lab.1"), ("fog==2.0", "2.0"), ("fog<1.1", "1.0")])
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_heed_yanks_and_pythons(
    opened: Opened, tmp_path: Path, client: str, requirement: str, chosen: str
) -> None:
    simple = opened.simple
    options: list[str | Path]
    if client == "pip":
        report = tmp_path / "report.json"
        options = [
            "--dry-run",
            "--ignore-installed",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--report",
            report,
        ]
        done = run(
            ["python", "-m", "pip", "install", *options, "--index-url", f"{simple}/", requirement], variables=CLEAN
        )
        assert done.returncode == 0, done.stderr
        (item,) = json.loads(report.read_text())["install"]
        assert item["metadata"]["version"] == chosen
    else:
        (tmp_path / "in.txt").write_text(requirement)
        options = ["--no-cache", "--no-config", "--no-header", "--no-annotate", "--default-index", f"{simple}/"]
        done = run(["uv", "pip", "compile", *options, tmp_path / "in.txt"], variables=CLEAN)
        assert done.returncode == 0, done.stderr
        assert f"fog=={chosen}" in done.stdout


@pytest.mark.parametrize("opened", KINDS[2:], indirect=True)
def test_types_and_lifetimes_are_served(opened: Opened) -> None:
    """Files may be kept for a year; pages are asked for again, by their ETag."""
    assert opened.head is not None
    wheel = "fog-1.0-py3-none-any.whl"
    kept, asked = "public, max-age=31536000, immutable", "no-cache"
    json_type, html_type = "application/vnd.pypi.simple.v1+json", "text/html; charset=utf-8"
    wanted = {
        f"files/fog/{wheel}": ("application/octet-stream", kept),
        f"files/fog/{wheel}.metadata": ("text/plain; charset=utf-8", kept),
        f"files/fog/{wheel}.tasks.json": ("application/json", kept),
        f"records/fog/{wheel}.json": ("application/json", kept),
        "simple/fog/index.json": (json_type, asked),
        "simple/fog/index.html": (html_type, asked),
        "simple/fog/": (html_type, asked),
        "simple/index.json": (json_type, asked),
        "simple/index.html": (html_type, asked),
        "simple/": (html_type, asked),
    }
    assert {key: opened.head(key) for key in wanted} == wanted
