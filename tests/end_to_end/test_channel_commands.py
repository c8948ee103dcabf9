"""`promote` and `channel` as whole commands, in a folder and on S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_world import cli, cli_json, write_wheel
from wheel_factory import make_wheel


@pytest.fixture(params=["folder", "moto"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An index of fog 1.0 and 2.0, which need leaf of another index."""
    bucket = request.getfixturevalue("moto_bucket") if request.param == "moto" else ""
    url = f"s3://{bucket}/team" if bucket else str(tmp_path / "own")
    cli("index", "init", url)
    cli("index", "init", tmp_path / "public")
    fogs = [make_wheel("fog", f"{n}.0", files={"fog.py": f"X = {n}"}, requires=("leaf",)) for n in (1, 2)]
    cli("publish", *(write_wheel(tmp_path / "w", wheel) for wheel in fogs), "--index", url)
    leaf = write_wheel(tmp_path / "w", make_wheel("leaf", "1.0", files={"leaf.py": ""}))
    cli("publish", leaf, "--index", tmp_path / "public")
    (tmp_path / "dioptra.toml").write_text(
        f'[[indexes]]\nname = "own"\nurl = "{url}"\n[[indexes]]\nname = "public"\nurl = "{tmp_path}/public"\n'
    )
    return url


def test_a_lock_is_promoted_shown_compared_and_taken_back(index: str, tmp_path: Path) -> None:
    cli("lock", "fog==1.0", "--no-host", cwd=tmp_path)
    refusal = cli("promote", "pylock.plugins.toml", "production", cwd=tmp_path, code=1)
    assert "leaf-1.0-py3-none-any.whl (locked from the index 'public')" in refusal
    assert "--mirror" in refusal
    assert cli("promote", "pylock.plugins.toml", "production", "--mirror", cwd=tmp_path).strip() == "production@1"
    assert cli_json("promote", "pylock.plugins.toml", "production", cwd=tmp_path)["changed"] is False
    cli("lock", "fog", "--upgrade", "--no-host", cwd=tmp_path)
    assert cli("promote", "pylock.plugins.toml", "production", cwd=tmp_path).strip() == "production@2"
    assert cli("promote", "production@1", "canary", cwd=tmp_path).strip() == "canary@1"
    channels = cli_json("channel", "list", cwd=tmp_path)["channels"]
    assert [(item["channel"], item["serial"]) for item in channels] == [("canary", 1), ("production", 2)]
    shown = cli_json("channel", "show", "production", cwd=tmp_path)
    assert {item["project"]: item["version"] for item in shown["wheels"]} == {"fog": "2.0", "leaf": "1.0"}
    cli("channel", "show", "production@1", "-o", tmp_path / "pylock.one.toml", cwd=tmp_path)
    assert 'name = "fog"\nversion = "1.0"' in (tmp_path / "pylock.one.toml").read_text()
    changes = cli_json("channel", "diff", "canary", "production", cwd=tmp_path)["changes"]
    # The second lock found the copy of leaf in the first index.
    assert [(item["project"], item["kind"]) for item in changes] == [("fog", "upgraded"), ("leaf", "moved")]
    assert cli("channel", "rollback", "production", cwd=tmp_path).strip() == "production@3"
    serials = cli_json("channel", "history", "production", cwd=tmp_path)["serials"]
    assert [(item["serial"], item["current"], item["changed"]) for item in serials] == [
        (3, True, ["fog", "leaf"]),
        (2, False, ["fog", "leaf"]),
        (1, False, []),
    ]
    assert cli("channel", "rollback", "production", "2", cwd=tmp_path).strip() == "production@4"
    assert "has no earlier lock" in cli("channel", "rollback", "canary", cwd=tmp_path, code=1)
    assert "no serial 9" in cli("channel", "show", "production@9", cwd=tmp_path, code=1)
    assert "there is no channel 'nowhere'" in cli("channel", "history", "nowhere", cwd=tmp_path, code=1)
    assert "names one lock of a channel" in cli("promote", "production", "canary@1", cwd=tmp_path, code=2)


def test_a_revoked_release_is_promoted_nowhere(index: str, tmp_path: Path) -> None:
    cli("lock", "fog==1.0", "--no-host", cwd=tmp_path)
    cli("promote", "pylock.plugins.toml", "production", "--mirror", cwd=tmp_path)
    cli("revoke", "fog==1.0", "--reason", "leaked", "--index", index)
    assert "is revoked" in cli("promote", "production", "canary", cwd=tmp_path, code=4)
    assert "is revoked" in cli("promote", "pylock.plugins.toml", "canary", cwd=tmp_path, code=4)


