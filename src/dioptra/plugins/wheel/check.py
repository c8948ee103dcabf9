"""What must hold for a wheel's members and RECORD (PyPA binary distribution format); pure.

Every function returns all problems it finds, one line each, and nothing for a sound wheel.
"""

from __future__ import annotations

import csv
import io
import re
import stat
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dioptra.manifest.distribution import parse_value
from dioptra.manifest.model import EntryPoint
from dioptra.plugins.wheel.model import RecordLine

TOTAL_LIMIT = 2 * 1024**3
"""Bytes that a wheel's files may have together."""
FILES_LIMIT = 20_000
RATIO_LIMIT, RATIO_FROM = 200, 10 * 1024**2
"""Compression above this ratio is refused for members larger than the second figure."""
NAME_LIMIT, PATH_LIMIT = 240, 1024
"""Bytes that one name and a whole path may have; file systems take 255 and 4096 with what stands in front."""

HASHES = frozenset({"sha256", "sha384", "sha512"})
"""Algorithms that RECORD may use: the format asks for sha256 or better."""

INSTALLED_SCHEMES = frozenset({"purelib", "platlib"})
"""``.data`` folders whose files belong on `sys.path`."""

_LOCAL_HEADER = 30
_SIZE = re.compile(r"[0-9]{1,18}")
# Controls, directions, surrogates and line separators: what makes a path look like another one.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of the archive's directory.

    Attributes:
        name: As stored; a folder's ends in ``/``.
        size: Bytes when unpacked, as declared.
        compressed_size: Bytes in the archive.
        offset: Where it starts in the archive.
        mode: Unix mode; 0 where the archive has none.
        method: Compression method (APPNOTE 4.4.5).
        encrypted: Whether it is encrypted.
    """

    name: str
    size: int
    compressed_size: int
    offset: int
    mode: int
    method: int
    encrypted: bool

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")


def check_members(members: Sequence[Member]) -> list[str]:
    """Check names, kinds and places of a wheel's members."""
    problems = [
        f"{member.name!r}: {problem}" for member in members for problem in (*_name(member.name), *_kind(member))
    ]
    return problems + check_collisions(member.name for member in members) + _layout(members)


def check_sizes(members: Sequence[Member]) -> list[str]:
    """Check that unpacking the wheel stays within bounds."""
    problems = [
        f"{member.name!r}: it unpacks to {member.size} bytes from {member.compressed_size}"
        for member in members
        if member.size > RATIO_FROM and member.size > RATIO_LIMIT * max(member.compressed_size, 1)
    ]
    total = sum(member.size for member in members)
    if total > TOTAL_LIMIT:
        problems.append(f"its files have {total} bytes together; at most {TOTAL_LIMIT} are unpacked")
    return problems


def _name(name: str) -> Iterator[str]:
    segments = name.removesuffix("/").split("/")
    if name.startswith("/"):
        yield "the path is absolute"
    elif any(segment in {"", ".", ".."} for segment in segments):
        yield "the path has an empty, '.' or '..' segment"
    if "\\" in name:
        yield "the path has a backslash"
    if ":" in segments[0]:
        yield "the path starts with a drive"
    if not name.isascii() or not name.isprintable():
        if any(unicodedata.category(character) in _INVISIBLE for character in name):
            yield "the path has a control or direction character"
        if "\ufffd" in name:
            yield "the path is not valid UTF-8"
    if max(len(segment.encode("utf-8", "surrogatepass")) for segment in segments) > NAME_LIMIT:
        yield f"a name has more than {NAME_LIMIT} bytes"
    if len(name.encode("utf-8", "surrogatepass")) > PATH_LIMIT:
        yield f"the path has more than {PATH_LIMIT} bytes"


def _kind(member: Member) -> Iterator[str]:
    if stat.S_IFMT(member.mode) and not (stat.S_ISREG(member.mode) or stat.S_ISDIR(member.mode)):
        yield "it is a link or a special file"
    if member.encrypted:
        yield "it is encrypted"
    elif member.method not in {0, 8}:
        yield f"it is compressed with method {member.method}; wheels use 0 (stored) or 8 (deflate)"
    if member.is_folder and member.size:
        yield "it is a folder with content"


def _layout(members: Sequence[Member]) -> list[str]:
    """Members must start the file and follow each other: shared or hidden bytes let two readers see two wheels."""
    problems: list[str] = []
    end = 0
    for position, member in enumerate(sorted(members, key=lambda member: member.offset)):
        if member.offset < end:
            problems.append(f"{member.name!r}: its bytes overlap another member's")
        elif position == 0 and member.offset:
            problems.append(f"{member.offset} bytes in front of the archive belong to no member")
        end = member.offset + _LOCAL_HEADER + len(member.name) + member.compressed_size
    return problems


