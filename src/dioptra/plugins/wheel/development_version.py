"""Development versions: a release that is made of what an author has right now, to be tried and not to be kept."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import Version

from dioptra.plugins.wheel.model import WheelName

_VERSION_LINE = re.compile(rb"^Version:[^\r\n]*", re.MULTILINE | re.IGNORECASE)
_DIGITS = 12


def development_version(built: Version, published: Collection[Version], moment: datetime, content: str) -> Version:
    """The version of a development release.

    It comes before the release that the author works towards (the project's version, or the next one if that is out
    already), after every earlier development release, and names its content.

    Args:
        built: The version that the project's own build gives.
        published: The project's versions in the index.
        moment: Aware time of the build.
        content: Hexadecimal digest of the content.

    Returns:
        Such as ``1.2.0.dev20261124121314+c0ffee012345`` (PEP 440).
    """
    wanted = Version(str(built).partition(".dev")[0].partition("+")[0])
    while wanted in published:
        wanted = _next(wanted)
    return Version(f"{wanted}.dev{moment.astimezone(UTC):%Y%m%d%H%M%S}+{local_label(content)}")


def local_label(content: str) -> str:
    """The local version label of a content digest; it starts with a letter, as numbers lose their zeros."""
    return f"c{content[:_DIGITS]}"


def _next(version: Version) -> Version:
    """The next version that an author is likely to want."""
    epoch = f"{version.epoch}!" if version.epoch else ""
    if version.post is not None:
        return Version(re.sub(r"\.post\d+$", f".post{version.post + 1}", str(version)))
    release = list(version.release)
    if version.pre is not None:
        kind, number = version.pre
        return Version(f"{epoch}{'.'.join(map(str, release))}{kind}{number + 1}")
    release += [0] * (3 - len(release))
    release[-1] += 1
    return Version(f"{epoch}{'.'.join(map(str, release))}")


def content_digest(wheel: Path) -> str:
    """The digest of what a wheel holds, whatever its version and the times in the archive.

    Args:
        wheel: A sound wheel.

    Returns:
        A lower-case hexadecimal sha256.
    """
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        old = _prefix(WheelName.parse(wheel.name).filename)
        for name, body in sorted(_members(archive)):
            if name == f"{old}.dist-info/RECORD":
                continue
            plain = _VERSION_LINE.sub(b"", body, count=1) if name == f"{old}.dist-info/METADATA" else body
            for part in (_moved(name, old, "").encode(), plain):
                digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def with_version(wheel: Path, version: Version, output: Path) -> Path:
    """Copy a wheel under another version.

    Args:
        wheel: A sound wheel.
        version: The version of the copy.
        output: Folder for it.

    Returns:
        The copy's path. Its file name, METADATA, folders and RECORD say the new version; all else is as it was.
    """
    parts = wheel.name.split("-")
    old, new = _prefix(wheel.name), f"{parts[0]}-{version}"
    copy = output / "-".join([parts[0], str(version), *parts[2:]])
    record = io.StringIO(newline="")
    lines = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(copy, "w") as target:
        for info in source.infolist():
            if info.is_dir() or info.filename == f"{old}.dist-info/RECORD":
                continue
            body = source.read(info)
            if info.filename == f"{old}.dist-info/METADATA":
                body = _VERSION_LINE.sub(f"Version: {version}".encode(), body, count=1)
            moved = zipfile.ZipInfo(_moved(info.filename, old, new), info.date_time)
            moved.external_attr = info.external_attr
            target.writestr(moved, body, zipfile.ZIP_DEFLATED)
            encoded = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
            lines.writerow((moved.filename, f"sha256={encoded}", len(body)))
        lines.writerow((f"{new}.dist-info/RECORD", "", ""))
        target.writestr(zipfile.ZipInfo(f"{new}.dist-info/RECORD"), record.getvalue(), zipfile.ZIP_DEFLATED)
    return copy


def _prefix(filename: str) -> str:
    """What the names of a wheel's ``.dist-info`` and ``.data`` folders begin with."""
    return "-".join(filename.split("-")[:2])


def _moved(name: str, old: str, new: str) -> str:
    folder, slash, rest = name.partition("/")
    return f"{new}{folder.removeprefix(old)}{slash}{rest}" if folder in {f"{old}.dist-info", f"{old}.data"} else name


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    return ((info.filename, archive.read(info)) for info in archive.infolist() if not info.is_dir())
