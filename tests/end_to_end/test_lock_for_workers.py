"""Locking for workers elsewhere: describe, lock, sync, promote, by the commands alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index_world import cli, cli_json, write_wheel
from wheel_factory import make_wheel


@pytest.fixture
def index(tmp_path: Path) -> str:
    url = str(tmp_path / "index")
    cli("index", "init", url)
    wheels = [
        make_wheel("fog", "1.0", files={"fog.py": ""}, entry_points={"x": "fog"}, requires=["haze>=2"]),
        make_wheel("haze", "2.0", files={"haze.py": ""}),
    ]
    cli("publish", *(write_wheel(tmp_path / "wheels", wheel) for wheel in wheels), "--index", url)
    return url


def describe(path: Path, name: str, **distributions: str) -> Path:
    """This worker under a name, with more distributions."""
    cli("worker", "describe", "--name", name, "-o", path)
    document = json.loads(path.read_text())
    document["distributions"].update(distributions)
    path.write_text(json.dumps(document))
    return path


def test_a_lock_for_two_kinds_of_worker(tmp_path: Path, index: str) -> None:
    gpu, cpu = describe(tmp_path / "gpu.json", "gpu", haze="2.5"), describe(tmp_path / "cpu.json", "cpu")
    lock = tmp_path / "pylock.plugins.toml"
    made = cli_json("lock", "fog", "--for", gpu, "--for", cpu, "--index", index, "-o", lock)
    assert [(item["name"], len(item["wheels"])) for item in made["targets"]] == [("gpu", 1), ("cpu", 2)]
    synced = cli_json("sync", lock, "--index", index, "--plugin-dir", tmp_path / "plugins")
    assert (synced["target"], len(synced["wheels"])) == ("cpu", 2)
    assert "--target" in cli("tree", lock, code=2)
    assert "haze 2.5 (host) [haze>=2]" in cli("tree", lock, "--target", "gpu")
    assert "for no worker 'tpu'" in cli("why", "haze", lock, "--target", "tpu", code=2)
    assert cli_json("outdated", lock, "--target", "gpu", "--index", index)["outdated"] == []
    # It was described on purpose, so that it may be promoted.
    assert cli("promote", lock, "prod", "--index", index).strip() == "prod@1"
    again = cli_json("sync", "--channel", "prod", "--index", index, "--plugin-dir", tmp_path / "plugins")
    assert (again["target"], again["changed"]) == ("cpu", False)


def test_a_worker_of_another_kind_is_told_what_it_lacks(tmp_path: Path, index: str) -> None:
    gpu, lock = describe(tmp_path / "gpu.json", "gpu", haze="2.5"), tmp_path / "pylock.plugins.toml"
    cli("lock", "fog", "--for", gpu, "--index", index, "-o", lock)
    told = cli("sync", lock, "--index", index, "--plugin-dir", tmp_path / "plugins", code=1)
    assert "haze: wanted >=2 from the host, found none" in told
    assert not (tmp_path / "plugins").exists()


def test_the_settings_name_workers_and_what_their_builds_stand_for(tmp_path: Path, index: str) -> None:
    describe(tmp_path / "gpu.json", "gpu", haze="2.0a0+vendor")
    told = cli("lock", "fog", "--for", "gpu.json", "--index", index, cwd=tmp_path, code=1)
    assert '[tool.dioptra.host] haze = "2.0"' in told
    (tmp_path / "dioptra.toml").write_text('workers = ["gpu.json"]\nrequirements = ["fog"]\n[host]\nhaze = "2.0"\n')
    (tmp_path / "below").mkdir()
    made = cli_json("lock", "--index", index, cwd=tmp_path / "below")
    (target,) = made["targets"]
    assert {"project": "haze", "version": "2.0a0+vendor", "declared": "2.0"} in target["provided"]


def test_a_lock_for_a_host_that_nobody_described_is_not_promoted(tmp_path: Path, index: str) -> None:
    wheel = make_wheel("mist", "1.0", files={"mist.py": ""}, entry_points={"x": "mist"}, requires=["pytest"])
    cli("publish", write_wheel(tmp_path / "wheels", wheel), "--index", index)
    lock = tmp_path / "pylock.plugins.toml"
    cli("lock", "mist", "--index", index, "-o", lock)
    assert "lock with --for FILE" in cli("promote", lock, "prod", "--index", index, code=1)
    cli("promote", lock, "prod", "--index", index, "--for-this-host")


def test_ways_of_naming_a_target_exclude_each_other(tmp_path: Path, index: str) -> None:
    gpu = describe(tmp_path / "gpu.json", "gpu")
    assert "give either --for" in cli("lock", "fog", "--for", gpu, "--python", "3.12", "--index", index, code=2)
    made = cli_json("lock", "fog", "--python", "3.11", "--python", "3.12", "--no-host", "--index", index, cwd=tmp_path)
    assert len(made["targets"]) == 2
