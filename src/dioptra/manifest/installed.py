"""Plugin packages that were installed into the host with pip.

Only names, versions and entry points are read at first: from the ``.dist-info`` folder's name and
``entry_points.txt``. METADATA stays closed, because parsing it costs ten times as much as everything else.
"""

from __future__ import annotations

import configparser
import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dioptra.manifest.distribution import scan_distribution
from dioptra.manifest.model import EntryPoint, TaskManifest

GROUP = "dioptra.plugins"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """A distribution of the host that declares plugins.

    Attributes:
        project: Normalized project name.
        version: Its version.
        entry_points: Its ``dioptra.plugins`` group.
        dist_info: Its metadata folder.
        editable: The source folder of an editable install, else None.
        error: Why its entry points cannot be read, else None.
    """

    project: str
    version: str
    entry_points: tuple[EntryPoint, ...]
    dist_info: Path
    editable: Path | None = None
    error: str | None = None


def normalized(name: str) -> str:
    """A project name as PyPA's specification normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_plugins(path: Sequence[str]) -> tuple[InstalledDistribution, ...]:
    """Find the distributions on path entries that declare plugins.

    Args:
        path: Path entries, as in `sys.path`. Where two hold one project, the first counts, as it does for imports.

    Returns:
        Distributions sorted by project. One whose entry points cannot be read has `error`.
    """
    found: dict[str, InstalledDistribution] = {}
    seen: set[str] = set()
    for dist_info in _dist_infos(path):
        name, _, version = dist_info.name.removesuffix(".dist-info").partition("-")
        project = normalized(name)
        if project in seen:
            continue
        seen.add(project)
        try:
            text = (dist_info / "entry_points.txt").read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as problem:
            found[project] = InstalledDistribution(
                project=project, version=version, entry_points=(), dist_info=dist_info, error=str(problem)
            )
            continue
        if GROUP not in text:
            continue
        try:
            entry_points, error = parse_entry_points(text), None
        except ValueError as problem:
            entry_points, error = (), str(problem)
        if entry_points or error:
            found[project] = InstalledDistribution(
                project=project,
                version=version,
                entry_points=entry_points,
                dist_info=dist_info,
                editable=_editable_source(dist_info),
                error=error,
            )
    return tuple(found[project] for project in sorted(found))


def parse_entry_points(text: str) -> tuple[EntryPoint, ...]:
    """Read the ``dioptra.plugins`` group of an ``entry_points.txt``.

    Raises:
        ValueError: The file is malformed.
    """
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # names keep their case, as the format says
    try:
        parser.read_string(text)
    except configparser.Error as problem:
        raise ValueError(f"entry_points.txt is malformed: {problem}") from problem
    if not parser.has_section(GROUP):
        return ()
    return tuple(EntryPoint(name=name, value=value) for name, value in parser.items(GROUP))


def scan_installed(distribution: InstalledDistribution) -> TaskManifest:
    """Scan the tasks of an installed distribution.

    An ordinary install is scanned by its RECORD. An editable one lists no modules there: its source folder is
    scanned, as project root or below ``src/``.

    Args:
        distribution: One that `installed_plugins` found.

    Returns:
        Its manifest. Files that are recorded and gone are left out, so that the entry point names what is missing.
    """
    if distribution.editable is None:
        root = distribution.dist_info.parent
        files: Iterable[str] = _recorded(distribution.dist_info)
    else:
        source = distribution.editable / "src"
        root = source if source.is_dir() else distribution.editable
        files = _walked(root)
    return scan_distribution(
        project=distribution.project,
        version=distribution.version,
        entry_points=distribution.entry_points,
        files=[file for file in files if file.endswith(".py") and (root / file).is_file()],
        read=lambda file: (root / file).read_bytes(),
    )


def _dist_infos(path: Sequence[str]) -> Iterator[Path]:
    for entry in dict.fromkeys(path):
        try:
            names = sorted(name for name in os.listdir(entry or ".") if name.endswith(".dist-info"))  # noqa: PTH208 - names only
        except OSError:
            continue  # an entry that is no folder (a zip file, one that is gone) holds no distribution folders
        yield from (Path(entry or ".") / name for name in names)


def _editable_source(dist_info: Path) -> Path | None:
    try:
        document = json.loads((dist_info / "direct_url.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(document, dict) or not document.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(str(document.get("url", ""))).path))


def _recorded(dist_info: Path) -> list[str]:
    try:
        with (dist_info / "RECORD").open(encoding="utf-8", newline="") as record:
            return [row[0] for row in csv.reader(record) if row]
    except FileNotFoundError:
        return []


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        # Only what can be part of an import name; this also leaves out .venv, build/ stays (its files come later and
        # are told apart by their import name).
        folders[:] = sorted(name for name in folders if name.isidentifier())
        relative = Path(folder).relative_to(root)
        yield from ((relative / file).as_posix() for file in sorted(files))
