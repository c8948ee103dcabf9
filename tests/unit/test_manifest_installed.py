from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import hatchling.build
import pytest

from dioptra.manifest.installed import (
    MalformedEntryPointsError,
    installed_plugins,
    parse_entry_points,
    scan_installed,
)
from dioptra.manifest.model import EntryPoint, TaskManifest

TASK = "from dioptra import pyplugs\n@pyplugs.register\ndef f(x): ...\n"
FOG = "[dioptra.plugins]\nfog = fog\n"


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def install(
    site: Path, files: Mapping[str, str], *, name: str = "fog", version: str = "1.0", points: str = FOG
) -> Path:
    """What pip leaves of a wheel."""
    info = f"{name}-{version}.dist-info"
    recorded = [*files, f"{info}/entry_points.txt", f"{info}/RECORD"]
    write(site, {**files, f"{info}/entry_points.txt": points, f"{info}/RECORD": "".join(f"{x},,\n" for x in recorded)})
    return site / info


def editable(info: Path, source: Path) -> None:
    document = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(document))


def scan(*path: Path) -> TaskManifest:
    (distribution,) = installed_plugins([str(entry) for entry in path])
    assert distribution.error is None
    return scan_installed(distribution)


def listed(manifest: TaskManifest) -> dict[str, list[str]]:
    return {module.name: [task.func for task in module.tasks] for module in manifest.modules}


def test_plugin_is_found_by_its_metadata_folder_alone(tmp_path: Path) -> None:
    info = install(tmp_path, {"fog/plug.py": TASK}, name="Fog_Attack", version="1.0+local")
    write(
        tmp_path, {"other-2.dist-info/entry_points.txt": "[console_scripts]\nx = y:z", "plain-1.dist-info/METADATA": ""}
    )

    (found,) = installed_plugins([str(tmp_path)])

    assert (found.project, found.version, found.error) == ("fog-attack", "1.0+local", None)
    assert found.entry_points == (EntryPoint(name="fog", value="fog"),)
    assert (found.dist_info, found.site, found.editable) == (info, tmp_path, None)
    assert found.files == ("fog/plug.py", f"{info.name}/entry_points.txt", f"{info.name}/RECORD")


def test_first_path_entry_wins_for_a_project(tmp_path: Path) -> None:
    install(tmp_path / "one", {}, name="fog", version="2")
    install(tmp_path / "two", {}, name="Fog", version="3")
    install(tmp_path / "two", {}, name="mist", version="1")

    found = installed_plugins([str(tmp_path / "one"), str(tmp_path / "two"), str(tmp_path / "one")])

    assert [(item.project, item.version) for item in found] == [("fog", "2"), ("mist", "1")]


def test_project_without_plugins_hides_the_same_project_behind_it(tmp_path: Path) -> None:
    write(tmp_path / "one", {"fog-1.dist-info/METADATA": ""})
    install(tmp_path / "two", {}, name="fog", version="2")

    assert installed_plugins([str(tmp_path / "one"), str(tmp_path / "two")]) == ()


def test_path_entries_that_are_no_folders_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").touch()
    install(tmp_path / "site", {})

    found = installed_plugins([str(tmp_path / "archive.zip"), str(tmp_path / "gone"), str(tmp_path / "site")])

    assert [item.project for item in found] == ["fog"]


def test_empty_path_entry_is_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, {"fog/plug.py": TASK})
    monkeypatch.chdir(tmp_path)

    (found,) = installed_plugins([""])

    assert listed(scan_installed(found)) == {"fog.plug": ["f"]}


def test_what_pip_was_removing_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path, {}, name="~og")

    assert installed_plugins([str(tmp_path)]) == ()


def test_last_written_metadata_counts_after_an_interrupted_upgrade(tmp_path: Path) -> None:
    for version, time in (("2.0", 200), ("10.0", 300), ("1.0", 100)):
        os.utime(install(tmp_path, {}, version=version), (time, time))

    assert [item.version for item in installed_plugins([str(tmp_path)])] == ["10.0"]


