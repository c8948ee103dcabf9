from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.release_state import remove, set_project_status, yank
from dioptra.plugins.index.state import ProjectState
from dioptra.plugins.index.verify import count_files, rebuild_index, verify_index
from dioptra.plugins.object_store.directory import DirectoryStore
from index_stores import FailingStore, InstantClock
from index_world import write_wheel
from wheel_factory import make_wheel

CLOCK = InstantClock()
FOG = canonicalize_name("fog")
FILE = "files/fog/fog-1.0-py3-none-any.whl"
RECORD = "records/fog/fog-1.0-py3-none-any.whl.json"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An index with two releases of fog, one of haze, and some states."""
    (tmp_path / "index").mkdir()
    made = DirectoryStore(tmp_path / "index")
    initialize_index(made, name="lab", clock=CLOCK)
    wheels = [
        make_wheel(project, version, files={f"{project}.py": ""}, entry_points={"x": project})
        for project, version in (("fog", "1.0"), ("fog", "2.0"), ("fog", "3.0"), ("haze", "1.0"))
    ]
    publish([write_wheel(tmp_path / "wheels", wheel) for wheel in wheels], made, clock=CLOCK)
    yank(made, FOG, Version("2.0"), reason="bad", clock=CLOCK)
    remove(made, FOG, Version("3.0"), reason="law", clock=CLOCK)
    return made


def differences(store: DirectoryStore) -> dict[str, tuple[str, bool]]:
    checks = verify_index(store, count_files(store))
    return {item.key: (item.problem, item.is_integrity) for check in checks for item in check.differences}


def path(store: DirectoryStore, key: str) -> Path:
    return Path(store.url) / key


def test_a_sound_index_has_no_difference(store: DirectoryStore) -> None:
    projects = count_files(store)
    assert projects == {"fog": 3, "haze": 1}
    checks = list(verify_index(store, projects))
    assert [(check.project, check.files, check.differences) for check in checks] == [
        ("fog", 3, ()),
        ("haze", 1, ()),
        ("", 0, ()),
    ]


@pytest.mark.parametrize("key", [FILE, f"{FILE}.metadata", f"{FILE}.tasks.json"])
def test_every_flipped_byte_is_found(store: DirectoryStore, key: str) -> None:
    body = bytearray(path(store, key).read_bytes())
    body[len(body) // 2] ^= 1
    path(store, key).write_bytes(body)
    found = differences(store)
    assert list(found) == [key]
    assert "its record says" in found[key][0]
    assert found[key][1]


@pytest.mark.parametrize("key", [FILE, f"{FILE}.metadata", f"{FILE}.tasks.json"])
def test_every_missing_file_is_found(store: DirectoryStore, key: str) -> None:
    path(store, key).unlink()
    assert differences(store) == {key: ("it is missing", True)}


def test_leftovers_are_found(store: DirectoryStore) -> None:
    path(store, "files/fog/fog-9.0-py3-none-any.whl").write_bytes(b"half")
    path(store, "files/fog/fog-3.0-py3-none-any.whl").write_bytes(b"back again")
    (path(store, "files/rain")).mkdir()
    path(store, "files/rain/rain-1.0-py3-none-any.whl").write_bytes(b"half")
    found = differences(store)
    assert "its release was removed" in found["files/fog/fog-3.0-py3-none-any.whl"][0]
    assert "a publication was interrupted" in found["files/fog/fog-9.0-py3-none-any.whl"][0]
    assert "a publication was interrupted" in found["files/rain/rain-1.0-py3-none-any.whl"][0]


def test_what_others_left_beside_records_and_states_is_told_and_stops_nobody(store: DirectoryStore) -> None:
    strangers = [
        "records/.DS_Store",
        "records/fog/.DS_Store",
        "records/fog/notes.json",
        "records/fog/rain-1.0-py3-none-any.whl.json",
        "state/fog/.DS_Store",
    ]
    for key in strangers:
        path(store, key).write_bytes(b"?")
    found = differences(store)
    assert found == dict.fromkeys(strangers[1:], ("it is no document of the index; delete it", False))
    yank(store, FOG, Version("1.0"), reason="", clock=CLOCK)
    set_project_status(store, FOG, ProjectState(status="deprecated"), clock=CLOCK)
    for _ in rebuild_index(store, count_files(store), clock=CLOCK):
        pass
    assert differences(store).keys() == found.keys()


@pytest.mark.parametrize("body", [b"{", b'{"schema": "1.0"}', b'{"schema": "9.0"}'])
def test_a_broken_record_is_found_and_hides_nothing_else(store: DirectoryStore, body: bytes) -> None:
    path(store, RECORD).write_bytes(body)
    path(store, "files/haze/haze-1.0-py3-none-any.whl").unlink()
    found = differences(store)
    assert found[RECORD][1]
    assert found["files/haze/haze-1.0-py3-none-any.whl"] == ("it is missing", True)


def test_a_record_under_another_name_is_found(store: DirectoryStore) -> None:
    other = "records/fog/fog-2.0-py3-none-any.whl.json"
    path(store, RECORD).write_bytes(path(store, other).read_bytes())
    assert "it is the record of fog/fog-2.0" in differences(store)[RECORD][0]


PAGES = ["simple/fog/index.json", "simple/fog/index.html", "simple/index.json", "simple/index.html"]


@pytest.mark.parametrize("damage", ["gone", "empty", "files missing"])
@pytest.mark.parametrize("key", PAGES)
def test_pages_are_compared_and_restored(store: DirectoryStore, key: str, damage: str) -> None:
    before = {page: path(store, page).read_bytes() for page in PAGES}
    if damage == "gone":
        path(store, key).unlink()
    elif damage == "empty":
        path(store, key).write_bytes(b"")
    else:
        document = json.loads(before["simple/fog/index.json"])
        document["files"] = document["files"][1:]
        path(store, key).write_bytes(json.dumps(document).encode())
    found = differences(store)
    assert list(found) == [key]
    assert not found[key][1]
    if damage == "files missing" and key == "simple/fog/index.json":
        assert "it lacks fog-1.0-py3-none-any.whl" in found[key][0]
    assert list(rebuild_index(store, count_files(store), clock=CLOCK)) == ["fog", "haze"]
    assert {page: path(store, page).read_bytes() for page in PAGES} == before
    assert differences(store) == {}


def test_a_page_without_records_is_emptied_and_no_longer_listed(store: DirectoryStore) -> None:
    path(store, "records/haze/haze-1.0-py3-none-any.whl.json").unlink()
    found = differences(store)
    assert {"simple/haze/index.json", "simple/haze/index.html", "simple/index.json"} <= found.keys()
    list(rebuild_index(store, count_files(store), clock=CLOCK))
    assert json.loads(path(store, "simple/haze/index.json").read_bytes())["files"] == []
    assert [item["name"] for item in json.loads(path(store, "simple/index.json").read_bytes())["projects"]] == ["fog"]


def test_a_failing_store_is_never_taken_for_a_difference(store: DirectoryStore) -> None:
    projects = count_files(store)
    for fail_at in range(40):
        failing = FailingStore(store, fail_at)
        try:
            found = [item for check in verify_index(failing, projects) for item in check.differences]
        except IndexAccessError:
            assert failing.failed
            continue
        assert found == []
        if not failing.failed:
            return
    raise AssertionError("it never finished")