def check_collisions(names: Iterable[str]) -> list[str]:
    """Find paths that are one file or folder on some file system, and files that other paths use as a folder.

    Args:
        names: Paths; a folder's ends in ``/``.
    """
    names = list(names)
    seen: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        folded = _folded(name.rstrip("/"))
        if folded in seen:
            problems.append(f"{name!r}: the same file as {seen[folded]!r} on some file systems")
        seen[folded] = name
    spelled: dict[str, str] = {}
    for folder in dict.fromkeys(name.rstrip("/").rpartition("/")[0] for name in names):
        # Deeper paths are refused for their length.
        segments = folder.split("/")[:PATH_LIMIT] if folder else []
        for depth in range(len(segments), 0, -1):
            above = "/".join(segments[:depth])
            folded = _folded(above)
            if spelled.get(folded) == above:
                break
            if folded in spelled:
                problems.append(f"{above!r}: the same folder as {spelled[folded]!r} on some file systems")
                break
            spelled[folded] = above
    problems += [
        f"{name!r}: other files lie below it"
        for folded, name in seen.items()
        if folded in spelled and not name.endswith("/")
    ]
    return problems


def _folded(name: str) -> str:
    if name.isascii():
        return name.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def parse_record(text: str) -> tuple[tuple[RecordLine, ...], list[str]]:
    """Read RECORD.

    Returns:
        Its lines, and problems of lines that cannot be read.
    """
    lines: list[RecordLine] = []
    problems: list[str] = []
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            if len(row) != 3 or (row[2] and _SIZE.fullmatch(row[2]) is None):
                problems.append(f"RECORD has a malformed line: {','.join(row)!r}")
                continue
            algorithm, _, digest = row[1].partition("=")
            size = int(row[2]) if row[2] else None
            lines.append(RecordLine(path=row[0], algorithm=algorithm, digest=digest.rstrip("="), size=size))
    except csv.Error as problem:
        problems.append(f"RECORD cannot be read: {problem}")
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


def check_installed_files(paths: Collection[str], dist_info: str, *, is_plugin: bool) -> list[str]:
    """Check where the wheel's files would go, and refuse what the format allows but a plugin directory must not take.

    Args:
        paths: Member files.
        dist_info: The metadata folder.
        is_plugin: Whether it is a plugin package: others may bring scripts, headers and data, which are left out.
    """
    problems: list[str] = []
    installed: list[str] = []
    for path in paths:
        place = installed_path(path, dist_info)
        if place is not None:
            installed.append(place)
            problems += [f"{path!r}: {problem}" for problem in _placed(place, dist_info)]
            continue
        scheme = data_scheme(path, dist_info)
        if not scheme:
            problems.append(f"{path!r}: lies in .data outside of an installation scheme")
        elif is_plugin:
            problems.append(f"{path!r}: a plugin directory has no place for '{scheme}' files")
    # Merging .data into the root may bring two members to one place.
    return problems if installed == list(paths) else problems + check_collisions(installed)


def _placed(place: str, dist_info: str) -> Iterator[str]:
    top, _, below = place.partition("/")
    if not below and top.endswith(".pth"):
        yield ".pth files run code at every start of Python"
    if not below and top in {"sitecustomize.py", "usercustomize.py"}:
        yield "runs at every start of Python"
    if top.endswith(".dist-info") and top != dist_info:
        yield "belongs to the metadata of another distribution"
    if "__pycache__" in place.split("/") or place.endswith((".pyc", ".pyo")):
        yield "shipped bytecode may differ from the source beside it"


def data_scheme(path: str, dist_info: str) -> str | None:
    """The installation scheme of a file below ``.data``; empty for a file of no scheme, None for all other files."""
    top, _, below = path.partition("/")
    if top != f"{dist_info.removesuffix('.dist-info')}.data":
        return None
    scheme, slash, rest = below.partition("/")
    return scheme if slash and rest else ""


def installed_path(path: str, dist_info: str) -> str | None:
    """Where a member goes below the environment's path entry; None for one that is not installed."""
    scheme = data_scheme(path, dist_info)
    if scheme is None:
        return path
    return path.split("/", 2)[2] if scheme in INSTALLED_SCHEMES else None


def check_entry_points(entry_points: Sequence[EntryPoint], installed: Collection[str]) -> list[str]:
    """Check that every ``dioptra.plugins`` entry point names a module or package of the wheel.

    Args:
        entry_points: The group.
        installed: Installed paths.
    """
    problems: list[str] = []
    importable: set[str] = set()
    for path in installed:
        folder, _, file = path.rpartition("/")
        name, _, suffix = file.partition(".")
        if suffix == "py" or suffix.endswith(("so", "pyd")):
            importable.add(f"{folder}/{name}" if folder else name)
        while folder and folder not in importable:
            importable.add(folder)
            folder = folder.rpartition("/")[0]
    for entry_point in entry_points:
        parsed = parse_value(entry_point.value)
        shown = f"entry point '{entry_point.name} = {entry_point.value}'"
        if parsed is None:
            problems.append(f"{shown} is not of the form module, package or module:callable")
        elif parsed[0].replace(".", "/") not in importable:
            problems.append(f"{shown} names a module that is not in the wheel")
    return problems
