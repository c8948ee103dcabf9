"""A file that is read in parts is the file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from dioptra.plugins.index.remote_wheel import read_remote_metadata
from dioptra.plugins.object_store.ranged_file import FileRange, RangedFile
from wheel_factory import make_wheel

MOVES = st.lists(st.tuples(st.integers(0, 300_000), st.integers(-1, 200_000)), max_size=6)


@dataclass(slots=True)
class Memory:
    body: bytes
    requests: int = 0

    def read_range(self, url: str, first: int | None, size: int, *, etag: str = "") -> FileRange | None:
        assert url == "u"
        assert etag == ("" if first is None else "e")
        self.requests += 1
        start = max(0, len(self.body) - size) if first is None else first
        return FileRange(body=self.body[start : start + size], first=start, total=len(self.body), etag="e")


@given(st.integers(0, 250_000), MOVES)
def test_reading_agrees_with_a_file_in_memory(length: int, moves: list[tuple[int, int]]) -> None:
    body = bytes(number % 251 for number in range(length))
    remote, local = RangedFile(Memory(body), "u", limit=10**9), io.BytesIO(body)
    for offset, size in moves:
        assert remote.seek(offset) == local.seek(offset)
        assert remote.read(size) == local.read(size)
        assert remote.tell() == local.tell()


@given(st.binary(max_size=2000), st.integers(0, 2000), st.booleans())
def test_a_damaged_archive_has_no_metadata_and_does_no_harm(noise: bytes, cut: int, is_cut: bool) -> None:
    _, wheel = make_wheel("fog", "1.0", files={"fog.py": "x = 1"})
    body = wheel[:cut] if is_cut else noise + wheel[: len(wheel) - 30] + noise
    found = read_remote_metadata(Memory(body), "u")
    assert found is None or b"Name: fog" in found


def test_the_metadata_of_a_wheel_costs_few_requests_and_bytes() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("fog-1.0.dist-info/METADATA", "Name: fog\n")
        for number in range(2000):
            archive.writestr(f"fog/part{number}.bin", b"x" * 1000)
    memory = Memory(body.getvalue())
    assert read_remote_metadata(memory, "u") == b"Name: fog\n"
    assert memory.requests == 3  # the end, the directory, the member
