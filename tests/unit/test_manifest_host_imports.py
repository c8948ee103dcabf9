from __future__ import annotations

from pathlib import Path

import pytest

from dioptra.manifest.host_imports import host_collisions


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path entry of the host with a module, a package and a namespace."""
    for file in ("hosted_module.py", "hosted_package/__init__.py", "hosted_space/inner/__init__.py"):
        path = tmp_path / "host" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.syspath_prepend(tmp_path / "host")
    return tmp_path / "host"


@pytest.mark.parametrize(
    ("root", "collision"),
    [
        ("hosted_module", "hosted_module"),
        ("hosted_package", "hosted_package"),
        ("hosted_package.more", "hosted_package"),
        ("hosted_space", "hosted_space"),
        ("hosted_space.inner", "hosted_space.inner"),
        ("json", "json"),
        ("sys", "sys"),
    ],
)
def test_name_that_the_host_imports_collides(host: Path, root: str, collision: str) -> None:
    assert [item.name for item in host_collisions([root])] == [collision]


@pytest.mark.parametrize(
    "root", ["no_such_name_here", "hosted_space.other", "hosted_space.other.deep", "no_such.inner"]
)
def test_name_that_is_free_or_shares_only_a_namespace_does_not_collide(host: Path, root: str) -> None:
    assert host_collisions([root]) == ()


def test_entries_that_are_not_the_hosts_do_not_count(host: Path) -> None:
    assert host_collisions(["hosted_module", "hosted_space.inner"], exclude=[str(host)]) == ()


def test_collisions_are_sorted_and_tell_where(host: Path) -> None:
    found = host_collisions(["hosted_package", "free_name", "hosted_module"])

    assert [(item.name, item.origin) for item in found] == [
        ("hosted_module", str(host / "hosted_module.py")),
        ("hosted_package", str(host / "hosted_package" / "__init__.py")),
    ]
