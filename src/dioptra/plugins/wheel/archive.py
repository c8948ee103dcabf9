"""Reading wheels: every problem is found before anything of the wheel can be used.

Invariants:

- One walk serves checking and unpacking: `walk_wheel` verifies every byte against RECORD while it hands them on.
  Whoever keeps them throws them away if problems are found.
- Declared sizes are bounded before anything is inflated, and nothing is inflated past its declared size.
- Memory is bounded: members come in chunks.
- A damaged or hostile archive raises nothing but `WheelRefusedError`.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import struct
import zipfile
import zlib
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
    HASHES,
    Member,
    check_entry_points,
    check_installed_files,
    check_members,
    check_record,
    check_sizes,
    installed_path,
    parse_record,
)
from dioptra.plugins.wheel.metadata import METADATA_LIMIT, MalformedMetadataError, parse_metadata
from dioptra.plugins.wheel.model import CoreMetadata, RecordLine, WheelContents, WheelName

Sink = Callable[[str, bool, Iterator[bytes]], None]
"""Takes one installed file: its path, whether it is executable, and its bytes, which it must use up."""

_CHUNK = 256 * 1024
_RECORD_LIMIT = 16 * 1024**2
_FILE_LIMIT = 2**62
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
# An extra field is rarely longer: the whole of a small member comes with one read.
_EXTRA_GUESS = 64
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


def walk_wheel(file: BinaryIO, filename: str, sink: Sink) -> WheelContents:
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


class _Damaged(Exception):  # noqa: N818 - a signal inside this module
    """A member's bytes are not what the archive or RECORD says."""


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

    def run(self, sink: Sink) -> WheelContents:
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
                return b"".join(_chunks(self._file, self._infos[path]))
            except _Damaged as damage:
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

    def _verify(self, lines: Mapping[str, RecordLine], dist_info: str, sink: Sink) -> None:
        for path in self._sizes:
            info = self._infos[path]
            chunks = _verified(_chunks(self._file, info), lines.get(path, _unhashed(path)))
            place = installed_path(path, dist_info)
            try:
                # What is refused already is only looked at: its paths may be unsafe to write to.
                if place is None or self._problems:
                    _use_up(chunks)
                else:
                    sink(place, bool((info.external_attr >> 16) & 0o111), chunks)
            except _Damaged as damage:
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


def _verified(chunks: Iterator[bytes], line: RecordLine) -> Iterator[bytes]:
    """Pass a file's bytes through and compare their hash with RECORD at the end."""
    if line.algorithm not in HASHES:
        yield from chunks  # RECORD itself, or a line that was found wrong before
        return
    digest = hashlib.new(line.algorithm)
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != line.digest:
        raise _Damaged(f"it does not have the {line.algorithm} that RECORD gives")


def _chunks(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The inflated bytes of one member, never more than it declares.

    `zipfile` is used for the archive's directory only: reading members through it costs several times as much as
    inflating a small file, and it trusts what this compares (the local header's name, the declared sizes).

    Raises:
        _Damaged: The member is not what the directory says.
    """
    name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    if not 0 <= info.header_offset < _FILE_LIMIT:
        raise _Damaged("the archive is cut off")
    first = min(info.compress_size, _CHUNK)
    file.seek(info.header_offset)
    data = file.read(_LOCAL_HEADER.size + len(name) + _EXTRA_GUESS + first)
    if len(data) < _LOCAL_HEADER.size:
        raise _Damaged("the archive is cut off")
    header = _LOCAL_HEADER.unpack_from(data)
    start = _LOCAL_HEADER.size + header[9] + header[10]
    if header[0] != b"PK\x03\x04" or data[_LOCAL_HEADER.size : _LOCAL_HEADER.size + header[9]] != name:
        raise _Damaged("its own header names another file than the archive's directory")
    offset, left = info.header_offset + start, info.compress_size
    data = data[start : start + left]
    inflate = zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
    size, crc = 0, 0
    while True:
        left -= len(data)
        offset += len(data)
        for chunk in _inflated(inflate, data, info.file_size - size):
            size += len(chunk)
            if size > info.file_size:
                raise _Damaged(f"it has more than the {info.file_size} bytes that it declares")
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if not left:
            break
        file.seek(offset)
        data = file.read(min(left, _CHUNK))
        if not data:
            raise _Damaged("the archive is cut off")
    if size != info.file_size or (inflate is not None and (not inflate.eof or inflate.unused_data)):
        raise _Damaged(f"it has {size} bytes and declares {info.file_size}, or its compressed data is cut off")
    if crc != info.CRC:
        raise _Damaged("its checksum is wrong")


def _inflated(inflate: zlib._Decompress | None, data: bytes, most: int) -> Iterator[bytes]:
    """Inflate a piece of a member: at most one byte more than `most` in all."""
    if inflate is None:
        if data:
            yield data
        return
    try:
        while data:
            chunk = inflate.decompress(data, min(most + 1, 4 * _CHUNK))
            if chunk:
                most -= len(chunk)
                yield chunk
                if most < 0:
                    return
            data = inflate.unconsumed_tail
            if not chunk and inflate.eof:
                return
    except zlib.error as damage:
        raise _Damaged(str(damage)) from damage
