"""24 publishers at once on every kind of store: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dioptra.plugins.clock import SystemClock
from dioptra.plugins.index.initialize import initialize_index
from dioptra.plugins.index.publish import publish
from dioptra.plugins.index.verify import count_files, verify_index
from dioptra.plugins.object_store.directory import DirectoryStore
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.object_store.s3 import S3Store
from index_world import write_wheel
from wheel_factory import make_wheel

PUBLISHERS = 24
CLOCK = SystemClock()


def directory(request: pytest.FixtureRequest) -> ObjectStore:
    return DirectoryStore(request.getfixturevalue("tmp_path"))


def bucket(server: str) -> Callable[[pytest.FixtureRequest], ObjectStore]:
    return lambda request: S3Store(request.getfixturevalue(f"{server}_bucket"), "team")


@pytest.mark.parametrize("projects", [1, PUBLISHERS], ids=["of one project", "of many projects"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(directory, id="directory"),
        pytest.param(bucket("moto"), id="moto"),
        pytest.param(bucket("ceph"), id="ceph", marks=pytest.mark.ceph),
    ],
)
def test_nothing_is_lost_and_nothing_is_there_twice(
    request: pytest.FixtureRequest,
    make: Callable[[pytest.FixtureRequest], ObjectStore],
    projects: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = make(request)
    initialize_index(store, name="lab", clock=CLOCK)
    folder = tmp_path_factory.mktemp("wheels")
    wheels = [
        write_wheel(folder, make_wheel(f"fog-{number % projects}", f"1.{number}", files={f"fog{number}.py": ""}))
        for number in range(PUBLISHERS)
    ]
    together = threading.Barrier(PUBLISHERS)

    def one(path: Path) -> None:
        together.wait()
        publish([path], store, clock=CLOCK)

    with ThreadPoolExecutor(PUBLISHERS) as publishers:
        list(publishers.map(one, wheels))
    names = [entry["name"] for entry in json.loads(store.read("simple/index.json").body)["projects"]]
    listed = [
        file["filename"] for name in names for file in json.loads(store.read(f"simple/{name}/index.json").body)["files"]
    ]
    assert sorted(listed) == sorted(path.name for path in wheels)
    assert [item for check in verify_index(store, count_files(store)) for item in check.differences] == []
