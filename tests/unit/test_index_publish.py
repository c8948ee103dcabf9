"""Publishing to a store that fails at every call in turn, and beside other publishers."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dioptra.plugins.errors import (
    ConfigurationError,
    IndexAccessError,
    UnsatisfiedError,
    WheelRefusedError,
)
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.object_store.directory import DirectoryStore
from index_stores import FailingStore, InstantClock
from index_world import write_wheel
from wheel_factory import make_wheel


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "index").mkdir()
    made = DirectoryStore(tmp_path / "index")
    initialize_index(made, name="lab", clock=InstantClock())
    return made


def wheel(tmp_path: Path, project: str, version: str, text: str = "") -> Path:
    package = project.replace("-", "_")
    made = make_wheel(project, version, files={f"{package}.py": text}, entry_points={"x": package})
    return write_wheel(tmp_path / "wheels" / text, made)


def links_lead_somewhere(store: DirectoryStore) -> set[str]:
    """Check that the pages name only files that are there; returns their names."""
    present = {entry.key for entry in store.list("")}
    named = set()
    projects = [entry["name"] for entry in json.loads(store.read("simple/index.json").body)["projects"]]
    for project in projects:
        assert f"simple/{project}/index.html" in present
        for file in json.loads(store.read(f"simple/{project}/index.json").body)["files"]:
            assert f"files/{project}/{file['filename']}" in present
            assert f"files/{project}/{file['filename']}.metadata" in present
            assert f"records/{project}/{file['filename']}.json" in present
            named.add(file["filename"])
    return named


def test_a_publisher_that_dies_at_any_call_leaves_no_dangling_link_and_publishing_again_finishes(
    tmp_path: Path,
) -> None:
    first, second = wheel(tmp_path, "fog", "1.0"), wheel(tmp_path, "fog", "2.0")
    died = 0
    for fail_at in range(60):
        root = tmp_path / f"index-{fail_at}"
        root.mkdir()
        store = DirectoryStore(root)
        initialize_index(store, name="lab", clock=InstantClock())
        publish([first], store, clock=InstantClock())
        failing = FailingStore(store, fail_at)
        try:
            publish([second], failing, clock=InstantClock())
        except IndexAccessError:
            died += 1
        assert failing.failed == (died == fail_at + 1)
        assert first.name in links_lead_somewhere(store)
        publish([second], store, clock=InstantClock())
        assert links_lead_somewhere(store) == {first.name, second.name}
        if not failing.failed:
            break
    assert died > 10


def test_publishers_at_once_lose_nothing(tmp_path: Path, store: DirectoryStore) -> None:
    wheels = [wheel(tmp_path, "fog", f"1.{number}") for number in range(8)]
    wheels += [wheel(tmp_path, f"other-{number}", "1.0") for number in range(8)]
    barrier = threading.Barrier(len(wheels))

    def one(path: Path) -> None:
        barrier.wait()
        publish([path], DirectoryStore(Path(store.url)), clock=InstantClock())

    with ThreadPoolExecutor(len(wheels)) as workers:
        list(workers.map(one, wheels))
    assert links_lead_somewhere(store) == {path.name for path in wheels}


def test_publishing_many_at_once_and_again(tmp_path: Path, store: DirectoryStore) -> None:
    wheels = [wheel(tmp_path, f"fog-{number}", "1.0") for number in range(20)]
    assert {item.status for item in publish(wheels, store, clock=InstantClock())} == {"published"}
    before = {entry.key: entry.etag for entry in store.list("")}
    assert {item.status for item in publish(wheels, store, clock=InstantClock())} == {"unchanged"}
    assert {entry.key: entry.etag for entry in store.list("")} == before


def test_other_bytes_are_refused_also_where_only_an_orphan_has_the_name(tmp_path: Path, store: DirectoryStore) -> None:
    published = wheel(tmp_path, "fog", "1.0")
    publish([published], store, clock=InstantClock())
    other = wheel(tmp_path, "fog", "1.0", "X = 1")
    with pytest.raises(UnsatisfiedError, match="with other bytes"):
        publish([other], store, clock=InstantClock())
    store.delete(f"records/fog/{published.name}.json")
    with pytest.raises(UnsatisfiedError, match="with other bytes"):
        publish([other], store, clock=InstantClock())


@pytest.mark.parametrize("version", ["2.00", "v2.0"])
def test_a_file_has_one_name(tmp_path: Path, store: DirectoryStore, version: str) -> None:
    normal = wheel(tmp_path, "fog", "2.0")
    made = make_wheel("fog", version, files={"fog.py": "X = 1"}, entry_points={"x": "fog"})
    other, spelling = write_wheel(tmp_path / "other", made), made[0]
    with pytest.raises(UnsatisfiedError, match=r"not in the normal spelling, fog-2\.0"):
        publish([other], store, clock=InstantClock())
    with pytest.raises(UnsatisfiedError, match=r"is another spelling of"):
        publish([other, normal], store, clock=InstantClock(), normal_names_only=False)
    publish([other], store, clock=InstantClock(), normal_names_only=False)
    with pytest.raises(UnsatisfiedError, match=f"is another spelling of {spelling}"):
        publish([normal], store, clock=InstantClock())
    assert publish([other], store, clock=InstantClock())[0].status == "unchanged"
    assert links_lead_somewhere(store) == {spelling}


TASKS = "files/fog/fog-2.0-py3-none-any.whl.tasks.json"


@pytest.mark.parametrize(
    ("left", "is_kept"),
    [
        (b'{"schema": "1.0", "project": "fog", "version": "2.0", "added": "by a newer version"}', True),
        (b'{"schema": "9.0"}', True),
        (b'{"schema": "1.0", "project": "rain", "version": "2.0"}', False),
        (b'{"schema"', False),
    ],
)
def test_a_sidecar_of_another_publisher_is_named_and_not_replaced(
    tmp_path: Path, store: DirectoryStore, left: bytes, is_kept: bool
) -> None:
    made = wheel(tmp_path, "fog", "2.0")
    (Path(store.url) / "files/fog").mkdir(parents=True)
    (Path(store.url) / TASKS).write_bytes(left)
    publish([made], store, clock=InstantClock())
    stored = store.read(TASKS).body
    assert (stored == left) == is_kept
    record = json.loads(store.read(f"records/fog/{made.name}.json").body)
    assert record["tasks-sha256"] == hashlib.sha256(stored).hexdigest()


def test_nothing_is_written_if_one_of_the_wheels_is_refused(tmp_path: Path, store: DirectoryStore) -> None:
    good = wheel(tmp_path, "fog", "1.0")
    bad = [tmp_path / "bad-1.0-py3-none-any.whl", tmp_path / "worse-1.0-py3-none-any.whl"]
    for path in bad:
        path.write_bytes(b"no archive")
    before = {entry.key for entry in store.list("")}
    with pytest.raises(WheelRefusedError) as caught:
        publish([good, *bad], store, clock=InstantClock())
    assert len(caught.value.problems) == 2
    assert {entry.key for entry in store.list("")} == before


def test_a_wheel_given_twice_or_absent_is_refused(tmp_path: Path, store: DirectoryStore) -> None:
    path = wheel(tmp_path, "fog", "1.0")
    with pytest.raises(ConfigurationError, match="given twice"):
        publish([path, path], store, clock=InstantClock())
    with pytest.raises(ConfigurationError, match="is not a file"):
        publish([tmp_path / "absent.whl"], store, clock=InstantClock())


def test_without_a_descriptor_there_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexAccessError, match="there is no index at"):
        publish([wheel(tmp_path, "fog", "1.0")], DirectoryStore(tmp_path), clock=InstantClock())


def test_initializing_again_keeps_the_identity(store: DirectoryStore) -> None:
    first, made = initialize_index(store, name="other", clock=InstantClock())
    assert not made
    assert first.name == "lab"


def test_a_damaged_list_of_projects_is_made_again_from_the_records(tmp_path: Path, store: DirectoryStore) -> None:
    publish([wheel(tmp_path, "fog", "1.0")], store, clock=InstantClock())
    present = store.read("simple/index.json")
    store.write("simple/index.json", b"{", expected=present.etag, content_type="", cache_control="")
    publish([wheel(tmp_path, "haze", "1.0")], store, clock=InstantClock())
    assert {entry["name"] for entry in json.loads(store.read("simple/index.json").body)["projects"]} == {"fog", "haze"}
