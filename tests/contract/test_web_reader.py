"""Reading over http: what is absent, what is refused, what is tried again, and what is never shown."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path

import pytest

from dioptra.plugins.errors import ConfigurationError, IndexAccessError, ObjectNotFoundError
from dioptra.plugins.object_store.addresses import without_credentials
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.object_store.locate import is_simple_url, open_reader, open_store
from dioptra.plugins.object_store.ranged_file import FileRange
from dioptra.plugins.object_store.web import UrlReader, WebReader
from web_servers import Answer, scripted


def test_an_object_is_read_with_its_type_and_tag() -> None:
    answer = Answer(body=b"hello", headers={"Content-Type": "text/html", "ETag": '"abc"'})
    with scripted({"/root/a%20b": [answer]}) as server:
        reader = WebReader(f"{server.url}/root/")
        stored = reader.read("a b")
        assert (stored.body, stored.content_type, stored.etag) == (b"hello", "text/html", "abc")
        assert stored.url == reader.address("a b") == f"{server.url}/root/a%20b"
        assert "application/vnd.pypi.simple.v1+json" in server.headers["/root/a%20b"]["Accept"]
        sink = io.BytesIO()
        reader.download("a b", sink, limit=5)
        assert sink.getvalue() == b"hello"


@pytest.mark.parametrize("status", [404, 410])
def test_only_not_found_means_absence(status: int) -> None:
    with scripted({"/x": [Answer(status=status)]}) as server, pytest.raises(ObjectNotFoundError):
        WebReader(server.url).read("x")


@pytest.mark.parametrize("status", [401, 403])
def test_denied_is_not_absent(status: int) -> None:
    with scripted({"/x": [Answer(status=status)]}) as server:
        with pytest.raises(IndexAccessError, match=f"access to {server.url}/x is denied: status {status}"):
            WebReader(server.url).read("x")
        assert server.asked["/x"] == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    with scripted({"/x": [Answer(status=status), Answer(body=b"fine")]}) as server:
        assert WebReader(server.url).read("x").body == b"fine"
        assert server.asked["/x"] == 2


def test_a_lasting_failure_names_status_and_attempts() -> None:
    with scripted({"/x": [Answer(status=503)]}) as server:
        with pytest.raises(IndexAccessError, match=r"/x failed: status 503 after 4 attempt"):
            WebReader(server.url).read("x")
        assert server.asked["/x"] == 4


def test_a_body_that_is_cut_off_is_no_object() -> None:
    with scripted({"/x": [Answer(body=b"half", promised=100)]}) as server:
        with pytest.raises(IndexAccessError, match="cannot be reached"):
            WebReader(server.url).read("x")
        with pytest.raises(IndexAccessError, match="cannot be reached"):
            WebReader(server.url).download("x", io.BytesIO(), limit=1000)


def test_nothing_larger_than_the_limit_is_read() -> None:
    with scripted({"/x": [Answer(body=b"12345")]}) as server:
        reader = WebReader(server.url)
        assert reader.read("x", limit=5).body == b"12345"
        with pytest.raises(IndexAccessError, match="too large"):
            reader.read("x", limit=4)
        with pytest.raises(IndexAccessError, match="too large"):
            reader.download("x", io.BytesIO(), limit=4)


def test_a_compressed_transfer_is_unpacked_before_it_is_measured() -> None:
    body = gzip.compress(b"0" * 100_000)
    with scripted({"/x": [Answer(body=body, headers={"Content-Encoding": "gzip"})]}) as server:
        assert WebReader(server.url).read("x").body == b"0" * 100_000
        with pytest.raises(IndexAccessError, match="too large"):
            WebReader(server.url).read("x", limit=1000)


def test_parts_of_a_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    part = Answer(status=206, body=b"789", headers={"Content-Range": "bytes 7-9/10", "ETag": '"a"'})
    with scripted({"/x": [part]}) as server:
        found = UrlReader().read_range(f"{server.url}/x", None, 3)
        assert found == FileRange(body=b"789", first=7, total=10, etag="a")
        assert server.headers["/x"]["Range"] == "bytes=-3"
        assert UrlReader().read_range(f"{server.url}/x", 7, 9, etag="a") == found
        assert server.headers["/x"]["Range"] == "bytes=7-15"
        assert server.headers["/x"]["If-Range"] == '"a"'
    for first, size in ((None, 3), (7, 9)):
        local = UrlReader().read_range((tmp_path / "x").as_uri(), first, size)
        assert local == FileRange(body=b"789", first=7, total=10)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"0123456789"),
        Answer(status=416),
        Answer(status=206, body=b"789"),
        Answer(status=206, body=b"678", headers={"Content-Range": "bytes 6-8/10"}),
        Answer(status=206, body=b"89", headers={"Content-Range": "bytes 7-9/10"}),
        Answer(status=206, body=b"789", headers={"Content-Range": "bytes 7-9/*"}),
    ],
)
def test_an_answer_that_is_not_the_part_asked_for_is_none(answer: Answer) -> None:
    with scripted({"/x": [answer]}) as server:
        assert UrlReader().read_range(f"{server.url}/x", None, 3) is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_part_is_an_error(status: int) -> None:
    with scripted({"/x": [Answer(status=status)]}) as server, pytest.raises((IndexAccessError, ObjectNotFoundError)):
        UrlReader().read_range(f"{server.url}/x", None, 3)


@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"'])
def test_a_tag_is_sent_back_as_it_came(tag: str) -> None:
    with scripted({"/x": [Answer(body=b"a", headers={"ETag": tag}), Answer(status=304)]}) as server:
        reader = UrlReader()
        assert reader.read_url_if_changed(f"{server.url}/x", reader.read_url(f"{server.url}/x").etag) is None
        assert server.headers["/x"]["If-None-Match"] == tag


def test_redirects_are_followed_and_name_the_final_address() -> None:
    moved = Answer(status=301, headers={"Location": "/new/"})
    with scripted({"/old/": [moved], "/new/": [Answer(body=b"page")]}) as server:
        stored = UrlReader().read_url(f"{server.url}/old/")
        assert (stored.body, stored.url) == (b"page", f"{server.url}/new/")


def test_credentials_are_sent_and_never_shown() -> None:
    with scripted({"/x": [Answer(body=b"mine")], "/y": [Answer(status=403)]}) as server:
        url = server.url.replace("http://", "http://ana:s%40cret@")
        reader = WebReader(url)
        stored = reader.read("x")
        assert server.headers["/x"]["Authorization"] == "Basic " + base64.b64encode(b"ana:s@cret").decode()
        with pytest.raises(IndexAccessError) as caught:
            reader.read("y")
        for shown in (reader.url, reader.address("x"), stored.url, str(caught.value)):
            assert "cret" not in shown
            assert "ana" not in shown


def test_file_urls_are_read_and_folders_by_their_page(tmp_path: Path) -> None:
    (tmp_path / "simple").mkdir()
    (tmp_path / "simple" / "index.html").write_text("<html></html>")
    reader = UrlReader()
    assert reader.read_url((tmp_path / "simple").as_uri()).body == b"<html></html>"
    with pytest.raises(ObjectNotFoundError):
        reader.read_url((tmp_path / "absent").as_uri())
    sink = io.BytesIO()
    with pytest.raises(IndexAccessError, match="too large"):
        reader.download_url((tmp_path / "simple" / "index.html").as_uri(), sink, limit=3)


@pytest.mark.parametrize(
    ("url", "shown"),
    [("https://u:p@host/x", "https://host/x"), ("https://host/x", "https://host/x"), ("s3://b/p", "s3://b/p")],
)
def test_credentials_are_taken_out(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_where_an_index_may_be(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), DirectoryStore)
    assert open_store(tmp_path.as_uri()).url == str(tmp_path)
    assert isinstance(open_reader("https://host/index"), WebReader)
    assert is_simple_url("https://host/simple/")
    assert is_simple_url("file:///x/simple")
    assert not is_simple_url("https://host/simple/index")


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host/x", "s3:bucket", "file://other/x", "https://host/x", "s3://b/../x", "s3://b/a//c", "s3://b/p?x"],
)
def test_where_an_index_cannot_be_written(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_store(url)


@pytest.mark.parametrize("url", ["s3://b", "s3://b/", "s3://b/a/c/"])
def test_a_bucket_and_its_prefixes_are_taken(url: str) -> None:
    assert open_store(url).url == url.rstrip("/")
