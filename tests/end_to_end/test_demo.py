"""The demonstration on S3; on a directory `make demo` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_world import cli, cli_json


@pytest.mark.parametrize("server", ["moto", pytest.param("ceph", marks=pytest.mark.ceph)])
def test_the_demonstration_runs_on_s3(tmp_path: Path, request: pytest.FixtureRequest, server: str) -> None:
    bucket = request.getfixturevalue(f"{server}_bucket")
    report = cli_json("demo", "--dir", tmp_path / "demo", "--index", f"s3://{bucket}/demo")
    assert report["index"] == f"s3://{bucket}/demo"
    assert [(task["task"], task["state"], task["version"]) for task in report["tasks"]] == [
        ("dioptra_builtins.data.images.resize", "Completed", "1.1.0"),
        ("dioptra_builtins.data.images.rotate", "Completed", "1.1.0"),
    ]
    assert {len(task["sha256"]) for task in report["tasks"]} == {64}
    assert sorted(path.name for path in Path(report["images"]).iterdir()) == ["square.png", "tall.png", "wide.png"]
    assert "is not empty" in cli("demo", "--dir", tmp_path / "demo", code=2)
