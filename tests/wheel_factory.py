"""Wheels built in memory for tests: small and sound, or wrong in exactly one way.

`make_wheel` gives a sound wheel. For a hostile one, take `wheel_files`, change what should be wrong and `pack` it:
RECORD is made from the files as they are then, unless `record` is given.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping

TAG = "py3-none-any"
_TIME = (1980, 1, 1, 0, 0, 0)


def wheel_filename(project: str, version: str, tag: str = TAG) -> str:
    """The file name of a wheel, with the project's name escaped as the format says."""
    return f"{_escaped(project)}-{version}-{tag}.whl"


def dist_info_of(project: str, version: str) -> str:
    """The name of a wheel's metadata folder."""
    return f"{_escaped(project)}-{version}.dist-info"


def make_wheel(
    project: str,
    version: str,
    *,
    files: Mapping[str, str | bytes],
    requires: Iterable[str] = (),
    entry_points: Mapping[str, str] | None = None,
    requires_python: str | None = None,
    tag: str = TAG,
) -> tuple[str, bytes]:
    """Build a sound wheel.

    Args:
        project: Its name, as an author writes it.
        version: Its version.
        files: Paths below the wheel's root and their contents.
        requires: ``Requires-Dist`` lines.
        entry_points: The ``dioptra.plugins`` group.
        requires_python: ``Requires-Python``.
        tag: Compatibility tag.

    Returns:
        File name and bytes; the same arguments give the same bytes.
    """
    members = wheel_files(
        project,
        version,
        files=files,
        requires=requires,
        entry_points=entry_points,
        requires_python=requires_python,
        tag=tag,
    )
    return wheel_filename(project, version, tag), pack(members, dist_info=dist_info_of(project, version))


def wheel_files(
    project: str,
    version: str,
    *,
    files: Mapping[str, str | bytes],
    requires: Iterable[str] = (),
    entry_points: Mapping[str, str] | None = None,
    requires_python: str | None = None,
    tag: str = TAG,
) -> dict[str, bytes]:
    """All files of a wheel but RECORD."""
    dist_info = dist_info_of(project, version)
    metadata = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}", f"Summary: {project} for tests"]
    metadata += [f"Requires-Python: {requires_python}"] if requires_python is not None else []
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    members = {path: _bytes(body) for path, body in files.items()}
    members[f"{dist_info}/METADATA"] = _bytes("\n".join(metadata) + "\n")
    members[f"{dist_info}/WHEEL"] = _bytes(f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n")
    if entry_points:
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        members[f"{dist_info}/entry_points.txt"] = _bytes("[dioptra.plugins]\n" + "\n".join(lines) + "\n")
    return members


def record_of(files: Mapping[str, bytes], dist_info: str) -> bytes:
    """RECORD for these files."""
    lines = [f"{path},sha256={record_digest(body)},{len(body)}" for path, body in files.items()]
    return _bytes("\n".join([*lines, f"{dist_info}/RECORD,,"]) + "\n")


def record_digest(body: bytes, algorithm: str = "sha256") -> str:
    """A hash as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.new(algorithm, body).digest()).rstrip(b"=").decode()


def pack(
    files: Mapping[str, bytes],
    *,
    dist_info: str,
    record: bytes | None = None,
    extra: Iterable[tuple[str | zipfile.ZipInfo, bytes]] = (),
    modes: Mapping[str, int] | None = None,
) -> bytes:
    """Zip files with a RECORD at the end.

    Args:
        files: Paths and contents.
        dist_info: Folder of RECORD.
        record: RECORD to use instead of a right one; empty for none at all.
        extra: Members that come behind RECORD and are not listed in it: names may repeat and be anything.
        modes: Unix modes with file type, per path; a plain readable file otherwise.
    """
    record = record_of(files, dist_info) if record is None else record
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = list(files.items())
    if record:
        members.append((f"{dist_info}/RECORD", record))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in [*members, *extra]:
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else _member(name, modes or {}), body)
    return buffer.getvalue()


def _member(name: str, modes: Mapping[str, int]) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = modes.get(name, 0o100644) << 16
    return info


def _escaped(project: str) -> str:
    return project.replace("-", "_").replace(".", "_").lower()


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body
