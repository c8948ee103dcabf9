from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dioptra.manifest.codec import MalformedManifestError, environment_to_json
from dioptra.manifest.environment import (
    ENVIRONMENT_FILE,
    LAYOUT,
    DanglingCurrentError,
    PluginDirectoryKind,
    classify,
    current_environment,
    environment_digest,
    interpreter_key,
    read_environment,
)
from dioptra.manifest.model import EnvironmentDescription, InterpreterKey, SchemaVersionError

KEY = InterpreterKey(cache_tag="cpython-311", soabi="cpython-311-x86_64-linux-gnu", platform="linux-x86_64")
DESCRIPTION = EnvironmentDescription(digest="0" * 64, layout=LAYOUT, interpreter=KEY)


def managed(root: Path, digest: str = "aa") -> Path:
    environment = root / "environments" / digest
    environment.mkdir(parents=True)
    (environment / ENVIRONMENT_FILE).write_bytes(environment_to_json(DESCRIPTION))
    generation = root / "generations" / "1"
    generation.mkdir(parents=True)
    (generation / "environment").symlink_to(Path("..", "..", "environments", digest))
    (root / "current").symlink_to(Path("generations", "1"))
    return environment


def test_interpreter_key_is_of_the_running_interpreter() -> None:
    assert interpreter_key().cache_tag == sys.implementation.cache_tag


def test_digest_does_not_depend_on_the_order_of_wheels() -> None:
    assert environment_digest(KEY, ["a", "b", "c"]) == environment_digest(KEY, iter(["c", "a", "b"]))


def test_digest_is_fixed_for_good() -> None:
    assert environment_digest(KEY, ["a" * 64]) == "1ba9aacc061b2a44ca38732e6b8656b467a4488f4bf2451da114d812adf6eeba"


@pytest.mark.parametrize("change", [{"cache_tag": "x"}, {"soabi": "x"}, {"platform": "x"}])
def test_digest_covers_the_interpreter(change: dict[str, str]) -> None:
    assert environment_digest(replace(KEY, **change), ["a"]) != environment_digest(KEY, ["a"])


def test_digest_covers_wheels_and_layout() -> None:
    digests = [
        environment_digest(KEY, []),
        environment_digest(KEY, ["a"]),
        environment_digest(KEY, ["a", "b"]),
        environment_digest(KEY, ["ab"]),
        environment_digest(KEY, ["a"], LAYOUT + 1),
    ]

    assert len(set(digests)) == len(digests)


def test_description_is_read(tmp_path: Path) -> None:
    assert read_environment(managed(tmp_path)) == DESCRIPTION


def test_missing_description_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_environment(tmp_path)


def test_malformed_description_is_named(tmp_path: Path) -> None:
    (tmp_path / ENVIRONMENT_FILE).write_text("{")

    with pytest.raises(MalformedManifestError, match=ENVIRONMENT_FILE):
        read_environment(tmp_path)


def test_newer_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / ENVIRONMENT_FILE).write_bytes(environment_to_json(replace(DESCRIPTION, layout=LAYOUT + 1)))

    with pytest.raises(SchemaVersionError, match=f"has schema {LAYOUT + 1}"):
        read_environment(tmp_path)


@pytest.mark.parametrize(
    ("present", "kind"),
    [
        (["generations/", "store/sha256/"], PluginDirectoryKind.MANAGED),
        (["store/sha256/"], PluginDirectoryKind.MANAGED),
        (["generations/"], PluginDirectoryKind.MANAGED),
        (["environment.json", "site/"], PluginDirectoryKind.ENVIRONMENT),
        (["fog/__init__.py"], PluginDirectoryKind.RAW),
        (["store/__init__.py", "current/__init__.py", "generations/plug.py"], PluginDirectoryKind.RAW),
        ([], PluginDirectoryKind.RAW),
    ],
)
def test_folder_is_told_by_what_lies_in_it(tmp_path: Path, present: list[str], kind: PluginDirectoryKind) -> None:
    for name in present:
        path = tmp_path / name
        folder = path if name.endswith("/") else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if folder != path:
            path.touch()

    assert classify(tmp_path) is kind


def test_folder_with_only_the_link_is_managed(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("nowhere")

    assert classify(tmp_path) is PluginDirectoryKind.MANAGED


def test_link_to_a_plugin_directory_is_one(tmp_path: Path) -> None:
    managed(tmp_path / "root")
    (tmp_path / "link").symlink_to("root")

    assert classify(tmp_path / "link") is PluginDirectoryKind.MANAGED
    assert current_environment(tmp_path / "link") == tmp_path / "root" / "environments" / "aa"


def test_active_environment_is_its_real_folder(tmp_path: Path) -> None:
    environment = managed(tmp_path)

    assert current_environment(tmp_path) == environment.resolve()


def test_nothing_activated_yet_is_none(tmp_path: Path) -> None:
    (tmp_path / "generations").mkdir()

    assert current_environment(tmp_path) is None


def test_link_to_a_missing_generation_is_named(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(Path("generations", "7"))

    with pytest.raises(DanglingCurrentError, match="generations/7") as raised:
        current_environment(tmp_path)
    assert raised.value.root == tmp_path


def test_generation_without_its_environment_is_named(tmp_path: Path) -> None:
    environment = managed(tmp_path)
    (environment / ENVIRONMENT_FILE).unlink()

    with pytest.raises(DanglingCurrentError) as raised:
        current_environment(tmp_path)
    assert raised.value.target == environment.resolve()


def test_link_to_itself_is_dangling(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("current")

    with pytest.raises(DanglingCurrentError):
        current_environment(tmp_path)


def test_reading_an_environment_loads_neither_the_scanner_nor_other_heavy_modules() -> None:
    code = "import sys, dioptra.manifest.environment\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "dioptra.manifest.codec" in loaded
    assert not {"hashlib", "importlib.metadata", "csv", "dioptra.manifest.scanner"} & set(loaded)
