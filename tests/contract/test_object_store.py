"""One suite for every object store: the promises of `dioptra.plugins.object_store.port`."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.object_store.directory import DirectoryStore, create_directory_root
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.object_store.s3 import S3Store
from s3_servers import S3Server

WRITERS = 24


def make_directory(request: pytest.FixtureRequest) -> ObjectStore:
    root: Path = request.getfixturevalue("tmp_path") / "index"
    create_directory_root(root)
    return DirectoryStore(root)


def make_moto(request: pytest.FixtureRequest) -> ObjectStore:
    return S3Store(request.getfixturevalue("moto_bucket"), "team/index")


def make_ceph(request: pytest.FixtureRequest) -> ObjectStore:
    return S3Store(request.getfixturevalue("ceph_bucket"), "team/index")


@pytest.fixture(
    params=[
        pytest.param(make_directory, id="directory"),
        pytest.param(make_moto, id="moto"),
        pytest.param(make_ceph, id="ceph", marks=pytest.mark.ceph),
    ]
)
def store(request: pytest.FixtureRequest) -> ObjectStore:
    make: Callable[[pytest.FixtureRequest], ObjectStore] = request.param
    return make(request)


def write(store: ObjectStore, key: str, body: bytes | Path, expected: str | None = None) -> str:
    return store.write(key, body, expected=expected, content_type="text/plain", cache_control="no-cache")


def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [entry.key for entry in store.list(prefix)]


def test_what_is_written_is_read(store: ObjectStore) -> None:
    etag = write(store, "a/b.txt", b"hello")
    stored = store.read("a/b.txt")
    assert (stored.body, stored.etag) == (b"hello", etag)
    assert '"' not in etag
    assert stored.url == store.address("a/b.txt")


def test_what_has_not_changed_is_not_read_again(store: ObjectStore) -> None:
    etag = write(store, "a", b"one")
    assert store.read_if_changed("a", etag) is None
    stored = store.read_if_changed("a", "")
    assert stored is not None
    assert (stored.body, stored.etag) == (b"one", etag)
    write(store, "a", b"two", expected=etag)
    stored = store.read_if_changed("a", etag)
    assert stored is not None
    assert stored.body == b"two"
    assert store.read_if_changed("a", stored.etag) is None
    with pytest.raises(ObjectNotFoundError):
        store.read_if_changed("absent", etag)


def test_an_absent_object_is_absent(store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFoundError):
        store.read("absent")
    with pytest.raises(ObjectNotFoundError):
        store.download("absent", io.BytesIO(), limit=10)
    assert keys(store, "absent") == []


def test_creating_refuses_what_is_there(store: ObjectStore) -> None:
    write(store, "a", b"one")
    with pytest.raises(PreconditionFailedError):
        write(store, "a", b"two")
    assert store.read("a").body == b"one"


def test_replacing_needs_the_present_etag(store: ObjectStore) -> None:
    first = write(store, "a", b"one")
    second = write(store, "a", b"two", first)
    with pytest.raises(PreconditionFailedError):
        write(store, "a", b"three", first)
    assert (store.read("a").body, store.read("a").etag) == (b"two", second)


def test_replacing_what_is_gone_fails(store: ObjectStore) -> None:
    etag = write(store, "a", b"one")
    store.delete("a")
    with pytest.raises((PreconditionFailedError, ObjectNotFoundError)):
        write(store, "a", b"two", etag)
    assert keys(store, "") == []


def test_equal_bytes_have_equal_etags_and_others_do_not(store: ObjectStore) -> None:
    one, same, other = (write(store, key, body) for key, body in {"a": b"x", "b": b"x", "c": b"y"}.items())
    assert one == same != other


def test_deleting_what_is_absent_is_no_error(store: ObjectStore) -> None:
    store.delete("never/was")


def test_a_listing_is_sorted_and_takes_any_string_as_prefix(store: ObjectStore) -> None:
    for key in ("r/b/2", "r/a/1", "r/ab", "s/1", "r/b+1"):
        write(store, key, key.encode())
    assert keys(store, "r/") == ["r/a/1", "r/ab", "r/b+1", "r/b/2"]
    assert keys(store, "r/a") == ["r/a/1", "r/ab"]
    entry = next(iter(store.list("s/")))
    assert (entry.etag, entry.size) == (store.read("s/1").etag, 3)


def test_a_listing_goes_beyond_one_page(store: ObjectStore) -> None:
    with ThreadPoolExecutor(16) as workers:
        list(workers.map(lambda number: write(store, f"many/{number:04}", b"."), range(1005)))
    assert len(keys(store, "many/")) == 1005


def test_a_file_is_written_from_disk_and_downloaded_in_pieces(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    source.write_bytes(bytes(range(256)) * 20_000)
    write(store, "large.bin", source)
    sink = io.BytesIO()
    store.download("large.bin", sink, limit=source.stat().st_size)
    assert sink.getvalue() == source.read_bytes()


def test_nothing_larger_than_the_limit_is_read(store: ObjectStore) -> None:
    write(store, "a", b"12345")
    assert store.read("a", limit=5).body == b"12345"
    with pytest.raises(IndexAccessError, match="too large"):
        store.read("a", limit=4)
    with pytest.raises(IndexAccessError, match="too large"):
        store.download("a", io.BytesIO(), limit=4)


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/../b", "./a", "a\\b", "a\0b"])
def test_keys_cannot_leave_the_root(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        write(store, key, b"x")
    with pytest.raises(ValueError, match="is no key"):
        store.read(key)


def test_of_many_creators_exactly_one_wins(store: ObjectStore) -> None:
    barrier = threading.Barrier(WRITERS)

    def create(number: int) -> bool:
        barrier.wait()
        try:
            write(store, "race", str(number).encode())
        except PreconditionFailedError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as workers:
        won = list(workers.map(create, range(WRITERS)))
    assert won.count(True) == 1
    assert store.read("race").body == str(won.index(True)).encode()


def test_no_update_is_lost_when_many_compare_and_swap(store: ObjectStore) -> None:
    write(store, "list", b"")

    def append(number: int) -> None:
        while True:
            seen = store.read("list")
            try:
                write(store, "list", seen.body + f"{number}\n".encode(), seen.etag)
            except PreconditionFailedError:
                continue
            return

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(append, range(WRITERS)))
    assert sorted(map(int, store.read("list").body.split())) == list(range(WRITERS))


def test_probing_for_trailing_slashes_leaves_nothing_behind(store: ObjectStore) -> None:
    kept = store.keeps_trailing_slash_keys()
    assert kept is not isinstance(store, DirectoryStore)
    assert keys(store, "") == []


def test_a_missing_directory_is_not_an_empty_index(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "absent")
    with pytest.raises(IndexAccessError, match="is not a directory"):
        store.read("a")
    with pytest.raises(IndexAccessError, match="is not a directory"):
        list(store.list(""))


def test_temporary_files_of_a_killed_writer_are_not_listed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    write(store, "a", b"x")
    (tmp_path / ".dioptra-tmp" / "left").write_bytes(b"half")
    assert keys(store, "") == ["a"]


def test_a_missing_bucket_is_not_an_empty_index(moto_bucket: str) -> None:
    store = S3Store(f"{moto_bucket}-absent")
    with pytest.raises(IndexAccessError, match=r"does not exist: status 404 NoSuchBucket.*endpoint http://127"):
        store.read("a")
    with pytest.raises(IndexAccessError, match="does not exist"):
        list(store.list(""))


def test_an_unreachable_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(IndexAccessError, match=rf"cannot be reached.*127\.0\.0\.1:{port}.*profile default"):
        S3Store("bucket").read("a")


def test_missing_credentials_are_named(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto_server.endpoint)
    with pytest.raises(IndexAccessError, match="credentials"):
        S3Store("bucket").read("a")


@pytest.mark.ceph
def test_a_wrong_secret_is_denied_and_not_absent(ceph_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    with pytest.raises(IndexAccessError, match="is denied: status 403"):
        S3Store(ceph_bucket).read("a")


def test_a_body_that_is_cut_off_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "x"\r\nConnection: close\r\n\r\nonly this'
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def serve() -> None:
            for _ in range(4):
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        with pytest.raises(IndexAccessError):
            S3Store("bucket").read("a")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
