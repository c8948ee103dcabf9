"""Catalogues: reading one index for a resolver or a sync."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urljoin

from packaging.utils import NormalizedName

from dioptra.plugins.errors import IndexAccessError, IntegrityError, ObjectNotFoundError
from dioptra.plugins.index import layout
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.pages import parse_project_list, parse_project_page
from dioptra.plugins.index.revocation import Revocation, revocations_from_json
from dioptra.plugins.object_store.addresses import without_credentials
from dioptra.plugins.object_store.locate import is_simple_url, open_reader
from dioptra.plugins.object_store.port import PAGE_LIMIT, ObjectReader, Sink, StoredObject
from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.metadata import METADATA_LIMIT, MalformedMetadataError, parse_metadata
from dioptra.plugins.wheel.model import WHEEL_LIMIT, CoreMetadata


class UrlPort(Protocol):
    """What a foreign index is read through."""

    def read_url(self, url: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one address whole."""

    def download_url(self, url: str, sink: Sink, *, limit: int) -> None:
        """Copy one address to a sink."""


def open_catalogue(name: str, url: str) -> Catalogue:
    """Open an index for reading.

    Args:
        name: What it is configured as.
        url: Its root, or a ``…/simple/`` URL of any simple repository.

    Raises:
        ConfigurationError: `url` is no address of an index.
        IndexAccessError: There is no index at a root, or it cannot be read.
    """
    if is_simple_url(url):
        if url.startswith("s3://"):
            return _own_index(name, url.rstrip("/").removesuffix("/simple"))
        from dioptra.plugins.object_store.web import UrlReader

        return SimpleCatalogue(name, url if "://" in url else Path(url).absolute().as_uri(), UrlReader())
    return _own_index(name, url)


def _own_index(name: str, url: str) -> Catalogue:
    reader = open_reader(url)
    read_descriptor(reader)
    return IndexCatalogue(name, reader)


class _Pages:
    """Pages that were read already: one request a project, however many threads ask."""

    def __init__(self) -> None:
        self._pages: dict[NormalizedName, ProjectPage | None] = {}
        self._locks: dict[NormalizedName, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, project: NormalizedName, read: Callable[[], ProjectPage | None]) -> ProjectPage | None:
        with self._guard:
            lock = self._locks.setdefault(project, threading.Lock())
        with lock:
            if project not in self._pages:
                self._pages[project] = read()
            return self._pages[project]


class IndexCatalogue:
    """One of our own indexes, read by its key scheme."""

    def __init__(self, name: str, reader: ObjectReader) -> None:
        self._name, self._reader, self._pages = name, reader, _Pages()
        self._revocations: Mapping[str, Revocation] | None = None
        self._guard = threading.Lock()

    @property
    def name(self) -> str:
        """The configured name."""
        return self._name

    @property
    def url(self) -> str:
        """The index's root."""
        return self._reader.url

    def project(self, project: NormalizedName) -> ProjectPage | None:
        """A project's page; see the port."""

        def read() -> ProjectPage | None:
            try:
                page = self._reader.read(layout.project_page_json_key(project))
            except ObjectNotFoundError:
                return None
            return parse_project_page(project, page)

        return self._pages.get(project, read)

    def project_names(self) -> tuple[NormalizedName, ...]:
        """All projects; see the port."""
        try:
            return parse_project_list(self._reader.read(layout.root_page_json_key()))
        except ObjectNotFoundError:
            return ()

    def revocations(self) -> Mapping[str, Revocation]:
        """What is revoked; see the port."""
        with self._guard:
            if self._revocations is None:
                try:
                    stored = self._reader.read(layout.REVOKED_KEY)
                    self._revocations = revocations_from_json(stored.body, source=stored.url)
                except ObjectNotFoundError:
                    self._revocations = {}
            return self._revocations

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        """A wheel's metadata, which our pages carry themselves; see the port."""
        if file.inline_metadata is not None:
            return file.inline_metadata
        key = layout.metadata_key(page.project, file.filename)
        try:
            stored = self._reader.read(key, limit=METADATA_LIMIT)
        except ObjectNotFoundError as missing:
            raise _incomplete(self, missing) from missing
        return _sidecar_metadata(stored, file)

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        """The file's absolute URL; see the port."""
        return self._reader.address(layout.file_key(page.project, file.filename))

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        """Copy a file, found by its key; see the port."""
        del url
        try:
            self._reader.download(layout.file_key(project, filename), sink, limit=limit)
        except ObjectNotFoundError as missing:
            raise _incomplete(self, missing) from missing


