"""Catalogues over foreign pages: metadata from sidecars or wheels, hashes that are checked, names that are confused."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.disk_cache import DiskCache
from dioptra.plugins.errors import IndexAccessError, IntegrityError, ObjectNotFoundError
from dioptra.plugins.host import describe_host
from dioptra.plugins.index.catalogue import open_catalogue
from dioptra.plugins.index.simple_catalogue import SimpleCatalogue
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.object_store.port import PAGE_LIMIT, Sink, StoredObject
from dioptra.plugins.object_store.ranged_file import FileRange
from wheel_factory import make_wheel

FOG = canonicalize_name("fog")
NAME, BODY = make_wheel("fog", "1.0", files={"fog.py": ""}, requires=("haze>=1",), requires_python=">=3.8")
METADATA = b"Metadata-Version: 2.1\nName: fog\nVersion: 1.0\nRequires-Dist: haze>=2\n"


class Web:
    """Addresses in memory; counts what was read."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        self.bodies, self.read = bodies, list[str]()
        self.has_ranges = self.has_etags = False

    def read_url_if_changed(self, url: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        self.read.append(url)
        body = self._body(url)
        assert len(body) <= limit
        found = hashlib.md5(body, usedforsecurity=False).hexdigest() if self.has_etags else ""
        return None if etag and etag == found else StoredObject(url=url, body=body, etag=found)

    def read_range(self, url: str, first: int | None, size: int, *, etag: str = "") -> FileRange | None:
        body = self._body(url)
        if not self.has_ranges:
            return None
        self.read.append(f"{url}#{first}")
        start = max(0, len(body) - size) if first is None else first
        return FileRange(body=body[start : start + size], first=start, total=len(body), etag=etag)

    def download_url(self, url: str, sink: Sink, *, limit: int) -> None:
        self.read.append(url)
        assert len(self._body(url)) <= limit
        sink.write(self._body(url))

    def _body(self, url: str) -> bytes:
        if url not in self.bodies:
            raise ObjectNotFoundError(url)
        return self.bodies[url]


def page(**fields: object) -> bytes:
    entry = {"filename": NAME, "url": f"../../files/{NAME}", **fields}
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "fog", "files": [entry]}).encode()


def catalogue(**fields: object) -> tuple[SimpleCatalogue, Web]:
    web = Web({"https://h/simple/fog/": page(**fields), f"https://h/files/{NAME}": BODY})
    return SimpleCatalogue("web", "https://h/simple", web), web


def test_a_page_is_read_once_and_absence_is_none() -> None:
    found, web = catalogue()
    assert found.project(FOG) is found.project(FOG)
    assert found.project(canonicalize_name("absent")) is None
    assert web.read == ["https://h/simple/fog/", "https://h/simple/absent/"]
    assert found.project_names() == ()


def test_metadata_comes_from_the_sidecar() -> None:
    found, web = catalogue(**{"core-metadata": {"sha256": hashlib.sha256(METADATA).hexdigest()}})
    web.bodies[f"https://h/files/{NAME}.metadata"] = METADATA
    fog = found.project(FOG)
    assert fog is not None
    assert [str(item) for item in found.metadata(fog, fog.files[0]).requires_dist] == ["haze>=2"]
    assert f"https://h/files/{NAME}" not in web.read


def test_a_sidecar_with_other_bytes_is_refused() -> None:
    found, web = catalogue(**{"core-metadata": {"sha256": "0" * 64}})
    web.bodies[f"https://h/files/{NAME}.metadata"] = METADATA
    fog = found.project(FOG)
    assert fog is not None
    with pytest.raises(IntegrityError, match="is not what its index says"):
        found.metadata(fog, fog.files[0])


def test_a_promised_sidecar_that_is_absent_is_an_error_of_the_index() -> None:
    found, _ = catalogue(**{"core-metadata": True})
    fog = found.project(FOG)
    assert fog is not None
    with pytest.raises(IndexAccessError, match="lists a file that it does not have"):
        found.metadata(fog, fog.files[0])


def test_without_a_sidecar_metadata_comes_from_the_wheel() -> None:
    found, _ = catalogue(hashes={"sha256": hashlib.sha256(BODY).hexdigest()})
    fog = found.project(FOG)
    assert fog is not None
    assert [str(item) for item in found.metadata(fog, fog.files[0]).requires_dist] == ["haze>=1"]
    changed, _ = catalogue(hashes={"sha256": "0" * 64})
    fog = changed.project(FOG)
    assert fog is not None
    with pytest.raises(IntegrityError, match="is not what its index says"):
        changed.metadata(fog, fog.files[0])


