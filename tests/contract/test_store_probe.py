"""What `doctor` says of stores that keep their promises, and of those that do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dioptra.plugins.clock import SystemClock
from dioptra.plugins.errors import PreconditionFailedError, UnsatisfiedError
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.publishing_mode import SinglePublisherStore
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.object_store.probe import Finding, probe_store
from dioptra.plugins.object_store.s3 import S3Store
from index_world import cli, run, write_wheel
from wheel_factory import make_wheel

CLOCK = SystemClock()


def directory(request: pytest.FixtureRequest) -> ObjectStore:
    return DirectoryStore(request.getfixturevalue("tmp_path"))


def bucket(server: str) -> Callable[[pytest.FixtureRequest], ObjectStore]:
    return lambda request: S3Store(request.getfixturevalue(f"{server}_bucket"), "team")


def findings(store: ObjectStore) -> dict[str, Finding]:
    return {finding.check: finding for finding in probe_store(store, CLOCK)}


CREATING, REPLACING = "creating only what is absent (If-None-Match: *)", "replacing only what was read (If-Match)"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(directory, id="directory"),
        pytest.param(bucket("moto"), id="moto"),
        pytest.param(bucket("ceph"), id="ceph", marks=pytest.mark.ceph),
    ],
)
def test_a_store_that_keeps_conditions_passes_and_nothing_is_left(
    request: pytest.FixtureRequest, make: Callable[[pytest.FixtureRequest], ObjectStore]
) -> None:
    store = make(request)
    found = findings(store)
    assert found[CREATING].passed
    assert found[REPLACING].passed
    assert found["listing after writing"].passed
    assert found["absent objects are 404"].passed
    assert found["keys that end in /"].passed is (None if make is directory else True)
    assert list(store.list("")) == []


@pytest.mark.ceph
def test_ceph_refuses_anonymous_writes_and_has_a_clock(ceph_bucket: str) -> None:
    found = findings(S3Store(ceph_bucket, "team"))
    assert found["anonymous writing"].passed
    assert found["clocks"].passed


def test_a_bucket_that_anybody_can_write_to_is_told(moto_bucket: str) -> None:
    found = findings(S3Store(moto_bucket, "team"))["anonymous writing"]
    assert (found.passed, found.detail) == (False, "anybody can write here")


@dataclass(frozen=True)
class LateClock(SystemClock):
    """A clock that is five minutes ahead."""

    def now(self):  # type: ignore[no-untyped-def]  # as the base has it
        return super().now() + timedelta(minutes=5)


def test_a_wrong_clock_is_told(moto_bucket: str) -> None:
    found = {item.check: item for item in probe_store(S3Store(moto_bucket, "team"), LateClock())}["clocks"]
    assert found.passed is False
    seconds = int(found.detail.split()[3])
    assert 295 <= seconds <= 305
    assert found.detail.endswith("s ahead of the server")


def test_a_store_that_ignores_conditions_is_found_and_refused(rclone_bucket: str, tmp_path: Path) -> None:
    store = S3Store(rclone_bucket, "team")
    found = findings(store)
    assert found[CREATING].passed is False
    assert found[REPLACING].passed is False
    assert found["keys that end in /"].passed is None
    with pytest.raises(UnsatisfiedError, match="does not keep conditional writes") as refused:
        initialize_index(store, name="lab", clock=CLOCK)
    assert "--single-publisher" in str(refused.value.hint)
    assert list(store.list("dioptra-index.json")) == []


def test_one_publisher_may_use_such_a_store(rclone_bucket: str, tmp_path: Path) -> None:
    url = f"s3://{rclone_bucket}/team"
    cli("index", "init", url, "--single-publisher")
    first, second = (
        write_wheel(tmp_path / text, make_wheel("fog", "1.0", files={"fog.py": text}, entry_points={"x": "fog"}))
        for text in ("A = 1", "A = 2")
    )
    cli("publish", first, "--index", url)
    cli("publish", first, "--index", url)
    assert "with other bytes" in cli("publish", second, "--index", url, code=1)
    cli("index", "verify", "--index", url)
    told = run(["dioptra-plugins", "doctor", url, "--json"])
    assert told.returncode == 1
    assert json.loads(told.stdout)["concurrent_publishing_is_safe"] is False


def test_an_index_that_was_copied_to_such_a_store_takes_no_publisher(rclone_bucket: str, tmp_path: Path) -> None:
    made, copy = DirectoryStore(tmp_path), S3Store(rclone_bucket, "copy")
    initialize_index(made, name="lab", clock=CLOCK)
    for entry in made.list(""):
        copy.write(entry.key, made.read(entry.key).body, expected=None, content_type="", cache_control="")
    wheel = write_wheel(tmp_path / "w", make_wheel("fog", "1.0", files={"fog.py": ""}, entry_points={"x": "fog"}))
    with pytest.raises(UnsatisfiedError, match="does not keep conditional writes"):
        publish([wheel], copy, clock=CLOCK)
    assert not list(copy.list("files/"))
    identity = read_descriptor(copy).identity
    descriptor, made_now = initialize_index(copy, name="other", clock=CLOCK, single_publisher=True)
    assert (descriptor.identity, descriptor.publishing, made_now) == (identity, "single", False)
    assert publish([wheel], copy, clock=CLOCK)[0].status == "published"


def test_conditions_are_checked_before_a_single_publishers_writes(rclone_bucket: str) -> None:
    store = SinglePublisherStore(S3Store(rclone_bucket, "team"))

    def write(body: bytes, expected: str | None) -> str:
        return store.write("a/b", body, expected=expected, content_type="", cache_control="")

    with pytest.raises(PreconditionFailedError):
        write(b"1", "0" * 32)
    etag = write(b"1", None)
    with pytest.raises(PreconditionFailedError):
        write(b"2", None)
    assert write(b"2", etag) != etag
    with pytest.raises(PreconditionFailedError):
        write(b"3", etag)
    assert store.read("a/b").body == b"2"
