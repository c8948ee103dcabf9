"""Unpacking wheels: bytes are verified while they are written, in one pass over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dioptra.plugins.wheel.archive import walk_wheel
from dioptra.plugins.wheel.model import WheelContents


def unpack_wheel(file: BinaryIO, filename: str, target: Path) -> WheelContents:
    """Check a wheel completely and write its files.

    ``.data/purelib`` and ``platlib`` are merged into the root; scripts, headers and data of wheels that are no
    plugin packages are left out. Files are readable by all, executable where the wheel says so, never set-uid.

    Args:
        file: The wheel, seekable.
        filename: Its own file name.
        target: An empty folder. Where the wheel is refused, what was written there must be thrown away.

    Returns:
        What it says of itself.

    Raises:
        WheelRefusedError: It has problems; carries all of them.
        OSError: The wheel cannot be read or a file cannot be written.
    """
    root = str(target)
    made = {""}

    def write(place: str, executable: bool, chunks: Iterator[bytes]) -> None:
        folder = place.rpartition("/")[0]
        if folder not in made:
            _make_folders(root, folder, made)
        # O_EXCL: nothing that lies there, not even a link, is ever written through.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(f"{root}/{place}", flags, 0o755 if executable else 0o644)
        try:
            for chunk in chunks:
                write_all(descriptor, chunk)
        finally:
            os.close(descriptor)

    return walk_wheel(file, filename, write)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`; the system call alone may write less.

    Raises:
        OSError: It cannot be written.
    """
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _make_folders(root: str, folder: str, made: set[str]) -> None:
    parent = folder.rpartition("/")[0]
    if parent not in made:
        _make_folders(root, parent, made)
    os.mkdir(f"{root}/{folder}")  # noqa: PTH102 - one call per folder of every wheel
    made.add(folder)
