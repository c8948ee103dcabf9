"""Requests to S3 as a server sees them: retries, redirects, proxies and addresses."""

from __future__ import annotations

import contextlib
import http.server
import io
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.object_store import s3_transport
from dioptra.plugins.object_store.s3 import S3Store

Answer = tuple[int, dict[str, str], bytes]
GOOD: Answer = (200, {"ETag": '"e"'}, b"content")
BUSY: Answer = (503, {}, b"<Error><Code>SlowDown</Code><Message>later</Message></Error>")


@dataclass
class Scripted:
    """A server that gives one answer after the other, the last one for ever."""

    answers: list[Answer] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    script = Scripted()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            script.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers, content = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = handle_any  # noqa: N815 - named by http.server

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", script.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ana")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(s3_transport, "_FIRST_WAIT", 0.0)
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


def write(store: S3Store, body: bytes | Path = b"x") -> str:
    return store.write("a", body, expected=None, content_type="text/plain", cache_control="no-store")


@pytest.mark.parametrize(
    "failure", [BUSY, (500, {}, b""), (429, {}, b""), (0, {}, b"")], ids=["503", "500", "429", "cut"]
)
@pytest.mark.parametrize("times", [1, 3])
def test_passing_failures_are_tried_again(scripted: Scripted, failure: Answer, times: int) -> None:
    scripted.answers = [failure] * times + [GOOD]
    assert S3Store("bucket").read("a").body == b"content"
    assert len(scripted.seen) == times + 1


def test_after_four_attempts_the_failure_is_told(scripted: Scripted) -> None:
    scripted.answers = [BUSY]
    with pytest.raises(
        IndexAccessError, match=r"s3://bucket/a failed: status 503 SlowDown later, 4 attempts \(endpoint"
    ):
        S3Store("bucket").read("a")
    assert len(scripted.seen) == 4


@pytest.mark.parametrize("status", [409, 412])
def test_a_lost_race_is_not_tried_again(scripted: Scripted, status: int) -> None:
    scripted.answers = [(status, {}, b"<Error><Code>PreconditionFailed</Code></Error>" if status == 412 else b"")]
    with pytest.raises(PreconditionFailedError):
        write(S3Store("bucket"))
    assert len(scripted.seen) == 1


def test_a_file_is_sent_again_from_its_beginning(scripted: Scripted, tmp_path: Path) -> None:
    wheel = tmp_path / "wheel"
    wheel.write_bytes(bytes(range(256)) * 5000)
    scripted.answers = [BUSY, GOOD]
    assert write(S3Store("bucket"), wheel) == "e"
    assert [body == wheel.read_bytes() for _, _, _, body in scripted.seen] == [True, True]
    assert {headers.get("expect") for _, _, headers, _ in scripted.seen} == {"100-continue"}


