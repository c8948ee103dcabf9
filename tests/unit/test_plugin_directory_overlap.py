"""How several wheels share one path entry is decided before anything is written."""

from __future__ import annotations

import pytest

from dioptra.plugins.plugin_directory.overlap import plan_site


def links(wheels: dict[str, list[str]]) -> dict[str, str]:
    found, overlaps = plan_site(wheels)
    assert overlaps == ()
    return {link.path: link.sha256 for link in found}


def test_what_one_wheel_owns_is_linked_whole() -> None:
    wheels = {"a": ["fog/__init__.py", "fog/deep/x.py", "fog-1.dist-info/RECORD"], "b": ["rain.py"]}
    assert links(wheels) == {"fog": "a", "fog-1.dist-info": "a", "rain.py": "b"}


def test_a_shared_namespace_is_merged_down_to_what_one_wheel_owns() -> None:
    wheels = {
        "a": ["testbed/attacks/fog/__init__.py", "testbed/one.py"],
        "b": ["testbed/attacks/rain.py", "testbed/two/__init__.py"],
    }
    assert links(wheels) == {
        "testbed/attacks/fog": "a",
        "testbed/attacks/rain.py": "b",
        "testbed/one.py": "a",
        "testbed/two": "b",
    }


@pytest.mark.parametrize(
    ("first", "second", "path", "why"),
    [
        ("fog.py", "fog.py", "fog.py", "several wheels"),
        ("ns/fog.py", "ns/fog.py", "ns/fog.py", "several wheels"),
        ("fog/__init__.py", "fog/extra.py", "fog", "regular package of one wheel"),
        ("fog/__init__.cpython-311-darwin.so", "fog/extra.py", "fog", "regular package of one wheel"),
        ("ns/fog/extra/deep.py", "ns/fog/__init__.py", "ns/fog", "regular package of one wheel"),
        ("fog/__init__.py", "fog/__init__.py", "fog", "regular package of one wheel"),
        ("fog", "fog/extra.py", "fog", "several wheels"),
        ("Fog/a.py", "fog/b.py", "Fog", "some file systems cannot tell apart"),
        ("ns/caf\u00e9.py", "ns/cafe\u0301.py", "ns/cafe\u0301.py", "some file systems cannot tell apart"),
    ],
)
def test_what_two_wheels_claim_is_named_with_both(first: str, second: str, path: str, why: str) -> None:
    for wheels in ({"a": [first], "b": [second]}, {"b": [second], "a": [first]}):
        _, overlaps = plan_site(wheels)
        assert [(overlap.path, overlap.sha256s) for overlap in overlaps] == [(path, ("a", "b"))]
        assert why in overlaps[0].why


def test_all_overlaps_are_named() -> None:
    _, overlaps = plan_site({"a": ["x.py", "y.py", "own.py"], "b": ["x.py"], "c": ["y.py", "x.py"]})
    assert [(overlap.path, overlap.sha256s) for overlap in overlaps] == [
        ("x.py", ("a", "b", "c")),
        ("y.py", ("a", "c")),
    ]
