"""Plugin packages that were installed into the host with pip.

Only names, versions and entry points are read at first: from the ``.dist-info`` folder's name and
``entry_points.txt``. METADATA stays closed, because parsing it costs ten times as much as everything else; a
distribution without ``entry_points.txt`` costs one failed open.

A distribution whose metadata is broken is a value with `error`, and never the end of the others.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dioptra.manifest.model import EntryPoint, TaskManifest

GROUP = "dioptra.plugins"
_ENTRY_POINTS = "entry_points.txt"
_PYTHON_TAG = re.compile(r"-py[0-9.]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """A distribution of the host that declares plugins.

    Attributes:
        project: Normalized project name.
        version: Its version; empty where it cannot be read.
        entry_points: Its ``dioptra.plugins`` group.
        dist_info: Its metadata folder (``.dist-info`` or ``.egg-info``).
        editable: The source folder of an editable install (PEP 660, direct_url.json of PEP 610), else None.
        error: Why its metadata cannot be read, else None.
    """

    project: str
    version: str
    entry_points: tuple[EntryPoint, ...]
    dist_info: Path
    editable: Path | None = None
    error: str | None = None

    @property
    def site(self) -> Path:
        """The path entry it is installed in."""
        return self.dist_info.parent

    @property
    def files(self) -> tuple[str, ...] | None:
        """Its recorded files relative to `site`, or None where there is no record. Read anew each time.

        Raises:
            OSError: The record is there and cannot be read, or is malformed.
        """
        return _recorded(self.dist_info)


class MalformedEntryPointsError(ValueError):
    """An ``entry_points.txt`` breaks the PyPA entry points specification.

    Attributes:
        line: One-based line.
        why: What is wrong there.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line, self.why = line, why

    def __str__(self) -> str:
        return f"{_ENTRY_POINTS} is malformed: line {self.line}: {self.why}"


