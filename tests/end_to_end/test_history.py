"""`status`, `history`, `rollback`, `gc` and `sync --resume`, as an operator uses them."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from dioptra.manifest.environment import current_environment
from index_world import cli, cli_json, run, write_wheel
from wheel_factory import make_wheel


class Worker:
    """A plugin directory that follows the channel production."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.index, self.root = folder, str(folder / "index"), folder / "plugins"
        self.at = ("--plugin-dir", self.root)
        cli("index", "init", self.index)
        for number in (1, 2, 3):
            task = f"from dioptra import pyplugs\n@pyplugs.register\ndef version(): return {number}\n"
            wheel = make_wheel("fog", f"{number}.0", files={"fog.py": task}, entry_points={"fog": "fog"})
            cli("publish", write_wheel(folder / "wheels", wheel), "--index", self.index)

    def promote(self, number: int) -> None:
        lock = self.folder / "pylock.plugins.toml"
        cli("lock", f"fog=={number}.0", "--no-host", "--upgrade", "--index", self.index, "-o", lock)
        cli("promote", lock, "production", "--index", self.index)

    def sync(self, *options: str, code: int = 0) -> str:
        return cli("sync", "--channel", "production", "--index", self.index, *self.at, *options, code=code)

    def answer(self) -> str:
        return cli("call", "", "fog", "version", *self.at).strip()


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    found = Worker(tmp_path)
    for number in (1, 2, 3):
        found.promote(number)
        found.sync()
    return found


def test_a_rollback_holds_until_it_is_resumed(worker: Worker) -> None:
    assert worker.answer() == "3"
    done = run(["dioptra-plugins", "rollback", *worker.at])
    assert done.returncode == 0
    assert f"dioptra-plugins channel rollback production --index {worker.index}" in done.stderr
    assert worker.answer() == "2"
    worker.sync()
    assert worker.answer() == "2"
    told = run(["dioptra-plugins", "sync", "--channel", "production", "--index", worker.index, *map(str, worker.at)])
    assert "is held at generation 2" in told.stderr
    status = cli_json("status", *worker.at)
    assert (status["generation"], status["held"]["generation"]) == (4, 2)
    assert [(item["channel"], item["serial"], item["active"]) for item in status["channels"]] == [
        ("production", 3, False)
    ]
    worker.sync("--resume")
    assert worker.answer() == "3"
    assert cli_json("status", *worker.at)["held"] is None
    listed = cli_json("history", *worker.at)["generations"]
    assert [(item["generation"], item["active"], item["changed"]) for item in listed] == [
        (5, True, ["fog"]),
        (4, False, ["fog"]),
        (3, False, ["fog"]),
        (2, False, ["fog"]),
        (1, False, []),
    ]


def test_a_rollback_names_its_generation_and_is_refused_where_there_is_none(worker: Worker) -> None:
    assert "there is no generation 9" in cli("rollback", "9", *worker.at, code=1)
    cli("rollback", "1", *worker.at)
    assert worker.answer() == "1"
    empty = worker.folder / "empty"
    assert "nothing was active yet" in cli("rollback", "--plugin-dir", empty, code=1)
    cli("gc", "--keep", "1", *worker.at)
    assert "there is no generation 2" in cli("rollback", "2", *worker.at, code=1)


def test_a_revoked_release_is_neither_rolled_back_to_nor_held(worker: Worker) -> None:
    cli("revoke", "fog==2.0", "--reason", "leaked", "--index", worker.index)
    assert "leaked" in cli("rollback", *worker.at, code=4)
    assert cli_json("status", *worker.at)["held"] is None
    assert worker.answer() == "3"
    cli("rollback", "1", *worker.at)
    cli("revoke", "fog==1.0", "--reason", "leaked too", "--index", worker.index)
    assert "leaked too" in worker.sync(code=4)
    assert cli_json("status", *worker.at)["revoked"] == ["fog==1.0"]


def test_collecting_keeps_what_is_active_held_or_in_use(worker: Worker) -> None:
    cli("rollback", "1", *worker.at)
    before = cli_json("status", *worker.at)
    assert (before["generations"], before["environments"], before["stored_wheels"]) == (4, 3, 3)
    environments = {item["generation"]: item["environment"] for item in cli_json("history", *worker.at)["generations"]}
    with (worker.root / "environments" / environments[2] / "lease").open("rb") as lease:
        fcntl.flock(lease, fcntl.LOCK_SH)
        assert cli_json("status", *worker.at)["leased"] == [environments[2]]
        garbage = cli_json("gc", "--keep", "1", *worker.at)
        assert (garbage["generations"], garbage["environments"]) == ([2, 3], [environments[3]])
        assert len(garbage["wheels"]) == 1
        assert garbage["freed"] > 0
    assert worker.answer() == "1"
    assert cli_json("gc", "--keep", "1", *worker.at)["environments"] == [environments[2]]
    assert worker.answer() == "1"
    assert cli_json("gc", "--keep", "1", *worker.at)["freed"] == 0
    worker.sync("--resume")
    assert worker.answer() == "3"


def test_settings_collect_after_every_sync(worker: Worker) -> None:
    settings = worker.folder / "dioptra.toml"
    settings.write_text("keep = 2\n")
    worker.promote(1)
    cli("sync", "--channel", "production", "--index", worker.index, *worker.at, cwd=worker.folder)
    assert cli_json("status", *worker.at)["generations"] == 2
    settings.write_text('max-size = "1 B"\n')
    worker.promote(2)
    cli("sync", "--channel", "production", "--index", worker.index, *worker.at, cwd=worker.folder)
    assert cli_json("status", *worker.at)["stored_wheels"] == 1
    for text in ("keep = 0", 'max-size = "much"', "max-size = 3"):
        settings.write_text(text)
        assert "dioptra.toml: key" in cli("gc", *worker.at, cwd=worker.folder, code=2)


def test_a_held_directory_outlives_an_outage(worker: Worker, tmp_path: Path) -> None:
    cli("rollback", "1", *worker.at)
    Path(worker.index).rename(tmp_path / "away")
    worker.sync()
    assert worker.answer() == "1"


def test_nothing_is_said_of_a_directory_that_is_empty(tmp_path: Path) -> None:
    status = cli_json("status", "--plugin-dir", tmp_path / "none")
    assert (status["generation"], status["channels"], status["size"]) == (None, [], 0)
    assert current_environment(tmp_path / "none") is None
    assert cli_json("history", "--plugin-dir", tmp_path / "none")["generations"] == []
