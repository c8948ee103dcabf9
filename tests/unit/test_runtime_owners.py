from __future__ import annotations

from importlib import metadata
from pathlib import Path

from dioptra.plugins.runtime_owners import foreign_runtime_owners


def installed(site: Path, name: str, version: str, *files: str) -> None:
    dist_info = site / f"{name}-{version}.dist-info"
    dist_info.mkdir(parents=True)
    (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (dist_info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_other_owners_of_the_runtime_are_named(tmp_path: Path) -> None:
    installed(tmp_path, "dioptra_plugins", "0.1.0", "dioptra/pyplugs/__init__.py")
    installed(tmp_path, "dioptra_platform", "0.5", "dioptra/pyplugs/__init__.py", "dioptra/sdk/__init__.py")
    installed(tmp_path, "lab_sdk", "2.0", "dioptra/sdk/extra.py")
    installed(tmp_path, "lab_tasks", "1.0", "dioptra/lab/tasks.py", "other/dioptra/sdk/x.py")
    found = foreign_runtime_owners(metadata.distributions(path=[str(tmp_path)]))
    assert dict(found) == {"dioptra-platform": "0.5", "lab-sdk": "2.0"}


def test_this_python_has_one_owner() -> None:
    assert dict(foreign_runtime_owners()) == {}