def test_metadata_of_a_large_wheel_is_read_in_parts() -> None:
    name, body = make_wheel("fog", "1.0", files={"fog.py": "", "fog.bin": os.urandom(300_000).hex()})
    web = Web({"https://h/simple/fog/": page(hashes={"sha256": "0" * 64}), f"https://h/files/{NAME}": body})
    web.has_ranges = True
    found = SimpleCatalogue("web", "https://h/simple", web)
    fog = found.project(FOG)
    assert fog is not None
    assert name == NAME
    assert found.metadata(fog, fog.files[0]).version == Version("1.0")
    assert web.read[1:] == [f"https://h/files/{NAME}#None"]


def test_metadata_of_another_release_is_refused() -> None:
    other = METADATA.replace(b"Version: 1.0", b"Version: 9")
    found, web = catalogue(**{"core-metadata": {"sha256": hashlib.sha256(other).hexdigest()}})
    web.bodies[f"https://h/files/{NAME}.metadata"] = other
    fog = found.project(FOG)
    assert fog is not None
    with pytest.raises(IndexAccessError, match="another release"):
        found.metadata(fog, fog.files[0])


@pytest.mark.parametrize("has_sidecar", [True, False])
def test_what_a_cache_holds_is_not_read_again(tmp_path: Path, has_sidecar: bool) -> None:
    sidecar = {"core-metadata": {"sha256": hashlib.sha256(METADATA).hexdigest()}} if has_sidecar else {}
    _, web = catalogue(hashes={"sha256": hashlib.sha256(BODY).hexdigest()}, **sidecar)
    web.bodies[f"https://h/files/{NAME}.metadata"] = METADATA
    web.has_ranges = web.has_etags = True
    wanted = None
    for process in range(3):
        if process == 2:  # the page changes, the file does not
            web.bodies["https://h/simple/fog/"] += b" "
        web.read.clear()
        found = SimpleCatalogue("web", "https://h/simple", web, DiskCache(tmp_path))
        fog = found.project(FOG)
        assert fog is not None
        wanted = wanted or found.metadata(fog, fog.files[0])
        assert found.metadata(fog, fog.files[0]) == wanted
        assert len(web.read) == (2 if process == 0 else 1)
    web.bodies.clear()
    assert SimpleCatalogue("web", "https://h/simple", web, DiskCache(tmp_path)).project(FOG) is None


def test_locking_computes_what_the_index_does_not_say() -> None:
    found, web = catalogue()
    haze, haze_body = make_wheel("haze", "1.0", files={"haze.py": ""})
    web.bodies["https://h/simple/haze/"] = page(filename=haze, url=f"/{haze}").replace(b'"fog"', b'"haze"')
    web.bodies[f"https://h/{haze}"] = haze_body
    lock = make_lock(["fog"], [found], [describe_host()])
    assert [(item.project, item.sha256, item.size) for item in lock.wheels] == [
        ("fog", hashlib.sha256(BODY).hexdigest(), len(BODY)),
        ("haze", hashlib.sha256(haze_body).hexdigest(), len(haze_body)),
    ]
    assert lock.wheels[0].url == f"https://h/files/{NAME}"


def test_a_file_is_found_on_its_page_and_the_url_is_a_hint() -> None:
    found, web = catalogue()
    sink = io.BytesIO()
    found.download(FOG, NAME, "https://elsewhere/gone.whl", sink, limit=10**6)
    assert sink.getvalue() == BODY
    with pytest.raises(IndexAccessError, match="does not have"):
        found.download(FOG, "fog-9.0-py3-none-any.whl", "https://elsewhere/gone.whl", sink, limit=10**6)
    assert "https://elsewhere/gone.whl" in web.read


def test_credentials_reach_the_files_of_the_same_host_and_no_lock() -> None:
    web = Web({"https://ana:pw@h/simple/fog/": page(), f"https://ana:pw@h/simple/{NAME}": BODY})
    found = SimpleCatalogue("web", "https://ana:pw@h/simple/", web)
    assert found.url == "https://h/simple/"
    fog = found.project(FOG)
    assert fog is not None
    assert "ana" not in found.file_url(fog, fog.files[0])


def test_a_root_without_a_descriptor_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexAccessError, match="there is no index at"):
        open_catalogue("x", str(tmp_path))
