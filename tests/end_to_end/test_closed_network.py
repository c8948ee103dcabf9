"""Mirroring into an index, and bundles: workers that reach no other index, or none at all."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from dioptra.plugins.errors import ConfigurationError, IndexAccessError
from dioptra.plugins.host_choice import choose_hosts
from dioptra.plugins.index.catalogue import open_catalogue
from dioptra.plugins.index.mirror import mirror, wheels_for
from dioptra.plugins.object_store.directory import DirectoryStore
from index_stores import FailingStore, InstantClock
from index_world import cli, cli_json, served, write_wheel
from wheel_factory import make_wheel


@pytest.fixture
def public(tmp_path: Path) -> str:
    """An index with fog, which needs haze on Linux and mist on Windows; haze has wheels for several targets."""
    url = str(tmp_path / "public")
    cli("index", "init", url)
    needs = ("haze>=1; sys_platform == 'linux'", "mist; sys_platform == 'win32'")
    tags = ["cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-macosx_11_0_arm64"]
    wheels = [
        make_wheel("fog", "1.0", files={"fog.py": ""}, requires=needs, entry_points={"x": "fog"}),
        *(make_wheel("haze", "1.0", files={"haze.py": f"TAG = {tag!r}"}, tag=tag) for tag in tags),
        make_wheel("mist", "1.0", files={"mist.py": ""}),
    ]
    cli("publish", *(write_wheel(tmp_path / "wheels", wheel) for wheel in wheels), "--index", url)
    return url


@pytest.fixture
def own(tmp_path: Path) -> str:
    url = str(tmp_path / "own")
    cli("index", "init", url)
    return url


def files(url: str) -> list[str]:
    return sorted(path.name for path in Path(url, "files").rglob("*.whl"))


HAZE = "haze-1.0-cp{0}-cp{0}-manylinux_2_17_x86_64.whl"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--python", "3.12"], ["fog-1.0-py3-none-any.whl", HAZE.format(312)]),
        (["--python", "3.11", "--python", "3.12"], ["fog-1.0-py3-none-any.whl", HAZE.format(311), HAZE.format(312)]),
        (["--python", "3.12", "--platform", "win_amd64"], ["fog-1.0-py3-none-any.whl", "mist-1.0-py3-none-any.whl"]),
        (["--python", "3.12", "--platform", "macosx_12_0_arm64"], ["fog-1.0-py3-none-any.whl"]),
    ],
)
def test_targets_choose_the_wheels(public: str, own: str, options: list[str], wanted: list[str]) -> None:
    document = cli_json("index", "mirror", "fog", "--from", public, "--index", own, *options)
    assert {wheel["status"] for wheel in document["wheels"]} == {"published"}
    assert files(own) == wanted
    again = cli_json("index", "mirror", "fog", "--from", public, "--index", own, *options)
    assert {wheel["status"] for wheel in again["wheels"]} == {"unchanged"}
    cli("index", "verify", "--index", own)


def test_a_foreign_index_over_http_is_copied_and_suffices_afterwards(public: str, own: str, tmp_path: Path) -> None:
    with served(Path(public)) as address:
        cli("index", "mirror", "fog", "--from", f"{address}/simple/", "--index", own)
    shutil.rmtree(public)
    cli("lock", "fog", "--index", own, cwd=tmp_path)
    cli("sync", "--plugin-dir", "plugins", cwd=tmp_path)


def test_a_lock_s_files_are_copied_exactly(public: str, own: str, tmp_path: Path) -> None:
    cli("lock", "fog", "--index", f"main={public}", cwd=tmp_path)
    cli("index", "mirror", "--lock", "pylock.plugins.toml", "--index", own, cwd=tmp_path)
    locked = cli_json("lock", "fog", "--index", f"main={public}", cwd=tmp_path)["wheels"]
    assert files(own) == sorted(wheel["filename"] for wheel in locked)
    shutil.rmtree(public)
    cli("sync", "--index", f"main={own}", "--plugin-dir", "plugins", cwd=tmp_path)


def test_an_interrupted_copy_goes_on_where_it_was(public: str, own: str) -> None:
    source = open_catalogue("public", public)
    wheels = wheels_for(["fog", "mist"], [source], choose_hosts(pythons=["3.11", "3.12"], platforms=[], provide=False))
    assert len(wheels) == 4
    died = 0
    for fail_at in range(200):
        failing = FailingStore(DirectoryStore(Path(own)), fail_at)
        try:
            list(mirror(wheels, {"public": source}, failing, clock=InstantClock()))
        except IndexAccessError:
            died += 1
            continue
        break
    assert died > 10
    assert files(own) == [wheel.filename for wheel in wheels]
    cli("index", "verify", "--index", own)


def test_what_is_malformed_or_missing_is_told(public: str, own: str, tmp_path: Path) -> None:
    for arguments in (["--index", own], ["fog", "--index", own], ["fog", "--lock", "x", "--index", own]):
        cli("index", "mirror", *arguments, code=2)
    assert "no platform" in cli(
        "index", "mirror", "fog", "--from", public, "--index", own, "--platform", "amiga", code=2
    )
    assert "there is no project" in cli("index", "mirror", "rain", "--from", public, "--index", own, code=1)
    with pytest.raises(ConfigurationError):
        choose_hosts(pythons=["three"], platforms=["win32"], provide=False)
    (windows,) = choose_hosts(pythons=["3.12"], platforms=["win32"], provide=False)
    assert next(iter(parse_tag("cp312-cp312-win32"))) in windows.interpreter.tags
    assert dict(windows.interpreter.marker_environment)["platform_system"] == "Windows"


def test_a_bundle_is_all_that_a_worker_needs(public: str, tmp_path: Path) -> None:
    cli("lock", "fog", "--index", public, cwd=tmp_path)
    cli("lock", "bundle", cwd=tmp_path)
    shutil.rmtree(public)
    (tmp_path / "pylock.plugins.toml").unlink()
    sync = ("sync", "--from-bundle", "plugins.bundle.zip", "--plugin-dir", "plugins")
    first = cli_json(*sync, cwd=tmp_path)
    assert [wheel["project"] for wheel in first["wheels"]] == ["fog", "haze"]
    assert not cli_json(*sync, cwd=tmp_path)["changed"]
    cli(*sync, "--index", "x", cwd=tmp_path, code=2)


def test_a_changed_bundle_is_refused(public: str, tmp_path: Path) -> None:
    cli("lock", "fog", "--index", public, cwd=tmp_path)
    cli("lock", "bundle", cwd=tmp_path)
    whole, changed = tmp_path / "plugins.bundle.zip", tmp_path / "changed.zip"
    for name, change in (("wheels/fog-1.0-py3-none-any.whl", b"other bytes"), ("pylock.plugins.toml", None)):
        with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(changed, "w") as other:
            for member in archive.namelist():
                body = archive.read(member) if member != name else change
                if body is not None:
                    other.writestr(member, body)
        code = 4 if change else 2
        cli("sync", "--from-bundle", "changed.zip", "--plugin-dir", "plugins", cwd=tmp_path, code=code)
    changed.write_bytes(whole.read_bytes()[:-40])
    assert "is no bundle" in cli("sync", "--from-bundle", changed, "--plugin-dir", "plugins", cwd=tmp_path, code=2)
    assert "there is no bundle" in cli("sync", "--from-bundle", "absent", "--plugin-dir", "p", cwd=tmp_path, code=2)
    assert not (tmp_path / "plugins" / "current").exists()


def test_revocations_travel_with_a_bundle(public: str, tmp_path: Path) -> None:
    cli("lock", "fog", "--index", public, cwd=tmp_path)
    cli("lock", "bundle", cwd=tmp_path)
    cli("revoke", "haze==1.0", "--reason", "leak", "--index", public)
    assert "is revoked" in cli("lock", "bundle", "-o", "late.zip", cwd=tmp_path, code=4)
    assert not (tmp_path / "late.zip").exists()
    with zipfile.ZipFile(tmp_path / "plugins.bundle.zip", "a") as archive:
        assert json.loads(archive.read("revoked.json"))["revoked"] == {}
    assert canonicalize_name("haze") in {item.project for item in open_catalogue("p", public).revocations().values()}
