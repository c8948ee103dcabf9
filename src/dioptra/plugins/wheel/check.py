"""What must hold for a wheel's members and RECORD (PyPA binary distribution format); pure.

Every function returns all problems it finds, one line each, and nothing for a sound wheel.
"""

from __future__ import annotations

import csv
import stat
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dioptra.manifest.distribution import parse_value
from dioptra.manifest.model import EntryPoint
from dioptra.plugins.wheel.model import RecordLine

TOTAL_LIMIT = 2 * 1024**3
"""Bytes that a wheel's files may have together."""
FILES_LIMIT = 20_000
RATIO_LIMIT, RATIO_FROM = 200, 10 * 1024**2
"""Compression above this ratio is refused for members larger than the second figure."""
NAME_LIMIT = 240

HASHES = frozenset({"sha256", "sha384", "sha512"})
"""Algorithms that RECORD may use: the format asks for sha256 or better."""

INSTALLED_SCHEMES = frozenset({"purelib", "platlib"})
"""``.data`` folders whose files belong on `sys.path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of the archive's directory.

    Attributes:
        name: As stored; a folder's ends in ``/``.
        size: Bytes when unpacked, as declared.
        compressed_size: Bytes in the archive.
        mode: Unix mode; 0 where the archive has none.
        encrypted: Whether it is encrypted.
    """

    name: str
    size: int
    compressed_size: int
    mode: int
    encrypted: bool

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")


def check_members(members: Sequence[Member]) -> list[str]:
    """Check names, kinds and sizes of a wheel's members."""
    problems = [
        f"{member.name!r}: {problem}" for member in members for problem in (*_name(member.name), *_kind(member))
    ]
    total = sum(member.size for member in members)
    if total > TOTAL_LIMIT:
        problems.append(f"its files have {total} bytes together; at most {TOTAL_LIMIT} are unpacked")
    if len(members) > FILES_LIMIT:
        problems.append(f"it has {len(members)} members; at most {FILES_LIMIT} are unpacked")
    return problems + _collisions(members)


def _name(name: str) -> Iterable[str]:
    segments = name.removesuffix("/").split("/")
    if name.startswith("/"):
        yield "the path is absolute"
    elif any(segment in {"", ".", ".."} for segment in segments):
        yield "the path has an empty, '.' or '..' segment"
    if "\\" in name:
        yield "the path has a backslash"
    if ":" in segments[0]:
        yield "the path starts with a drive"
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in name):
        yield "the path has a control or direction character"
    if max(map(len, segments)) > NAME_LIMIT:
        yield f"a name has more than {NAME_LIMIT} characters"


def _kind(member: Member) -> Iterable[str]:
    kind = stat.S_IFMT(member.mode)
    if kind and not (stat.S_ISREG(member.mode) or stat.S_ISDIR(member.mode)):
        yield "it is a link or a special file"
    if member.encrypted:
        yield "it is encrypted"
    if member.size > RATIO_FROM and member.size > RATIO_LIMIT * max(member.compressed_size, 1):
        yield f"it unpacks to {member.size} bytes from {member.compressed_size}"


def _collisions(members: Sequence[Member]) -> list[str]:
    """Names that are one file on some file system, and files that others use as a folder."""
    seen: dict[str, str] = {}
    problems: list[str] = []
    for member in members:
        folded = unicodedata.normalize("NFC", member.name.rstrip("/")).casefold()
        if folded in seen:
            problems.append(f"{member.name!r}: the same file as {seen[folded]!r} on some file systems")
        seen[folded] = member.name
    files = {folded for folded, name in seen.items() if not name.endswith("/")}
    for folded, name in seen.items():
        parts = folded.split("/")
        if any("/".join(parts[:depth]) in files for depth in range(1, len(parts))):
            problems.append(f"{name!r}: lies below a file")
    return problems


