"""Reading and unpacking wheels: every problem is found before anything of the wheel can be used.

One walk serves both: `read_wheel` looks at every byte and keeps none, `unpack_wheel` writes the same bytes into a
folder that its caller throws away if problems are found. No member is inflated past its declared size, and the
declared sizes are bounded first.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import IO

from packaging.utils import InvalidWheelFilename, canonicalize_name

from dioptra.manifest.installed import parse_entry_points
from dioptra.manifest.model import EntryPoint
from dioptra.plugins.errors import WheelRefusedError
from dioptra.plugins.wheel.check import (
    Member,
    check_entry_points,
    check_members,
    check_plugin_files,
    check_record,
    installed_path,
    parse_record,
)
from dioptra.plugins.wheel.metadata import METADATA_LIMIT, MalformedMetadataError, parse_metadata
from dioptra.plugins.wheel.model import RecordLine, WheelContents, WheelName

_CHUNK = 1024 * 1024
_RECORD_LIMIT = 16 * 1024**2

# What reading a damaged or hostile archive raises.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError)


def read_wheel(path: Path, filename: str) -> WheelContents:
    """Check a wheel completely.

    Args:
        path: The file.
        filename: The wheel's own file name, which `path` need not have.

    Returns:
        What it says of itself.

    Raises:
        WheelRefusedError: It has problems; carries all of them.
    """
    return _walk(path, filename, None)


def unpack_wheel(path: Path, filename: str, target: Path) -> WheelContents:
    """Check a wheel completely and write its files.

    ``.data/purelib`` and ``platlib`` are merged into the root; scripts, headers and data of wheels that are no
    plugin packages are left out. Files are readable by all, executable where the wheel says so, never set-uid.

    Args:
        path: The file.
        filename: The wheel's own file name.
        target: An empty folder. Where the wheel is refused, what was written there must be thrown away.

    Returns:
        What it says of itself.

    Raises:
        WheelRefusedError: It has problems; carries all of them.
        OSError: A file cannot be written.
    """
    return _walk(path, filename, target)


def _walk(path: Path, filename: str, target: Path | None) -> WheelContents:
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as damage:
        raise WheelRefusedError(filename, [f"it is no zip archive: {damage}{_looks_like(path)}"]) from damage
    with archive:
        contents = _inspect(archive, filename)
        problems = list(_verify(archive, contents, target))
    if problems:
        raise WheelRefusedError(filename, problems)
    return contents


def _looks_like(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(256).lstrip().lower()
    if not start:
        return " (it is empty)"
    if start.startswith((b"<!doctype html", b"<html")):
        return " (it is an HTML page)"
    return " (it is an XML document, such as an S3 error)" if start.startswith(b"<?xml") else ""


def _inspect(archive: zipfile.ZipFile, filename: str) -> WheelContents:
    """Check everything but the files' bytes."""
    members = [
        Member(
            name=info.orig_filename,
            size=info.file_size,
            compressed_size=info.compress_size,
            mode=info.external_attr >> 16,
            encrypted=bool(info.flag_bits & 1),
        )
        for info in archive.infolist()
    ]
    problems = check_members(members)
    files = {member.name: member.size for member in members if not member.is_folder}
    try:
        name = WheelName.parse(filename)
    except InvalidWheelFilename as invalid:
        raise WheelRefusedError(filename, [f"its file name is no wheel's: {invalid}", *problems]) from invalid
    if problems:
        # With names or sizes that lie, nothing more of the archive is opened.
        raise WheelRefusedError(filename, problems)

    dist_infos = sorted({file.split("/")[0] for file in files if file.split("/")[0].endswith(".dist-info")})
    if len(dist_infos) != 1:
        raise WheelRefusedError(filename, [f"it has {len(dist_infos)} .dist-info folders ({', '.join(dist_infos)})"])
    dist_info = dist_infos[0]
    problems += _check_dist_info_name(dist_info, name)
    bodies: dict[str, bytes] = {}
    for part, limit in {"METADATA": METADATA_LIMIT, "WHEEL": METADATA_LIMIT, "RECORD": _RECORD_LIMIT}.items():
        member = f"{dist_info}/{part}"
        if member not in files:
            problems.append(f"{member} is missing")
        elif files[member] > limit:
            problems.append(f"{member} has {files[member]} bytes; at most {limit} are read")
        else:
            bodies[part] = _read_small(archive, member, problems)
    if len(bodies) < 3 or problems:
        raise WheelRefusedError(filename, problems)

    problems += _check_wheel_version(bodies["WHEEL"])
    lines, malformed = parse_record(bodies["RECORD"].decode("utf-8", errors="replace"))
    problems += malformed
    problems += check_record(files, lines, f"{dist_info}/RECORD")
    entry_points = _entry_points(archive, files, dist_info, problems)
    if entry_points:
        problems += check_plugin_files(files, dist_info)
        problems += check_entry_points(entry_points, files)
    try:
        metadata = parse_metadata(bodies["METADATA"])
    except MalformedMetadataError as malformed_metadata:
        raise WheelRefusedError(filename, [*problems, *malformed_metadata.problems]) from malformed_metadata
    if canonicalize_name(metadata.name) != name.project or metadata.version != name.version:
        problems.append(
            f"METADATA says {metadata.name} {metadata.version}, the file name {name.project} {name.version}"
        )
    if problems:
        raise WheelRefusedError(filename, problems)
    return WheelContents(
        name=name,
        metadata=metadata,
        metadata_bytes=bodies["METADATA"],
        dist_info=dist_info,
        entry_points=entry_points,
        files=tuple(line for line in lines if line.path in files),
    )


