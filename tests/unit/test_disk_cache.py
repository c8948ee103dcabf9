"""The cache on disk: what it keeps, and that nothing depends on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dioptra.plugins.disk_cache import DiskCache


def test_an_entry_is_there_for_the_next_process(tmp_path: Path) -> None:
    DiskCache(tmp_path / "cache").put("a", b"one")
    DiskCache(tmp_path / "cache").put("a", b"two")
    assert DiskCache(tmp_path / "cache").get("a") == b"two"
    assert DiskCache(tmp_path / "cache").get("b") is None
    assert [path.name for path in tmp_path.rglob("tmp*") if path.is_file()] == []


@pytest.mark.parametrize("damaged", [b"", b"short", b"x" * 40])
def test_a_damaged_entry_is_none(tmp_path: Path, damaged: bytes) -> None:
    DiskCache(tmp_path).put("a", b"one")
    (path,) = tmp_path.glob("*/*")
    path.write_bytes(damaged)
    assert DiskCache(tmp_path).get("a") is None


def test_a_folder_that_cannot_be_one_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file")
    cache.put("a", b"one")
    assert cache.get("a") is None


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    for age, key in enumerate("abc"):
        DiskCache(tmp_path).put(key, b"x" * 100)
        (path,) = (path for path in tmp_path.glob("*/*") if path.stat().st_mtime > 10)
        os.utime(path, (age + 1, age + 1))
    DiskCache(tmp_path).get("a")
    DiskCache(tmp_path, limit=300).put("d", b"x" * 100)
    assert [key for key in "abcd" if DiskCache(tmp_path).get(key)] == ["a", "d"]