class SimpleCatalogue:
    """Any simple repository (PEP 503, 691), read by its pages."""

    def __init__(self, name: str, url: str, reader: UrlPort) -> None:
        self._name, self._base, self._reader, self._pages = name, url.rstrip("/") + "/", reader, _Pages()

    @property
    def name(self) -> str:
        """The configured name."""
        return self._name

    @property
    def url(self) -> str:
        """The repository's URL, without credentials."""
        return without_credentials(self._base)

    def project(self, project: NormalizedName) -> ProjectPage | None:
        """A project's page; see the port."""

        def read() -> ProjectPage | None:
            try:
                page = self._reader.read_url(f"{self._base}{quote(project)}/")
            except ObjectNotFoundError:
                return None
            return parse_project_page(project, page)

        return self._pages.get(project, read)

    def project_names(self) -> tuple[NormalizedName, ...]:
        """All projects; none where the repository lists none or too many to read."""
        try:
            return parse_project_list(self._reader.read_url(self._base))
        except ObjectNotFoundError:
            return ()

    def revocations(self) -> Mapping[str, Revocation]:
        """Nothing: the simple API has no revocations; see the port."""
        return {}

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        """A wheel's metadata from its PEP 658 sidecar, else from the wheel; see the port."""
        url = self._absolute(page, file)
        if file.metadata_hashes is not None:
            try:
                return _sidecar_metadata(self._reader.read_url(f"{url}.metadata", limit=METADATA_LIMIT), file)
            except ObjectNotFoundError as missing:
                raise _incomplete(self, missing) from missing
        with tempfile.NamedTemporaryFile() as copy:
            try:
                self._reader.download_url(url, copy, limit=WHEEL_LIMIT)
            except ObjectNotFoundError as missing:
                raise _incomplete(self, missing) from missing
            copy.flush()
            copy.seek(0)
            found = hashlib.file_digest(copy, "sha256").hexdigest()
            if file.sha256 is not None and found != file.sha256:
                raise _changed(without_credentials(url), found, file.sha256)
            return read_wheel(Path(copy.name), file.filename).metadata

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
            raise _incomplete(self, missing) from missing

    def _absolute(self, page: ProjectPage, file: IndexFile) -> str:
        # The page's own address carries no credentials; the configured one does, and files of the same host need them.
        url = urljoin(page.url, file.url)
        return self._base + url.removeprefix(self.url) if url.startswith(self.url) else url


def _sidecar_metadata(stored: StoredObject, file: IndexFile) -> CoreMetadata:
    wanted = dict(file.metadata_hashes or ()).get("sha256")
    found = hashlib.sha256(stored.body).hexdigest()
    if wanted is not None and found != wanted:
        raise _changed(stored.url, found, wanted)
    try:
        return parse_metadata(stored.body)
    except MalformedMetadataError as problem:
        raise IndexAccessError(f"{stored.url} is malformed", why=str(problem)) from problem


def _incomplete(catalogue: Catalogue, missing: ObjectNotFoundError) -> IndexAccessError:
    return IndexAccessError(
        f"the index '{catalogue.name}' lists a file that it does not have",
        why=f"{missing.url} does not exist",
        hint=f"publish the release again to {catalogue.url}",
    )


def _changed(url: str, found: str, wanted: str) -> IntegrityError:
    return IntegrityError(f"{url} is not what its index says", why=f"found sha256 {found}, wanted {wanted}")
