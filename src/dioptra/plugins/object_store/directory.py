"""An index in a plain directory.

An ETag is the sha256 of the content. New objects are written aside, made durable and linked into place, which fails
if the name is taken; replacing compares and renames under a lock that the kernel frees when its holder dies. Readers
therefore see whole objects, and temporary files of a killed writer lie where no listing looks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.object_store.keys import check_key
from dioptra.plugins.object_store.port import PAGE_LIMIT, ObjectEntry, Sink, StoredObject

_ASIDE = ".dioptra-tmp"
_LOCK = "lock"
_CHUNK = 1024 * 1024


def create_directory_root(root: Path) -> None:
    """Make the directory of a new index, with its parents.

    Raises:
        IndexAccessError: It cannot be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _failed(root, problem) from problem


class DirectoryStore:
    """An object store below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def url(self) -> str:
        """The directory's path."""
        return str(self._root)

    def address(self, key: str) -> str:
        """The file URL of a key."""
        return self._path(key).as_uri()

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one object whole; see the port."""
        with self._open(key) as file:
            body = file.read(limit + 1)
        if len(body) > limit:
            raise _too_large(self._path(key), limit)
        return StoredObject(url=self.address(key), body=body, etag=hashlib.sha256(body).hexdigest())

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one object whole if it changed; see the port."""
        stored = self.read(key, limit=limit)
        return None if stored.etag == etag else stored

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        """Copy one object; see the port."""
        with self._open(key) as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise _too_large(self._path(key), limit)
            shutil.copyfileobj(file, sink, _CHUNK)

    def list(self, prefix: str) -> Iterator[ObjectEntry]:
        """List objects; see the port."""
        self._require_root()
        folder, _, start = prefix.rpartition("/")
        keys = sorted(self._keys(self._path(folder) if folder else self._root, start))
        for key in keys:
            path = self._root / key
            # A key that was removed since the folder was read is not part of the listing any more.
            with _translated(path), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                etag = hashlib.file_digest(file, "sha256").hexdigest()
                yield ObjectEntry(key=key, etag=etag, size=os.fstat(file.fileno()).st_size)

    def write(
        self, key: str, body: bytes | Path, *, expected: str | None, content_type: str, cache_control: str
    ) -> str:
        """Write one object conditionally; see the port. A directory has no place for headers."""
        del content_type, cache_control
        path = self._path(key)
        self._require_root()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside, etag = self._write_aside(body)
            try:
                if expected is None:
                    self._create(aside, path)
                else:
                    self._replace(aside, path, expected)
                _flush_folder(path.parent)
            finally:
                aside.unlink(missing_ok=True)
        return etag

    def delete(self, key: str) -> None:
        """Remove one object; see the port."""
        path = self._path(key)
        self._require_root()
        with _translated(path), contextlib.suppress(FileNotFoundError):
            path.unlink()
            _flush_folder(path.parent)

    def keeps_trailing_slash_keys(self) -> bool:
        """A directory cannot: such a key would be a folder."""
        return False

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _require_root(self) -> None:
        if not self._root.is_dir():
            raise IndexAccessError(
                f"{self._root} is not a directory",
                why="the root of a directory index must exist",
                hint=f"dioptra-plugins index init {self._root}",
            )

    def _open(self, key: str) -> BinaryIO:
        path = self._path(key)
        self._require_root()
        try:
            return path.open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as absent:
            raise ObjectNotFoundError(str(path)) from absent
        except OSError as problem:
            raise _failed(path, problem) from problem

    def _keys(self, folder: Path, start: str) -> Iterator[str]:
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as problem:
            raise _failed(folder, problem) from problem
        for entry in entries:
            if not entry.name.startswith(start) or Path(entry.path) == self._root / _ASIDE:
                continue
            if entry.is_dir():
                yield from self._keys(Path(entry.path), "")
            else:
                yield Path(entry.path).relative_to(self._root).as_posix()

    def _write_aside(self, body: bytes | Path) -> tuple[Path, str]:
        folder = self._root / _ASIDE
        folder.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as target:
            if isinstance(body, bytes):
                target.write(body)
                digest = hashlib.sha256(body).hexdigest()
            else:
                running = hashlib.sha256()
                with body.open("rb") as source:
                    while chunk := source.read(_CHUNK):
                        running.update(chunk)
                        target.write(chunk)
                digest = running.hexdigest()
            # mkstemp makes files for their owner alone; an index is there to be read.
            os.fchmod(target.fileno(), 0o644)
            target.flush()
            os.fsync(target.fileno())
        return Path(name), digest

    def _create(self, aside: Path, path: Path) -> None:
        try:
            os.link(aside, path)
        except FileExistsError as taken:
            raise PreconditionFailedError(str(path)) from taken

    def _replace(self, aside: Path, path: Path, expected: str) -> None:
        with (self._root / _ASIDE / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                with path.open("rb") as file:
                    present = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError as gone:
                raise PreconditionFailedError(str(path)) from gone
            if present != expected:
                raise PreconditionFailedError(str(path))
            aside.replace(path)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _failed(path, problem) from problem


def _failed(path: Path, problem: OSError) -> IndexAccessError:
    name = errno.errorcode.get(problem.errno or 0, "error")
    return IndexAccessError(f"{path} cannot be read or written", why=f"{problem.strerror or problem} ({name})")


def _too_large(path: Path, limit: int) -> IndexAccessError:
    return IndexAccessError(f"{path} is too large", why=f"at most {limit} bytes are read")


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
