"""Reading wheels: every problem is found before anything of the wheel can be used.

Invariants:

- One walk serves checking and unpacking: `walk_wheel` verifies every byte against RECORD while it hands them on.
  Whoever keeps them throws them away if problems are found.
- Declared sizes are bounded before anything is inflated, and nothing is inflated past its declared size.
- Memory is bounded: members come in chunks.
- A damaged or hostile archive raises nothing but `WheelRefusedError`.
"""

from __future__ import annotations

import errno
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import BinaryIO

from packaging.utils import InvalidWheelFilename, canonicalize_name

from dioptra.manifest.installed import parse_entry_points
from dioptra.manifest.model import EntryPoint
from dioptra.plugins.errors import WheelRefusedError
from dioptra.plugins.wheel.check import (
    FILES_LIMIT,
    Member,
    check_entry_points,
    check_installed_files,
    check_members,
    check_record,
    check_sizes,
    installed_path,
    parse_record,
)
from dioptra.plugins.wheel.member_bytes import DamagedMemberError, member_bytes, verified
from dioptra.plugins.wheel.metadata import METADATA_LIMIT, MalformedMetadataError, parse_metadata
from dioptra.plugins.wheel.model import CoreMetadata, RecordLine, WheelContents, WheelName

FileSink = Callable[[str, bool, Iterator[bytes]], None]
"""Takes one installed file: its path, whether it is executable, and its bytes, which it must use up."""

_RECORD_LIMIT = 16 * 1024**2
_NO_ARCHIVE = (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OverflowError, struct.error)


def read_wheel(path: Path, filename: str) -> WheelContents:
    """Check a wheel completely.

    Args:
        path: The file.
        filename: The wheel's own file name, which `path` need not have.

    Returns:
        What it says of itself.

    Raises:
        WheelRefusedError: It has problems; carries all of them.
        OSError: The file itself cannot be read.
    """
    with path.open("rb") as file:
        return walk_wheel(file, filename, lambda _path, _executable, chunks: _use_up(chunks))