@pytest.mark.parametrize(
    ("points", "error"),
    [
        ("[dioptra.plugins]\nfog\n", "line 2: 'fog' is not of the form name = value"),
        ("fog = fog\n[dioptra.plugins]\n", "line 1: 'fog = fog' stands outside of a section"),
        ("[dioptra.plugins]\na = b\na = c\n", "line 3: 'a' is there twice"),
        ("[dioptra.plugins]\na =\n", "line 2: 'a =' is not of the form"),
    ],
)
def test_broken_entry_points_are_a_value_beside_the_others(tmp_path: Path, points: str, error: str) -> None:
    install(tmp_path, {}, points=points)
    install(tmp_path, {}, name="mist")

    fog, mist = installed_plugins([str(tmp_path)])

    assert fog.error is not None
    assert error in fog.error
    assert (fog.project, fog.version, fog.entry_points) == ("fog", "1.0", ())
    assert mist.error is None


def test_entry_points_that_are_no_utf8_are_a_value(tmp_path: Path) -> None:
    (install(tmp_path, {}) / "entry_points.txt").write_bytes(b"[dioptra.plugins]\n\xff = x\n")

    (found,) = installed_plugins([str(tmp_path)])

    assert found.error is not None
    assert "UTF-8" in found.error


@pytest.mark.parametrize("content", ["{", "[]", '{"url": "https://x", "dir_info": {"editable": true}}'])
def test_broken_direct_url_is_a_value(tmp_path: Path, content: str) -> None:
    (install(tmp_path, {}) / "direct_url.json").write_text(content)

    (found,) = installed_plugins([str(tmp_path)])

    assert found.error is not None
    assert "direct_url.json" in found.error


def test_entry_points_keep_case_and_other_groups_are_left_out() -> None:
    text = "# a comment\n[Other]\nx = y\n\n[dioptra.plugins]\n; another\nFog.a = fog.A : f [gpu]\nb=c\n[more]\nq = r\n"

    assert parse_entry_points(text) == (
        EntryPoint(name="Fog.a", value="fog.A : f [gpu]"),
        EntryPoint(name="b", value="c"),
    )


def test_malformed_entry_points_tell_the_line() -> None:
    with pytest.raises(MalformedEntryPointsError) as raised:
        parse_entry_points("[x]\n\n[dioptra.plugins")

    assert raised.value.line == 3


def test_only_recorded_files_are_scanned(tmp_path: Path) -> None:
    install(tmp_path, {"fog/plug.py": TASK})
    write(tmp_path, {"fog/of_another.py": TASK})

    assert listed(scan(tmp_path)) == {"fog.plug": ["f"]}


def test_recorded_module_that_is_gone_is_a_value(tmp_path: Path) -> None:
    install(tmp_path, {"fog/plug.py": TASK, "fog/gone.py": TASK})
    (tmp_path / "fog" / "gone.py").unlink()

    gone, plug = scan(tmp_path).modules

    assert gone.error is not None
    assert "fog/gone.py" in gone.error
    assert plug.error is None


def test_unreadable_record_is_an_os_error(tmp_path: Path) -> None:
    (install(tmp_path, {}) / "RECORD").write_bytes(b"\xff,,\n")
    (found,) = installed_plugins([str(tmp_path)])

    with pytest.raises(OSError, match="RECORD is malformed"):
        scan_installed(found)


def test_without_a_record_the_modules_are_found_by_the_entry_points(tmp_path: Path) -> None:
    (install(tmp_path, {"fog/plug.py": TASK, "mist/plug.py": TASK}) / "RECORD").unlink()

    assert listed(scan(tmp_path)) == {"fog.plug": ["f"]}


@pytest.mark.parametrize(
    ("folder", "metadata", "version"),
    [
        ("fog-1.5-py3.11.egg-info", "", "1.5"),
        ("fog.egg-info", "Metadata-Version: 2.1\nName: fog\nVersion: 1.6\n", "1.6"),
    ],
)
def test_egg_info_is_read(tmp_path: Path, folder: str, metadata: str, version: str) -> None:
    write(tmp_path, {f"{folder}/entry_points.txt": FOG, f"{folder}/PKG-INFO": metadata, "fog/plug.py": TASK})

    (found,) = installed_plugins([str(tmp_path)])

    assert (found.project, found.version, found.files) == ("fog", version, None)
    assert listed(scan_installed(found)) == {"fog.plug": ["f"]}


def test_metadata_without_any_version_is_a_value(tmp_path: Path) -> None:
    write(tmp_path, {"fog.egg-info/entry_points.txt": FOG, "fog.egg-info/PKG-INFO": "Name: fog\n\nVersion: 1\n"})

    (found,) = installed_plugins([str(tmp_path)])

    assert found.error is not None
    assert "states no version" in found.error


