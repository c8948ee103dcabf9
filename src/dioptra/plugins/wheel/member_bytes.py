"""Reading one member of a wheel: its bytes, inflated and verified piece by piece."""

from __future__ import annotations

import base64
import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from dioptra.plugins.wheel.check import HASHES
from dioptra.plugins.wheel.model import RecordLine

_CHUNK = 256 * 1024
_FILE_LIMIT = 2**62
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
# An extra field is rarely longer: the whole of a small member comes with one read.
_EXTRA_GUESS = 64


class DamagedMemberError(Exception):
    """A member's bytes are not what the archive or RECORD says."""


def verified(chunks: Iterator[bytes], line: RecordLine) -> Iterator[bytes]:
    """Pass a file's bytes through and compare their hash with RECORD at the end.

    Args:
        chunks: The file's bytes.
        line: Its line of RECORD. One without a usable hash, as RECORD's own, is passed through unchecked.

    Raises:
        DamagedMemberError: It is another hash.
    """
    if line.algorithm not in HASHES:
        yield from chunks  # RECORD itself, or a line that was found wrong before
        return
    digest = hashlib.new(line.algorithm)
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != line.digest:
        raise DamagedMemberError(f"it does not have the {line.algorithm} that RECORD gives")


def member_bytes(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The inflated bytes of one member, never more than it declares.

    `zipfile` is used for the archive's directory only: reading members through it costs several times as much as
    inflating a small file, and it trusts what this compares (the local header's name, the declared sizes).

    Args:
        file: The archive, seekable.
        info: The member, as the archive's directory has it.

    Raises:
        DamagedMemberError: The member is not what the directory says.
    """
    name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    if not 0 <= info.header_offset < _FILE_LIMIT:
        raise DamagedMemberError("the archive is cut off")
    first = min(info.compress_size, _CHUNK)
    file.seek(info.header_offset)
    data = file.read(_LOCAL_HEADER.size + len(name) + _EXTRA_GUESS + first)
    if len(data) < _LOCAL_HEADER.size:
        raise DamagedMemberError("the archive is cut off")
    header = _LOCAL_HEADER.unpack_from(data)
    start = _LOCAL_HEADER.size + header[9] + header[10]
    if header[0] != b"PK\x03\x04" or data[_LOCAL_HEADER.size : _LOCAL_HEADER.size + header[9]] != name:
        raise DamagedMemberError("its own header names another file than the archive's directory")
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
                raise DamagedMemberError(f"it has more than the {info.file_size} bytes that it declares")
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if not left:
            break
        file.seek(offset)
        data = file.read(min(left, _CHUNK))
        if not data:
            raise DamagedMemberError("the archive is cut off")
    if size != info.file_size or (inflate is not None and (not inflate.eof or inflate.unused_data)):
        raise DamagedMemberError(
            f"it has {size} bytes and declares {info.file_size}, or its compressed data is cut off"
        )
    if crc != info.CRC:
        raise DamagedMemberError("its checksum is wrong")


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
        raise DamagedMemberError(str(damage)) from damage
