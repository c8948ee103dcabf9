"""Sound wheels are read whole; every hostile or damaged one is refused with a line that names what is wrong."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from dioptra.manifest.model import EntryPoint
from dioptra.plugins.errors import WheelRefusedError
from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.unpack import unpack_wheel
from wheel_factory import dist_info_of, make_wheel, pack, record_digest, record_of, wheel_filename, wheel_files

PROJECT, VERSION = "fog-attack", "1.2"
FILENAME = wheel_filename(PROJECT, VERSION)
DIST_INFO = dist_info_of(PROJECT, VERSION)
FILES: Mapping[str, str | bytes] = {"fog_attack/__init__.py": "", "fog_attack/blur.py": "x = 1\n"}


def members(
    files: Mapping[str, str | bytes] = FILES, *, entry_points: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    return wheel_files(PROJECT, VERSION, files=files, entry_points=entry_points or {"fog": "fog_attack"})


def packed(
    files: Mapping[str, bytes],
    *,
    record: bytes | None = None,
    extra: Iterable[tuple[str | zipfile.ZipInfo, bytes]] = (),
    modes: Mapping[str, int] | None = None,
) -> bytes:
    return pack(files, dist_info=DIST_INFO, record=record, extra=extra, modes=modes)


def problems(tmp_path: Path, body: bytes, filename: str = FILENAME) -> tuple[str, ...]:
    path = tmp_path / "download"
    path.write_bytes(body)
    with pytest.raises(WheelRefusedError) as refused:
        read_wheel(path, filename)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(WheelRefusedError) as also:
        unpack_wheel(io.BytesIO(body), filename, folder)
    assert also.value.problems == refused.value.problems
    assert sorted(item.name for item in tmp_path.iterdir()) == ["download", "unpacked"], "nothing outside was written"
    return refused.value.problems


def unpack(path: Path, target: Path) -> None:
    with path.open("rb") as file:
        unpack_wheel(file, path.name, target)


def with_extra(name: str, body: bytes = b"x") -> bytes:
    """A member that RECORD lists with the right hash, under any name."""
    files = members()
    record = record_of({**files, name: body}, DIST_INFO)
    return packed(files, record=record, extra=[(name, body)])


def with_mode(mode: int) -> bytes:
    return packed(members(), modes={"fog_attack/blur.py": mode})


def changed_record(change: Callable[[str], str]) -> bytes:
    files = members()
    return packed(files, record=change(record_of(files, DIST_INFO).decode()).encode())


def without(part: str) -> bytes:
    files = {path: body for path, body in members().items() if path != f"{DIST_INFO}/{part}"}
    return packed(files, record=b"" if part == "RECORD" else None)


def replaced(part: str, body: str | bytes) -> bytes:
    return packed({**members(), f"{DIST_INFO}/{part}": body.encode() if isinstance(body, str) else body})


def with_central(name: str, *, offset: int, value: bytes, local: int | None = None) -> bytes:
    """Change a field of one member's entry in the archive's directory, and of its own header where `local` is given."""
    body = bytearray(packed(members()))
    with zipfile.ZipFile(io.BytesIO(bytes(body))) as archive:
        start, info = archive.start_dir, archive.getinfo(name)
    place = body.index(name.encode(), start) - 46
    body[place + offset : place + offset + len(value)] = value
    if local is not None:
        body[info.header_offset + local : info.header_offset + local + len(value)] = value
    return bytes(body)


SIZE = struct.pack("<L", 3)

HOSTILE: Mapping[str, tuple[bytes, str]] = {
    # What is no wheel at all.
    "empty": (b"", "it is empty"),
    "text": (b"not found", "it is no zip archive"),
    "html": (b"\n<!DOCTYPE html><html>404</html>", "it is an HTML page"),
    "s3 error": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "such as an S3 error"),
    "gzip": (b"\x1f\x8b\x08\x00rest", "it is gzip data"),
    "cut": (packed(members())[:-200], "it is cut off or damaged"),
    "bytes in front": (b"#!/bin/sh\n" + packed(members()), "10 bytes in front of the archive"),
    # Names.
    "traversal": (with_extra("../../evil.py"), "'../../evil.py': the path has an empty, '.' or '..' segment"),
    "inner traversal": (with_extra("fog_attack/../../evil.py"), "'.' or '..' segment"),
    "absolute": (with_extra("/tmp/evil.py"), "'/tmp/evil.py': the path is absolute"),
    "drive": (with_extra("C:/evil.py"), "the path starts with a drive"),
    "backslash": (with_extra("fog_attack\\..\\evil.py"), "the path has a backslash"),
    "newline": (with_extra("fog_attack/a\nb.py"), "the path has a control or direction character"),
    "bidi": (with_extra("fog_attack/\u202egnp.py"), "the path has a control or direction character"),
    "empty segment": (with_extra("fog_attack//a.py"), "'.' or '..' segment"),
    "dot segment": (with_extra("fog_attack/./a.py"), "'.' or '..' segment"),
    "long name": (with_extra("fog_attack/" + "a" * 300), "a name has more than 240 bytes"),
    "long path": (with_extra("fog_attack/" + "a/" * 600 + "b"), "the path has more than 1024 bytes"),
    # Kinds.
    "link": (with_mode(stat.S_IFLNK | 0o777), "it is a link or a special file"),
    "device": (with_mode(stat.S_IFCHR | 0o666), "it is a link or a special file"),
    "fifo": (with_mode(stat.S_IFIFO | 0o666), "it is a link or a special file"),
    "encrypted": (with_central("fog_attack/blur.py", offset=8, value=b"\x01"), "it is encrypted"),
    "lzma": (with_central("fog_attack/blur.py", offset=10, value=b"\x0e"), "compressed with method 14"),
    # Collisions.
    "case": (with_extra("fog_attack/BLUR.py"), "the same file as 'fog_attack/blur.py' on some file systems"),
    "unicode": (
        packed(members({"fog_attack/__init__.py": "", "fog_attack/\u00e9.py": "", "fog_attack/e\u0301.py": ""})),
        "the same file as",
    ),
    "file below file": (with_extra("fog_attack/blur.py/evil.py"), "other files lie below it"),
    "folder in two cases": (with_extra("FOG_attack/evil.py"), "the same folder as"),
    # RECORD.
    "no record": (without("RECORD"), f"'{DIST_INFO}/RECORD' is missing"),
    "unlisted file": (packed(members(), extra=[("evil.py", b"x")]), "'evil.py' is not listed in RECORD"),
    "missing file": (
        changed_record(lambda text: text + f"gone.py,sha256={record_digest(b'')},0\n"),
        "RECORD lists 'gone.py', which is not in the wheel",
    ),
    "listed twice": (changed_record(lambda text: text.splitlines()[0] + "\n" + text), "twice"),
    "wrong hash": (
        changed_record(lambda text: text.replace(record_digest(b"x = 1\n"), record_digest(b"x = 2\n"))),
        "does not have the sha256 that RECORD gives",
    ),
    "wrong size": (changed_record(lambda text: text.replace(",6\n", ",7\n")), "has 7 bytes; it has 6"),
    "weak hash": (
        changed_record(
            lambda text: text.replace(
                f"sha256={record_digest(b'x = 1' + bytes([10]))}", f"md5={record_digest(b'', 'md5')}"
            )
        ),
        "no sha256 or better (md5)",
    ),
    "no hash": (
        changed_record(lambda text: text.replace(f"sha256={record_digest(b'x = 1' + bytes([10]))}", "")),
        "no sha256 or better (no hash)",
    ),
    "odd digit": (changed_record(lambda text: text.replace(",6\n", ",\u00b2\n")), "malformed line"),
    "record is binary": (packed(members(), record=b"\xff\xfe,,\n"), "is not listed in RECORD"),
    # Metadata.
    "no metadata": (without("METADATA"), f"'{DIST_INFO}/METADATA' is missing"),
    "no wheel file": (without("WHEEL"), f"'{DIST_INFO}/WHEEL' is missing"),
    "wheel version": (replaced("WHEEL", "Wheel-Version: 2.0\n"), "Wheel-Version '2.0' is not 1.x"),
    "other name": (replaced("METADATA", "Metadata-Version: 2.1\nName: other\nVersion: 1.2\n"), "METADATA says other"),
    "other version": (
        replaced("METADATA", "Metadata-Version: 2.1\nName: fog-attack\nVersion: 9\n"),
        "METADATA says fog-attack 9",
    ),
    "no version": (replaced("METADATA", "Metadata-Version: 2.1\nName: fog-attack\n"), "version"),
    "huge metadata": (replaced("METADATA", b"Name: x\n" + b" " * (1024 * 1024)), "at most 1048576 are read"),
    "two dist-infos": (with_extra("other-1.0.dist-info/METADATA"), "it has 2 .dist-info folders, not one"),
    "hidden dist-info": (
        with_extra("fog_attack-1.2.data/purelib/other-1.0.dist-info/METADATA"),
        "belongs to the metadata of another distribution",
    ),
    "no dist-info": (pack({"a.py": b""}, dist_info="x", record=b""), "it has 0 .dist-info folders"),
    # What is dangerous, or has no place.
    "pth": (with_extra("evil.pth"), "'evil.pth': .pth files run code"),
    "pth in purelib": (with_extra("fog_attack-1.2.data/purelib/evil.pth"), ".pth files run code"),
    "sitecustomize": (with_extra("sitecustomize.py"), "runs at every start of Python"),
    "bytecode": (with_extra("fog_attack/__pycache__/blur.cpython-311.pyc"), "shipped bytecode"),
    "scripts": (with_extra("fog_attack-1.2.data/scripts/python"), "no place for 'scripts' files"),
    "headers": (with_extra("fog_attack-1.2.data/headers/a.h"), "no place for 'headers' files"),
    "stray data": (with_extra("fog_attack-1.2.data/stray"), "outside of an installation scheme"),
    "merged onto itself": (
        with_extra("fog_attack-1.2.data/purelib/fog_attack/blur.py"),
        "the same file as 'fog_attack/blur.py'",
    ),
    # Entry points.
    "entry point to nothing": (
        packed(members(entry_points={"fog": "rain_attack"})),
        "entry point 'fog = rain_attack' names a module that is not in the wheel",
    ),
    "entry point is no name": (
        packed(members(entry_points={"fog": "fog-attack!"})),
        "is not of the form module, package or module:callable",
    ),
    "entry points malformed": (replaced("entry_points.txt", "[dioptra.plugins\nfog"), "entry_points.txt"),
    "entry points not text": (replaced("entry_points.txt", b"[dioptra.plugins]\nfog = \xff"), "cannot be read"),
    # Sizes and bytes that lie.
    "bomb": (packed(members({**FILES, "zeros": bytes(11 * 1024**2)})), "it unpacks to 11534336 bytes from"),
    "declares less": (
        with_central("fog_attack/blur.py", offset=24, value=SIZE, local=22),
        "it has more than the 3 bytes that it declares",
    ),
    "declares too much": (
        with_central("fog_attack/blur.py", offset=24, value=struct.pack("<L", 2**31 + 5), local=22),
        "are unpacked",
    ),
    "wrong checksum": (with_central("fog_attack/blur.py", offset=16, value=b"\0\0\0\0"), "its checksum is wrong"),
    "other local name": (
        packed(members()).replace(b"fog_attack/blur.py", b"fog_attack/evil.py", 1),
        "its own header names another file",
    ),
    "overlap": (with_central("fog_attack/blur.py", offset=42, value=b"\0\0\0\0"), "overlap"),
    "offset outside": (with_central("fog_attack/blur.py", offset=42, value=b"\xf0\xff\xff\x7f"), "cut off"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_wheel_is_refused_and_the_problem_named(tmp_path: Path, case: str) -> None:
    body, expected = HOSTILE[case]
    found = problems(tmp_path, body)
    assert any(expected in line for line in found), found


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    body = packed(members(), extra=[("fog_attack/blur.py", b"y = 2\n")])
    assert any("the same file as 'fog_attack/blur.py'" in line for line in problems(tmp_path, body))


def test_too_many_members_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    body = packed(members(), extra=[(f"{number}", b"") for number in range(20_000)])
    assert problems(tmp_path, body) == ("it has 20006 members; at most 20000 are unpacked",)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    files = {
        **members(entry_points={"fog": "rain"}),
        f"{DIST_INFO}/WHEEL": b"Wheel-Version: 3\n",
        "a.pth": b"import os",
    }
    record = record_of(files, DIST_INFO).decode().replace(record_digest(b"x = 1\n"), record_digest(b""))
    found = problems(tmp_path, packed(files, record=record.encode(), extra=[("../evil", b"")]))
    for expected in ("'..' segment", "rain", "Wheel-Version '3'", ".pth", "not listed", "sha256 that RECORD gives"):
        assert any(expected in line for line in found), (expected, found)


def test_every_cut_is_refused(tmp_path: Path) -> None:
    body = packed(members())
    path = tmp_path / FILENAME
    for length in range(len(body)):
        path.write_bytes(body[:length])
        with pytest.raises(WheelRefusedError):
            read_wheel(path, FILENAME)


def test_no_flipped_bit_raises_anything_but_a_refusal(tmp_path: Path) -> None:
    body = packed(members())
    path = tmp_path / FILENAME
    refused = 0
    for position in range(len(body)):
        flipped = bytearray(body)
        flipped[position] ^= 0x11
        path.write_bytes(flipped)
        try:
            read_wheel(path, FILENAME)
        except WheelRefusedError:
            refused += 1
    # Times, versions and the like may change without changing what is installed.
    assert refused > 0.7 * len(body)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("fog_attack.zip", "its file name is no wheel's"),
        ("fog_attack-1.2-py3-none.whl", "its file name is no wheel's"),
        ("rain_attack-1.2-py3-none-any.whl", "does not agree with the file name"),
        ("fog_attack-1.3-py3-none-any.whl", "METADATA says fog-attack 1.2, the file name fog-attack 1.3"),
    ],
)
def test_the_file_name_must_be_the_contents(tmp_path: Path, filename: str, expected: str) -> None:
    assert any(expected in line for line in problems(tmp_path, packed(members()), filename))


def test_a_sound_wheel_says_what_it_is(tmp_path: Path) -> None:
    filename, body = make_wheel(
        "Fog.Attack",
        "1.2",
        files=FILES,
        requires=["numpy>=1.26"],
        entry_points={"fog": "fog_attack.blur:task"},
        requires_python=">=3.11",
    )
    path = tmp_path / "x"
    path.write_bytes(body)
    contents = read_wheel(path, filename)
    assert (contents.name.project, str(contents.name.version)) == ("fog-attack", "1.2")
    assert [str(requirement) for requirement in contents.metadata.requires_dist] == ["numpy>=1.26"]
    assert str(contents.metadata.requires_python) == ">=3.11"
    assert contents.entry_points == (EntryPoint(name="fog", value="fog_attack.blur:task"),)
    assert contents.metadata_bytes.startswith(b"Metadata-Version")
    assert [line.path for line in contents.files][-1] == f"{contents.dist_info}/RECORD"
    assert {line.path for line in contents.files} >= set(FILES)


def test_a_namespace_package_may_be_an_entry_point(tmp_path: Path) -> None:
    filename, body = make_wheel(
        "fog", "1", files={"testbed/attacks/fog.py": ""}, entry_points={"a": "testbed.attacks", "b": "testbed"}
    )
    (tmp_path / filename).write_bytes(body)
    assert len(read_wheel(tmp_path / filename, filename).entry_points) == 2


def test_other_wheels_may_bring_scripts_headers_and_data_which_are_left_out(tmp_path: Path) -> None:
    filename, body = make_wheel(
        "numlib",
        "2.0",
        files={
            "numlib/__init__.py": "",
            "numlib-2.0.data/scripts/tool": "#!python",
            "numlib-2.0.data/headers/a.h": "",
            "numlib-2.0.data/data/share/man": "",
            "numlib-2.0.data/platlib/numlib/fast.py": "y = 1\n",
        },
    )
    (tmp_path / filename).write_bytes(body)
    target = tmp_path / "target"
    target.mkdir()
    unpack(tmp_path / filename, target)
    written = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    info = "numlib-2.0.dist-info"
    assert written == [f"{info}/METADATA", f"{info}/RECORD", f"{info}/WHEEL", "numlib/__init__.py", "numlib/fast.py"]


def test_unpacked_files_are_readable_and_never_set_uid(tmp_path: Path) -> None:
    files = members({**FILES, "fog_attack/tool": "#!/bin/sh\n", "fog_attack/secret.py": ""})
    modes = {"fog_attack/tool": stat.S_IFREG | 0o6755, "fog_attack/secret.py": stat.S_IFREG | 0o000}
    path = tmp_path / FILENAME
    path.write_bytes(packed(files, modes=modes))
    target = tmp_path / "target"
    target.mkdir()
    unpack(path, target)
    assert stat.S_IMODE((target / "fog_attack/tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "fog_attack/secret.py").stat().st_mode) == 0o644
    assert (target / "fog_attack/blur.py").read_text() == "x = 1\n"


def test_large_members_come_in_pieces_and_whole(tmp_path: Path) -> None:
    # Long enough for several pieces, both stored and compressed, with an awkward length.
    noise = b"".join(number.to_bytes(4, "little") for number in range(300_001))
    files = members({**FILES, "fog_attack/noise.bin": noise})
    stored = zipfile.ZipInfo("fog_attack/stored.bin")
    body = packed(files, record=record_of({**files, stored.filename: noise}, DIST_INFO), extra=[(stored, noise)])
    (tmp_path / FILENAME).write_bytes(body)
    target = tmp_path / "target"
    target.mkdir()
    unpack(tmp_path / FILENAME, target)
    assert (target / "fog_attack/noise.bin").read_bytes() == noise
    assert (target / "fog_attack/stored.bin").read_bytes() == noise
