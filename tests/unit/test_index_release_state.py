"""Yank, project status, removal and revocation on a store that fails at every call in turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import IndexAccessError, UnsatisfiedError
from dioptra.plugins.index.catalogue import open_catalogue
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.project_documents import read_file_state, read_project_state
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.release_state import (
    remove,
    set_project_status,
    unyank,
    yank,
)
from dioptra.plugins.index.revoke import revoke
from dioptra.plugins.index.state import (
    FileState,
    ProjectState,
    Removal,
    file_state_from_json,
    file_state_to_json,
    project_state_from_json,
    project_state_to_json,
)
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.object_store.port import ObjectStore
from index_stores import FailingStore, InstantClock, InterruptedStore
from index_world import write_wheel
from wheel_factory import make_wheel

FOG = canonicalize_name("fog")
ONE, TWO = Version("1.0"), Version("2.0")
CLOCK = InstantClock()


def wheel(tmp_path: Path, version: str, tag: str = "py3-none-any", text: str = "") -> Path:
    made = make_wheel("fog", version, files={"fog.py": text}, entry_points={"x": "fog"}, tag=tag)
    return write_wheel(tmp_path / "wheels" / text, made)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "index").mkdir()
    made = DirectoryStore(tmp_path / "index")
    initialize_index(made, name="lab", clock=CLOCK)
    publish([wheel(tmp_path, "1.0"), wheel(tmp_path, "2.0")], made, clock=CLOCK)
    return made


def page(store: ObjectStore) -> dict[str, object]:
    document: dict[str, object] = json.loads(store.read("simple/fog/index.json").body)
    return document


def yanked(store: ObjectStore) -> dict[str, object]:
    files = page(store)["files"]
    assert isinstance(files, list)
    return {file["filename"].split("-")[1]: file["yanked"] for file in files}


def test_states_are_read_back() -> None:
    removal = Removal(sha256="a" * 64, reason="law", time=CLOCK.now())
    for state in (FileState(), FileState(yanked=""), FileState(yanked="broken <é>", removed=removal)):
        assert file_state_from_json(file_state_to_json(state), source="x") == state
    for project in (ProjectState(), ProjectState(status="archived", reason="moved")):
        assert project_state_from_json(project_state_to_json(project), source="x") == project


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (file_state_from_json, b'{"schema": "1.0", "yanked": 1}'),
        (file_state_from_json, b'{"schema": "1.0", "removed": {"sha256": "x"}}'),
        (file_state_from_json, b'{"schema": "2.0"}'),
        (project_state_from_json, b'{"schema": "1.0", "status": "sleeping"}'),
        (project_state_from_json, b"[]"),
    ],
)
def test_a_malformed_state_is_never_taken_for_none(read: Callable[..., object], body: bytes) -> None:
    with pytest.raises(IndexAccessError):
        read(body, source="state/x.json")


def test_a_yank_is_shown_with_its_reason_and_undone(store: DirectoryStore) -> None:
    changes = yank(store, FOG, ONE, reason='a "bad" <one>', clock=CLOCK)
    assert [(change.filename, change.changed) for change in changes] == [("fog-1.0-py3-none-any.whl", True)]
    assert yanked(store) == {"1.0": 'a "bad" <one>', "2.0": False}
    assert b'data-yanked="a &quot;bad&quot; &lt;one&gt;"' in store.read("simple/fog/index.html").body
    assert not any(change.changed for change in yank(store, FOG, ONE, reason='a "bad" <one>', clock=CLOCK))
    yank(store, FOG, TWO, reason="", clock=CLOCK)
    assert yanked(store) == {"1.0": 'a "bad" <one>', "2.0": True}
    unyank(store, FOG, ONE, clock=CLOCK)
    assert yanked(store) == {"1.0": False, "2.0": True}
    assert b'data-yanked=""' in store.read("simple/fog/index.html").body


def test_a_yank_survives_publishing_and_other_bytes_stay_refused(store: DirectoryStore, tmp_path: Path) -> None:
    yank(store, FOG, ONE, reason="bad", clock=CLOCK)
    publish([wheel(tmp_path, "1.0"), wheel(tmp_path, "3.0")], store, clock=CLOCK)
    assert yanked(store) == {"1.0": "bad", "2.0": False, "3.0": False}
    with pytest.raises(UnsatisfiedError, match="with other bytes"):
        publish([wheel(tmp_path, "1.0", text="X = 1")], store, clock=CLOCK)


def test_a_release_that_is_not_there_is_told_with_those_that_are(store: DirectoryStore) -> None:
    with pytest.raises(UnsatisfiedError, match=r"newest releases are 1\.0, 2\.0"):
        yank(store, FOG, Version("9"), reason="", clock=CLOCK)
    with pytest.raises(UnsatisfiedError, match="no such project"):
        revoke(store, canonicalize_name("haze"), ONE, reason="", clock=CLOCK)
    with pytest.raises(UnsatisfiedError, match="there is no project"):
        set_project_status(store, canonicalize_name("haze"), ProjectState(status="archived"), clock=CLOCK)


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_closed_project_takes_no_files(store: DirectoryStore, tmp_path: Path, status: str) -> None:
    closed = ProjectState(status=status, reason="see haze")  # type: ignore[arg-type]  # one of the statuses
    assert set_project_status(store, FOG, closed, clock=CLOCK)
    assert page(store)["project-status"] == {"status": status, "reason": "see haze"}
    html = store.read("simple/fog/index.html").body.decode()
    assert f'<meta name="pypi:project-status" content="{status}">' in html
    assert '<meta name="pypi:project-status-reason" content="see haze">' in html
    assert len(page(store)["files"]) == (0 if status == "quarantined" else 2)  # type: ignore[arg-type]  # a list
    with pytest.raises(UnsatisfiedError, match=f"fog is {status}: see haze"):
        publish([wheel(tmp_path, "3.0")], store, clock=CLOCK)
    found = open_catalogue("lab", store.url).project(FOG)
    assert found is not None
    assert (found.status, found.status_reason) == (status, "see haze")
    assert set_project_status(store, FOG, ProjectState(), clock=CLOCK)
    assert "project-status" not in page(store)
    publish([wheel(tmp_path, "3.0")], store, clock=CLOCK)
    assert sorted(yanked(store)) == ["1.0", "2.0", "3.0"]


def test_a_deprecated_project_goes_on(store: DirectoryStore, tmp_path: Path) -> None:
    set_project_status(store, FOG, ProjectState(status="deprecated"), clock=CLOCK)
    publish([wheel(tmp_path, "3.0")], store, clock=CLOCK)
    assert page(store)["project-status"] == {"status": "deprecated"}
    assert read_project_state(store, FOG).status == "deprecated"


def test_a_removed_release_leaves_a_tombstone_that_closes_it(store: DirectoryStore, tmp_path: Path) -> None:
    remove(store, FOG, ONE, reason="law", clock=CLOCK)
    present = {entry.key for entry in store.list("")}
    assert not [key for key in present if key.startswith("files/fog/fog-1.0")]
    assert "records/fog/fog-1.0-py3-none-any.whl.json" in present
    assert yanked(store) == {"2.0": False}
    state, _ = read_file_state(store, FOG, "fog-1.0-py3-none-any.whl")
    assert state.removed is not None
    assert (state.removed.reason, state.removed.time) == ("law", CLOCK.now())
    for again in (
        wheel(tmp_path, "1.0"),
        wheel(tmp_path, "1.0", text="X = 1"),
        wheel(tmp_path, "1.0", "py3-none-win32"),
    ):
        with pytest.raises(UnsatisfiedError, match=r"fog 1\.0 was removed on 2026-01-01: law"):
            publish([again], store, clock=CLOCK)
    publish([wheel(tmp_path, "3.0")], store, clock=CLOCK)
    assert sorted(yanked(store)) == ["2.0", "3.0"]


OTHER_TAG = "py3-none-linux_x86_64"


def removing(store: DirectoryStore) -> None:
    remove(store, FOG, ONE, reason="law", clock=CLOCK)


def quarantining(store: DirectoryStore) -> None:
    set_project_status(store, FOG, ProjectState(status="quarantined", reason="odd"), clock=CLOCK)


@pytest.mark.parametrize("prefix", ["files/", "records/", "simple/fog/"])
@pytest.mark.parametrize("close", [removing, quarantining])
def test_a_file_of_a_release_that_is_closed_meanwhile_is_not_offered(
    store: DirectoryStore, tmp_path: Path, close: Callable[[DirectoryStore], None], prefix: str
) -> None:
    late = wheel(tmp_path, "1.0", OTHER_TAG)
    interrupted = InterruptedStore(store, prefix, lambda: close(store))
    with pytest.raises(UnsatisfiedError, match="does not offer what was published here"):
        publish([late], interrupted, clock=CLOCK)
    assert "1.0" not in yanked(store)


@pytest.mark.parametrize("prefix", ["files/", "records/", "simple/fog/"])
def test_nothing_comes_back_where_the_first_publisher_of_a_project_is_slow(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "index").mkdir()
    store = DirectoryStore(tmp_path / "index")
    initialize_index(store, name="lab", clock=CLOCK)

    def other() -> None:
        publish([wheel(tmp_path, "1.0")], store, clock=CLOCK)
        removing(store)

    with pytest.raises(UnsatisfiedError, match=r"does not offer|fog 1\.0 was removed"):
        publish([wheel(tmp_path, "1.0", OTHER_TAG)], InterruptedStore(store, prefix, other), clock=CLOCK)
    assert yanked(store) == {}


def test_removing_takes_away_what_came_late_and_what_no_record_names(store: DirectoryStore, tmp_path: Path) -> None:
    orphan = store.url + "/files/fog/fog-1.0-7-py3-none-any.whl"
    Path(orphan).write_bytes(b"half")
    Path(orphan + ".tasks.json").write_bytes(b"{}")
    late = InterruptedStore(
        store,
        "state/",
        lambda: publish([wheel(tmp_path, "1.0", OTHER_TAG)], DirectoryStore(Path(store.url)), clock=CLOCK),
    )
    changes = remove(late, FOG, ONE, reason="law", clock=CLOCK)
    assert [(item.filename, item.changed) for item in changes] == [
        ("fog-1.0-py3-none-any.whl", True),
        (f"fog-1.0-{OTHER_TAG}.whl", True),
    ]
    assert not [entry.key for entry in store.list("files/fog/fog-1.0")]
    assert yanked(store) == {"2.0": False}


def test_a_revocation_is_kept_touches_every_channel_and_yanks(store: DirectoryStore) -> None:
    for name in ("prod", "dev-ana"):
        head = json.dumps({"schema": "1.0", "serial": 4, "sha256": "x", "later": [1]}).encode()
        store.write(f"channels/{name}/head.json", head, expected=None, content_type="", cache_control="")
    (first,) = revoke(store, FOG, ONE, reason="leak", clock=CLOCK)
    assert (first.project, first.version, first.reason) == ("fog", "1.0", "leak")
    catalogue = open_catalogue("lab", store.url)
    assert dict(catalogue.revocations()) == {first.sha256: first}
    heads = {name: json.loads(store.read(f"channels/{name}/head.json").body) for name in ("prod", "dev-ana")}
    assert heads["prod"] == heads["dev-ana"]
    assert (heads["prod"]["serial"], heads["prod"]["later"]) == (4, [1])
    assert yanked(store)["1.0"] == "revoked: leak"
    assert revoke(store, FOG, ONE, reason="other words", clock=CLOCK) == (first,)
    revoke(store, FOG, TWO, reason="leak too", clock=CLOCK)
    later = json.loads(store.read("channels/prod/head.json").body)
    assert later["revocations"] != heads["prod"]["revocations"]
    assert len(open_catalogue("lab", store.url).revocations()) == 2


ACTIONS: dict[str, Callable[[ObjectStore], object]] = {
    "yank": lambda store: yank(store, FOG, ONE, reason="bad", clock=CLOCK),
    "status": lambda store: set_project_status(store, FOG, ProjectState(status="archived"), clock=CLOCK),
    "remove": lambda store: remove(store, FOG, ONE, reason="law", clock=CLOCK),
    "revoke": lambda store: revoke(store, FOG, ONE, reason="leak", clock=CLOCK),
}


@pytest.mark.parametrize("action", list(ACTIONS))
def test_whoever_dies_at_any_call_leaves_no_dangling_link_and_doing_it_again_finishes(
    tmp_path: Path, action: str
) -> None:
    died, finished = 0, False
    for fail_at in range(60):
        root = tmp_path / f"index-{fail_at}"
        root.mkdir()
        store = DirectoryStore(root)
        initialize_index(store, name="lab", clock=CLOCK)
        publish([wheel(tmp_path, "1.0"), wheel(tmp_path, "2.0")], store, clock=CLOCK)
        failing = FailingStore(store, fail_at)
        try:
            ACTIONS[action](failing)
        except IndexAccessError:
            died += 1
        present = {entry.key for entry in store.list("")}
        files = page(store)["files"]
        assert isinstance(files, list)
        assert {f"files/fog/{file['filename']}" for file in files} <= present
        ACTIONS[action](store)
        after = {entry.key: entry.etag for entry in store.list("")}
        ACTIONS[action](store)
        assert {entry.key: entry.etag for entry in store.list("")} == after
        if not failing.failed:
            finished = True
            break
    assert finished
    assert died > 5


def test_many_who_change_one_release_lose_nothing(store: DirectoryStore) -> None:
    def change(number: int) -> None:
        own = DirectoryStore(Path(store.url))
        if number % 2:
            yank(own, FOG, ONE, reason="bad", clock=CLOCK)
        else:
            revoke(own, FOG, TWO if number % 4 else ONE, reason="leak", clock=CLOCK)

    with ThreadPoolExecutor(12) as workers:
        list(workers.map(change, range(12)))
    assert len(open_catalogue("lab", store.url).revocations()) == 2
    assert set(yanked(store)) == {"1.0", "2.0"}
    assert all(yanked(store).values())
