"""The main job through the command line: publish, lock, sync, list, show, call."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptra.sdk import plugin_dirs
from index_world import cli, cli_json, run, served, write_wheel
from s3_servers import S3Server
from wheel_factory import make_wheel

SOURCE = '''
"""Doubling."""
from dioptra import pyplugs
from fogbase import FACTOR

@pyplugs.register
def double(value: int) -> int:
    """Double a value."""
    return value * FACTOR

@pyplugs.register
def fail() -> None:
    """Fail."""
    raise RuntimeError("as it should")
'''


def plugin(version: str, *, requires: tuple[str, ...] = ("fogbase>=1",)) -> tuple[str, bytes]:
    return make_wheel(
        "fog-attack",
        version,
        files={"fog_attack/__init__.py": "", "fog_attack/tasks.py": SOURCE},
        requires=requires,
        entry_points={"fog": "fog_attack"},
    )


def base(version: str = "1.0", factor: int = 2) -> tuple[str, bytes]:
    return make_wheel("fogbase", version, files={"fogbase.py": f"FACTOR = {factor}\n"})


@pytest.fixture(params=["directory", "moto", pytest.param("ceph", marks=pytest.mark.ceph)])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an index that holds fog-attack 1.0 and 1.1 and what they need."""
    url = (
        str(tmp_path / "index")
        if request.param == "directory"
        else f"s3://{request.getfixturevalue(f'{request.param}_bucket')}/team"
    )
    cli("index", "init", url)
    wheels = [write_wheel(tmp_path / "wheels", made) for made in (plugin("1.0"), plugin("1.1"), base())]
    cli("publish", *wheels, "--index", url)
    return url


def test_from_publishing_to_calling(index: str, tmp_path: Path) -> None:
    lock = cli_json("lock", "fog-attack<1.1", "--index", index, cwd=tmp_path)
    wheels = lock["wheels"]
    assert isinstance(wheels, list)
    assert [(wheel["project"], wheel["version"]) for wheel in wheels] == [("fog-attack", "1.0"), ("fogbase", "1.0")]

    synced = cli_json("sync", "--plugin-dir", "plugins", cwd=tmp_path)
    assert (synced["changed"], synced["generation"]) == (True, 1)
    directory = {"DIOPTRA_PLUGIN_DIR": str(tmp_path / "plugins")}
    assert cli("call", "fog_attack", "tasks", "double", "value=21", variables=directory) == "42\n"
    assert cli("call", "fog", "tasks", "double", "value=21", variables=directory) == "42\n"

    # Unchanged: no request is made, so that no server has to be there.
    gone = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    if not index.startswith("s3://"):
        Path(index).rename(tmp_path / "moved")
    assert cli_json("sync", "--plugin-dir", "plugins", cwd=tmp_path, variables=gone)["changed"] is False
    if not index.startswith("s3://"):
        (tmp_path / "moved").rename(index)

    cli("lock", "fog-attack", "--upgrade", "--index", index, cwd=tmp_path)
    upgraded = cli_json("sync", "--plugin-dir", "plugins", cwd=tmp_path)
    assert upgraded["generation"] == 2
    (task, _) = cli_json("list", variables=directory)["tasks"]
    assert (task["distribution"], task["version"]) == ("fog-attack", "1.1")
    assert len(task["wheel_sha256"]) == 64
    assert "def" not in cli("show", "fog_attack.tasks.double", variables=directory)
    assert 'pyplugs.call_task("fog_attack", "tasks", "double", value=...)' in cli(
        "show", "fog-attack", variables=directory
    )


def test_publishing_again_changes_nothing_and_other_bytes_are_refused(index: str, tmp_path: Path) -> None:
    again = cli_json("publish", tmp_path / "wheels" / plugin("1.0")[0], "--index", index)
    assert [wheel["status"] for wheel in again["wheels"]] == ["unchanged"]
    other = write_wheel(tmp_path / "other", plugin("1.0", requires=()))
    error = cli("publish", other, "--index", index, code=1)
    assert "is published at" in error
    assert "with other bytes" in error
    assert "raise the version" in error


def test_a_requirement_that_nothing_satisfies_names_the_versions(index: str, tmp_path: Path) -> None:
    error = cli("lock", "fog-attack>=2", "--index", f"lab={index}", cwd=tmp_path, code=1)
    assert "the index 'lab'" in error
    assert "1.1, 1.0" in error
    assert "did you mean fog-attack?" in cli("lock", "fog-atack", "--index", index, cwd=tmp_path, code=1)
    assert not (tmp_path / "pylock.plugins.toml").exists()


