"""Writing so that a power cut leaves the old state or the new one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def flush_tree(root: Path) -> None:
    """Make everything below a folder durable.

    Linux flushes the folder's whole file system in one call (``syncfs``), which is many times faster than flushing
    thousands of small files one by one; elsewhere every file and folder is flushed.

    Args:
        root: An existing folder.

    Raises:
        OSError: The file system reports that data could not be written.
    """
    if _flush_file_system(root):
        return
    for path in _files_and_folders(root):
        flush(path)


def _files_and_folders(root: Path) -> Iterator[Path]:
    """What `flush` takes: links have no content of their own, their folder's entry is all there is."""
    for folder, _, files in os.walk(root):
        yield from (path for file in files if not (path := Path(folder) / file).is_symlink())
        yield Path(folder)


def _flush_file_system(root: Path) -> bool:
    """Call ``syncfs``; False where the C library has none."""
    import ctypes  # a sync that has nothing to do does not pay for it

    libc = ctypes.CDLL(None, use_errno=True)
    syncfs = getattr(libc, "syncfs", None)
    if syncfs is None:
        return False
    descriptor = os.open(root, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(root))
    finally:
        os.close(descriptor)
    return True


def flush(path: Path) -> None:
    """Make one file's content, or one folder's entries, durable.

    Raises:
        OSError: The file system reports that data could not be written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, body: bytes, *, mode: int = 0o644, aside: Path | None = None) -> None:
    """Write a file aside and put it in its place in one step: a reader sees the old content or the new one.

    Args:
        path: The file to make or replace.
        body: Its new content.
        mode: Permission bits.
        aside: Folder of the same file system for the unfinished file; that of `path` by default.

    Raises:
        OSError: It cannot be written. The present file stays as it is.
    """
    descriptor, name = tempfile.mkstemp(dir=aside or path.parent, prefix=f".{path.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    flush(path.parent)
