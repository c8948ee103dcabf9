"""Making folders and unpacking archives."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path

from dioptra import pyplugs


@pyplugs.register
def make_directories(dirs: Iterable[str | Path]) -> list[str]:
    """Make folders, with their parents; present ones stay as they are.

    Args:
        dirs: Folders to make.

    Returns:
        Their absolute paths, in order.

    Raises:
        FileExistsError: A path is a file.
    """
    folders = [Path(folder).absolute() for folder in dirs]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [str(folder) for folder in folders]


@pyplugs.register
def extract_tarfile(filepath: str | Path, output_dir: str | Path | None = None, tarball_read_mode: str = "r:*") -> str:
    """Unpack a tar archive.

    Only what Python's ``data`` filter (PEP 706) lets through is written: no absolute paths, no way out of the
    folder, no devices, no set-uid bits. All members are checked before the first is written.

    Args:
        filepath: The archive.
        output_dir: Where to; by default the archive's own folder.
        tarball_read_mode: How to open it, as `tarfile.open` has it; ``r:*`` finds the compression out.

    Returns:
        The folder it was unpacked to.

    Raises:
        FileNotFoundError: There is no archive.
        ValueError: It is no tar archive, or a member is unsafe; nothing was written.
    """
    archive_path = Path(filepath)
    target = archive_path.parent if output_dir is None else Path(output_dir)
    try:
        with tarfile.open(archive_path, tarball_read_mode) as archive:  # type: ignore[call-overload]  # the mode is a text
            members = archive.getmembers()
            for member in members:
                tarfile.data_filter(member, str(target))
            target.mkdir(parents=True, exist_ok=True)
            archive.extractall(target, members=members, filter="data")
    except tarfile.TarError as problem:
        raise ValueError(f"{archive_path} cannot be unpacked: {problem}") from problem
    return str(target)
