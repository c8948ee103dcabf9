"""Channels on every kind of store: serials only grow, nothing is lost, and what is interrupted is finished."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dioptra.plugins.channels.follow import Followed, look, remember
from dioptra.plugins.channels.model import ChannelReference, head_from_json, parse_reference
from dioptra.plugins.channels.promote import missing_wheels, promote, refuse_host, refuse_missing
from dioptra.plugins.channels.reading import channel_names, history, read_channel_lock, read_head
from dioptra.plugins.channels.verify import verify_channels
from dioptra.plugins.clock import SystemClock
from dioptra.plugins.errors import (
    ConfigurationError,
    IndexAccessError,
    IntegrityError,
    MalformedDocumentError,
    UnsatisfiedError,
)
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.release_state import remove
from dioptra.plugins.index.revocation import RevokedError
from dioptra.plugins.index.revoke import revoke
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.lock.pylock import render
from dioptra.plugins.lock.pylock_parser import parse
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.object_store.s3 import S3Store
from index_stores import CountingReader, FailingStore, InstantClock
from index_world import locked, write_wheel
from wheel_factory import make_wheel

PROMOTERS = 12
STORES = ["directory", "moto", pytest.param("ceph", marks=pytest.mark.ceph)]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An index of fog 1.0 to 1.3, on a store of each kind."""
    if request.param == "directory":
        (tmp_path / "index").mkdir()
        made: ObjectStore = DirectoryStore(tmp_path / "index")
    else:
        made = S3Store(request.getfixturevalue(f"{request.param}_bucket"), "team")
    return filled(made, tmp_path)


def filled(store: ObjectStore, tmp_path: Path) -> ObjectStore:
    initialize_index(store, name="lab", clock=SystemClock())
    wheels = [make_wheel("fog", f"1.{number}", files={"fog.py": f"X = {number}"}) for number in range(4)]
    publish([write_wheel(tmp_path / "wheels", wheel) for wheel in wheels], store, clock=SystemClock())
    return store


def lock_of(store: ObjectStore, requirement: str) -> tuple[Lock, bytes]:
    lock = locked(requirement, store)
    return lock, render(lock).encode()


def current(store: ObjectStore, channel: str = "production") -> str:
    body = read_channel_lock(store, ChannelReference(channel)).body.decode()
    return str(parse(body, source=channel).wheels[0].version)


def test_a_promoted_lock_is_current_and_the_earlier_ones_stay(store: ObjectStore) -> None:
    for number in (0, 1):
        done = promote(store, *lock_of(store, f"fog==1.{number}"), "production", clock=SystemClock())
        assert (done.serial, done.changed) == (number + 1, True)
        assert current(store) == f"1.{number}"
    again = promote(store, *lock_of(store, "fog==1.1"), "production", clock=SystemClock())
    assert (again.serial, again.changed) == (2, False)
    back = promote(store, *lock_of(store, "fog==1.0"), "production", clock=SystemClock())
    assert (back.serial, back.changed) == (3, True)
    assert [item.serial for item in history(store, "production")] == [3, 2, 1]
    assert channel_names(store) == ("production",)
    head = read_head(store, "production")
    assert head.sha256 == hashlib.sha256(lock_of(store, "fog==1.0")[1]).hexdigest()
    assert head.skipped == ()


def test_promoters_at_once_each_get_a_serial(store: ObjectStore) -> None:
    locks = [lock_of(store, f"fog>=1.0,<{2 + number}") for number in range(PROMOTERS)]
    assert len({body for _, body in locks}) == PROMOTERS
    together = threading.Barrier(PROMOTERS)

    def one(lock: tuple[Lock, bytes]) -> int:
        together.wait()
        return promote(store, *lock, "production", clock=SystemClock()).serial

    with ThreadPoolExecutor(PROMOTERS) as promoters:
        serials = list(promoters.map(one, locks))
    assert len(set(serials)) == PROMOTERS
    promoted = list(history(store, "production"))
    assert {item.serial for item in promoted} == set(serials)
    assert {item.body for item in promoted} == {body for _, body in locks}


def test_a_revoked_release_is_not_promoted_nor_rolled_back_to(store: ObjectStore) -> None:
    promote(store, *lock_of(store, "fog==1.0"), "production", clock=SystemClock())
    newer = lock_of(store, "fog==1.1")
    promote(store, *newer, "production", clock=SystemClock())
    before = read_head(store, "production")
    revoke(store, newer[0].wheels[0].project, newer[0].wheels[0].version, reason="bad", clock=SystemClock())
    head = read_head(store, "production")
    assert (head.serial, head.sha256) == (before.serial, before.sha256)
    assert head.revocations == hashlib.sha256(store.read("revoked.json").body).hexdigest() != before.revocations
    promote(store, *lock_of(store, "fog==1.0"), "production", clock=SystemClock())
    with pytest.raises(RevokedError):
        promote(store, *newer, "production", clock=SystemClock())
    assert read_head(store, "production").serial == 3


