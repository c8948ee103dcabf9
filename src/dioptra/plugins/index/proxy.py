"""Serving a private index to stock pip and uv on loopback.

Pages are read with this process's credentials and served; files are answered by a redirect to a presigned URL, so that
no byte of them passes through here. Other users of a shared machine must not borrow the credentials, so every path
starts with a random token, and the Host header has to name this server (a web page that resolves to loopback does not
know the token, nor may it guess). Nothing but pages and files of the index can be reached, and only be read.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import quote, unquote

from packaging.utils import InvalidName, InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from dioptra.plugins.errors import ConfigurationError, DioptraPluginsError, ObjectNotFoundError
from dioptra.plugins.index import layout
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.object_store.keys import check_key
from dioptra.plugins.object_store.port import ObjectReader
from dioptra.plugins.wheel.model import WHEEL_LIMIT

PRESIGNED_SECONDS = 900
"""How long a redirect works: as long as a slow client may take to follow it, and not longer."""

_SIDECARS = (".metadata", ".tasks.json")


@runtime_checkable
class Presigner(Protocol):
    """A store that can give others leave to read one object for a while."""

    def presigned_url(self, key: str, *, method: Literal["GET", "HEAD"], seconds: int) -> str:
        """A URL that needs no credentials."""


@dataclass(frozen=True, slots=True)
class Page:
    """A request for a page, told by its path.

    Attributes:
        keys: Where the page lies.
    """

    keys: layout.ViewKeys


@dataclass(frozen=True, slots=True)
class File:
    """A request for a file.

    Attributes:
        key: Where it lies.
    """

    key: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A request for a page by another spelling.

    Attributes:
        path: The right path below the token.
    """

    path: str


def route(path: str) -> Page | File | Moved | None:
    """Tell what a path below the token means; None where it means nothing of an index.

    Args:
        path: The path, percent-encoded, without query.
    """
    match path.split("/"):
        case ["simple", ""]:
            return Page(layout.ROOT_PAGE)
        case ["simple"]:
            return Moved("simple/")
        case ["simple", name] | ["simple", name, ""]:
            try:
                project = canonicalize_name(unquote(name), validate=True)
            except InvalidName:
                return None
            right = f"simple/{project}/"
            return Page(layout.project_page(project)) if path == right else Moved(right)
        case ["files", project, filename]:
            plain = unquote(filename)
            wheel = next((plain.removesuffix(suffix) for suffix in _SIDECARS if plain.endswith(suffix)), plain)
            try:
                name, *_ = parse_wheel_filename(wheel)
                key = check_key(f"files/{project}/{plain}")
            except (InvalidWheelFilename, ValueError):
                return None
            return File(key) if name == project else None
        case _:
            return None


def wants_json(accept: str) -> bool:
    """Whether a client takes the JSON page (PEP 691).

    Args:
        accept: Its Accept header; a kind with a quality of 0 is refused (RFC 9110).
    """
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if kind == layout.SIMPLE_JSON:
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", text) for text in parameters)
    return False


