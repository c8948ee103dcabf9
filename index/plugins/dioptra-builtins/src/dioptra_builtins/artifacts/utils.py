"""Making folders and unpacking archives."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from dioptra import pyplugs


@pyplugs.register
def make_directories(dirs: str | Path | Iterable[str | Path]) -> list[str]:
    """Make folders, with their parents; present ones stay as they are.

    Args:
        dirs: Folders to make; one alone needs no list.

    Returns:
        Their absolute paths, in order.

    Raises:
        FileExistsError: A path is a file.
    """
    # A text is also an iterable, of its characters.
    several = [dirs] if isinstance(dirs, str | Path) else dirs
    folders = [Path(folder).absolute() for folder in several]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [str(folder) for folder in folders]


@pyplugs.register
def extract_tarfile(filepath: str | Path, output_dir: str | Path | None = None, tarball_read_mode: str = "r:*") -> str:
    """Unpack a tar archive.

    Only folders and files are written that Python's ``data`` filter (PEP 706) lets through: no absolute paths, no way
    out of the folder, no devices, no set-uid bits; and no links, through which older releases of Python let members
    out. All members are checked before the first is written.

    Args:
        filepath: The archive.
        output_dir: Where to; by default the archive's own folder.
        tarball_read_mode: How to open it, as `tarfile.open` has it: ``r:gz`` and the like; ``r:*`` finds the
            compression out.

    Returns:
        The folder it was unpacked to.

    Raises:
        FileNotFoundError: There is no archive.
        ValueError: The mode is not one of reading, or it is no whole tar archive, or a member is unsafe; nothing was
            written.
    """
    if tarball_read_mode != "r" and not tarball_read_mode.startswith("r:"):
        raise ValueError(f"tarball_read_mode is {tarball_read_mode!r}; wanted 'r:*', 'r:gz', 'r:bz2', 'r:xz' or 'r:'")
    archive_path = Path(filepath)
    target = archive_path.parent if output_dir is None else Path(output_dir)
    try:
        with tarfile.open(archive_path, tarball_read_mode) as archive:  # type: ignore[call-overload]  # the mode is a text
            members = archive.getmembers()
            for member in members:
                if member.issym() or member.islnk():
                    raise tarfile.TarError(f"{member.name!r} is a link")
                tarfile.data_filter(member, str(target))
            target.mkdir(parents=True, exist_ok=True)
            archive.extractall(target, members=members, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as problem:
        raise ValueError(f"{archive_path} cannot be unpacked: {problem}") from problem
    return str(target)