def test_a_lock_of_this_host_has_to_be_meant(index: str, tmp_path: Path) -> None:
    haze = write_wheel(tmp_path / "h", make_wheel("haze", "1.0", files={"haze.py": ""}, requires=("click",)))
    cli("publish", haze, "--index", index)
    cli("lock", "haze", cwd=tmp_path)
    refusal = cli("promote", "pylock.plugins.toml", "lab", cwd=tmp_path, code=1)
    assert "--for-this-host" in refusal
    assert cli("promote", "pylock.plugins.toml", "lab", "--for-this-host", cwd=tmp_path).strip() == "lab@1"


def test_workers_follow_a_channel(index: str, tmp_path: Path) -> None:
    directory = tmp_path / "plugins"
    on_worker = {"DIOPTRA_PLUGIN_DIR": str(directory)}
    sync = ("sync", "--channel", "production", "--plugin-dir", directory, "--index", index)
    assert "there is no channel" in cli(*sync, code=1)
    cli("lock", "fog==1.0", "--no-host", cwd=tmp_path)
    cli("promote", "pylock.plugins.toml", "production", "--mirror", cwd=tmp_path)
    # The other index is not needed: all wheels come from the channel's own.
    (tmp_path / "public").rename(tmp_path / "gone")
    first = cli_json(*sync)
    assert {wheel["project"]: wheel["version"] for wheel in first["wheels"]} == {"fog": "1.0", "leaf": "1.0"}
    assert cli_json(*sync)["changed"] is False
    cli("lock", "fog==2.0", "leaf", "--upgrade", "--no-host", "--index", f"own={index}", cwd=tmp_path)
    cli("promote", "pylock.plugins.toml", "production", cwd=tmp_path)
    assert {wheel["project"]: wheel["version"] for wheel in cli_json(*sync)["wheels"]}["fog"] == "2.0"
    cli("channel", "rollback", "production", cwd=tmp_path)
    assert {wheel["project"]: wheel["version"] for wheel in cli_json(*sync)["wheels"]}["fog"] == "1.0"
    assert cli_json(*sync)["changed"] is False
    cli("revoke", "fog==1.0", "--reason", "leaked", "--index", index)
    assert "is revoked" in cli(*sync, code=4)
    assert "revoked" in cli("list", variables=on_worker, code=4)
    cli("channel", "rollback", "production", "2", cwd=tmp_path)
    assert {wheel["project"]: wheel["version"] for wheel in cli_json(*sync)["wheels"]}["fog"] == "2.0"
    assert "takes the place of LOCK" in cli(*sync, "pylock.plugins.toml", code=2)


def test_files_channels_and_generations_are_compared_with_each_other(tmp_path: Path) -> None:
    index, lock = str(tmp_path / "index"), tmp_path / "pylock.plugins.toml"
    cli("index", "init", index)
    fogs = [make_wheel("fog", f"{n}.0", files={"fog.py": f"X = {n}"}) for n in (1, 2)]
    cli("publish", *(write_wheel(tmp_path / "w", wheel) for wheel in fogs), "--index", index)
    at = ("--index", index, "--plugin-dir", tmp_path / "plugins")
    for requirement in ("fog==1.0", "fog==2.0"):
        cli("lock", requirement, "--no-host", "--upgrade", "--index", index, "-o", lock)
        cli("promote", lock, "production", "--index", index)
        cli("sync", lock, *at)
    for first, second in (("1", "2"), ("1", "production"), ("production@1", str(lock)), ("production@1", "2")):
        (change,) = cli_json("diff", first, second, *at)["changes"]
        assert (change["project"], change["before"]["version"], change["after"]["version"]) == ("fog", "1.0", "2.0")
    assert cli_json("diff", "2", "production", *at)["changes"] == []
    refusal = cli("diff", "7", "1", *at, code=1)
    assert "has no generation 7" in refusal
    assert "the generations there are: 1, 2" in refusal
    assert "is no channel" in cli("diff", "No Such", "1", *at, code=2)
    assert "there is no channel 'absent'" in cli("diff", "absent", "1", *at, code=1)
