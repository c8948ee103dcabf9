"""A wheel that was found sound, with everything that is published with it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dioptra.manifest.codec import manifest_to_json
from dioptra.manifest.distribution import scan_distribution
from dioptra.plugins.errors import ConfigurationError, WheelRefusedError
from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.check import installed_path
from dioptra.plugins.wheel.model import WHEEL_LIMIT, WheelContents


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWheel:
    """A wheel to be published.

    Attributes:
        path: The file.
        contents: What it says of itself.
        sha256: Lower-case hexadecimal digest.
        size: Bytes.
        tasks: Its task manifest as JSON; None for a wheel that is no plugin package.
    """

    path: Path
    contents: WheelContents
    sha256: str
    size: int
    tasks: bytes | None


def prepare_wheels(paths: Sequence[Path]) -> tuple[PreparedWheel, ...]:
    """Check wheels and make everything that is published with them; nothing is written.

    Args:
        paths: Wheel files.

    Raises:
        ConfigurationError: A path is no file, or is given twice.
        WheelRefusedError: Wheels have problems; carries those of all of them.
    """
    names = [path.name for path in paths]
    for path in paths:
        if not path.is_file():
            raise ConfigurationError(f"{path} is not a file", hint="dioptra-plugins build PROJECT makes a wheel")
        if names.count(path.name) > 1:
            raise ConfigurationError(f"{path.name} is given twice", hint="name each wheel once")
    prepared: list[PreparedWheel] = []
    refused: list[WheelRefusedError] = []
    for path in paths:
        try:
            prepared.append(_prepare(path))
        except WheelRefusedError as refusal:
            refused.append(refusal)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        problems = [f"{refusal.wheel}: {problem}" for refusal in refused for problem in refusal.problems]
        raise WheelRefusedError(f"{len(refused)} of {len(paths)} wheels", problems)
    return tuple(prepared)


def _prepare(path: Path) -> PreparedWheel:
    if path.stat().st_size > WHEEL_LIMIT:
        raise WheelRefusedError(path.name, [f"it has {path.stat().st_size} bytes; at most {WHEEL_LIMIT} are published"])
    contents = read_wheel(path, path.name)
    with path.open("rb") as wheel:
        sha256 = hashlib.file_digest(wheel, "sha256").hexdigest()
    return PreparedWheel(
        path=path, contents=contents, sha256=sha256, size=path.stat().st_size, tasks=_task_manifest(path, contents)
    )


def _task_manifest(path: Path, contents: WheelContents) -> bytes | None:
    if not contents.entry_points:
        return None
    # Entry points name what is installed: files of .data/purelib move up.
    members = {
        place: line.path
        for line in contents.files
        if (place := installed_path(line.path, contents.dist_info)) is not None
    }
    with zipfile.ZipFile(path) as archive:
        manifest = scan_distribution(
            project=contents.name.project,
            version=str(contents.name.version),
            entry_points=contents.entry_points,
            files=members,
            read=lambda place: archive.read(members[place]),
        )
    return manifest_to_json(manifest)
