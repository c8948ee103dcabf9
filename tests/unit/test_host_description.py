"""What a host provides: by the names of its metadata folders, without editable, direct and plugin distributions."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host import choose_host, describe_host, target_for_python


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the path in which distributions are found."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "zip.zip"), str(tmp_path)])
    return tmp_path


def install(site: Path, folder: str, files: Mapping[str, str] | None = None) -> None:
    (site / folder).mkdir(parents=True)
    for name, text in (files or {}).items():
        (site / folder / name).write_text(text)


def provided() -> dict[str, Version]:
    return {item.project: item.version for item in describe_host().distributions}


def test_ordinary_distributions_are_provided_as_they_are(site: Path) -> None:
    install(site, "Typing_Extensions-4.1.dist-info")
    install(site, "torch-2.5.0a0+872d.nv24.10.dist-info")
    install(site, "no_version-.dist-info")
    assert provided() == {"typing-extensions": Version("4.1"), "torch": Version("2.5.0a0+872d.nv24.10")}


def test_the_first_path_entry_counts(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "fog-2.0.dist-info")
    install(site / "first", "fog-1.0.dist-info")
    monkeypatch.setattr(sys, "path", [str(site / "first"), str(site)])
    assert provided() == {"fog": Version("1.0")}


def test_editable_direct_and_plugin_distributions_are_not_provided(site: Path) -> None:
    editable = json.dumps({"url": "file:///x", "dir_info": {"editable": True}})
    install(site, "editable-1.0.dist-info", {"direct_url.json": editable})
    install(site, "direct-1.0.dist-info", {"direct_url.json": json.dumps({"url": "https://x", "archive_info": {}})})
    install(site, "plugin-1.0.dist-info", {"entry_points.txt": "[dioptra.plugins]\nx = x\n"})
    install(site, "scripts-1.0.dist-info", {"entry_points.txt": "[console_scripts]\nx = x:y\n"})
    assert set(provided()) == {"scripts"}


def test_dioptra_plugins_itself_is_always_provided(site: Path) -> None:
    editable = json.dumps({"url": "file:///x", "dir_info": {"editable": True}})
    install(site, "dioptra_plugins-0.1.0.dist-info", {"direct_url.json": editable})
    assert set(provided()) == {"dioptra-plugins"}


def test_the_running_interpreter_is_described() -> None:
    host = describe_host()
    assert host.key is not None
    assert host.key.cache_tag == sys.implementation.cache_tag
    assert host.interpreter.python_full_version == platform.python_version()
    assert dict(host.interpreter.marker_environment)["python_version"] == f"3.{sys.version_info.minor}"


def test_locking_for_another_python_needs_no_host() -> None:
    other = "3.13" if sys.version_info[:2] != (3, 13) else "3.12"
    host = choose_host(python=other, provide=False)
    assert (host.key, host.distributions) == (None, ())
    assert dict(host.interpreter.marker_environment)["python_version"] == other
    with pytest.raises(ConfigurationError, match=f"what a Python {other} provides cannot be seen") as caught:
        choose_host(python=other, provide=True)
    assert caught.value.hint is not None
    assert "--no-host" in caught.value.hint
    with pytest.raises(ConfigurationError, match="is no Python version"):
        choose_host(python="three", provide=False)


def test_the_running_python_may_be_named() -> None:
    running = f"3.{sys.version_info.minor}"
    assert choose_host(python=running, provide=True) == describe_host()
    assert choose_host(python=None, provide=False).distributions == ()


def test_the_tags_of_another_python_are_its_own() -> None:
    target = target_for_python("3.12", describe_host().interpreter)
    tags = {str(tag) for tag in target.tags}
    assert {"py3-none-any", "py312-none-any"} <= tags
    assert any(tag.startswith("cp312-cp312-") for tag in tags)
    assert not any(tag.startswith("cp313-") for tag in tags)