def test_what_is_interrupted_is_finished_or_skipped(tmp_path: Path) -> None:
    died = 0
    for fail_at in range(30):
        root = tmp_path / str(fail_at)
        (root / "index").mkdir(parents=True)
        store = filled(DirectoryStore(root / "index"), root)
        promote(store, *lock_of(store, "fog==1.0"), "production", clock=InstantClock())
        failing = FailingStore(store, fail_at)
        try:
            promote(failing, *lock_of(store, "fog==1.1"), "production", clock=InstantClock())
        except IndexAccessError:
            died += 1
            assert current(store) == "1.0"
        other = promote(store, *lock_of(store, "fog==1.2"), "production", clock=InstantClock())
        assert current(store) == "1.2"
        promote(store, *lock_of(store, "fog==1.1"), "production", clock=InstantClock())
        assert current(store) == "1.1"
        head = read_head(store, "production")
        assert {item.serial for item in history(store, "production")} == set(range(1, head.serial + 1)) - set(
            head.skipped
        )
        assert other.serial in {2, 3}
        if not failing.failed:
            break
        if other.serial == 3 and head.skipped == (2,):
            with pytest.raises(UnsatisfiedError, match="has no serial 2"):
                read_channel_lock(store, ChannelReference("production", 2))
    assert died > 4


def test_a_lock_whose_wheels_are_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "empty").mkdir()
    store, empty = filled(DirectoryStore(tmp_path / "index"), tmp_path), DirectoryStore(tmp_path / "empty")
    initialize_index(empty, name="empty", clock=InstantClock())
    lock, _ = lock_of(store, "fog==1.0")
    assert missing_wheels(store, lock) == ()
    missing = missing_wheels(empty, lock)
    with pytest.raises(UnsatisfiedError, match="lacks 1 of the locked wheels") as refusal:
        refuse_missing(empty, missing)
    assert "--mirror" in str(refusal.value.hint)
    publish(
        [write_wheel(tmp_path / "w", make_wheel("fog", "1.0", files={"fog.py": "other"}))], empty, clock=InstantClock()
    )
    with pytest.raises(UnsatisfiedError, match="other files under locked names"):
        missing_wheels(empty, lock)


def test_a_lock_of_a_host_nobody_described_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    store = DirectoryStore(tmp_path / "index")
    initialize_index(store, name="lab", clock=InstantClock())
    made = make_wheel("haze", "1.0", files={"haze.py": ""}, requires=("click",))
    publish([write_wheel(tmp_path / "w", made)], store, clock=InstantClock())
    with pytest.raises(UnsatisfiedError, match="made for the host") as refusal:
        refuse_host(locked("haze", store, provide=True))
    assert "click" in str(refusal.value.why)
    publish(
        [write_wheel(tmp_path / "w2", make_wheel("mist", "1.0", files={"mist.py": ""}))], store, clock=InstantClock()
    )
    refuse_host(locked("mist", store, provide=True))


@pytest.mark.parametrize("text", ["", "Prod", "a b", "a@", "a@0", "a@x", "a/b", "-a", "a-", "@1", "a" * 65, "ä"])
def test_what_is_no_channel_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no channel"):
        parse_reference(text)


def test_references_are_read() -> None:
    assert parse_reference("dev-ana") == ChannelReference("dev-ana")
    assert parse_reference("production@12") == ChannelReference("production", 12)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"schema": "2.0", "serial": 1}',
        b'{"schema": "1.0", "serial": 0, "sha256": "x", "time": "2026-01-01"}',
        b'{"schema": "1.0", "serial": true, "sha256": "x", "time": "2026-01-01"}',
        b'{"schema": "1.0", "serial": 1, "sha256": "xyz", "time": "2026-01-01"}',
    ],
)
def test_a_malformed_head_is_an_error(body: bytes) -> None:
    with pytest.raises(MalformedDocumentError):
        head_from_json(body, source="head.json")


