"""Development versions: how they are ordered, and that the copy of a wheel under one is a sound wheel."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.development_version import content_digest, development_version, with_version
from index_world import write_wheel
from wheel_factory import make_wheel

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
VERSIONS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "2!"]),
    st.sampled_from(["0", "1.0", "1.2", "1.2.3", "1.2.3.4"]),
    st.sampled_from(["", "a1", "rc2"]),
    st.sampled_from(["", ".post3"]),
    st.sampled_from(["", ".dev4", "+local"]),
).map(Version)


@pytest.mark.parametrize(
    ("built", "published", "wanted"),
    [
        ("1.2.0", [], "1.2.0.dev20261124120000+cabc"),
        ("1.2.0", ["1.1.0"], "1.2.0.dev20261124120000+cabc"),
        ("1.2.0", ["1.2.0"], "1.2.1.dev20261124120000+cabc"),
        ("1.2", ["1.2", "1.2.1"], "1.2.2.dev20261124120000+cabc"),
        ("1.2rc1", ["1.2rc1"], "1.2rc2.dev20261124120000+cabc"),
        ("1.2.post1", ["1.2.post1"], "1.2.post2.dev20261124120000+cabc"),
        ("1.2.0.dev7+g12", ["1.1.0"], "1.2.0.dev20261124120000+cabc"),
        ("3!1.2.0", ["3!1.2.0"], "3!1.2.1.dev20261124120000+cabc"),
    ],
)
def test_it_comes_before_the_release_that_is_worked_towards(built: str, published: list[str], wanted: str) -> None:
    assert str(development_version(Version(built), [*map(Version, published)], NOON, "abc")) == wanted


@given(VERSIONS, st.sets(VERSIONS, max_size=4), st.integers(1, 10**6))
def test_later_ones_are_newer_and_all_are_newer_than_what_was_built_from(
    built: Version, published: set[Version], seconds: int
) -> None:
    first = development_version(built, published, NOON, "0123")
    later = (NOON + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=-9)))
    assert first < development_version(built, published, later, "0000")
    assert first not in published
    assert first.is_devrelease
    if Version(built.public) in published and not built.is_devrelease:
        assert first > Version(built.public)


def test_a_copy_is_a_sound_wheel_of_the_same_content(tmp_path: Path) -> None:
    files = {"fog/a.py": "x = 1", "fog/é, b.txt": "y"}
    wheel = write_wheel(tmp_path / "a", make_wheel("Fog_Lab", "1.0", files=files, requires=("leaf",)))
    copy = with_version(wheel, Version("1.1.dev5+cabc"), tmp_path)
    contents = read_wheel(copy, copy.name)
    assert (contents.name.project, str(contents.name.version)) == ("fog-lab", "1.1.dev5+cabc")
    assert [str(item) for item in contents.metadata.requires_dist] == ["leaf"]
    assert content_digest(copy) == content_digest(wheel)
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(copy) as after:
        assert after.read("fog/a.py") == before.read("fog/a.py")
        assert not any("1.0" in name for name in after.namelist())


@pytest.mark.parametrize(
    "other",
    [
        make_wheel("fog", "1.0", files={"fog/a.py": "x = 2"}),
        make_wheel("fog", "1.0", files={"fog/b.py": "x = 1"}),
        make_wheel("fog", "1.0", files={"fog/a.py": "x = 1"}, requires=("leaf",)),
        make_wheel("fog", "1.0", files={"fog/a.py": "x = 1"}, entry_points={"fog": "fog"}),
    ],
)
def test_other_content_has_another_digest(tmp_path: Path, other: tuple[str, bytes]) -> None:
    wheel = write_wheel(tmp_path / "a", make_wheel("fog", "1.0", files={"fog/a.py": "x = 1"}))
    newer = write_wheel(tmp_path / "b", make_wheel("fog", "2.0", files={"fog/a.py": "x = 1"}))
    assert content_digest(newer) == content_digest(wheel)
    assert content_digest(write_wheel(tmp_path / "c", other)) != content_digest(wheel)