def parse_record(text: str) -> tuple[tuple[RecordLine, ...], list[str]]:
    """Read RECORD.

    Returns:
        Its lines, and problems of lines that cannot be read.
    """
    lines: list[RecordLine] = []
    problems: list[str] = []
    try:
        rows = list(csv.reader(text.splitlines()))
    except csv.Error as problem:
        return (), [f"RECORD cannot be read: {problem}"]
    for row in rows:
        if len(row) != 3 or (row[2] and not row[2].isdigit()):
            problems.append(f"RECORD has a malformed line: {','.join(row)!r}")
            continue
        algorithm, _, digest = row[1].partition("=")
        lines.append(RecordLine(path=row[0], algorithm=algorithm, digest=digest, size=int(row[2]) if row[2] else None))
    return tuple(lines), problems


def check_record(files: Mapping[str, int], lines: Sequence[RecordLine], record_path: str) -> list[str]:
    """Compare RECORD with the archive.

    Args:
        files: Member files and their sizes.
        lines: RECORD's lines.
        record_path: RECORD's own path, which carries no hash.
    """
    exempt = {record_path, f"{record_path}.jws", f"{record_path}.p7s"}
    problems: list[str] = []
    recorded: set[str] = set()
    for line in lines:
        if line.path in recorded:
            problems.append(f"RECORD lists {line.path!r} twice")
        recorded.add(line.path)
        if line.path not in files:
            problems.append(f"RECORD lists {line.path!r}, which is not in the wheel")
        elif line.path in exempt:
            continue
        elif line.algorithm not in HASHES:
            problems.append(f"RECORD gives {line.path!r} no sha256 or better ({line.algorithm or 'no hash'})")
        elif line.size is not None and line.size != files[line.path]:
            problems.append(f"RECORD says that {line.path!r} has {line.size} bytes; it has {files[line.path]}")
    problems += [f"{path!r} is not listed in RECORD" for path in files if path not in recorded and path not in exempt]
    return problems


def check_plugin_files(files: Collection[str], dist_info: str) -> list[str]:
    """Check what a plugin package may not bring, although the wheel format allows it."""
    problems: list[str] = []
    for path in files:
        if path.endswith(".pth") and "/" not in path:
            problems.append(f"{path!r}: .pth files run code at every start of Python")
        if path in {"sitecustomize.py", "usercustomize.py"}:
            problems.append(f"{path!r}: runs at every start of Python")
        if "__pycache__" in path.split("/") or path.endswith((".pyc", ".pyo")):
            problems.append(f"{path!r}: shipped bytecode may differ from the source beside it")
        scheme = data_scheme(path, dist_info)
        if scheme is not None and scheme not in INSTALLED_SCHEMES:
            problems.append(f"{path!r}: a plugin directory has no place for '{scheme}' files")
    return problems


def data_scheme(path: str, dist_info: str) -> str | None:
    """The installation scheme of a file below ``.data``; None for all others."""
    parts = path.split("/")
    if parts[0] != f"{dist_info.removesuffix('.dist-info')}.data" or len(parts) < 3:
        return None
    return parts[1]


def installed_path(path: str, dist_info: str) -> str | None:
    """Where a member goes below the environment's path entry; None for one that is not installed."""
    scheme = data_scheme(path, dist_info)
    if scheme is None:
        return path
    return path.split("/", 2)[2] if scheme in INSTALLED_SCHEMES else None


def check_entry_points(entry_points: Sequence[EntryPoint], files: Collection[str]) -> list[str]:
    """Check that every ``dioptra.plugins`` entry point names a module or package of the wheel."""
    problems: list[str] = []
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    for entry_point in entry_points:
        parsed = parse_value(entry_point.value)
        shown = f"entry point '{entry_point.name} = {entry_point.value}'"
        if parsed is None:
            problems.append(f"{shown} is not of the form module, package or module:callable")
            continue
        path = parsed[0].replace(".", "/")
        if path not in folders and not any(file.startswith(f"{path}.") for file in files):
            problems.append(f"{shown} names a module that is not in the wheel")
    return problems