def walk_wheel(file: BinaryIO, filename: str, sink: FileSink) -> WheelContents:
    """Check a wheel completely, handing on the bytes of every file that is installed.

    Args:
        file: The wheel, seekable.
        filename: Its own file name.
        sink: Takes the files; it has seen unverified bytes if this raises.

    Returns:
        What the wheel says of itself.

    Raises:
        WheelRefusedError: It has problems; carries all of them.
        OSError: The file itself cannot be read, or the sink raised it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except _NO_ARCHIVE as damage:
        raise WheelRefusedError(filename, [f"it is no zip archive: {damage}{_looks_like(file)}"]) from damage
    except OSError as damage:
        if damage.errno != errno.EINVAL:
            raise
        # An offset outside of the file ended in an impossible seek.
        raise WheelRefusedError(filename, [f"it is no zip archive: {damage}"]) from damage
    if len(infos) > FILES_LIMIT:
        raise WheelRefusedError(filename, [f"it has {len(infos)} members; at most {FILES_LIMIT} are unpacked"])
    return _Walk(file, infos, filename).run(sink)


def _looks_like(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(256).lstrip().lower()
    if not start:
        return " (it is empty)"
    if start.startswith((b"<!doctype html", b"<html")):
        return " (it is an HTML page)"
    if start.startswith(b"<?xml"):
        return " (it is an XML document, such as an S3 error)"
    if start.startswith(b"\x1f\x8b"):
        return " (it is gzip data)"
    return " (it is cut off or damaged)" if start.startswith(b"pk") else ""


def _use_up(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass


class _Walk:
    """One wheel being checked; collects problems as it goes."""

    def __init__(self, file: BinaryIO, infos: list[zipfile.ZipInfo], filename: str) -> None:
        self._file = file
        self._filename = filename
        self._problems: list[str] = []
        self._infos = {info.orig_filename: info for info in infos}
        self._members = [
            Member(
                name=info.orig_filename,
                size=info.file_size,
                compressed_size=info.compress_size,
                offset=info.header_offset,
                mode=info.external_attr >> 16,
                method=info.compress_type,
                encrypted=bool(info.flag_bits & 0x41),
            )
            for info in infos
        ]
        self._sizes = {member.name: member.size for member in self._members if not member.is_folder}

    def run(self, sink: FileSink) -> WheelContents:
        problems = self._problems
        name = self._parse_filename()
        problems += check_members(self._members)
        oversized = check_sizes(self._members)
        problems += oversized
        dist_info = self._find_dist_info(name)
        if dist_info is None:
            raise WheelRefusedError(self._filename, problems)
        metadata, metadata_bytes = self._read_metadata(dist_info, name)
        self._check_wheel_version(dist_info)
        entry_points = self._read_entry_points(dist_info)
        problems += check_installed_files(self._sizes, dist_info, is_plugin=bool(entry_points))
        lines = self._read_record(dist_info)
        if lines is not None and not oversized:
            self._verify(lines, dist_info, sink)
        if problems or name is None or metadata is None or lines is None:
            raise WheelRefusedError(self._filename, problems)
        return WheelContents(
            name=name,
            metadata=metadata,
            metadata_bytes=metadata_bytes,
            dist_info=dist_info,
            entry_points=entry_points,
            files=tuple(lines.get(path, _unhashed(path)) for path in self._sizes),
        )

    def _parse_filename(self) -> WheelName | None:
        try:
            return WheelName.parse(self._filename)
        except InvalidWheelFilename as invalid:
            self._problems.append(f"its file name is no wheel's: {invalid}")
            return None

    def _find_dist_info(self, name: WheelName | None) -> str | None:
        tops = {path.partition("/")[0] for path in self._sizes if "/" in path}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            self._problems.append(f"it has {len(found)} .dist-info folders, not one ({', '.join(found) or 'none'})")
            return None
        if name is not None and not _agrees(found[0], name):
            self._problems.append(
                f"{found[0]} does not agree with the file name, which says {name.project} {name.version}"
            )
        return found[0]

    def _read_small(self, path: str, limit: int) -> bytes | None:
        """A whole small member; None, with a problem, if it is missing, too large or damaged."""
        size = self._sizes.get(path)
        if size is None:
            self._problems.append(f"{path!r} is missing")
        elif size > limit:
            self._problems.append(f"{path!r} has {size} bytes; at most {limit} are read")
        else:
            try:
                return b"".join(member_bytes(self._file, self._infos[path]))
            except DamagedMemberError as damage:
                self._problems.append(f"{path!r} is damaged: {damage}")
        return None

    def _read_metadata(self, dist_info: str, name: WheelName | None) -> tuple[CoreMetadata | None, bytes]:
        body = self._read_small(f"{dist_info}/METADATA", METADATA_LIMIT)
        if body is None:
            return None, b""
        try:
            metadata = parse_metadata(body)
        except MalformedMetadataError as malformed:
            self._problems += malformed.problems
            return None, body
        if name is not None and (canonicalize_name(metadata.name), metadata.version) != (name.project, name.version):
            self._problems.append(
                f"METADATA says {metadata.name} {metadata.version}, the file name {name.project} {name.version}"
            )
        return metadata, body

    def _check_wheel_version(self, dist_info: str) -> None:
        body = self._read_small(f"{dist_info}/WHEEL", METADATA_LIMIT)
        if body is None:
            return
        version = HeaderParser().parsestr(body.decode("utf-8", errors="replace")).get("Wheel-Version", "")
        if version.strip().partition(".")[0] != "1":
            self._problems.append(f"Wheel-Version {version!r} is not 1.x")

    def _read_entry_points(self, dist_info: str) -> tuple[EntryPoint, ...]:
        path = f"{dist_info}/entry_points.txt"
        if path not in self._sizes:
            return ()
        body = self._read_small(path, METADATA_LIMIT)
        if body is None:
            return ()
        try:
            entry_points = parse_entry_points(body.decode("utf-8"))
        except ValueError as malformed:
            self._problems.append(f"{path!r} cannot be read: {malformed}")
            return ()
        installed = [place for file in self._sizes if (place := installed_path(file, dist_info)) is not None]
        self._problems += check_entry_points(entry_points, installed)
        return entry_points

    def _read_record(self, dist_info: str) -> Mapping[str, RecordLine] | None:
        path = f"{dist_info}/RECORD"
        body = self._read_small(path, _RECORD_LIMIT)
        if body is None:
            return None
        lines, malformed = parse_record(body.decode("utf-8", errors="replace"))
        self._problems += malformed
        self._problems += check_record(self._sizes, lines, path)
        return {line.path: line for line in lines}

    def _verify(self, lines: Mapping[str, RecordLine], dist_info: str, sink: FileSink) -> None:
        for path in self._sizes:
            info = self._infos[path]
            chunks = verified(member_bytes(self._file, info), lines.get(path, _unhashed(path)))
            place = installed_path(path, dist_info)
            try:
                # What is refused already is only looked at: its paths may be unsafe to write to.
                if place is None or self._problems:
                    _use_up(chunks)
                else:
                    sink(place, bool((info.external_attr >> 16) & 0o111), chunks)
            except DamagedMemberError as damage:
                self._problems.append(f"{path!r} is damaged: {damage}")


def _unhashed(path: str) -> RecordLine:
    return RecordLine(path=path, algorithm="", digest="", size=None)


def _agrees(dist_info: str, name: WheelName) -> bool:
    project, _, version = dist_info.removesuffix(".dist-info").rpartition("-")
    try:
        found = WheelName.parse(f"{project}-{version}-py3-none-any.whl")
    except InvalidWheelFilename:
        return False
    return (found.project, found.version) == (name.project, name.version)
