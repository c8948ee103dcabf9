"""Folders that the runtime reads, written without the distribution side: raw folders, installed distributions,
environments and managed plugin directories."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from dioptra.manifest.codec import environment_to_json
from dioptra.manifest.distribution import scan_distribution
from dioptra.manifest.environment import (
    CURRENT,
    ENVIRONMENT_FILE,
    ENVIRONMENT_LINK,
    LAYOUT,
    LEASE_FILE,
    SITE,
    environment_digest,
    interpreter_key,
)
from dioptra.manifest.model import EntryPoint, EnvironmentDescription, EnvironmentWheel, InterpreterKey

_numbers = itertools.count(1)


def new_name(stem: str = "pkg") -> str:
    """An import name that no other test uses: modules of the host stay loaded."""
    return f"{stem}_{next(_numbers)}_rt"


class Wheel(NamedTuple):
    project: str
    version: str
    files: Mapping[str, str]
    entry_points: Mapping[str, str] = {}
    import_roots: tuple[str, ...] | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @property
    def group(self) -> tuple[EntryPoint, ...]:
        return tuple(EntryPoint(name=name, value=value) for name, value in self.entry_points.items())


def write_files(root: Path, files: Mapping[str, str]) -> Path:
    for path, source in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(source), encoding="utf-8")
    return root


def install(site: Path, wheel: Wheel) -> Path:
    """What pip leaves in a site folder."""
    write_files(site, wheel.files)
    dist_info = site / f"{wheel.project.replace('-', '_')}-{wheel.version}.dist-info"
    dist_info.mkdir()
    (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {wheel.project}\nVersion: {wheel.version}\n")
    lines = "".join(f"{name} = {value}\n" for name, value in wheel.entry_points.items())
    (dist_info / "entry_points.txt").write_text(f"[dioptra.plugins]\n{lines}")
    (dist_info / "RECORD").write_text("".join(f"{path},,\n" for path in wheel.files))
    return site


def environment(root: Path, *wheels: Wheel, interpreter: InterpreterKey | None = None) -> Path:
    """An environment below ``root/environments``, as a sync leaves it."""
    key = interpreter or interpreter_key()
    digest = environment_digest(key, [wheel.sha256 for wheel in wheels])
    folder = root / "environments" / digest
    site = folder / SITE
    site.mkdir(parents=True)
    described = []
    for wheel in sorted(wheels):
        write_files(site, wheel.files)
        files = {path: dedent(source).encode() for path, source in wheel.files.items()}
        manifest = scan_distribution(
            project=wheel.project,
            version=wheel.version,
            entry_points=wheel.group,
            files=files,
            read=files.__getitem__,
        )
        roots = sorted({path.split("/")[0].removesuffix(".py") for path in files})
        described.append(
            EnvironmentWheel(
                project=wheel.project,
                version=wheel.version,
                filename=f"{wheel.project.replace('-', '_')}-{wheel.version}-py3-none-any.whl",
                sha256=wheel.sha256,
                import_roots=wheel.import_roots or tuple(roots),
                manifest=manifest if wheel.entry_points else None,
            )
        )
    description = EnvironmentDescription(digest=digest, layout=LAYOUT, interpreter=key, wheels=tuple(described))
    (folder / ENVIRONMENT_FILE).write_bytes(environment_to_json(description))
    lease = folder / LEASE_FILE
    lease.touch()
    lease.chmod(0o444)
    return folder


def activate(root: Path, folder: Path) -> Path:
    """Make an environment the current one of a managed plugin directory."""
    (root / "store").mkdir(exist_ok=True)
    number = len(list((root / "generations").glob("*"))) + 1
    generation = root / "generations" / str(number)
    generation.mkdir(parents=True)
    (generation / ENVIRONMENT_LINK).symlink_to(folder)
    aside = root / f"{CURRENT}.new"
    aside.symlink_to(generation)
    aside.replace(root / CURRENT)
    return root
