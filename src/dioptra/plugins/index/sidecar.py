"""What an index says of a file, held against what it has."""

from __future__ import annotations

import hashlib

from packaging.utils import canonicalize_name

from dioptra.plugins.errors import IndexAccessError, IntegrityError, ObjectNotFoundError
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.wheel.metadata import MalformedMetadataError, parse_metadata
from dioptra.plugins.wheel.model import CoreMetadata, WheelName


def metadata_of(filename: str, url: str, body: bytes, sha256: str | None = None) -> CoreMetadata:
    """Parse the metadata that an index gives for a wheel.

    Args:
        filename: The wheel's.
        url: Where the metadata is, for errors.
        body: Its bytes.
        sha256: The digest that the index promised; None for none.

    Raises:
        IntegrityError: It has another digest.
        IndexAccessError: It is malformed, or that of another release.
    """
    if sha256 is not None:
        check_digest(url, hashlib.sha256(body).hexdigest(), sha256)
    try:
        metadata = parse_metadata(body)
    except MalformedMetadataError as problem:
        raise IndexAccessError(f"{url} is malformed", why=str(problem)) from problem
    name = WheelName.parse(filename)
    if (canonicalize_name(metadata.name), metadata.version) != (name.project, name.version):
        why = f"it is of {metadata.name} {metadata.version}, the file is called {filename}"
        raise IndexAccessError(f"{url} is the metadata of another release", why=why)
    return metadata


def check_digest(url: str, found: str, wanted: str) -> None:
    """Compare a digest with the one that an index promised.

    Raises:
        IntegrityError: They differ.
    """
    if found != wanted:
        raise IntegrityError(f"{url} is not what its index says", why=f"found sha256 {found}, wanted {wanted}")


def incomplete(catalogue: Catalogue, missing: ObjectNotFoundError) -> IndexAccessError:
    """The error of an index that lists a file which is not there.

    Args:
        catalogue: The index.
        missing: What its server said.
    """
    return IndexAccessError(
        f"the index '{catalogue.name}' lists a file that it does not have",
        why=f"{missing.url} does not exist",
        hint=f"publish the release again to {catalogue.url}",
    )
