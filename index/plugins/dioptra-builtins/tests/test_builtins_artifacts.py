from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from dioptra_builtins.artifacts.utils import extract_tarfile, make_directories


def make_archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, *, size: int = 1, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size if kind == tarfile.REGTYPE else 0, kind, link
    return info


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    made = make_directories([tmp_path / "a" / "b", tmp_path])
    assert made == [str(tmp_path / "a" / "b"), str(tmp_path)]
    assert (tmp_path / "a" / "b").is_dir()


def test_one_folder_needs_no_list(tmp_path: Path) -> None:
    assert make_directories(str(tmp_path / "one")) == [str(tmp_path / "one")]
    assert make_directories(tmp_path / "two") == [str(tmp_path / "two")]


def test_an_archive_is_unpacked_beside_itself_or_where_it_is_told(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "data.tar.gz", member("folder/file.txt", size=3))
    assert extract_tarfile(archive) == str(tmp_path)
    assert (tmp_path / "folder" / "file.txt").read_bytes() == b"xxx"
    assert extract_tarfile(archive, tmp_path / "other") == str(tmp_path / "other")
    assert (tmp_path / "other" / "folder" / "file.txt").is_file()


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside.txt"),
        member("link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("inner", kind=tarfile.SYMTYPE, link="good.txt"),
        member("hard", kind=tarfile.LNKTYPE, link="good.txt"),
        member("device", kind=tarfile.CHRTYPE),
    ],
    ids=["traversal", "absolute link", "inner link", "hard link", "device"],
)
def test_an_unsafe_member_stops_the_archive_before_anything_is_written(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    archive = make_archive(tmp_path / "bad.tar.gz", member("good.txt"), bad)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        extract_tarfile(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "outside.txt").exists()


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.tar.gz"
    path.write_text("no archive")
    with pytest.raises(ValueError, match=r"text\.tar\.gz cannot be unpacked"):
        extract_tarfile(path)


def test_a_truncated_archive_is_named_before_anything_is_written(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "cut.tar.gz", member("a", size=100_000), member("b", size=100_000))
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cut\.tar\.gz cannot be unpacked"):
        extract_tarfile(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("mode", ["w", "w:gz", "a", "x:gz", "r|gz"])
def test_a_mode_that_is_not_for_reading_leaves_the_archive_alone(tmp_path: Path, mode: str) -> None:
    archive = make_archive(tmp_path / "data.tar.gz", member("a"))
    before = archive.read_bytes()
    with pytest.raises(ValueError, match="tarball_read_mode"):
        extract_tarfile(archive, tarball_read_mode=mode)
    assert archive.read_bytes() == before