def test_requests_are_signed_with_their_content(scripted: Scripted) -> None:
    scripted.answers = [GOOD]
    write(S3Store("bucket", "team"))
    ((method, path, headers, body),) = scripted.seen
    assert (method, path, body) == ("PUT", "/bucket/team/a", b"x")
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=ana/")
    assert "if-none-match" in headers["authorization"]
    assert headers["x-amz-content-sha256"] == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def test_credentials_are_asked_for_each_request(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of a role expire while a long command runs."""
    program, answers = tmp_path / "credentials.py", tmp_path / "n"
    program.write_text(
        "import json, pathlib, sys\n"
        f"place = pathlib.Path({str(answers)!r})\n"
        "number = int(place.read_text()) + 1 if place.exists() else 1\n"
        "place.write_text(str(number))\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'key-{number}', 'SecretAccessKey': 's', 'SessionToken': 't',"
        " 'Expiration': '2000-01-01T00:00:00Z' if number == 1 else '2999-01-01T00:00:00Z'}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    scripted.answers = [GOOD]
    store = S3Store("bucket")
    for _ in range(3):
        store.read("a")
    used = [
        headers["authorization"].partition("Credential=")[2].partition("/")[0] for _, _, headers, _ in scripted.seen
    ]
    assert used[-1] == "key-2"
    assert {headers["x-amz-security-token"] for _, _, headers, _ in scripted.seen} == {"t"}


def test_a_bucket_elsewhere_is_signed_for_its_region(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    scripted.answers = [
        (301, {"x-amz-bucket-region": "eu-north-1"}, b"<Error><Code>PermanentRedirect</Code></Error>"),
        GOOD,
    ]
    store = S3Store("bucket")
    store.read("a")
    store.read("a")
    regions = [headers["authorization"].split("/")[2] for _, _, headers, _ in scripted.seen]
    assert regions == ["us-east-1", "eu-north-1", "eu-north-1"]


def test_a_bucket_that_moves_for_ever_ends_in_an_error(scripted: Scripted) -> None:
    scripted.answers = [
        (301, {"x-amz-bucket-region": "eu-north-1"}, b""),
        (301, {"x-amz-bucket-region": "eu-west-9"}, b""),
    ]
    with pytest.raises(IndexAccessError, match="status 301"):
        S3Store("bucket").read("a")
    assert len(scripted.seen) == 2


def test_the_proxy_of_the_environment_is_used(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example.test")
    monkeypatch.setenv("HTTP_PROXY", scripted.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    scripted.answers = [GOOD]
    S3Store("bucket").read("a")
    assert scripted.seen[0][1] == "http://s3.example.test/bucket/a"


@pytest.mark.parametrize(
    ("style", "wanted"),
    [("virtual", "http://bucket.s3.example.test/p/a%20b"), ("path", "http://s3.example.test/bucket/p/a%20b")],
)
def test_the_address_style_of_boto3_is_used(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, style: str, wanted: str
) -> None:
    config = tmp_path / "config"
    config.write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example.test")
    monkeypatch.setenv("HTTP_PROXY", scripted.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    scripted.answers = [GOOD]
    S3Store("bucket", "p").read("a b")
    assert scripted.seen[0][1] == wanted


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"<ListBucketResult><Contents><Key>a"])
def test_a_listing_that_is_none_is_an_error(scripted: Scripted, body: bytes) -> None:
    scripted.answers = [(200, {}, body)]
    with pytest.raises(IndexAccessError):
        list(S3Store("bucket").list("a"))


ABSENT: Answer = (404, {}, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")


def test_absence_is_what_s3_says(scripted: Scripted) -> None:
    scripted.answers = [ABSENT]
    with pytest.raises(ObjectNotFoundError):
        S3Store("bucket").read("a")
    with pytest.raises(PreconditionFailedError):
        S3Store("bucket").write("a", b"x", expected="tag", content_type="", cache_control="")


@pytest.mark.parametrize("body", [b"", b"<html>not here</html>", b"not found", b'{"error": 404}', b"<Error></Error>"])
def test_the_404_of_something_in_between_is_no_absence(scripted: Scripted, body: bytes) -> None:
    scripted.answers = [(404, {}, body)]
    with pytest.raises(IndexAccessError, match="status 404"):
        S3Store("bucket").read("a")


@pytest.mark.parametrize(
    "end",
    [b"<IsTruncated>true</IsTruncated>", b"<IsTruncated>true</IsTruncated><NextMarker>a</NextMarker>", b""],
    ids=["no token", "a marker", "nothing"],
)
def test_a_listing_whose_end_is_not_told_is_an_error(scripted: Scripted, end: bytes) -> None:
    entry = b"<Contents><Key>a</Key><ETag>e</ETag><Size>1</Size></Contents>"
    scripted.answers = [(200, {}, b"<ListBucketResult><Name>bucket</Name>" + entry + end + b"</ListBucketResult>")]
    with pytest.raises(IndexAccessError, match="does not say where it goes on"):
        list(S3Store("bucket").list(""))


def test_a_listing_that_goes_in_circles_ends(scripted: Scripted) -> None:
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    scripted.answers = [(200, {}, b"<ListBucketResult><Name>bucket</Name>" + more + b"</ListBucketResult>")]
    with pytest.raises(IndexAccessError, match="does not say where it goes on"):
        list(S3Store("bucket").list(""))
    assert len(scripted.seen) == 2


def test_a_page_of_something_in_between_is_no_success(scripted: Scripted) -> None:
    scripted.answers = [(200, {}, b"<html>sign in</html>")]
    with pytest.raises(IndexAccessError, match="was not written for certain"):
        write(S3Store("bucket"))
    with pytest.raises(IndexAccessError, match="was not removed for certain"):
        S3Store("bucket").delete("a")


@pytest.mark.parametrize("status", [204, 206])
def test_a_part_is_no_object(scripted: Scripted, status: int) -> None:
    scripted.answers = [(status, {"ETag": '"e"'}, b"")]
    with pytest.raises(IndexAccessError, match=f"status {status}"):
        S3Store("bucket").read("a")
    with pytest.raises(IndexAccessError, match=f"status {status}"):
        S3Store("bucket").download("a", io.BytesIO(), limit=10)


def test_a_request_that_timed_out_at_the_server_is_tried_again(scripted: Scripted) -> None:
    scripted.answers = [(400, {}, b"<Error><Code>RequestTimeout</Code></Error>"), GOOD]
    assert S3Store("bucket").read("a").body == b"content"


def test_a_bucket_that_moves_at_the_last_attempt_is_an_error(scripted: Scripted) -> None:
    scripted.answers = [BUSY, BUSY, BUSY, (301, {"x-amz-bucket-region": "eu-north-1"}, b"")]
    with pytest.raises(IndexAccessError, match="status 301"):
        S3Store("bucket").read("a")


def answered(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> contextlib.AbstractContextManager[None]:
    """A server that gives one answer byte for byte, and closes."""

    @contextlib.contextmanager
    def serving() -> Iterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = server.accept()
                        with connection:
                            connection.recv(65536)
                            connection.sendall(raw)

            thread = threading.Thread(target=serve)
            thread.start()
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.getsockname()[1]}")
            try:
                yield
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ana")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(s3_transport, "_FIRST_WAIT", 0.0)
    return serving()


HEAD = b'HTTP/1.1 200 OK\r\nETag: "e"\r\n'


def test_a_body_in_chunks_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with answered(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", monkeypatch):
        store, sink = S3Store("bucket"), io.BytesIO()
        assert store.read("a").body == b"abcde"
        store.download("a", sink, limit=5)
        assert sink.getvalue() == b"abcde"
        with pytest.raises(IndexAccessError, match="too large"):
            store.download("a", io.BytesIO(), limit=4)


@pytest.mark.parametrize(
    "rest",
    [b"Connection: close\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"],
    ids=["no length", "cut chunk"],
)
def test_a_body_whose_end_cannot_be_told_is_no_object(monkeypatch: pytest.MonkeyPatch, rest: bytes) -> None:
    with answered(HEAD + rest, monkeypatch):
        store = S3Store("bucket")
        with pytest.raises(IndexAccessError):
            store.read("a")
        with pytest.raises(IndexAccessError):
            store.download("a", io.BytesIO(), limit=100)