def test_channels_that_cannot_be_followed_are_found(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    store = filled(DirectoryStore(tmp_path / "index"), tmp_path)
    for number, name in enumerate(("bad", "gone", "good", "odd")):
        promote(store, *lock_of(store, f"fog==1.{number}"), name, clock=InstantClock())
    assert list(verify_channels(store)) == []
    for name, number in (("bad", 0), ("gone", 1)):
        lock = lock_of(store, f"fog==1.{number}")[0]
        change = revoke if name == "bad" else remove
        change(store, lock.wheels[0].project, lock.wheels[0].version, reason="x", clock=InstantClock())
    (tmp_path / "index" / "channels" / "odd" / "head.json").write_text("{}")
    found = {item.key.split("/")[1]: item.problem for item in verify_channels(store)}
    assert sorted(found) == ["bad", "gone", "odd"]
    assert "revoked" in found["bad"]
    assert "is not in this index" in found["gone"]
    assert "malformed" in found["odd"]


def test_a_lock_that_is_not_the_one_of_the_head_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    store = filled(DirectoryStore(tmp_path / "index"), tmp_path)
    promote(store, *lock_of(store, "fog==1.0"), "production", clock=InstantClock())
    file = tmp_path / "index" / "channels" / "production" / "1" / "pylock.plugins.toml"
    file.chmod(0o644)
    file.write_text("tampered")
    with pytest.raises(IntegrityError, match="is not the lock that the channel names"):
        read_channel_lock(store, ChannelReference("production"))
    (found,) = verify_channels(store)
    assert found.is_integrity
    with pytest.raises(UnsatisfiedError, match="no channel 'nowhere'"):
        read_head(store, "nowhere")


def follow(store: ObjectStore, root: Path, **options: bool) -> tuple[Followed, list[str]]:
    """Look, remember, and tell what was asked for."""
    reader = CountingReader(store)
    found = look(reader, root, "production", **options)
    remember(reader, root, "production", found)
    return found, reader.asked


def test_a_channel_that_did_not_change_costs_one_request(store: ObjectStore, tmp_path: Path) -> None:
    root = tmp_path / "plugins"
    promote(store, *lock_of(store, "fog==1.0"), "production", clock=SystemClock())
    first, asked = follow(store, root)
    assert (first.head.serial, first.is_new) == (1, True)
    assert asked == ["channels/production/head.json", "channels/production/1/pylock.plugins.toml", "dioptra-index.json"]
    again, asked = follow(store, root)
    assert (again.is_new, asked) == (False, ["channels/production/head.json"])
    assert again.lock_bytes == first.lock_bytes == lock_of(store, "fog==1.0")[1]
    promote(store, *lock_of(store, "fog==1.1"), "production", clock=SystemClock())
    newer, asked = follow(store, root)
    assert (newer.head.serial, newer.is_new, newer.highest) == (2, True, 2)
    assert asked == ["channels/production/head.json", "channels/production/2/pylock.plugins.toml"]


def test_a_revocation_is_news_without_another_lock(store: ObjectStore, tmp_path: Path) -> None:
    root = tmp_path / "plugins"
    lock, body = lock_of(store, "fog==1.0")
    promote(store, lock, body, "production", clock=SystemClock())
    follow(store, root)
    revoke(store, lock.wheels[0].project, lock.wheels[0].version, reason="bad", clock=SystemClock())
    found, asked = follow(store, root)
    assert (found.is_new, found.head.serial, found.lock_bytes) == (True, 1, body)
    assert asked == ["channels/production/head.json"]


def test_a_channel_that_went_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    store, root = filled(DirectoryStore(tmp_path / "index"), tmp_path), tmp_path / "plugins"
    head = tmp_path / "index" / "channels" / "production" / "head.json"
    promote(store, *lock_of(store, "fog==1.0"), "production", clock=InstantClock())
    replayed = head.read_bytes()
    promote(store, *lock_of(store, "fog==1.1"), "production", clock=InstantClock())
    follow(store, root)
    head.write_bytes(replayed)
    with pytest.raises(IntegrityError, match="went back from serial 2 to 1"):
        look(store, root, "production")
    found, _ = follow(store, root, allow_lower=True)
    assert (found.head.serial, found.highest) == (1, 1)
    assert follow(store, root)[0].is_new is False


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": "1.0", "url": 1}', '{"schema": "9.0"}'])
def test_a_malformed_memory_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "index").mkdir()
    store, root = filled(DirectoryStore(tmp_path / "index"), tmp_path), tmp_path / "plugins"
    promote(store, *lock_of(store, "fog==1.0"), "production", clock=InstantClock())
    follow(store, root)
    (memory,) = (root / "channels").rglob("production.json")
    memory.write_text(text)
    with pytest.raises(ConfigurationError, match=r"production\.json"):
        look(store, root, "production")


def test_nothing_is_remembered_of_a_channel_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    store = filled(DirectoryStore(tmp_path / "index"), tmp_path)
    with pytest.raises(UnsatisfiedError, match="no channel"):
        look(store, tmp_path / "plugins", "production")
    assert not (tmp_path / "plugins").exists()
