"""Any simple repository, as a catalogue."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urljoin

from packaging.utils import NormalizedName

from dioptra.plugins.disk_cache import DiskCache
from dioptra.plugins.errors import ObjectNotFoundError
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.page_memory import PageMemory
from dioptra.plugins.index.pages import parse_project_list, parse_project_page
from dioptra.plugins.index.remote_wheel import read_remote_metadata
from dioptra.plugins.index.revocation import Revocation
from dioptra.plugins.index.sidecar import check_digest, incomplete, metadata_of
from dioptra.plugins.object_store.addresses import without_credentials
from dioptra.plugins.object_store.port import PAGE_LIMIT, Sink, StoredObject
from dioptra.plugins.object_store.ranged_file import RangeReader
from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.metadata import METADATA_LIMIT
from dioptra.plugins.wheel.model import WHEEL_LIMIT, CoreMetadata


class UrlPort(RangeReader, Protocol):
    """What a foreign index is read through."""

    def read_url_if_changed(self, url: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one address whole; None if it still has the ETag, which is empty for none."""

    def download_url(self, url: str, sink: Sink, *, limit: int) -> None:
        """Copy one address to a sink."""


class SimpleCatalogue:
    """Any simple repository (PEP 503, 691), read by its pages.

    Pages are asked for each time, conditionally where an earlier one is in the cache. What belongs to a hash never
    changes and is asked for once.
    """

    def __init__(self, name: str, url: str, reader: UrlPort, cache: DiskCache | None = None) -> None:
        self._name, self._base, self._reader, self._pages = name, url.rstrip("/") + "/", reader, PageMemory()
        self._cache = cache

    @property
    def name(self) -> str:
        """The configured name."""
        return self._name

    @property
    def url(self) -> str:
        """The repository's URL, without credentials."""
        return without_credentials(self._base)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder."""
        return self._base.startswith("file:")

    def project(self, project: NormalizedName) -> ProjectPage | None:
        """A project's page; see the port."""

        def read() -> ProjectPage | None:
            try:
                page = self._read_page(f"{self._base}{quote(project)}/")
            except ObjectNotFoundError:
                return None
            return parse_project_page(project, page)

        return self._pages.get(project, read)

    def project_names(self) -> tuple[NormalizedName, ...]:
        """All projects; none where the repository lists none or too many to read."""
        try:
            return parse_project_list(self._read_page(self._base))
        except ObjectNotFoundError:
            return ()

    def revocations(self) -> Mapping[str, Revocation]:
        """Nothing: the simple API has no revocations; see the port."""
        return {}

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        """A wheel's metadata from its PEP 658 sidecar, else from the wheel; see the port."""
        url = self._absolute(page, file)
        try:
            if file.metadata_hashes is None:
                body = self._once(url, file.sha256, lambda: self._wheel_metadata(url, file))
                return metadata_of(file.filename, f"METADATA of {without_credentials(url)}", body)
            digest = dict(file.metadata_hashes).get("sha256")
            sidecar = f"{url}.metadata"
            body = self._once(sidecar, digest, lambda: self._read(sidecar))
        except ObjectNotFoundError as missing:
            raise incomplete(self, missing) from missing
        return metadata_of(file.filename, without_credentials(sidecar), body, digest)

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        """The file's absolute URL, without credentials; see the port."""
        return without_credentials(self._absolute(page, file))

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        """Copy a file, found on the project's page; see the port."""
        page = self.project(project)
        file = next((file for file in page.files if file.filename == filename), None) if page else None
        # A file that the page does not list any more may still be where it was when it was locked.
        address = self._absolute(page, file) if page is not None and file is not None else url
        try:
            self._reader.download_url(address, sink, limit=limit)
        except ObjectNotFoundError as missing:
            raise incomplete(self, missing) from missing

    def _absolute(self, page: ProjectPage, file: IndexFile) -> str:
        # The page's own address carries no credentials; the configured one does, and files of the same host need them.
        url = urljoin(page.url, file.url)
        return self._base + url.removeprefix(self.url) if url.startswith(self.url) else url

    def _read(self, url: str) -> bytes:
        found = self._reader.read_url_if_changed(url, "", limit=METADATA_LIMIT)
        assert found is not None, "only a conditional request can be answered with 304"
        return found.body

    def _read_page(self, url: str) -> StoredObject:
        kept = self._kept_page(url)
        found = self._reader.read_url_if_changed(url, kept.etag if kept else "")
        if found is None:
            assert kept is not None, "only a conditional request can be answered with 304"
            return kept
        if self._cache is not None and found.etag:
            head = {"url": found.url, "etag": found.etag, "content_type": found.content_type}
            self._cache.put(f"page {url}", json.dumps(head).encode() + b"\n" + found.body)
        return found

    def _kept_page(self, url: str) -> StoredObject | None:
        stored = None if self._cache is None else self._cache.get(f"page {url}")
        if stored is None:
            return None
        head, _, body = stored.partition(b"\n")
        return StoredObject(body=body, **json.loads(head))

    def _once(self, url: str, digest: str | None, read: Callable[[], bytes]) -> bytes:
        """What belongs to a hash, read the first time only."""
        if self._cache is None or digest is None:
            return read()
        # With the address: what another index says of the same hash is not trusted here.
        key = f"metadata {url} {digest}"
        body = self._cache.get(key)
        if body is None:
            body = read()
            self._cache.put(key, body)
        return body

    def _wheel_metadata(self, url: str, file: IndexFile) -> bytes:
        body = read_remote_metadata(self._reader, url)
        if body is not None:
            return body
        with tempfile.NamedTemporaryFile() as copy:
            self._reader.download_url(url, copy, limit=WHEEL_LIMIT)
            copy.flush()
            copy.seek(0)
            found = hashlib.file_digest(copy, "sha256").hexdigest()
            if file.sha256 is not None:
                check_digest(without_credentials(url), found, file.sha256)
            return read_wheel(Path(copy.name), file.filename).metadata_bytes
