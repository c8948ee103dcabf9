"""Import roots are the outermost regular packages and modules."""

from __future__ import annotations

import pytest

from dioptra.manifest.import_roots import import_roots


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["fog/__init__.py", "fog/blur.py", "fog/deep/__init__.py"], ("fog",)),
        (["single.py"], ("single",)),
        (["google/cloud/storage/__init__.py", "google/cloud/storage/blob.py"], ("google.cloud.storage",)),
        (["testbed/fog.py", "testbed/rain/__init__.py"], ("testbed.fog", "testbed.rain")),
        (["fast.cpython-311-x86_64-linux-gnu.so"], ("fast",)),
        (["fast.abi3.so", "pkg/_core.pyd"], ("fast", "pkg._core")),
        (["pkg/__init__.cpython-311-darwin.so", "pkg/a.py"], ("pkg",)),
        (["fog-1.0.dist-info/METADATA", "fog-1.0.dist-info/x.py", "numpy.libs/libblas.so"], ()),
        (["fog/__init__.py", "fog/data/plain/extra.py"], ("fog",)),
        (["readme.txt", "a.b.py", "my-script.py", "stub/__init__.pyi", "lib.so.1"], ()),
        ([], ()),
    ],
)
def test_outermost_names(paths: list[str], expected: tuple[str, ...]) -> None:
    assert import_roots(paths) == expected