def normalized(name: str) -> str:
    """A project name as PyPA's specification normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_plugins(path: Sequence[str]) -> tuple[InstalledDistribution, ...]:
    """Find the distributions on path entries that declare plugins.

    Args:
        path: Path entries, as in `sys.path`. Where two hold one project, the first counts, as it does for imports.

    Returns:
        Distributions sorted by project. One whose metadata cannot be read has `error`.

    Raises:
        OSError: A path entry cannot be listed for another reason than that it is missing, no folder or closed to us.
    """
    found: dict[str, InstalledDistribution] = {}
    seen: set[str] = set()
    for entry in dict.fromkeys(path):
        here: dict[str, list[str]] = {}
        for name in _metadata_folders(entry):
            here.setdefault(normalized(_split(name)[0]), []).append(name)
        site = Path(entry or ".")
        for project in here.keys() - seen:
            distribution = _read(project, site, here[project])
            if distribution is not None:
                found[project] = distribution
        seen |= here.keys()
    return tuple(found[project] for project in sorted(found))


def parse_entry_points(text: str) -> tuple[EntryPoint, ...]:
    """Read the ``dioptra.plugins`` group of an ``entry_points.txt``; names keep their case.

    Args:
        text: The file.

    Raises:
        MalformedEntryPointsError: A line is neither a section nor ``name = value``, or the group has a name twice.
    """
    found: dict[str, EntryPoint] = {}
    section: str | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line[1:-1].strip()
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if section is None:
            raise MalformedEntryPointsError(number, f"{line!r} stands outside of a section")
        if not (name and equals and value):
            raise MalformedEntryPointsError(number, f"{line!r} is not of the form name = value")
        if section != GROUP:
            continue
        if name in found:
            raise MalformedEntryPointsError(number, f"{name!r} is there twice")
        found[name] = EntryPoint(name=name, value=value)
    return tuple(found.values())


def scan_installed(distribution: InstalledDistribution) -> TaskManifest:
    """Scan the tasks of an installed distribution; nothing is imported.

    An ordinary install is scanned by its RECORD, whatever else lies beside it. An editable one, and one without a
    record, is scanned where its entry points' modules are found (`dioptra.manifest.editable`).

    Args:
        distribution: One that `installed_plugins` found.

    Returns:
        Its manifest. A recorded file that is gone is a module with `error`.

    Raises:
        OSError: Its record cannot be read.
    """
    # Only here: most hosts have no plugins, and syntax trees are not needed to find that out.
    from dioptra.manifest.distribution import scan_distribution

    located = module_files(distribution)
    return scan_distribution(
        project=distribution.project,
        version=distribution.version,
        entry_points=distribution.entry_points,
        files=located,
        read=lambda file: located[file].read_bytes(),
    )


def module_files(distribution: InstalledDistribution) -> Mapping[str, Path]:
    """Find the files that a scan of a distribution may look into.

    Args:
        distribution: One that `installed_plugins` found.

    Returns:
        Paths as they are in an ordinary install, with ``/``, to the files.

    Raises:
        OSError: Its record cannot be read.
    """
    from dioptra.manifest.editable import locate_modules

    site = distribution.site
    files = None if distribution.editable is not None else distribution.files
    if files is not None:
        return {file: site / file for file in files if not file.startswith(("../", "/"))}
    return locate_modules(
        [entry_point.value for entry_point in distribution.entry_points],
        site=site,
        recorded=distribution.files or (),
        source=distribution.editable,
    )


def import_folder(distribution: InstalledDistribution) -> Path | None:
    """Find the folder that a distribution's modules are imported from.

    Args:
        distribution: One that `installed_plugins` found.

    Returns:
        Its path entry; for an editable install the folder that holds its sources, None where they have no common one.

    Raises:
        OSError: Its record cannot be read.
    """
    if distribution.editable is None:
        return distribution.site
    folders = {
        path.parents[file.count("/")]
        for file, path in module_files(distribution).items()
        if path.as_posix().endswith(f"/{file}")
    }
    return folders.pop() if len(folders) == 1 else None


def _metadata_folders(entry: str) -> Iterator[str]:
    try:
        names = os.listdir(entry or ".")  # noqa: PTH208 - names only; a site folder has thousands
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # what the import system passes over as well
    for name in names:
        # pip renames what it is about to remove to a name with a tilde, and leaves it there when it is killed.
        if name.endswith((".dist-info", ".egg-info")) and name[0] != "~":
            yield name


def _split(folder: str) -> tuple[str, str]:
    """Project name and version in the name of a metadata folder; the version is empty where it has none."""
    stem, _, suffix = folder.rpartition(".")
    name, _, version = (_PYTHON_TAG.sub("", stem) if suffix == "egg-info" else stem).partition("-")
    return name, version


def _read(project: str, site: Path, folders: Sequence[str]) -> InstalledDistribution | None:
    """The plugins of a project in one path entry; None if it declares none."""
    folder = folders[0]
    if len(folders) > 1:
        # Left over by an interrupted upgrade: the last that was written describes the files that are there.
        folder = max(folders, key=lambda name: ((site / name).stat().st_mtime_ns, name))
    # Joined as text: this runs once for every distribution of the host.
    file = f"{site}{os.sep}{folder}{os.sep}{_ENTRY_POINTS}"
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            content = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        return _broken(project, site / folder, str(problem))
    if GROUP.encode() not in content:
        return None
    try:
        entry_points = parse_entry_points(content.decode("utf-8"))
    except UnicodeDecodeError as problem:
        return _broken(project, site / folder, f"{_ENTRY_POINTS} is no UTF-8: {problem}")
    except MalformedEntryPointsError as problem:
        return _broken(project, site / folder, str(problem))
    if not entry_points:
        return None
    distribution = InstalledDistribution(
        project=project, version=_split(folder)[1], entry_points=entry_points, dist_info=site / folder
    )
    try:
        return replace(
            distribution,
            version=distribution.version or _version_in_metadata(site / folder),
            editable=_editable_source(site / folder),
        )
    except (OSError, ValueError) as problem:
        return replace(distribution, error=str(problem))


def _broken(project: str, folder: Path, why: str) -> InstalledDistribution:
    return InstalledDistribution(
        project=project, version=_split(folder.name)[1], entry_points=(), dist_info=folder, error=why
    )


def _version_in_metadata(folder: Path) -> str:
    """The version of a folder whose name has none, as a source folder's ``.egg-info``."""
    file = folder / ("PKG-INFO" if folder.suffix == ".egg-info" else "METADATA")
    for line in file.read_text(encoding="utf-8").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            break
        if name.strip().lower() == "version" and value.strip():
            return value.strip()
    raise ValueError(f"{file} states no version")


def _editable_source(folder: Path) -> Path | None:
    file = folder / "direct_url.json"
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = json.loads(content)
    except ValueError as problem:
        raise ValueError(f"{file} is malformed: {problem}") from problem
    if not isinstance(document, dict):
        raise ValueError(f"{file} is malformed: it is no object")
    folder_info = document.get("dir_info")
    if not isinstance(folder_info, dict) or folder_info.get("editable") is not True:
        return None
    from urllib.parse import unquote, urlsplit

    url = urlsplit(str(document.get("url", "")))
    if url.scheme != "file" or "\0" in unquote(url.path):
        raise ValueError(f"{file} is malformed: an editable install needs a file URL, not {document.get('url')!r}")
    return Path(unquote(url.path))


def _recorded(folder: Path) -> tuple[str, ...] | None:
    if folder.suffix == ".egg-info":
        return None  # its lists are of source folders, or relative to itself
    import csv

    try:
        with (folder / "RECORD").open(encoding="utf-8", newline="") as record:
            return tuple(row[0] for row in csv.reader(record) if row and "\0" not in row[0])
    except FileNotFoundError:
        return None
    except (csv.Error, UnicodeDecodeError) as problem:
        raise OSError(f"{folder / 'RECORD'} is malformed: {problem}") from problem