SETUPTOOLS_FINDER = """
    from __future__ import annotations
    MAPPING: dict[str, str] = {{'fog': {package!r}}}
    NAMESPACES: dict[str, list[str]] = {{}}
    PATH_PLACEHOLDER = 'x'
    def install(): ...
"""
EDITABLES = """
    from editables.redirector import RedirectingFinder as F
    F.install()
    F.map_module('fog', {init!r})
"""


@pytest.mark.parametrize(
    "files",
    [
        {"_fog.pth": "{source}/lib\n"},
        {"_fog.pth": "# a comment\n\n{source}/elsewhere\n{source}/lib"},
        {"__editable__.fog.pth": "import x; x.install()", "__editable___fog_finder.py": SETUPTOOLS_FINDER},
        {"_editable_impl_fog.pth": "import _editable_impl_fog", "_editable_impl_fog.py": EDITABLES},
    ],
    ids=["pth", "pth with more lines", "setuptools finder", "editables"],
)
def test_editable_install_is_scanned_where_it_sends_imports(tmp_path: Path, files: dict[str, str]) -> None:
    source = write(
        tmp_path / "source",
        {"lib/fog/__init__.py": "", "lib/fog/plug.py": TASK, "lib/fog/deep/er.py": TASK, "fog/wrong.py": TASK},
    )
    package = source / "lib" / "fog"
    texts = {
        name: dedent(text).format(source=source, package=str(package), init=str(package / "__init__.py"))
        for name, text in files.items()
    }
    editable(install(tmp_path / "site", texts), source)

    assert listed(scan(tmp_path / "site")) == {"fog.deep.er": ["f"], "fog.plug": ["f"]}


def test_editable_namespace_keeps_to_what_the_entry_point_names(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {"space/fog/plug.py": TASK, "space/mist/plug.py": TASK})
    points = "[dioptra.plugins]\nfog = space.fog\n"
    editable(install(tmp_path / "site", {"fog.pth": str(source)}, points=points), source)

    assert listed(scan(tmp_path / "site")) == {"space.fog.plug": ["f"]}


def test_finder_module_with_odd_tables_is_passed_over(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {"fog/plug.py": TASK})
    finder = "MAPPING = {'fog': 5, 6: 'x', 'mist': [None]}\nNAMESPACES = compute()\n"
    editable(install(tmp_path / "site", {"finder.py": finder, "broken.py": "def"}), source)

    assert listed(scan(tmp_path / "site")) == {"fog.plug": ["f"]}


@pytest.mark.parametrize("layout", ["src/fog/plug.py", "fog/plug.py"])
def test_editable_install_that_says_nothing_is_looked_for_in_its_source(tmp_path: Path, layout: str) -> None:
    source = write(tmp_path / "the source", {layout: TASK})
    editable(install(tmp_path / "site", {"loader.py": "compute_everything()"}), source)

    assert listed(scan(tmp_path / "site")) == {"fog.plug": ["f"]}


def test_editable_module_that_moved_away_is_an_error(tmp_path: Path) -> None:
    editable(install(tmp_path / "site", {"_fog.pth": str(tmp_path / "gone")}), tmp_path / "gone")

    (module,) = scan(tmp_path / "site").modules

    assert module.error is not None
    assert "does not hold" in module.error


def test_hatchlings_own_editable_wheel_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(
        tmp_path / "source",
        {
            "pyproject.toml": dedent("""
                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"
                [project]
                name = "fog"
                version = "1.0"
                [project.entry-points."dioptra.plugins"]
                fog = "fog"
                [tool.hatch.build]
                dev-mode-dirs = ["src"]
                [tool.hatch.build.targets.wheel]
                packages = ["src/fog"]
            """),
            "src/fog/__init__.py": "",
            "src/fog/plug.py": TASK,
        },
    )
    monkeypatch.chdir(source)
    wheel = hatchling.build.build_editable(str(tmp_path))
    with zipfile.ZipFile(tmp_path / wheel) as archive:
        archive.extractall(tmp_path / "site")
    editable(tmp_path / "site" / "fog-1.0.dist-info", source)

    assert listed(scan(tmp_path / "site")) == {"fog.plug": ["f"]}
