"""Catalogues: reading one index for a resolver or a sync."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from dioptra.plugins.disk_cache import DiskCache
from dioptra.plugins.errors import ObjectNotFoundError
from dioptra.plugins.index import layout
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.page_memory import PageMemory
from dioptra.plugins.index.pages import parse_inline_metadata, parse_project_list, parse_project_page
from dioptra.plugins.index.revocation import Revocation, revocations_from_json
from dioptra.plugins.index.sidecar import incomplete, metadata_of
from dioptra.plugins.object_store.locate import is_local, is_simple_url, open_reader
from dioptra.plugins.object_store.port import ObjectReader, Sink
from dioptra.plugins.wheel.metadata import METADATA_LIMIT
from dioptra.plugins.wheel.model import CoreMetadata


def open_catalogue(name: str, url: str, cache: DiskCache | None = None) -> Catalogue:
    """Open an index for reading.

    Args:
        name: What it is configured as.
        url: Its root, or a ``…/simple/`` URL of any simple repository.
        cache: Where pages and metadata of foreign indexes are kept; None to keep none.

    Raises:
        ConfigurationError: `url` is no address of an index.
        IndexAccessError: There is no index at a root, or it cannot be read.
    """
    if is_simple_url(url):
        if url.startswith("s3://"):
            return _own_index(name, url.rstrip("/").removesuffix("/simple"))
        from dioptra.plugins.index.simple_catalogue import SimpleCatalogue
        from dioptra.plugins.object_store.web import UrlReader

        return SimpleCatalogue(name, url if "://" in url else Path(url).absolute().as_uri(), UrlReader(), cache)
    return _own_index(name, url)


def _own_index(name: str, url: str) -> Catalogue:
    reader = open_reader(url)
    read_descriptor(reader)
    return IndexCatalogue(name, reader)


class IndexCatalogue:
    """One of our own indexes, read by its key scheme."""

    def __init__(self, name: str, reader: ObjectReader) -> None:
        self._name, self._reader, self._pages = name, reader, PageMemory()
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

    @property
    def is_local(self) -> bool:
        """Whether it is a folder."""
        return is_local(self.url)

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
            return parse_inline_metadata(page, file, file.inline_metadata)
        key = layout.metadata_key(page.project, file.filename)
        try:
            stored = self._reader.read(key, limit=METADATA_LIMIT)
        except ObjectNotFoundError as missing:
            raise incomplete(self, missing) from missing
        wanted = dict(file.metadata_hashes or ()).get("sha256")
        return metadata_of(file.filename, stored.url, stored.body, wanted)

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        """The file's absolute URL; see the port."""
        return self._reader.address(layout.file_key(page.project, file.filename))

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        """Copy a file, found by its key; see the port."""
        del url
        try:
            self._reader.download(layout.file_key(project, filename), sink, limit=limit)
        except ObjectNotFoundError as missing:
            raise incomplete(self, missing) from missing