def test_an_index_that_fails_leaves_the_environment_alone(
    tmp_path: Path, moto_server: S3Server, moto_bucket: str
) -> None:
    error = cli("lock", "x", "--index", f"s3://{moto_bucket}-absent/team", code=3)
    assert "does not exist" in error
    assert moto_server.endpoint in error
    assert "NoSuchBucket" in error
    assert "there is no index at" in cli("lock", "x", "--index", f"s3://{moto_bucket}/nothing", code=3)
    unreachable = cli(
        "lock",
        "x",
        "--index",
        f"s3://{moto_bucket}/team",
        code=3,
        variables={"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"},
    )
    assert "127.0.0.1:9" in unreachable
    assert "profile default" in unreachable


def test_a_changed_file_is_refused_and_the_old_environment_stays(tmp_path: Path) -> None:
    index = tmp_path / "index"
    cli("index", "init", index)
    wheels = [write_wheel(tmp_path / "wheels", made) for made in (plugin("1.0"), plugin("1.1"), base())]
    cli("publish", *wheels, "--index", index)
    cli("lock", "fog-attack==1.0", "--index", index, cwd=tmp_path)
    cli("sync", "--plugin-dir", "plugins", cwd=tmp_path)
    cli("lock", "fog-attack", "--upgrade", "--index", index, cwd=tmp_path)
    file = index / "files" / "fog-attack" / plugin("1.1")[0]
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(body)
    error = cli("sync", "--plugin-dir", "plugins", cwd=tmp_path, code=4)
    assert "is not the file that was locked" in error
    assert (tmp_path / "plugins" / "current").readlink() == Path("generations/1")
    assert not any((tmp_path / "plugins" / "tmp").glob("*"))


def test_the_index_is_read_over_http_too(tmp_path: Path) -> None:
    index = tmp_path / "index"
    cli("index", "init", index)
    cli("publish", *(write_wheel(tmp_path / "wheels", made) for made in (plugin("1.0"), base())), "--index", index)
    with served(index) as url:
        for number, address in enumerate((url, f"{url}/simple/")):
            lock = tmp_path / f"pylock.http{number}.toml"
            cli("lock", "fog-attack", "--index", address, "-o", lock)
            cli("sync", lock, "--plugin-dir", tmp_path / f"plugins{number}")
        error = cli("lock", "absent", "--index", f"{url}/simple/", cwd=tmp_path, code=1)
        assert "there is no project 'absent'" in error
    assert "cannot be reached" in cli("lock", "fog-attack", "--index", f"{url}/simple/", cwd=tmp_path, code=3)


def test_a_foreign_page_that_is_malformed_is_named(tmp_path: Path) -> None:
    (tmp_path / "web" / "simple" / "fog").mkdir(parents=True)
    (tmp_path / "web" / "simple" / "fog" / "index.html").write_text("plain text, no page")
    with served(tmp_path / "web") as url:
        error = cli("lock", "fog", "--index", f"{url}/simple/", cwd=tmp_path, code=3)
    assert f"{url}/simple/fog/ is malformed" in error


def test_plugins_come_from_their_own_index_and_the_rest_from_the_first(tmp_path: Path) -> None:
    for name, version in {"one": "1.0", "two": "9.0"}.items():
        cli("index", "init", tmp_path / name)
        wheel = write_wheel(tmp_path / f"{name}-wheels", base(version))
        cli("publish", wheel, "--index", tmp_path / name)
    cli("publish", write_wheel(tmp_path / "w", plugin("1.0")), "--index", tmp_path / "two")
    indexes = ("--index", f"a={tmp_path}/one", "--index", f"b={tmp_path}/two")
    assert "a plugin" in cli("lock", "fog-attack", *indexes, cwd=tmp_path, code=1)
    settings = f'[[indexes]]\nname = "b"\nurl = "{tmp_path}/two"\nplugins = ["fog-*"]\n'
    (tmp_path / "dioptra.toml").write_text(settings)
    lock = cli_json("lock", "fog-attack", *indexes, cwd=tmp_path)
    picked = {wheel["project"]: (wheel["version"], wheel["index"]) for wheel in lock["wheels"]}
    assert picked == {"fog-attack": ("1.0", "b"), "fogbase": ("1.0", "a")}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lock-version == 1", "line 1"),
        ('lock-version = "1.0"\ncreated-by = "x"\npackages = []\n', "was not made by dioptra-plugins"),
        ("x = 1\n", "lock-version"),
    ],
)
def test_a_malformed_lock_is_named(tmp_path: Path, text: str, names: str) -> None:
    lock = tmp_path / "pylock.plugins.toml"
    lock.write_text(text)
    error = cli("sync", lock, "--plugin-dir", tmp_path / "plugins", code=2)
    assert str(lock) in error
    assert names in error
    assert not (tmp_path / "plugins").exists()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("indexes = 3", "key 'indexes'"),
        ("[[indexes]]\nname = 'a'\n", "key 'indexes[0].url'"),
        ("indxes = []", "unknown key 'indxes'"),
        ("[[indexes]\n", "line 1"),
    ],
)
def test_a_malformed_configuration_is_named(tmp_path: Path, text: str, names: str) -> None:
    (tmp_path / "dioptra.toml").write_text(text)
    error = cli("lock", "fog", cwd=tmp_path, code=2)
    assert str(tmp_path / "dioptra.toml") in error
    assert names in error


