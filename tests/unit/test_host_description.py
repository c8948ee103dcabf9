"""What a host provides: by the names of its metadata folders, without editable, direct and plugin distributions."""

from __future__ import annotations

import json
import platform
import sys
import venv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host import describe_host
from dioptra.plugins.host_choice import choose_hosts, describe_interpreter, target_for_python
from dioptra.plugins.host_description import host_from_json, host_to_json


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The only folder on the path in which distributions are found."""
    return tmp_path


def install(site: Path, folder: str, files: Mapping[str, str] | None = None) -> None:
    (site / folder).mkdir(parents=True)
    for name, text in (files or {}).items():
        (site / folder / name).write_text(text)


def provided(*path: Path) -> dict[str, Version]:
    entries = [str(path[0] / "zip.zip"), *map(str, path)]
    return {item.project: item.version for item in describe_host(entries).distributions}


def test_ordinary_distributions_are_provided_as_they_are(site: Path) -> None:
    install(site, "Typing_Extensions-4.1.dist-info")
    install(site, "torch-2.5.0a0+872d.nv24.10.dist-info")
    install(site, "no_version-.dist-info")
    assert provided(site) == {"typing-extensions": Version("4.1"), "torch": Version("2.5.0a0+872d.nv24.10")}


def test_the_first_path_entry_counts(site: Path) -> None:
    install(site, "fog-2.0.dist-info")
    install(site / "first", "fog-1.0.dist-info")
    assert provided(site / "first", site) == {"fog": Version("1.0")}


def test_editable_direct_and_plugin_distributions_are_not_provided(site: Path) -> None:
    editable = json.dumps({"url": "file:///x", "dir_info": {"editable": True}})
    install(site, "editable-1.0.dist-info", {"direct_url.json": editable})
    install(site, "direct-1.0.dist-info", {"direct_url.json": json.dumps({"url": "https://x", "archive_info": {}})})
    install(site, "plugin-1.0.dist-info", {"entry_points.txt": "[dioptra.plugins]\nx = x\n"})
    install(site, "scripts-1.0.dist-info", {"entry_points.txt": "[console_scripts]\nx = x:y\n"})
    assert set(provided(site)) == {"scripts"}


def test_dioptra_plugins_itself_is_always_provided(site: Path) -> None:
    editable = json.dumps({"url": "file:///x", "dir_info": {"editable": True}})
    install(site, "dioptra_plugins-0.1.0.dist-info", {"direct_url.json": editable})
    assert set(provided(site)) == {"dioptra-plugins"}


def test_the_running_interpreter_is_described() -> None:
    host = describe_host()
    assert host.key is not None
    assert host.key.cache_tag == sys.implementation.cache_tag
    assert host.interpreter.python_full_version == platform.python_version()
    assert dict(host.interpreter.marker_environment)["python_version"] == f"3.{sys.version_info.minor}"


def test_locking_for_another_python_needs_no_host() -> None:
    other = "3.13" if sys.version_info[:2] != (3, 13) else "3.12"
    (host,) = choose_hosts(pythons=[other], provide=False)
    assert (host.key, host.distributions) == (None, ())
    assert dict(host.interpreter.marker_environment)["python_version"] == other
    with pytest.raises(ConfigurationError, match=f"what a Python {other} provides cannot be seen") as caught:
        choose_hosts(pythons=[other])
    assert caught.value.hint is not None
    assert "--no-host" in caught.value.hint
    with pytest.raises(ConfigurationError, match="is no Python version"):
        choose_hosts(pythons=["three"], provide=False)


def test_the_running_python_may_be_named() -> None:
    running = f"3.{sys.version_info.minor}"
    assert choose_hosts(pythons=[running]) == (describe_host(),)
    (host,) = choose_hosts(provide=False)
    assert (host.distributions, host.is_described) == ((), True)


def test_the_tags_of_another_python_are_its_own() -> None:
    target = target_for_python("3.12", describe_host().interpreter)
    tags = {str(tag) for tag in target.tags}
    assert {"py3-none-any", "py312-none-any"} <= tags
    assert any(tag.startswith("cp312-cp312-") for tag in tags)
    assert not any(tag.startswith("cp313-") for tag in tags)


def test_a_description_is_read_back_as_it_was_written() -> None:
    host = describe_host()
    read = host_from_json(host_to_json(host), source="worker.json")
    assert read == replace(host, name=host.label, is_described=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("python", None),
        ("python", "three"),
        ("tags", ["py3-none"]),
        ("tags", "py3-none-any"),
        ("markers", {"os_name": 1}),
        ("interpreter-key", {"cache-tag": "x"}),
        ("distributions", {"torch": "new"}),
        ("distributions", {"-": "1.0"}),
    ],
)
def test_a_malformed_description_is_refused(key: str, value: object) -> None:
    document = {**json.loads(host_to_json(describe_host())), key: value}
    with pytest.raises(ConfigurationError, match=r"worker\.json is no description of a worker"):
        host_from_json(json.dumps(document).encode(), source="worker.json")


def test_another_interpreter_describes_itself_without_anything_installed(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    host = describe_interpreter(tmp_path / "bare" / "bin" / "python")
    assert (host.interpreter, host.key, host.distributions) == (describe_host().interpreter, describe_host().key, ())
    with pytest.raises(ConfigurationError, match="cannot be run"):
        describe_interpreter(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match="cannot be described"):
        describe_interpreter(Path("/bin/false"))


def test_what_a_build_stands_for_is_declared_where_it_is_installed() -> None:
    (host,) = choose_hosts(declared={canonicalize_name("pytest"): Version("1.0"), canonicalize_name("x"): Version("2")})
    assert [item.project for item in host.distributions if item.declared is not None] == ["pytest"]


def test_platforms_are_described_by_their_tags() -> None:
    hosts = choose_hosts(pythons=["3.12"], platforms=["manylinux_2_28_aarch64", "macosx_14_0_arm64"], provide=False)
    assert [host.interpreter.platform for host in hosts] == ["linux-aarch64", "macosx-14.0-arm64"]
    assert [host.label for host in hosts] == ["cpython3.12-manylinux_2_28_aarch64", "cpython3.12-macosx_14_0_arm64"]
