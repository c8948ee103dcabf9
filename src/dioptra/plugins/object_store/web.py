"""Reading over http, https and file URLs, with retries, time-outs and size limits."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from urllib.parse import quote, unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout, make_headers

from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError
from dioptra.plugins.object_store.addresses import file_path, without_credentials
from dioptra.plugins.object_store.keys import check_key
from dioptra.plugins.object_store.port import PAGE_LIMIT, Sink, StoredObject
from dioptra.plugins.object_store.ranged_file import FileRange

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01"
"""What is asked for, as PEP 691 recommends; the last part is for files."""

ATTEMPTS = 4
_CHUNK = 256 * 1024
_PARTIAL, _NOT_MODIFIED, _UNSATISFIABLE = 206, 304, 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_ABSENT = frozenset({404, 410})
_DENIED = frozenset({401, 403})
_PASSING = frozenset({429, 500, 502, 503, 504})


class UrlReader:
    """Reads absolute URLs; pages of a foreign index link to other hosts and folders."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=16,
            timeout=Timeout(connect=10, read=30),
            retries=Retry(
                total=ATTEMPTS - 1,
                backoff_factor=0.3,
                status_forcelist=_PASSING,
                allowed_methods=["GET"],
                raise_on_status=False,
            ),
        )

    def read_url(self, url: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one address whole; a folder of the file system is read as its ``index.html``.

        Args:
            url: ``http``, ``https`` or ``file`` URL. Credentials in it are used and never shown.
            limit: Bytes it may have at most.

        Raises:
            ObjectNotFoundError: The server says that there is nothing (404 or 410), or the file is absent.
            IndexAccessError: It cannot be read, is refused, cut off, or larger than `limit`.
        """
        found = self.read_url_if_changed(url, "", limit=limit)
        assert found is not None, "only a conditional request can be answered with 304"
        return found

    def read_url_if_changed(self, url: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one address whole, unless it still has an ETag; arguments and errors as for `read_url`.

        Returns:
            The object; None if it has the ETag still. An empty ETag is none, and files have none.
        """
        shown = without_credentials(url)
        if urlsplit(url).scheme == "file":
            with _open_file(url) as file:
                body = file.read(limit + 1)
            content_type, found = "", ""
        else:
            with self._response(url, {"If-None-Match": _quoted(etag)} if etag else {}, _NOT_MODIFIED) as response:
                if response.status == _NOT_MODIFIED:
                    return None
                body = b"".join(_chunks(response, shown, limit + 1))
                content_type, found = response.headers.get("Content-Type", ""), response.headers.get("ETag", "")
                shown = without_credentials(urljoin(shown, response.geturl() or ""))
        if len(body) > limit:
            raise _too_large(shown, limit)
        return StoredObject(url=shown, body=body, etag=_unquoted(found), content_type=content_type)

    def read_range(self, url: str, first: int | None, size: int, *, etag: str = "") -> FileRange | None:
        """Read bytes of one address; see `RangeReader`."""
        if urlsplit(url).scheme == "file":
            with _open_file(url) as file:
                total = Path(file.name).stat().st_size
                start = max(0, total - size) if first is None else first
                file.seek(start)
                return FileRange(body=file.read(size), first=start, total=total)
        headers = {"Range": f"bytes=-{size}" if first is None else f"bytes={first}-{first + size - 1}"}
        headers |= {"Accept-Encoding": "identity", **({"If-Range": _quoted(etag)} if etag else {})}
        with self._response(url, headers, _PARTIAL, _UNSATISFIABLE) as response:
            told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if response.status != _PARTIAL or told is None:
                return None
            start, total = int(told[1]), int(told[2])
            body = b"".join(_chunks(response, without_credentials(url), size + 1))
            wanted = max(0, total - size) if first is None else first
            if start != wanted or len(body) != min(size, total - start):
                return None
            # A weak tag says nothing of single bytes, and If-Range does not take one.
            found = response.headers.get("ETag", "")
            return FileRange(
                body=body, first=start, total=total, etag="" if found.startswith("W/") else _unquoted(found)
            )

    def download_url(self, url: str, sink: Sink, *, limit: int) -> None:
        """Copy one address to `sink` without holding it in memory.

        Raises:
            ObjectNotFoundError: The server says that there is nothing, or the file is absent.
            IndexAccessError: It cannot be read, is refused, cut off, or larger than `limit`.
        """
        shown = without_credentials(url)
        if urlsplit(url).scheme == "file":
            with _open_file(url) as file:
                if Path(file.name).stat().st_size > limit:
                    raise _too_large(shown, limit)
                shutil.copyfileobj(file, sink, _CHUNK)
            return
        with self._response(url) as response:
            written = 0
            for chunk in _chunks(response, shown, limit + 1):
                written += len(chunk)
                if written > limit:
                    raise _too_large(shown, limit)
                sink.write(chunk)

    @contextlib.contextmanager
    def _response(
        self, url: str, conditions: Mapping[str, str] = MappingProxyType({}), *accepted: int
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        shown = without_credentials(url)
        headers = {"Accept": ACCEPT, "User-Agent": "dioptra-plugins", **conditions}
        parts = urlsplit(url)
        if parts.username is not None:
            headers |= make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")
        try:
            response = self._pool.request("GET", shown, headers=headers, preload_content=False)
        except HTTPError as problem:
            raise _unreachable(shown, problem) from problem
        try:
            tries = 1 if response.retries is None else len(response.retries.history) + 1
            if response.status in _ABSENT:
                raise ObjectNotFoundError(shown)
            if response.status in _DENIED:
                raise IndexAccessError(
                    f"access to {shown} is denied",
                    why=f"status {response.status}",
                    hint="give credentials in the index's URL (https://user:password@host/simple/)",
                )
            if response.status != 200 and not (conditions and response.status in accepted):
                raise IndexAccessError(f"{shown} failed", why=f"status {response.status} after {tries} attempt(s)")
            yield response
        finally:
            response.release_conn()
            response.close()


class WebReader:
    """The objects below one web address, as an `ObjectReader`."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url.rstrip("/")
        self._urls = UrlReader()

    @property
    def url(self) -> str:
        """The root, without credentials."""
        return without_credentials(self._base)

    def address(self, key: str) -> str:
        """The URL of a key, without credentials."""
        return f"{self.url}/{quote(check_key(key))}"

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one object whole; see the port."""
        return self._urls.read_url(f"{self._base}/{quote(check_key(key))}", limit=limit)

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one object whole if it changed; see the port."""
        return self._urls.read_url_if_changed(f"{self._base}/{quote(check_key(key))}", etag, limit=limit)

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        """Copy one object; see the port."""
        self._urls.download_url(f"{self._base}/{quote(check_key(key))}", sink, limit=limit)


def _chunks(response: urllib3.BaseHTTPResponse, shown: str, most: int) -> Iterator[bytes]:
    """The body, decoded, until it ends or has more than `most` bytes."""
    size = 0
    try:
        for chunk in response.stream(_CHUNK, decode_content=True):
            size += len(chunk)
            yield chunk
            if size >= most:
                return
    except HTTPError as problem:
        raise _unreachable(shown, problem) from problem


@contextlib.contextmanager
def _open_file(url: str) -> Iterator[BinaryIO]:
    path = file_path(url)
    if path.is_dir():
        path /= "index.html"
    try:
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError) as absent:
        raise ObjectNotFoundError(url) from absent
    except OSError as problem:
        raise IndexAccessError(f"{url} cannot be read", why=str(problem)) from problem


def _quoted(etag: str) -> str:
    """An entity tag as a header has it; a weak one is kept as it came."""
    return etag if etag.startswith("W/") else f'"{etag}"'


def _unquoted(header: str) -> str:
    return header if header.startswith("W/") else header.strip('"')


def _unreachable(shown: str, problem: HTTPError) -> IndexAccessError:
    return IndexAccessError(
        f"{shown} cannot be reached", why=f"{problem} ({ATTEMPTS} attempts)", hint="check the URL and the network"
    )


def _too_large(shown: str, limit: int) -> IndexAccessError:
    return IndexAccessError(f"{shown} is too large", why=f"at most {limit} bytes are read")
