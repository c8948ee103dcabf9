"""From the URL that a person gives to the store behind it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.object_store.addresses import file_path, without_credentials
from dioptra.plugins.object_store.directory import DirectoryStore, create_directory_root
from dioptra.plugins.object_store.keys import check_key
from dioptra.plugins.object_store.port import ObjectReader, ObjectStore


def is_simple_url(url: str) -> bool:
    """Whether a URL names a simple repository itself (``…/simple/``), as for pip, and not an index's root."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2] == "simple"


def is_local(url: str) -> bool:
    """Whether a URL names a folder of this machine, which is read without a request.

    Raises:
        ConfigurationError: It is a file URL of another machine.
    """
    return _folder(url) is not None


def open_store(url: str) -> ObjectStore:
    """Open a place that can be written.

    Args:
        url: ``s3://bucket/prefix``, ``file:///folder`` or a path.

    Raises:
        ConfigurationError: It is none of these, or a needed package is missing.
    """
    folder = _folder(url)
    if folder is not None:
        return DirectoryStore(folder)
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        from dioptra.plugins.object_store.s3 import S3Store

        return S3Store(parts.netloc, _prefix(url))
    if parts.scheme in {"http", "https"}:
        raise ConfigurationError(
            f"{without_credentials(url)} cannot be written",
            why="an index is written through s3:// or a folder",
            hint="give s3://bucket/prefix (with AWS_ENDPOINT_URL_S3 for another server than AWS) or a path",
        )
    raise _unknown(url)


def open_reader(url: str) -> ObjectReader:
    """Open a place that is only read.

    Args:
        url: What `open_store` takes, or the ``http(s)://`` address of an index's root.

    Raises:
        ConfigurationError: It is none of these, or a needed package is missing.
    """
    if urlsplit(url).scheme in {"http", "https"}:
        from dioptra.plugins.object_store.web import WebReader

        return WebReader(url)
    return open_store(url)


def create_root(url: str) -> None:
    """Make the folder of a new directory index; a bucket has to be there.

    Raises:
        IndexAccessError: The folder cannot be made.
    """
    folder = _folder(url)
    if folder is not None:
        create_directory_root(folder)


def _prefix(url: str) -> str:
    """The prefix that an S3 URL names, if it is one that keys can start with."""
    parts = urlsplit(url)
    prefix = parts.path.removeprefix("/").removesuffix("/")
    try:
        if parts.query or parts.fragment:
            raise ValueError("a query or fragment is no part of a prefix")
        return check_key(prefix) if prefix else ""
    except ValueError as problem:
        raise ConfigurationError(
            f"'{without_credentials(url)}' is no address of an index",
            why=str(problem),
            hint="give s3://bucket/prefix",
        ) from problem


def _folder(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise ConfigurationError(f"{url} names another machine", hint="write file:///folder with three slashes")
        return file_path(url)
    # One letter is a drive, not a scheme; without a scheme it is a path.
    return Path(url) if url and (not parts.scheme or len(parts.scheme) == 1) else None


def _unknown(url: str) -> ConfigurationError:
    return ConfigurationError(
        f"'{without_credentials(url)}' is no address of an index",
        hint="give s3://bucket/prefix, file:///folder, a path, or for reading http(s)://host/…/simple/",
    )