def _check_dist_info_name(dist_info: str, name: WheelName) -> list[str]:
    project, _, version = dist_info.removesuffix(".dist-info").rpartition("-")
    if canonicalize_name(project) == name.project and version.replace("_", "-") == str(name.version).replace("_", "-"):
        return []
    try:
        agrees = WheelName.parse(f"{project}-{version}-py3-none-any.whl")
    except InvalidWheelFilename:
        return [f"{dist_info} is no name of a metadata folder"]
    if (agrees.project, agrees.version) == (name.project, name.version):
        return []
    return [f"{dist_info} does not agree with the file name, which says {name.project} {name.version}"]


def _check_wheel_version(body: bytes) -> list[str]:
    version = HeaderParser().parsestr(body.decode("utf-8", errors="replace")).get("Wheel-Version", "")
    return [] if version.partition(".")[0] == "1" else [f"Wheel-Version {version!r} is not 1.x"]


def _entry_points(
    archive: zipfile.ZipFile, files: Mapping[str, int], dist_info: str, problems: list[str]
) -> tuple[EntryPoint, ...]:
    member = f"{dist_info}/entry_points.txt"
    if member not in files:
        return ()
    if files[member] > METADATA_LIMIT:
        problems.append(f"{member} has {files[member]} bytes; at most {METADATA_LIMIT} are read")
        return ()
    try:
        return parse_entry_points(_read_small(archive, member, problems).decode("utf-8"))
    except ValueError as malformed:
        problems.append(str(malformed))
        return ()


def _read_small(archive: zipfile.ZipFile, member: str, problems: list[str]) -> bytes:
    try:
        return archive.read(member)
    except _DAMAGE as damage:
        problems.append(f"{member!r} is damaged: {damage}")
        return b""


def _verify(archive: zipfile.ZipFile, contents: WheelContents, target: Path | None) -> Iterator[str]:
    """Compare every file with RECORD, writing it where a target is given."""
    expected = {line.path: line for line in contents.files}
    made: set[str] = set()
    for info in archive.infolist():
        if info.is_dir():
            continue
        line = expected.get(info.filename, RecordLine(path=info.filename, algorithm="", digest="", size=None))
        place = None if target is None else installed_path(info.filename, contents.dist_info)
        destination = None
        if target is not None and place is not None:
            folder = place.rpartition("/")[0]
            if folder not in made:
                (target / folder).mkdir(parents=True, exist_ok=True)
                made.add(folder)
            destination = f"{target}/{place}"
        problem = _copy(archive, info, line, destination)
        if problem is not None:
            yield problem


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, line: RecordLine, destination: str | None) -> str | None:
    digest = hashlib.new(line.algorithm) if line.algorithm else None
    descriptor = None
    if destination is not None:
        mode = 0o755 if (info.external_attr >> 16) & 0o111 else 0o644
        try:
            descriptor = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            return f"{info.filename!r} is installed to the same path as another file"
    try:
        source = archive.open(info)
        with source:
            while chunk := _next_chunk(source):
                if digest is not None:
                    digest.update(chunk)
                if descriptor is not None:
                    _write_all(descriptor, chunk)
    except _Damaged as damage:
        return f"{info.filename!r} is damaged: {damage}"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as damage:
        return f"{info.filename!r} is damaged: {damage}"
    finally:
        if descriptor is not None:
            os.close(descriptor)
    if digest is not None and base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != line.digest:
        return f"{info.filename!r} does not have the {line.algorithm} that RECORD gives"
    return None


class _Damaged(Exception):  # noqa: N818 - a signal inside this module
    """Reading a member failed; kept apart from failures of writing it."""


def _next_chunk(source: IO[bytes]) -> bytes:
    try:
        return source.read(_CHUNK)
    except _DAMAGE as damage:
        raise _Damaged(str(damage)) from damage


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