def test_settings_and_variables_name_indexes_and_plugin_directory(tmp_path: Path) -> None:
    index = tmp_path / "index"
    (tmp_path / "dioptra.toml").write_text(
        f"plugin-dir = '{tmp_path}/plugins'\n[[indexes]]\nname = 'lab'\nurl = '{index}'\n"
    )
    cli("index", "init", index)
    cli("publish", write_wheel(tmp_path / "wheels", base()), cwd=tmp_path)
    locked = cli_json("lock", "fogbase", cwd=tmp_path)["wheels"]
    assert [wheel["index"] for wheel in locked] == ["lab"]
    assert cli_json("sync", cwd=tmp_path)["plugin_dir"] == str(tmp_path / "plugins")
    again = cli_json("lock", "fogbase", cwd=tmp_path, variables={"DIOPTRA_INDEX": f"x={index}"})["wheels"]
    assert [wheel["index"] for wheel in again] == ["x"]


def test_errors_of_tasks_and_of_calls(tmp_path: Path) -> None:
    index = tmp_path / "index"
    cli("index", "init", index)
    cli("publish", *(write_wheel(tmp_path / "wheels", made) for made in (plugin("1.0"), base())), "--index", index)
    cli("lock", "fog-attack", "--index", index, cwd=tmp_path)
    cli("sync", "--plugin-dir", "plugins", cwd=tmp_path)
    directory = {"DIOPTRA_PLUGIN_DIR": str(tmp_path / "plugins")}
    assert "as it should" in cli("call", "fog_attack", "tasks", "fail", code=10, variables=directory)
    assert "did you mean value=" in cli("call", "fog_attack", "tasks", "double", "valu=1", code=2, variables=directory)
    assert "did you mean 'double'?" in cli("call", "fog_attack", "tasks", "doubl", code=1, variables=directory)
    assert "DIOPTRA_PLUGIN_DIR" in cli("call", "fog_attack", "tasks", "double", code=1)
    assert "no plugin directory is set" in cli("sync", "pylock.plugins.toml", cwd=tmp_path, code=2)


def test_a_host_that_is_not_what_was_locked_for_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "index"
    cli("index", "init", index)
    cli("publish", write_wheel(tmp_path / "wheels", plugin("1.0", requires=("click>=8",))), "--index", index)
    cli("lock", "fog-attack", "--index", index, cwd=tmp_path)
    lock = tmp_path / "pylock.plugins.toml"
    lock.write_text(lock.read_text().replace('specifier = ">=8"', 'specifier = ">=9000"'))
    error = cli("sync", "--plugin-dir", "plugins", cwd=tmp_path, code=1)
    assert "click: wanted >=9000 from the host, found" in error


def test_names_of_the_host_are_not_hidden(tmp_path: Path) -> None:
    index = tmp_path / "index"
    cli("index", "init", index)
    hides = make_wheel("hides-click", "1.0", files={"click/__init__.py": ""}, entry_points={"x": "click"})
    cli("publish", write_wheel(tmp_path / "wheels", hides), "--index", index)
    cli("lock", "hides-click", "--index", index, cwd=tmp_path)
    error = cli("sync", "--plugin-dir", "plugins", cwd=tmp_path, code=4)
    assert "click" in error
    assert not (tmp_path / "plugins" / "current").exists()


def test_all_problems_of_a_wheel_are_shown_at_once(tmp_path: Path) -> None:
    name, body = make_wheel("bad", "1.0", files={"bad.py": "", "bad.pth": "import os"}, entry_points={"x": "absent"})
    wheel = write_wheel(tmp_path, (name, body))
    finished = run(["dioptra-plugins", "check", wheel])
    assert finished.returncode == 1
    assert ".pth" in finished.stdout
    assert "absent" in finished.stdout
    cli("index", "init", tmp_path / "index")
    cli("publish", wheel, "--index", tmp_path / "index", code=4)
    assert not (tmp_path / "index" / "files").exists()


def test_an_environment_serves_the_library_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    cli("index", "init", index)
    cli("publish", *(write_wheel(tmp_path / "wheels", made) for made in (plugin("1.0"), base())), "--index", index)
    cli("lock", "fog-attack", "--index", index, cwd=tmp_path)
    cli("sync", "--plugin-dir", "plugins", cwd=tmp_path)
    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(tmp_path / "plugins"))
    from dioptra import pyplugs

    with plugin_dirs() as entries:
        assert pyplugs.call("fog_attack", "tasks", "double", 4) == 8
        assert len(entries) == 1
        assert Path(entries[0]).samefile(tmp_path / "plugins" / "current" / "environment" / "site")
    assert not pyplugs.exists("fog_attack", "tasks")
