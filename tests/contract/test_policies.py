"""The least-privilege policies on a server that enforces policies, as bucket policies for one user each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from ceph_process import Ceph
from dioptra.plugins.channels.promote import promote
from dioptra.plugins.channels.reading import read_head
from dioptra.plugins.clock import SystemClock
from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.release_state import remove
from dioptra.plugins.index.revoke import revoke
from dioptra.plugins.lock.pylock import render
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.object_store.s3 import S3Store
from index_world import locked, write_wheel
from s3_servers import S3Server
from wheel_factory import make_wheel

pytestmark = pytest.mark.ceph

POLICIES = Path(__file__).parents[2] / "index" / "policies"
USERS = ("reader", "publisher", "promoter", "administrator")
CLOCK = SystemClock()


@pytest.fixture(scope="session")
def users(ceph: Ceph) -> None:
    for user in USERS:
        ceph.add_user(user)


@pytest.fixture
def bucket(ceph_bucket: str, ceph_server: S3Server, users: None, tmp_path: Path) -> str:
    """A bucket with an index, where every user has the policy of its name."""
    store = S3Store(ceph_bucket, "team")
    initialize_index(store, name="lab", clock=CLOCK)
    publish([wheel(tmp_path, "1.0")], store, clock=CLOCK)
    statements = [statement for user in USERS for statement in granted(user, ceph_bucket)]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    ceph_server.client().put_bucket_policy(Bucket=ceph_bucket, Policy=policy)
    return ceph_bucket


def granted(user: str, bucket: str) -> Iterator[dict[str, Any]]:
    """A policy's statements for one user. Ceph does not know the condition on If-None-Match, and denies with it."""
    text = (POLICIES / f"{user}.json").read_text().replace("BUCKET", bucket).replace("PREFIX", "team")
    for statement in json.loads(text)["Statement"]:
        condition = {name: value for name, value in statement.pop("Condition", {}).items() if name != "Null"}
        statement["Sid"] = f"{user}{statement['Sid']}"
        statement["Principal"] = {"AWS": [f"arn:aws:iam:::user/{user}"]}
        yield statement | ({"Condition": condition} if condition else {})


def as_user(name: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{name}secret")
    return S3Store(bucket, "team")


def wheel(tmp_path: Path, version: str) -> Path:
    return write_wheel(tmp_path / "w", make_wheel("fog", version, files={"fog.py": ""}, entry_points={"x": "fog"}))


def denied(store: ObjectStore, key: str, expected: str | None = None) -> bool:
    try:
        store.write(key, b"{}", expected=expected, content_type="", cache_control="")
    except IndexAccessError as problem:
        if "is denied" not in str(problem):
            raise
        return True
    except PreconditionFailedError:
        return False
    return False


RECORD = "records/fog/fog-1.0-py3-none-any.whl.json"
KEYS = ["files/fog/new", "records/fog/new", "simple/new", "state/fog/new", "channels/prod/head.json", "revoked.json"]


@pytest.mark.parametrize(
    ("user", "may_write"),
    [
        ("reader", set()),
        ("publisher", {"files/fog/new", "records/fog/new", "simple/new", "state/fog/new"}),
        ("promoter", {"channels/prod/head.json", "revoked.json"}),
        ("administrator", set(KEYS)),
    ],
)
def test_each_may_write_its_own_keys_and_read_everything(
    bucket: str, ceph_server: S3Server, monkeypatch: pytest.MonkeyPatch, user: str, may_write: set[str]
) -> None:
    store = as_user(user, bucket, monkeypatch)
    assert store.read(RECORD).body
    assert [entry.key for entry in store.list("records/")] == [RECORD]
    with pytest.raises(ObjectNotFoundError):
        store.read("records/fog/absent")
    assert {key for key in KEYS if not denied(store, key)} == may_write
    with pytest.raises(IndexAccessError, match="denied"):
        store.delete(RECORD)
    ceph_server.client().put_object(Bucket=bucket, Key="other/x", Body=b"another's")
    with pytest.raises(IndexAccessError, match="denied"):
        S3Store(bucket, "other").read("x")


def test_a_publisher_publishes_and_replaces_neither_file_nor_record(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = as_user("publisher", bucket, monkeypatch)
    assert [item.status for item in publish([wheel(tmp_path, "2.0")], store, clock=CLOCK)] == ["published"]
    # Ceph cannot express "only what is absent" in a policy: there the condition of each write is the only guard.
    for key in (RECORD, "files/fog/fog-1.0-py3-none-any.whl"):
        with pytest.raises(PreconditionFailedError):
            store.write(key, b"{}", expected=None, content_type="", cache_control="")
    publisher = json.loads((POLICIES / "publisher.json").read_text())
    (once,) = [item for item in publisher["Statement"] if item["Sid"] == "CreateFilesAndRecordsOnce"]
    assert once["Condition"] == {"Null": {"s3:if-none-match": "false"}}


def test_only_a_promoter_moves_a_channel(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = locked("fog", S3Store(bucket, "team"))
    body = render(lock).encode()
    promoter = as_user("promoter", bucket, monkeypatch)
    assert promote(promoter, lock, body, "production", clock=CLOCK).serial == 1
    with pytest.raises(IndexAccessError, match="denied"):
        publish([wheel(tmp_path, "2.0")], promoter, clock=CLOCK)
    for user in ("reader", "publisher"):
        store = as_user(user, bucket, monkeypatch)
        assert read_head(store, "production").serial == 1
        with pytest.raises(IndexAccessError, match="denied"):
            promote(store, lock, body + b"\n", "production", clock=CLOCK)


def test_an_administrator_makes_an_index_and_removes_and_revokes(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = as_user("administrator", bucket, monkeypatch)
    _, made = initialize_index(store, name="lab", clock=CLOCK)
    assert not made
    publish([wheel(tmp_path, "2.0")], store, clock=CLOCK)
    fog = canonicalize_name("fog")
    remove(store, fog, Version("1.0"), reason="law", clock=CLOCK)
    assert not list(store.list("files/fog/fog-1.0"))
    assert [item.filename for item in revoke(store, fog, Version("2.0"), reason="leak", clock=CLOCK)]
    assert not list(store.list("simple/.dioptra-probe"))
    with pytest.raises(IndexAccessError, match="denied"):
        as_user("publisher", bucket, monkeypatch).delete("files/fog/fog-2.0-py3-none-any.whl")


def test_a_reader_cannot_publish(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = as_user("reader", bucket, monkeypatch)
    with pytest.raises(IndexAccessError, match="denied"):
        publish([wheel(tmp_path, "2.0")], store, clock=CLOCK)


def test_a_publisher_that_may_write_but_not_read_is_refused_at_once(
    bucket: str, ceph_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = [item for item in granted("publisher", bucket) if "Get" not in str(item["Action"])]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    ceph_server.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    before = sorted(item["Key"] for item in ceph_server.client().list_objects_v2(Bucket=bucket)["Contents"])
    store = as_user("publisher", bucket, monkeypatch)
    with pytest.raises(IndexAccessError, match="denied"):
        publish([wheel(tmp_path, "2.0")], store, clock=CLOCK)
    assert sorted(item["Key"] for item in ceph_server.client().list_objects_v2(Bucket=bucket)["Contents"]) == before
