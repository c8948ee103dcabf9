from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from dioptra.manifest.distribution import parse_value, scan_distribution
from dioptra.manifest.model import EntryPoint, TaskManifest
from dioptra.manifest.scanner import scan_module

FILES = {
    "fog.py": b"from dioptra import pyplugs\n@pyplugs.register\ndef shadowed(): ...",
    "fog/__init__.py": b"from dioptra.pyplugs import register\n@register\ndef own(): ...",
    "fog/images.py": b"from dioptra import pyplugs\n@pyplugs.register\ndef resize(a): ...\ndef plain(b): ...",
    "fog/deep/more.py": b"from ._reg import task\n@task\ndef f(): ...",
    "fog/deep/_reg.py": b"from dioptra import pyplugs\ntask = pyplugs.register",
    "fog/wrong.py": b"def",
}
VALUES = ["fog", "fog.images", "fog.images:plain", "fog.images:resize", "fog.missing", "fog.images:", "fog.deep", "1"]
entry_points = st.builds(EntryPoint, name=st.sampled_from("abc"), value=st.sampled_from(VALUES))


def scan(points: list[EntryPoint], files: list[str]) -> TaskManifest:
    return scan_distribution(project="fog", version="1", entry_points=points, files=files, read=FILES.__getitem__)


@given(st.lists(entry_points, max_size=5), st.randoms(use_true_random=False))
def test_order_of_entry_points_and_files_changes_nothing(points: list[EntryPoint], order: random.Random) -> None:
    files = list(FILES)
    first = scan(points, files)

    order.shuffle(points)
    order.shuffle(files)
    assert scan(points, files) == first
    assert list(first.modules) == sorted(first.modules, key=lambda module: module.name)


PIECES = [
    "from dioptra import pyplugs\n",
    "from dioptra.pyplugs import *\n",
    "import dioptra.pyplugs as p\n",
    "@pyplugs.register\n",
    "@register(sort_value=1)\n",
    "def f(a, b=1): ...\n",
    "class register: ...\n",
    "for x in y:\n",
    "    ",
    "try:\n",
    "except E as e:\n",
    "p.register(f)\n",
    "r = register\n",
    "\0",
    "é",
    "lambda: ",
    "(",
    ")",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_source_gives_an_entry(source: str) -> None:
    entry = scan_module(source.encode(), name="a.b", path="a/b.py")

    assert (entry.name, entry.path) == ("a.b", "a/b.py")
    assert entry.error is None or not entry.tasks


@given(st.binary(max_size=60))
def test_any_bytes_give_an_entry(source: bytes) -> None:
    assert scan_module(source, name="a.b", path="a/b.py").name == "a.b"


@given(st.text(st.sampled_from("ab. :[]-1é"), max_size=12))
def test_parsed_value_names_only_identifiers(value: str) -> None:
    parsed = parse_value(value)

    if parsed is not None:
        module, attribute = parsed
        assert all(part.isidentifier() for part in module.split("."))
        assert attribute is None or all(part.isidentifier() for part in attribute.split("."))