class IndexProxy:
    """A server on loopback for one index. May be used once.

    Args:
        store: The index.
        port: Port to listen on; 0 for any that is free.

    Raises:
        ConfigurationError: The port cannot be listened on.
        IndexAccessError: There is no index, or it cannot be read.
    """

    def __init__(self, store: ObjectReader, *, port: int = 0) -> None:
        read_descriptor(store)
        self.token = secrets.token_urlsafe(24)

        class Handler(_Handler):
            """The server makes one for each connection; what they share are attributes of the class."""

        Handler.store, Handler.token = store, self.token
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as problem:
            raise ConfigurationError(
                f"127.0.0.1:{port} cannot be listened on",
                why=str(problem),
                hint="leave --port out, and any free port is taken",
            ) from problem
        self._server.daemon_threads = True
        own = self._server.server_port
        Handler.names = frozenset({f"127.0.0.1:{own}", f"localhost:{own}"})

    @property
    def url(self) -> str:
        """What to give to pip and uv as index URL."""
        return f"http://127.0.0.1:{self._server.server_port}/{self.token}/simple/"

    def serve(self) -> None:
        """Answer requests until `close` is called from another thread, or the process is interrupted."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()

    def release(self) -> None:
        """Give the port back."""
        self._server.server_close()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve in a thread for the time of a ``with`` block.

        Yields:
            The index URL.
        """
        thread = threading.Thread(target=self.serve, daemon=True)
        thread.start()
        try:
            yield self.url
        finally:
            self.close()
            thread.join()
            self.release()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "dioptra-plugins"
    sys_version = ""
    timeout = 60
    store: ObjectReader
    token: str
    names: frozenset[str]

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the path holds the token."""

    def _answer(self) -> None:
        # Split by hand: what a stranger sends need not be a URL.
        _, token, path = [*self.path.partition("?")[0].split("/", 2), "", ""][:3]
        if self.headers.get("Host") not in self.names:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server is not called that")
        elif not hmac.compare_digest(token.encode(), self.token.encode()):
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        else:
            self._answer_path(path)

    def _answer_path(self, path: str) -> None:
        try:
            match route(path):
                case Page(keys=keys):
                    self._page(keys)
                case File(key=key):
                    self._file(key)
                case Moved(path=right):
                    self._redirect(HTTPStatus.MOVED_PERMANENTLY, f"/{self.token}/{quote(right)}")
                case None:
                    self._refuse(HTTPStatus.NOT_FOUND, "that is nothing of an index")
        except ObjectNotFoundError:
            self._refuse(HTTPStatus.NOT_FOUND, "the index has no such page or file")
        except DioptraPluginsError as problem:
            self._refuse(HTTPStatus.BAD_GATEWAY, str(problem))

    def _page(self, keys: layout.ViewKeys) -> None:
        is_json = wants_json(self.headers.get("Accept", ""))
        stored = self.store.read(keys.json if is_json else keys.html)
        etag = f'"{stored.etag}"'
        unchanged = etag in self.headers.get("If-None-Match", "")
        self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
        self.send_header("ETag", etag)
        self.send_header("Cache-Control", layout.REVALIDATE)
        self.send_header("Vary", "Accept")
        if not unchanged:
            self.send_header("Content-Type", layout.SIMPLE_JSON if is_json else layout.SIMPLE_HTML)
            self.send_header("Content-Length", str(len(stored.body)))
        self.end_headers()
        if not unchanged and self.command == "GET":
            self.wfile.write(stored.body)

    def _file(self, key: str) -> None:
        if isinstance(self.store, Presigner):
            method: Literal["GET", "HEAD"] = "HEAD" if self.command == "HEAD" else "GET"
            self._redirect(HTTPStatus.FOUND, self.store.presigned_url(key, method=method, seconds=PRESIGNED_SECONDS))
            return
        # A store without presigned URLs is a folder, whose files are streamed; the size is not known beforehand.
        self.close_connection = True
        sink = _AfterHeaders(self)
        self.store.download(key, sink, limit=WHEEL_LIMIT)
        sink.begin()

    def _redirect(self, status: HTTPStatus, location: str) -> None:
        self.send_response(status)
        self.send_header("Location", location)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _AfterHeaders:
    """Sends the headers of a file before its first bytes, so that an absent one can still be a 404."""

    def __init__(self, handler: _Handler) -> None:
        self._handler, self._begun = handler, False

    def begin(self) -> None:
        """Send the headers, if that was not done yet."""
        if not self._begun:
            self._begun = True
            self._handler.send_response(HTTPStatus.OK)
            self._handler.send_header("Content-Type", layout.WHEEL)
            self._handler.send_header("Cache-Control", layout.IMMUTABLE)
            self._handler.send_header("Connection", "close")
            self._handler.end_headers()

    def write(self, data: bytes, /) -> None:
        """Pass bytes on."""
        self.begin()
        if self._handler.command == "GET":
            self._handler.wfile.write(data)
