"""The catalogue port: what a resolver asks of one index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from packaging.utils import NormalizedName

from dioptra.plugins.index.model import IndexFile, ProjectPage
from dioptra.plugins.index.revocation import Revocation
from dioptra.plugins.object_store.port import Sink
from dioptra.plugins.wheel.model import CoreMetadata


class Catalogue(Protocol):
    """One index, read-only. Absence is None or an empty answer only where the index said "not found"."""

    @property
    def name(self) -> str:
        """The name it is configured by."""

    @property
    def url(self) -> str:
        """Its address as shown to people, without credentials."""

    @property
    def is_local(self) -> bool:
        """Whether reading it waits for no network, so that reading side by side gains nothing."""

    def project(self, project: NormalizedName) -> ProjectPage | None:
        """The project's page; None if the index has no such project.

        Raises:
            IndexAccessError: The page could not be read or is malformed.
        """

    def project_names(self) -> tuple[NormalizedName, ...]:
        """All project names, for suggestions; empty where the index lists none.

        Raises:
            IndexAccessError: The root page could not be read or is malformed.
        """

    def revocations(self) -> Mapping[str, Revocation]:
        """Wheels that must never run, by sha256; read once. Empty for a foreign index, which has no such list.

        Raises:
            IndexAccessError: They could not be read or are malformed.
        """

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        """A wheel's metadata: inline, else from its PEP 658 sidecar, else from the wheel itself.

        Raises:
            IndexAccessError: It could not be read or is malformed.
            IntegrityError: The sidecar or wheel does not have the hash that the page gives.
        """

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        """The file's absolute URL (``s3://``, ``file://`` or ``http(s)://``)."""

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        """Write a file's bytes to `sink`, found by project and file name; `url` is a hint only.

        Raises:
            IndexAccessError: It could not be read, is missing, or is larger than `limit` bytes.
        """
